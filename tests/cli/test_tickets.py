"""Tickets on the command line."""

import json

import pytest

from tests.cli.command_line import errors
from tests.end_to_end.mailboxes import letter
from tests.waiting import PATIENCE

UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def unfiled(demo):
    return demo.json("tickets", "list", "--unfiled", "--limit", "1")["items"][0]


def test_tickets_are_listed_newest_first_page_by_page(demo):
    whole = demo.json("tickets", "list", "--limit", "200")
    assert len(whole["items"]) == whole["total"] == 179
    seen, cursor = [], []
    while True:
        page = demo.json("tickets", "list", "--limit", "80", *cursor)
        seen += page["items"]
        if not page["next_cursor"]:
            break
        cursor = ["--cursor", page["next_cursor"]]
    assert seen == whole["items"]
    (line,) = errors(demo("tickets", "list", "--cursor", "nonsense", exit_code=1))
    assert "cursor" in line


def test_filed_and_unfiled_tickets_are_told_apart(demo):
    filed, unfiled = (demo.json("tickets", "list", flag, "--limit", "200") for flag in ("--filed", "--unfiled"))
    assert filed["total"] + unfiled["total"] == 179
    assert all(line["filed_on"] for line in filed["items"])
    assert not any(line["filed_on"] for line in unfiled["items"])
    assert "Claire Bonnet" in demo("tickets", "list", "--filed", "--limit", "200").stdout.replace("\n", "")


def test_a_ticket_is_shown_by_its_number_or_its_id(demo, unfiled):
    by_number = demo.json("tickets", "show", unfiled["number"])
    assert by_number == demo.json("tickets", "show", unfiled["ticket_id"])
    assert by_number["subject"] == unfiled["subject"]
    assert unfiled["ticket_id"] in demo("tickets", "show", unfiled["number"]).stdout


@pytest.mark.parametrize("ticket", ["999999", "9" * 30, UNKNOWN, "Sinistre", "²"])
@pytest.mark.parametrize(
    "command",
    [["show"], ["history"], ["suggestions"], ["file", "--new-company", "Essai"]],
)
def test_a_ticket_that_does_not_exist_is_named(demo, command, ticket):
    (line,) = errors(demo("tickets", command[0], ticket, *command[1:], exit_code=1))
    assert ticket in line


def test_a_ticket_is_filed_by_hand_and_its_history_tells_who_did(demo, unfiled):
    demo("token", "lea@cabinet.example", "--first-name", "Léa", "--last-name", "Dumoulin")
    answer = demo.json(
        "tickets", "file", unfiled["number"], "--new-person", "Durand, Alice", "--active", "--address", "associate",
        "--as", "lea@cabinet.example",
    )  # fmt: skip
    assert answer["id"] == unfiled["ticket_id"]
    shown = demo.json("tickets", "show", unfiled["number"])
    assert shown["filed_on"]["id"] == answer["filed_on"]["id"]
    history = demo.json("tickets", "history", unfiled["number"])
    assert [line["who"] for line in history if line["what"] == "TicketClassified"] == ["Léa Dumoulin"]
    assert "Léa Dumoulin" in demo("tickets", "history", unfiled["number"]).stdout


def test_an_associated_address_files_what_comes_next(opened, apart):
    opened("token", "lea@cabinet.example", "--last-name", "Morel")
    (apart / "1.eml").write_bytes(letter(1))
    opened("import-mail", "1.eml")
    client = opened.json("tickets", "file", "1", "--new-company", "Essai SARL", "--address", "associate")["filed_on"][
        "id"
    ]
    (apart / "41.eml").write_bytes(letter(41))
    opened("import-mail", "41.eml")
    newest = opened.json("tickets", "list", "--filed")["items"]
    assert {line["filed_on"]["id"] for line in newest} == {client}
    assert len(newest) == 2
    (apart / "2.eml").write_bytes(letter(2))
    opened("import-mail", "2.eml")
    (waiting,) = opened.json("tickets", "list", "--unfiled")["items"]
    opened("tickets", "file", waiting["number"], "--client", client)
    assert opened.json("tickets", "list", "--unfiled")["total"] == 0


@pytest.mark.parametrize(
    ("arguments", "exit_code", "named"),
    [
        ([], 2, "--client"),
        (["--new-person", "A", "--new-company", "B"], 2, "--new-company"),
        (["--new-person", ""], 2, "last_name"),
        (["--new-company", " "], 2, "company_name"),
        (["--new-company", "B", "--address", "steal"], 2, "steal"),
        (["--contract", UNKNOWN, "--claim", UNKNOWN], 2, "--claim"),
    ],
)
def test_a_filing_that_makes_no_sense_changes_nothing(demo, unfiled, arguments, exit_code, named):
    before = demo.json("tickets", "history", unfiled["number"])
    (line,) = errors(demo("tickets", "file", unfiled["number"], *arguments, exit_code=exit_code))
    assert named in line
    assert demo.json("tickets", "history", unfiled["number"]) == before


