"""Filing on the command line: suggestions, undoing, many tickets at once, merging and splitting; the office's addresses."""

import json

import pytest

from tests.api.letters import letter
from tests.cli.command_line import errors

UNKNOWN = "00000000-0000-4000-8000-000000000000"
CLAIRE = "claire@courriel.example"
GARAGE = "atelier@garage.example"
HOSTILE = "[/b]\x1b[2J"
ENCODED = f"=?utf-8?q?{HOSTILE.replace('[', '=5B').replace(']', '=5D').replace(chr(27), '=1B')}?="


@pytest.fixture
def office(opened):
    """An office with Léa on its staff."""
    opened("token", "lea@cabinet.example", "--first-name", "Léa", "--last-name", "Dumoulin")
    return opened


@pytest.fixture
def arrives(office, apart):
    """Takes a message in: what became of it."""

    def take_in(sender, **more):
        office("import-mail", "-", "--report", apart / "report", stdin=letter(sender, **more))
        return json.loads((apart / "report").read_text("utf-8"))

    return take_in


@pytest.fixture
def bonnet(office):
    return office.json("clients", "add", "--first-name", "Claire", "--last-name", "Bonnet")["number"]


@pytest.fixture
def petit(office):
    return office.json("clients", "add", "--last-name", "Petit")["number"]


@pytest.fixture
def conversation(arrives):
    """The number of Claire's ticket, and the id of her second message on it."""
    arrives(CLAIRE, message_id="<1@courriel.example>", subject="Devis")
    return 1, arrives(CLAIRE, answers="<1@courriel.example>")["mail_id"]


@pytest.fixture
def wrongly_filed(office, arrives, petit):
    """The numbers of three tickets of Claire's on Petit, by themselves; and of one of the garage's, by hand."""
    office("addresses", "add", CLAIRE, "--client", petit)
    tickets = [arrives(sender)["ticket_id"] for sender in (CLAIRE, CLAIRE, CLAIRE, GARAGE)]
    office("tickets", "file", tickets[-1], "--client", petit)
    return [office.json("tickets", "show", ticket_id)["number"] for ticket_id in tickets]


def client_id(office, number):
    return next(line["client_id"] for line in office.json("clients", "list")["items"] if line["number"] == number)


def filed_on(office):
    """The label of the file that each ticket is on, by the ticket's number."""
    lines = office.json("tickets", "list")["items"]
    return {line["number"]: line["filed_under"][0]["label"] if line["filed_on"] else None for line in lines}


# --- one ticket -------------------------------------------------------------------------------------------


def test_a_ticket_is_taken_off_its_file_and_put_back(office, arrives, bonnet):
    office("addresses", "add", CLAIRE, "--client", bonnet)
    arrives(CLAIRE)
    assert filed_on(office) == {1: "Claire Bonnet"}
    assert office("tickets", "unfile", "1").stdout == "The ticket is on no file.\n"
    assert filed_on(office) == {1: None}
    answer = office.json("tickets", "undo", "1", "--as", "lea@cabinet.example")
    assert answer["filed_on"]["kind"] == "client"
    assert answer["version"] == office.json("tickets", "show", "1")["version"]
    assert filed_on(office) == {1: "Claire Bonnet"}
    (line,) = errors(office("tickets", "undo", "1", exit_code=1))
    assert "no filing to undo" in line
    assert "Léa Dumoulin : Classement annulé" in office("tickets", "history", "1").stdout


def test_files_are_suggested_with_what_speaks_for_them(office, arrives, bonnet):
    arrives(f"Claire BONNET <{CLAIRE}>")
    (one,) = office.json("tickets", "suggestions", "1")
    assert one["reasons"] == [{"reason": "name_shown", "strength": 0.7}]
    shown = office("tickets", "suggestions", "1").stdout
    assert "name shown" in shown
    assert one["file"]["id"] in shown
    office("tickets", "file", "1", "--client", one["file"]["id"])
    assert office.json("tickets", "suggestions", "1") == []


@pytest.mark.parametrize("ticket", ["999999", UNKNOWN, "Devis"])
@pytest.mark.parametrize(
    "command",
    [["unfile"], ["undo"], ["suggestions"], ["messages"], ["merge", "1"], ["split", UNKNOWN]],
    ids=lambda command: command[0],
)
def test_a_ticket_that_does_not_exist_is_named(office, arrives, command, ticket):
    arrives(CLAIRE)
    (line,) = errors(office("tickets", command[0], ticket, *command[1:], exit_code=1))
    assert ticket in line


