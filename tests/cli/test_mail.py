"""Looking at messages, the report of an import, and the quarantine."""

import json
import os
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date
from functools import partial
from io import BytesIO
from pathlib import Path

import pytest

from adapters.demo_office import demo_messages, demo_office
from adapters.desk import Desk
from adapters.event_store.log import EventLog
from adapters.files import FileDamaged
from adapters.mail import intake
from adapters.mail.intake import MAIL_IMPORT
from adapters.mail.sources import iter_messages
from domain.aggregates import NotFound
from tests.cli.command_line import errors
from tests.end_to_end.accounts import stored_for_nothing
from tests.end_to_end.mailboxes import letter, write_mbox
from tests.waiting import PATIENCE, wait_until

UNREADABLE = Path("/proc/self/mem")
"""A file that opens, and whose first byte can't be read, whoever asks."""

FIELDS = {"from_email", "from_name", "subject", "attachments", "date", "message_id", "auto_submitted", "outcome"}


def test_a_message_is_inspected_without_being_taken_in(greffier, apart):
    (apart / "a.eml").write_bytes(letter(7, attached=10))
    shown = greffier.json("mail", "inspect", "a.eml")
    assert shown.keys() >= FIELDS
    assert {name: shown[name] for name in FIELDS} == {
        "from_email": "personne.7@courriel.example",
        "from_name": "Personne 7",
        "subject": "Lettre n° 7",
        "attachments": ["piece-7.pdf"],
        "date": "2026-03-01T23:00:07+00:00",
        "message_id": shown["message_id"],
        "auto_submitted": False,
        "outcome": "ticket",
    }
    assert "7@courriel.example" in shown["message_id"]
    assert not greffier.folder.exists()


def test_a_message_is_inspected_from_standard_input(greffier):
    assert greffier.json("mail", "inspect", "-", stdin=letter(7))["subject"] == "Lettre n° 7"


def test_whatever_an_import_takes_in_or_quarantines_is_inspected(opened, apart):
    write_mbox(_wild(), apart / "wild.mbox")
    opened("import-mail", "wild.mbox", "--report", "report.jsonl")
    became = [json.loads(line)["outcome"] for line in (apart / "report.jsonl").read_text().splitlines()]
    assert set(became) == {"ticket", "message", "duplicate", "quarantined"}
    for message, outcome in zip(iter_messages([apart / "wild.mbox"]), became, strict=True):
        shown = opened.json("mail", "inspect", "-", stdin=message.file.read())
        assert shown.keys() >= FIELDS
        assert (shown["outcome"] == "quarantined") == (outcome == "quarantined"), message.origin
        assert outcome != "quarantined" or shown["reason"]


def _wild():
    return demo_messages(demo_office(), last_day=date(2026, 3, 31))


def test_a_message_that_is_too_large_is_inspected_as_such(greffier, monkeypatch):
    monkeypatch.setenv("GREFFIER_MAX_MESSAGE_BYTES", "100")
    shown = greffier.json("mail", "inspect", "-", stdin=letter(7))
    assert (shown["outcome"], shown["from_email"], shown["attachments"]) == ("quarantined", None, [])
    assert "100" in shown["reason"]


def test_a_flaw_of_the_parser_is_inspected_as_what_an_import_makes_of_it(opened, apart, monkeypatch, caplog):
    (apart / "a.eml").write_bytes(letter(7))
    monkeypatch.setattr(intake, "parse_message", _flawed)
    reason = opened.json("mail", "inspect", "a.eml")["reason"]
    assert opened.json("import-mail", "a.eml") == {"messages": 1, "quarantined": 1}
    (entry,) = opened.json("quarantine", "list")
    assert entry["reason"] == reason
    assert "RecursionError" in caplog.text
    assert "personne.7" not in caplog.text


def _flawed(raw):
    raise RecursionError("personne.7@courriel.example")


def test_what_a_message_says_is_shown_as_it_is(greffier):
    hostile = b"From: a@b.example\nSubject: [bold]not markup[/] [/nor] this\n\n\x1b]0;title\x07\x1b[2J[red]text[/]\n"
    said = greffier("mail", "inspect", "-", stdin=hostile).stdout
    assert "[bold]not markup[/] [/nor] this" in said
    assert "[red]text[/]" in said
    assert "\x1b" not in said
    assert "\x07" not in said


@pytest.mark.parametrize("name", [b"missing.eml", b"caf\xe9.eml"])
def test_a_message_that_is_not_there_is_named(greffier, name):
    (line,) = errors(greffier("mail", "inspect", os.fsdecode(name), exit_code=1))
    assert line.endswith(": No such file or directory")


