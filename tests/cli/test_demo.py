"""The demonstration."""

import json
import subprocess
from datetime import UTC, datetime

from tests.cli.command_line import GREFFIER, address_of, errors, interrupt


def test_the_demonstration_shows_an_office_and_done_again_adds_nothing(greffier):
    first = greffier.json("demo", "--once")
    became = {"ticket": 179, "message": 16, "duplicate": 1, "quarantined": 3}
    assert first["imported"] == {"messages": 199, **became}
    assert first["dossiers"] == 47
    assert sum(first["tickets"].values()) == 179
    again = greffier.json("demo", "--once")
    assert again["imported"] == {"messages": 199, "duplicate": 196, "quarantined": 3}
    assert {name: first[name] for name in ("dossiers", "tickets", "quarantined")} == {
        name: again[name] for name in ("dossiers", "tickets", "quarantined")
    }
    assert len(greffier.json("quarantine", "list")) == 3
    said = greffier("demo", "--once").stdout
    assert "47 dossiers" in said
    assert "by themselves" in said


def test_no_message_of_the_demonstration_comes_from_the_future(demo):
    newest = max(line["sent_at"] or "" for line in demo.json("tickets", "list", "--limit", "200")["items"])
    assert datetime.fromisoformat(newest) < datetime.now(UTC)


def test_the_demonstration_serves_and_the_line_that_it_prints_works(greffier, apart):
    process = greffier.start("demo", "--port", "0", cwd=apart)
    printed = []
    for line in iter(process.stdout.readline, b""):
        printed.append(line.decode())
        if line.startswith(b"curl "):
            break
    address = address_of(process)
    (line,) = [line for line in printed if line.startswith("curl ")]
    assert address in line
    answered = subprocess.run(
        ["sh", "-c", line.replace("curl ", "curl --silent --fail ", 1)], capture_output=True, check=True
    )
    assert len(json.loads(answered.stdout)["items"]) == 5
    assert interrupt(process) in {130, -2}
    assert greffier.json("projections", "verify")


def test_the_demonstration_has_a_folder_of_its_own_unless_one_is_named(apart, monkeypatch):
    command = [GREFFIER, "demo", "--once", "--json"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert (apart / "greffier-demo" / "log.sqlite").exists()
    monkeypatch.setenv("GREFFIER_DATA", str(apart / "named"))
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert (apart / "named" / "log.sqlite").exists()


def test_a_real_office_is_not_furnished_with_invented_people(opened):
    (line,) = errors(opened("demo", "--once", exit_code=1))
    assert str(opened.folder) in line
    assert "Cabinet Essai" in line
    with opened.open() as office:
        assert office.log.head() == 1