# --- conversations ----------------------------------------------------------------------------------------


def test_the_messages_of_a_ticket_are_listed_page_by_page(office, conversation):
    number, second = conversation
    whole = office.json("tickets", "messages", number)
    assert [line["mail_id"] for line in whole["items"]][1:] == [second]
    page = office.json("tickets", "messages", number, "--limit", "1")
    assert (page["total"], page["items"]) == (2, whole["items"][:1])
    rest = office.json("tickets", "messages", number, "--cursor", page["next_cursor"])
    assert rest["items"] == whole["items"][1:]
    shown = office("tickets", "messages", number).stdout
    assert second in shown
    assert "2 of 2" in shown


def test_a_message_is_split_off_and_merged_back(office, conversation):
    number, second = conversation
    answer = office.json("tickets", "split", number, second)
    new = office.json("tickets", "messages", answer["new_ticket_id"])["items"]
    assert [line["mail_id"] for line in new] == [second]
    assert answer["version"] == office.json("tickets", "show", number)["version"]
    assert office("tickets", "merge", number, answer["new_ticket_id"]).stdout == "The tickets are one.\n"
    assert office.json("tickets", "messages", number)["total"] == 2
    assert office.json("tickets", "list")["total"] == 1
    said = office("tickets", "split", number, second).stdout
    assert said.startswith("The message has a ticket of its own: ")


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        (["merge", "1", "1"], 1, "can't be merged with itself"),
        (["merge", "1", "999999"], 1, "no ticket number 999999"),
        (["split", "1", UNKNOWN], 1, UNKNOWN),
        (["split", "1", "Devis"], 2, "MESSAGE"),
        (["messages", "1", "--cursor", "nonsense"], 1, "cursor"),
        (["messages", "1", "--limit", "0"], 2, "--limit"),
        (["unfile", "1", "--as", "nobody@cabinet.example"], 1, "nobody@cabinet.example"),
    ],
)
def test_what_cannot_be_done_with_a_conversation_is_said_and_changes_nothing(
    office, conversation, arguments, exit_code, said
):
    (line,) = errors(office("tickets", *arguments, exit_code=exit_code))
    assert said in line
    assert office.json("tickets", "messages", "1")["total"] == 2


def test_the_first_message_stays(office, conversation):
    number, _ = conversation
    first = office.json("tickets", "messages", number)["items"][0]["mail_id"]
    (line,) = errors(office("tickets", "split", number, first, exit_code=1))
    assert "split the others off" in line


# --- many tickets -----------------------------------------------------------------------------------------


def test_what_would_be_refiled_is_shown_first(office, wrongly_filed, bonnet, petit):
    before = filed_on(office)
    assert set(before.values()) == {"Petit"}
    shown = office("tickets", "refile", "--from", petit, "--client", bonnet).stdout
    assert shown.endswith("4 tickets would move; --yes does it.\n")
    assert "Claire Bonnet" in shown
    would = office.json("tickets", "refile", "--from", petit, "--client", bonnet)
    assert [one["ticket"]["number"] for one in would] == wrongly_filed[::-1]
    assert {one["to"]["id"] for one in would} == {client_id(office, bonnet)}
    assert filed_on(office) == before


@pytest.mark.parametrize(
    ("chosen", "moved"),
    [
        ([], slice(4)),
        (["--sender", CLAIRE.upper()], slice(3)),
        (["--sender", GARAGE], slice(3, 4)),
        (["--by-rule"], slice(3)),
        (["--by-rule", "--sender", GARAGE], slice(0)),
    ],
    ids=["all", "of Claire", "of the garage", "by themselves", "none"],
)
def test_tickets_are_chosen_by_their_sender_and_by_who_filed_them(office, wrongly_filed, bonnet, petit, chosen, moved):
    run = office.json("tickets", "refile", "--from", petit, "--client", bonnet, *chosen, "--yes")
    hers = [number for number, label in filed_on(office).items() if label == "Claire Bonnet"]
    assert sorted(hers) == wrongly_filed[moved]
    assert (len(run["changed"]), run["failed"]) == (len(hers), [])