def test_a_file_of_any_name_is_inspected(greffier, apart):
    path = Path(os.fsdecode(b"caf\xe9.eml"))
    path.write_bytes(letter(7))
    assert "Lettre" in greffier.run("mail", "inspect", path).stdout


# --- importing: what is refused and told ----------------------------------------------------------


def test_a_path_that_is_missing_stops_an_import_before_its_first_message(opened, apart):
    opened("token", "lea@cabinet.example", "--last-name", "Morel")
    (apart / "a.eml").write_bytes(letter(1))
    (line,) = errors(opened("import-mail", "a.eml", "missing.mbox", exit_code=1))
    assert line == "greffier: missing.mbox: No such file or directory"
    assert opened.json("tickets", "list")["total"] == 0


@pytest.mark.parametrize("report", ["no-folder/report", "."])
def test_a_report_that_cannot_be_written_stops_an_import_before_its_first_message(opened, apart, report):
    opened("token", "lea@cabinet.example", "--last-name", "Morel")
    (apart / "a.eml").write_bytes(letter(1))
    (line,) = errors(opened("import-mail", "a.eml", "--report", report, exit_code=1))
    assert line.startswith(f"greffier: {report}: ")
    assert opened.json("tickets", "list")["total"] == 0


def test_what_a_folder_hides_is_named_in_one_line_and_hides_nothing_else(opened, apart):
    folder = apart / ("a folder whose name is so long that a terminal of eighty columns breaks it " + "[b]" * 9)
    folder.mkdir()
    (folder / "1.eml").write_bytes(letter(1))
    (folder / "2.eml").symlink_to(UNREADABLE)
    (folder / os.fsdecode(b"3\xe9.mbox")).symlink_to(UNREADABLE)
    (folder / "4.eml").symlink_to(apart / "nowhere")
    (folder / "5.eml").write_bytes(letter(5))
    ran = opened("import-mail", folder, "--json", "--report", "report.jsonl", exit_code=1)
    assert ran.json == {"messages": 5, "ticket": 2, "unreadable": 3}
    *named, last = errors(ran)
    named.sort()
    assert [line.startswith(f"greffier: {folder}/{n}") for n, line in zip("234", named, strict=True)] == [True] * 3
    assert last == "greffier: 3 files could not be read: see above"
    report = [json.loads(line) for line in (apart / "report.jsonl").read_text().splitlines()]
    assert sorted(line["outcome"] for line in report) == ["ticket"] * 2 + ["unreadable"] * 3
    assert all(line["reason"] for line in report if line["outcome"] == "unreadable")


def test_a_file_that_was_asked_for_and_cannot_be_read_stops_the_import(opened, apart):
    (apart / "1.eml").symlink_to(UNREADABLE)
    (line,) = errors(opened("import-mail", "1.eml", exit_code=1))
    assert line == "greffier: 1.eml: Input/output error"


def test_the_report_stands_as_far_as_the_import_has_come(opened, apart):
    process = opened.start("import-mail", "-", "--report", "report.jsonl", stdin=subprocess.PIPE)
    for number in range(40):  # more than are taken in together, and no end of the mailbox
        process.stdin.write(b"From MAILER-DAEMON Thu Jan  1 00:00:00 1970\n" + letter(number) + b"\n")
    process.stdin.flush()
    report = apart / "report.jsonl"
    wait_until(lambda: report.exists() and report.read_text().endswith("\n"), "the first line")
    assert json.loads(report.read_text().splitlines()[0])["outcome"] == "ticket"


# --- quarantine -----------------------------------------------------------------------------------


@pytest.fixture
def quarantined(opened, apart, monkeypatch):
    """An office whose setting let one message in quarantine that is fine otherwise."""
    (apart / "a.eml").write_bytes(letter(1))
    (apart / "b.eml").write_bytes(b"")
    monkeypatch.setenv("GREFFIER_MAX_MESSAGE_BYTES", "100")
    opened("import-mail", "a.eml", "b.eml")
    monkeypatch.delenv("GREFFIER_MAX_MESSAGE_BYTES")
    return opened


def test_the_quarantine_is_listed_oldest_first_with_reasons(quarantined):
    large, empty = quarantined.json("quarantine", "list")
    assert (large["origin"], large["size"]) == ("a.eml", len(letter(1)))
    assert "100" in large["reason"]
    assert (empty["origin"], empty["size"], empty["reason"]) == ("b.eml", 0, "not an e-mail message: empty")
    assert large["received_at"] <= empty["received_at"]
    said = quarantined("quarantine", "list").stdout
    assert "a.eml" in said
    assert "b.eml" in said


