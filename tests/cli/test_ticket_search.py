"""Searching tickets on the command line."""

import json

import pytest

from api.cli.tickets import as_found
from tests.cli.command_line import errors
from tests.end_to_end.mailboxes import letter


def numbers(page):
    return [found["ticket"]["number"] for found in page["items"]]


def test_tickets_are_found_by_words_page_by_page(demo):
    whole = demo.json("tickets", "search", "résil*", "--limit", "200")
    assert len(whole["items"]) > 4
    assert all("resil" in json.dumps(found["snippet"]).lower().replace("\\u00e9", "e") for found in whole["items"])
    first = demo.json("tickets", "search", "RESIL*", "--limit", "3")
    second = demo.json("tickets", "search", "RESIL*", "--limit", "200", "--cursor", first["next_cursor"])
    assert first["items"] + second["items"] == whole["items"]
    shown = demo("tickets", "search", "résil*").stdout
    assert "Résiliation (loi Chatel)" in shown
    assert shown.endswith(f"{len(whole['items'])} found\n")
    assert demo("tickets", "search", "résil*", "--limit", "1").stdout.splitlines()[-1].startswith("1 found, next: ")


def test_a_search_is_of_a_file_named_as_people_do(demo):
    on_bonnet = demo.json("tickets", "search", "--client", "1", "--limit", "200")
    assert {found["ticket"]["filed_under"][-1]["label"] for found in on_bonnet["items"]} == {"Claire Bonnet"}
    fewer = demo.json("tickets", "search", "sinistre", "--client", "1")
    assert set(numbers(fewer)) < set(numbers(on_bonnet))
    (line,) = errors(demo("tickets", "search", "--client", "9999", exit_code=1))
    assert "--client" in line
    (line,) = errors(demo("tickets", "search", "--client", "1", "--company", "Axe", exit_code=2))
    assert "--company" in line


def test_a_search_is_of_tickets_that_stand_so(demo):
    every = demo.json("tickets", "search", "--limit", "200")
    newest, path = every["items"][0]["ticket"]["number"], f"/tickets/{every['items'][0]['ticket']['ticket_id']}"
    demo("api", "POST", f"{path}/wait")
    assert numbers(demo.json("tickets", "search", "--state", "waiting")) == [newest]
    assert numbers(demo.json("tickets", "search", "--unfiled", "--state", "closed")) == []
    demo("api", "POST", f"{path}/dismiss", "reason=junk")
    assert newest not in numbers(demo.json("tickets", "search", "--limit", "200"))
    assert newest in numbers(demo.json("tickets", "search", "--limit", "200", "--with-dismissed"))
    assert demo.json("tickets", "search", "--since", "2999-12-31")["items"] == []
    assert demo.json("tickets", "search", "--until", "2000-01-01T10:00:00Z")["items"] == []


@pytest.mark.parametrize(
    ("arguments", "exit_code", "named"),
    [
        (["…"], 2, "text"),
        (["a", "--since", "yesterday"], 2, "since"),
        (["a", "--until", "2026-13-01"], 2, "until"),
        (["a", "--state", "boring"], 2, "--state"),
        (["a", "--limit", "0"], 2, "--limit"),
    ],
)
def test_what_makes_no_sense_is_named(demo, arguments, exit_code, named):
    (line,) = errors(demo("tickets", "search", *arguments, exit_code=exit_code))
    assert named in line


def test_what_a_message_says_does_not_command_the_terminal(opened, apart):
    opened("token", "lea@cabinet.example", "--last-name", "Morel")
    (apart / "1.eml").write_bytes(letter(1))
    (apart / "a.eml").write_bytes(
        "From: =?utf-8?q?=1B[2J[bold]x[/]?= <a@b.example>\nSubject: [red]devis[/red] [/nor]\n"
        "Content-Type: text/plain; charset=utf-8\n\nUn \x1b[31m devis\x1b[0m [bold]résilié[/bold] \x9b2J\n".encode()
    )
    opened("import-mail", "1.eml", "a.eml")
    shown = opened("tickets", "search", "résil* devis").stdout
    assert not {"\x1b", "\x9b"} & set(shown)
    assert "[red]devis[/red] [/nor]" in shown
    assert "[bold]résilié[/bold]" in shown
    (found,) = opened.json("tickets", "search", "résil* devis")["items"]
    text = as_found(found)
    assert [text.plain[span.start : span.end] for span in text.spans if span.style == "bold yellow"] == [
        "devis",
        "résilié",
    ]