def test_tickets_are_taken_off_their_file_and_put_back(office, wrongly_filed, petit):
    said = office("tickets", "refile", "--from", petit, "--nowhere", "--by-rule", "--yes").stdout
    assert said.startswith("3 tickets moved; `greffier tickets undo-run ")
    assert filed_on(office) == dict(zip(wrongly_filed, [None, None, None, "Petit"], strict=True))
    office("tickets", "file", wrongly_filed[1], "--new-company", "Essai")
    run_id = said.split("`")[1].split()[-1]
    assert office("tickets", "undo-run", run_id).stdout == "2 tickets went back.\n"
    assert filed_on(office) == dict(zip(wrongly_filed, ["Petit", "Essai", "Petit", "Petit"], strict=True))
    (line,) = errors(office("tickets", "undo-run", run_id, exit_code=1))
    assert line == f"greffier: RUN: no ticket is where the run {run_id} put it"


def test_a_run_is_undone_as_json(office, wrongly_filed, bonnet, petit):
    run = office.json("tickets", "refile", "--from", petit, "--client", bonnet, "--yes", "--as", "lea@cabinet.example")
    undone = office.json("tickets", "undo-run", run["run_id"])
    assert {one["ticket_id"] for one in undone["changed"]} == {one["ticket_id"] for one in run["changed"]}
    assert set(filed_on(office).values()) == {"Petit"}


def test_files_of_every_kind_are_named_as_people_call_them(office, wrongly_filed, bonnet, petit):
    office("contracts", "add", "--client", bonnet, "--number", "MRH-2201457")
    claim = office.json("claims", "open", "--contract", "MRH-2201457")["number"]
    office("companies", "add", "Mutuelle des Deux Rives", "--role", "insurer")
    contact = office.json("contacts", "add", "--last-name", "Ferrand")["number"]
    on = [("client", petit), ("contract", "MRH-2201457"), ("claim", claim), ("company", "Mutuelle des Deux Rives")]
    for (kind, name), (to, named) in zip(on, [*on[1:], ("contact", contact)], strict=True):
        run = office.json("tickets", "refile", "--from", name, "--from-kind", kind, f"--{to}", named, "--yes")
        assert {one["filed_on"]["kind"] for one in run["changed"]} == {to}
    assert set(filed_on(office).values()) == {"Ferrand"}


def test_tickets_that_are_there_already_do_not_move(office, wrongly_filed, petit):
    said = office("tickets", "refile", "--from", petit, "--client", petit).stdout
    assert said.endswith("0 tickets would move; --yes does it.\n")
    assert office("tickets", "refile", "--from", petit, "--client", petit, "--yes").stdout == "0 tickets moved.\n"


def test_tickets_that_cannot_be_moved_are_told_one_by_one_and_the_others_move(office, wrongly_filed, bonnet, petit):
    _, second, third, _ = wrongly_filed
    for number in (second, third):
        office("tickets", "dismiss", number, "junk")
    refile = ("tickets", "refile", "--from", petit, "--client", bonnet)
    shown = office(*refile).stdout
    assert shown.count("stays: dismissed") == 2
    assert shown.endswith("2 tickets would move; --yes does it.\n")
    ran = office(*refile, "--yes", exit_code=1)
    assert ran.stdout.startswith("2 tickets moved; ")
    *told, last = errors(ran)
    assert [line.split(":")[0] for line in told] == [f"ticket {third}", f"ticket {second}"]
    assert all("bring it back first" in line for line in told)
    assert last == "greffier: 2 tickets could not be moved"
    office("tickets", "bring-back", third)
    ran = office(*refile, "--yes", "--json", exit_code=1)
    assert [len(ran.json[name]) for name in ("changed", "failed")] == [1, 1]
    assert errors(ran) == ["greffier: 1 ticket could not be moved"]
    office("tickets", "bring-back", second)
    assert [number for number, label in filed_on(office).items() if label == "Petit"] == [second]


@pytest.mark.parametrize(
    ("arguments", "exit_code", "named"),
    [
        (["--client", "1"], 2, "--from"),
        (["--from", "1"], 2, "--nowhere"),
        (["--from", "1", "--client", "1", "--nowhere"], 2, "--nowhere"),
        (["--from", "1", "--client", "1", "--claim", "1"], 2, "--claim"),
        (["--from", "1", "--from-kind", "drawer", "--nowhere"], 2, "--from-kind"),
        (["--from", "1", "--nowhere", "--sender", "claire"], 2, "--sender"),
        (["--from", "99", "--nowhere"], 1, "--from: no client"),
        (["--from", "Nobody", "--from-kind", "company", "--nowhere"], 1, "--from: no company"),
        (["--from", "1", "--contract", "MRH-0"], 1, "--contract: no contract"),
        (["--from", "1", "--claim", UNKNOWN], 1, "--claim: no claim"),
        (["--from", "1", "--nowhere", "--as", "nobody@cabinet.example"], 1, "nobody@cabinet.example"),
    ],
)
def test_what_is_wrong_with_a_refiling_is_named_and_nothing_moves(office, petit, arguments, exit_code, named):
    (line,) = errors(office("tickets", "refile", *arguments, "--yes", exit_code=exit_code))
    assert named in line