def test_the_whole_quarantine_is_listed(quarantined, apart):
    write_mbox((b"\n" * n for n in range(1_010)), apart / "blank.mbox")
    quarantined("import-mail", "blank.mbox")
    entries = quarantined.json("quarantine", "list")
    assert len(entries) > 1_000
    assert len({entry["entry_id"] for entry in entries}) == len(entries)


def test_a_quarantined_message_is_taken_in_when_that_works(quarantined):
    quarantined("token", "lea@cabinet.example", "--last-name", "Morel")
    large, empty = quarantined.json("quarantine", "list")
    taken = quarantined.json("quarantine", "retry", large["entry_id"])
    assert taken["outcome"] == "ticket"
    assert quarantined.json("tickets", "show", taken["ticket_id"])["subject"] == "Lettre n° 1"
    assert quarantined.json("quarantine", "list") == [empty]
    with quarantined.open() as office:
        assert len(list(office.files.names())) == 2, "the ticket's file and the empty message's"


def test_a_quarantined_message_that_still_cannot_be_taken_in_stays(quarantined):
    quarantined("token", "lea@cabinet.example", "--last-name", "Morel")
    before = quarantined.json("quarantine", "list")
    ran = quarantined("quarantine", "retry", before[1]["entry_id"], "--json", exit_code=1)
    assert ran.json["outcome"] == "quarantined"
    assert errors(ran) == ["greffier: the message stays in quarantine"]
    assert quarantined.json("quarantine", "list") == before


def test_an_entry_that_is_not_in_quarantine_is_named(quarantined):
    quarantined("token", "lea@cabinet.example", "--last-name", "Morel")
    unknown = "00000000-0000-4000-8000-000000000000"
    (line,) = errors(quarantined("quarantine", "retry", unknown, exit_code=1))
    assert unknown in line
    (line,) = errors(quarantined("quarantine", "retry", "not-an-id", exit_code=2))
    assert "'entry_id'" in line


def test_an_entry_that_another_retry_took_in_meanwhile_is_not_found(quarantined):
    with quarantined.open() as office:
        entry = office.desk.quarantined()[0]
        assert office.intake.quarantined_bytes(entry) == letter(1)
        assert office.intake.retry(entry, MAIL_IMPORT).outcome == "ticket"
        for again in (office.intake.quarantined_bytes, partial(office.intake.retry, actor=MAIL_IMPORT)):
            with pytest.raises(NotFound) as refused:
                again(entry)
            assert refused.value.facts() == {"kind": "quarantined message", "id": entry.entry_id}


def test_an_entry_whose_file_is_damaged_says_so(quarantined):
    with quarantined.open() as office:
        entry = office.desk.quarantined()[0]
        office.files.discard(entry.file.name)
        with pytest.raises(FileDamaged):
            office.intake.retry(entry, MAIL_IMPORT)


# --- files that nothing refers to -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "between"),
    [(letter(1), (EventLog, "execute_all")), (b"", (Desk, "quarantine"))],
    ids=["ticket", "quarantine"],
)
def test_a_sweep_leaves_alone_what_an_import_is_storing(opened, apart, monkeypatch, message, between):
    """The file is stored, its event not appended yet: the sweep waits."""
    (apart / "a.eml").write_bytes(message)
    then = getattr(*between)
    sweeps = []

    def swept_meanwhile(*given, **more):
        sweeps.append(opened.start("mail", "sweep", "--older-than", "0", "--json"))
        with pytest.raises(subprocess.TimeoutExpired):
            sweeps[0].wait(2)
        return then(*given, **more)

    monkeypatch.setattr(*between, swept_meanwhile)
    opened("import-mail", "a.eml")
    said, _ = sweeps[0].communicate(timeout=PATIENCE)
    assert json.loads(said) == {"swept": 0}
    with opened.open() as office:
        assert len(list(office.files.names())) == 1
        assert not stored_for_nothing(office)


# --- large messages -------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "few"), [((8 << 20) + 1, True), (8 << 20, False)])
def test_few_large_messages_are_parsed_at_once(opened, monkeypatch, size, few):
    three, met = threading.Barrier(3), []
    read_message = intake.read_message

    def read(content):
        with suppress(threading.BrokenBarrierError):  # nobody came to be the third
            met.append(three.wait(1 if few else PATIENCE))
        return read_message(content[:2_000])

    monkeypatch.setattr(intake, "read_message", read)
    with opened.open() as office, ThreadPoolExecutor(6) as pool:
        messages = [letter(number).ljust(size, b"\n") for number in range(6)]
        took = pool.map(lambda one: office.intake.take_in("test", len(one), BytesIO(one)).outcome, messages)
        assert list(took) == ["ticket"] * 6
    assert bool(met) != few