@pytest.mark.parametrize("name", [UNKNOWN, "Nobody"])
@pytest.mark.parametrize("kind", ["client", "contract", "claim", "company", "contact"])
def test_a_file_that_is_not_there_is_named_with_its_kind(demo, unfiled, kind, name):
    (line,) = errors(demo("tickets", "file", unfiled["number"], f"--{kind}", name, exit_code=1))
    assert f"--{kind}: no {kind} is called" in line
    assert name in line


def test_a_file_is_named_whole(demo, unfiled):
    client_id = demo("api", "GET", "/targets", "kind=client", "name=1").json["items"][0]["id"]
    for number in ("ZZ-1", "ZZ-10", "YY-777"):
        demo("api", "POST", f"/clients/{client_id}/contracts", f"policy_number={number}")
    (line,) = errors(demo("tickets", "file", unfiled["number"], "--contract", "YY", exit_code=1))
    assert "no contract is called" in line
    demo("tickets", "file", unfiled["number"], "--contract", "ZZ-1")
    assert demo.json("tickets", "show", unfiled["number"])["filed_under"][0]["label"] == "contrat ZZ-1"


def test_a_ticket_that_was_put_aside_or_merged_is_told_for_people(demo, unfiled):
    path, other = f"/tickets/{unfiled['ticket_id']}", demo.json("tickets", "list", "--filed")["items"][0]
    demo("api", "POST", f"{path}/dismiss", "reason=not_for_us", "note=Erreur")
    shown = demo("tickets", "show", unfiled["number"]).stdout
    assert "as not for the office: Erreur" in shown
    assert "Waits" not in shown
    demo("api", "POST", f"{path}/bring-back")
    assert "Waits" in demo("tickets", "show", unfiled["number"]).stdout
    demo("api", "POST", f"/tickets/{other['ticket_id']}/merge", f"other_id={unfiled['ticket_id']}")
    assert f"Merged into {other['ticket_id']}" in " ".join(demo("tickets", "show", unfiled["number"]).stdout.split())


def test_a_refusal_is_said_in_one_line(demo, unfiled):
    (line,) = errors(demo("tickets", "file", unfiled["number"], "--client", UNKNOWN, exit_code=1))
    assert UNKNOWN in line
    shared = next(
        line
        for line in demo.json("tickets", "list", "--filed", "--limit", "200")["items"]
        if line["from_address"] == "claire.bonnet@courriel.example"
    )
    line, *owners = errors(
        demo("tickets", "file", shared["number"], "--new-company", "B", "--address", "associate", exit_code=1)
    )
    assert "claire.bonnet@courriel.example" in line
    assert all("Bonnet" in owner for owner in owners)
    (line,) = errors(demo("tickets", "list", "--as", "nobody@cabinet.example", exit_code=1))
    assert "nobody@cabinet.example" in line


def test_subjects_are_shown_as_they_are(opened, apart):
    opened("token", "lea@cabinet.example", "--last-name", "Morel")
    hostile = "From: =?utf-8?q?=1B[2J[bold]x[/]?= <a@b.example>\nSubject: [URGENT] [red]devis[/red] [/nor]\n\nBonjour\n"
    (apart / "a.eml").write_text(hostile)
    opened("import-mail", "a.eml")
    for command in (["list"], ["show", "1"], ["history", "1"]):
        ran = opened("tickets", *command)
        assert "\x1b" not in ran.stdout
    shown = json.loads(opened("tickets", "show", "1", "--json").stdout)["subject"]
    assert shown == "[URGENT] [red]devis[/red] [/nor]"
    assert shown in opened("tickets", "show", "1").stdout.replace("\n", "")


def test_commands_at_once_do_not_hinder_each_other(demo, unfiled):
    processes = [
        demo.start("tickets", "file", unfiled["number"], "--new-company", f"Essai {n}", "--json") for n in range(4)
    ]
    for process in processes:
        out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, err
        assert json.loads(out)["id"] == unfiled["ticket_id"]
    history = demo.json("tickets", "history", unfiled["number"])
    assert sum(line["what"] == "TicketClassified" for line in history) == 4


def test_views_that_another_process_leaves_behind_are_brought_on(demo, apart):
    """It holds them when our events are appended, and ends without having seen those."""
    (apart / "1.eml").write_bytes(letter(1))
    with demo.open() as office, office.views.lock() as held:
        assert held
        process = demo.start("import-mail", "1.eml", "--json")
        while office.log.head() == office.engine.status()[0].position:
            office.log.wait(office.log.head(), 0.1)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert json.loads(out) == {"messages": 1, "ticket": 1}