def test_a_run_is_named_by_its_id(office):
    (line,) = errors(office("tickets", "undo-run", "1", exit_code=2))
    assert "RUN" in line
    (line,) = errors(office("tickets", "undo-run", UNKNOWN, exit_code=1))
    assert UNKNOWN in line


# --- the office's own addresses ---------------------------------------------------------------------------


def test_the_offices_own_addresses_are_listed_added_and_removed(office, arrives):
    def own():
        return [one["address"] for one in office.json("office-addresses", "list")]

    assert own() == ["lea@cabinet.example"]
    said = office("office-addresses", "add", "Contact@Cabinet.example").stdout
    assert said == "Contact@cabinet.example is one of the office's own.\n"
    assert own() == ["Contact@cabinet.example", "lea@cabinet.example"]
    assert "lea@cabinet.example" in office("office-addresses", "list").stdout
    assert arrives("contact@cabinet.example", to=CLAIRE)["outcome"] == "recorded"
    answer = office.json("office-addresses", "remove", "contact@CABINET.example", "--as", "lea@cabinet.example")
    assert (answer["version"], own()) == (2, ["lea@cabinet.example"])
    assert arrives("contact@cabinet.example", to=CLAIRE)["outcome"] == "ticket"
    (line,) = errors(office("office-addresses", "remove", "contact@cabinet.example", exit_code=1))
    assert line == "greffier: ADDRESS: 'contact@cabinet.example' is not one of the office's own"


def test_an_address_is_the_offices_or_a_files_not_both(office, petit):
    office("addresses", "add", CLAIRE, "--client", petit)
    (line,) = errors(office("office-addresses", "add", CLAIRE, exit_code=1))
    assert line == f"greffier: ADDRESS: '{CLAIRE}' is on a file: take it off first"
    (line,) = errors(office("office-addresses", "remove", CLAIRE, exit_code=1))
    assert line == f"greffier: ADDRESS: '{CLAIRE}' is not one of the office's own"
    (line,) = errors(office("addresses", "add", "lea@cabinet.example", "--client", petit, exit_code=1))
    assert "lea@cabinet.example" in line
    assert [one["address"] for one in office.json("addresses", "list", "--client", petit)] == [CLAIRE]


@pytest.mark.parametrize(("command", "exit_code"), [("add", 2), ("remove", 1)])
@pytest.mark.parametrize("address", ["claire", HOSTILE])
def test_what_is_no_address_is_said(office, command, exit_code, address):
    ran = office("office-addresses", command, address, exit_code=exit_code)
    (line,) = errors(ran)
    assert "address" in line.lower()
    assert "\x1b" not in line


# --- what messages say ------------------------------------------------------------------------------------


def test_what_a_message_or_a_file_says_does_not_command_the_terminal(office, arrives, petit):
    hostile = office.json("clients", "add", "--company-name", f"Essai {HOSTILE}")["number"]
    first = arrives(f"{ENCODED} <{CLAIRE}>", subject=HOSTILE.replace("\x1b", ""))["ticket_id"]
    second = arrives(f"{ENCODED} <{CLAIRE}>", text=f"Bonjour\n\nEssai {HOSTILE}")["ticket_id"]
    office("tickets", "file", first, "--client", hostile)
    for command in (
        ["messages", first],
        ["suggestions", second],
        ["refile", "--from", hostile, "--client", petit],
        ["refile", "--from", hostile, "--client", petit, "--yes"],
        ["refile", "--from", petit, "--client", hostile],
    ):
        ran = office("tickets", *command)
        assert "\x1b" not in ran.stdout + ran.stderr, command
    assert "[/b]" in office("tickets", "messages", first).stdout
    ran = office("tickets", "refile", "--from", HOSTILE, "--from-kind", "company", "--nowhere", exit_code=1)
    assert "\x1b" not in ran.stderr
