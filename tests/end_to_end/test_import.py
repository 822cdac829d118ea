"""Importing mail out of every kind of place, however large, and what stops an import."""

import json
import os
import random
import resource
import shutil
import stat
import subprocess
from base64 import encodebytes
from collections import Counter

import pytest

from adapters.databases import StoreUnavailable
from adapters.desk import Desk
from adapters.event_store.log import EventLog
from adapters.mail import intake
from tests.cli.command_line import errors
from tests.end_to_end.accounts import check_whole, digest, quarantine, stored_for_nothing, tickets, undisturbed
from tests.end_to_end.mailboxes import letter, letters, write_eml, write_maildir, write_mbox

MB = 1 << 20
UNREADABLE = "/proc/self/mem"


@pytest.fixture
def messages():
    return [*letters(25), *letters(5, first=100, attached=3_000)]


def test_a_mailbox_gives_the_same_tickets_once_whatever_it_comes_as(opened, apart, messages):
    forms = {
        "folders of files": [write_eml(messages, apart / "mail" / "nested" / "deeply")],
        "Maildir": [write_maildir(messages, apart / "mail" / "Maildir")],
        "mbox": [apart / "mail" / "mail.mbox"],
        "all at once": [apart / "mail"],
    }
    write_mbox(messages, *forms["mbox"])
    first = opened.json("import-mail", *forms.pop("mbox"))
    assert first == {"messages": 30, "ticket": 30}
    with opened.open() as office:
        held = tickets(office)
    for form, paths in forms.items():
        again = opened.json("import-mail", *paths)
        assert again == {"messages": 90 if form == "all at once" else 30, "duplicate": again["messages"]}, form
    with (apart / "mail" / "mail.mbox").open("rb") as mailbox:
        assert opened.run("import-mail", "-", "--json", stdin=mailbox).json == {"messages": 30, "duplicate": 30}
    assert opened.json("import-mail", "-", stdin=messages[3]) == {"messages": 1, "duplicate": 1}
    assert opened.json("import-mail", "-", stdin=letter(31)) == {"messages": 1, "ticket": 1}
    with opened.open() as office:
        assert tickets(office) == held + tickets(office) - held
        assert sum(tickets(office).values()) == 31


@pytest.mark.parametrize("form", [write_eml, write_maildir])
def test_each_form_opens_its_own_tickets(opened, apart, messages, form):
    form(messages, apart / "mail")
    assert opened.json("import-mail", "mail") == {"messages": 30, "ticket": 30}
    with opened.open() as office:
        assert set(tickets(office)) == {digest(message) for message in messages}


def test_a_corrupt_mailbox_loses_no_byte(greffier, apart, messages):
    dice = random.Random(8)
    write_mbox(messages, apart / "mail.mbox")
    whole = bytearray((apart / "mail.mbox").read_bytes())
    for _ in range(400):
        whole[dice.randrange(len(whole))] = dice.randrange(256)
    cut = (
        bytes(whole[: -len(messages[-1]) // 2]) + b"\nFrom \nFrom MAILER-DAEMON Thu Jan  1 00:00:00 1970\n\xff\xfe\x00"
    )
    (apart / "corrupt.mbox").write_bytes(cut)
    given = undisturbed(greffier, apart / "corrupt.mbox", report=apart / "report.jsonl")
    assert given["ticket"]
    assert given["quarantined"]
    with greffier.open() as office:
        check_whole(office, given)
    again = greffier.json("import-mail", "corrupt.mbox")
    assert again["messages"] == sum(map(len, given.values()))
    assert "ticket" not in again
    with greffier.open() as office:
        check_whole(office, given)


def test_a_file_that_cannot_be_read_hides_no_other(opened, apart):
    write_eml(letters(15), apart / "mail")
    (apart / "mail" / "000" / "00003.eml").unlink()
    (apart / "mail" / "000" / "00003.eml").symlink_to(UNREADABLE)
    (apart / "mail" / "000" / "00004.mbox").symlink_to(UNREADABLE)
    ran = opened.run("import-mail", "mail", "--json", "--report", "report.jsonl", exit_code=1)
    assert ran.json == {"messages": 16, "ticket": 14, "unreadable": 2}
    assert len(errors(ran)) == 3
    assert "00003.eml" in ran.stderr
    report = [json.loads(line) for line in (apart / "report.jsonl").read_text().splitlines()]
    unreadable = [line["origin"].rpartition("/")[2] for line in report if line["outcome"] == "unreadable"]
    assert sorted(unreadable) == ["00003.eml", "00004.mbox"]


# --- size -----------------------------------------------------------------------------------------


def _large(path, size):
    with path.open("wb") as file:
        file.write(letter(1).replace(b"text/plain; charset=utf-8", b"application/pdf").partition(b"\n\n")[0])
        file.write(b"\n\n")
        piece = encodebytes(random.Random(1).randbytes(57 * 1024))
        while file.tell() < size:
            file.write(piece)
    return path


def test_a_message_of_fifty_megabytes_is_a_ticket(opened, apart):
    path = _large(apart / "large.eml", 50 * MB)
    assert opened.json("import-mail", path) == {"messages": 1, "ticket": 1}
    with opened.open() as office:
        assert set(tickets(office)) == {digest(path.read_bytes())}


def test_a_message_larger_than_the_setting_is_quarantined_as_it_streams(opened, apart, monkeypatch):
    monkeypatch.setenv("GREFFIER_MAX_MESSAGE_BYTES", str(MB))
    little = opened.run_anew("import-mail", _large(apart / "a.eml", 2 * MB), "--json")
    path = _large(apart / "large.eml", 120 * MB)
    with path.open("rb") as stream:
        for ran in (
            opened.run_anew("import-mail", path, "--json"),
            opened.run_anew("import-mail", "-", "--json", stdin=stream),
        ):
            assert ran.json == {"messages": 1, "quarantined": 1}
            assert ran.peak_bytes < little.peak_bytes + 30 * MB, "its bytes are never all in memory"
    with opened.open() as office:
        large, larger = sorted(office.desk.quarantined(), key=lambda entry: entry.file.size)
        assert larger.file.size == path.stat().st_size
        chunks = office.files.iter_chunks(larger.file.name, larger.file.key)
        with path.open("rb") as original:
            assert all(chunk == original.read(len(chunk)) for chunk in chunks)
        assert not stored_for_nothing(office)
        assert str(MB) in large.reason


def test_memory_does_not_grow_with_the_mailbox(offices, apart):
    large, small = (1024, 256) if os.environ.get("GREFFIER_LONG_TESTS") else (64, 16)
    peaks = {}
    for size in (large, small):
        greffier = offices(f"of-{size}")
        greffier("init", "Cabinet Essai")
        path = apart / "mail.mbox"
        write_mbox(letters(size * 2, attached=384 * 1024), path)
        assert path.stat().st_size > size * MB
        ran = greffier.run_anew("import-mail", path, "--json")
        assert ran.json == {"messages": size * 2, "ticket": size * 2}
        peaks[size] = ran.peak_bytes
        shutil.rmtree(greffier.folder)
    assert abs(peaks[small] - peaks[large]) < 24 * MB, peaks


# --- a full disk ----------------------------------------------------------------------------------


@pytest.fixture
def many(apart):
    path = apart / "many.mbox"
    write_mbox([*letters(120), *letters(20, first=500, attached=100_000)], path)
    return path


@pytest.mark.parametrize("allowed", [0, 70_000, 180_000, 280_000])
def test_an_import_that_may_write_no_more_stops_and_goes_on_later(offices, apart, many, allowed):
    given = undisturbed(offices("undisturbed"), many, report=apart / "report.jsonl")
    greffier = offices("limited")
    greffier("init", "Cabinet Essai")
    ran = greffier.run_anew(
        "import-mail",
        many,
        "--json",
        exit_code=3,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (allowed, allowed)),
    )
    (line,) = errors(ran)
    assert line.startswith("greffier: the ")
    assert "can't be used now" in line
    _goes_on(greffier, many, given)


def test_a_full_temporary_folder_stops_the_import_and_blames_no_message(offices, apart):
    write_mbox((letter(1), letter(2, attached=3_000_000), letter(3)), apart / "mail.mbox")
    given = undisturbed(offices("undisturbed"), apart / "mail.mbox", report=apart / "report.jsonl")
    greffier = offices("limited")
    greffier("init", "Cabinet Essai")
    limit = 1_500_000  # enough for the office, not for the second message on its way in
    ran = greffier.run_anew(
        "import-mail",
        "mail.mbox",
        "--json",
        exit_code=3,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    (line,) = errors(ran)
    assert line.startswith("greffier: the temporary folder can't be used now")
    _goes_on(greffier, apart / "mail.mbox", given)


def _goes_on(greffier, mailbox, given):
    with greffier.open() as office:
        taken = tickets(office)
        assert not taken - Counter(given["ticket"])
        assert not stored_for_nothing(office), "what could not be recorded is taken away"
    greffier.run("import-mail", mailbox, "--json")
    with greffier.open() as office:
        check_whole(office, given)


@pytest.fixture
def small_disk(apart):
    """A file system of 3 MiB."""
    place = apart / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def test_an_import_on_a_full_disk_stops_and_goes_on_later(offices, apart, many, small_disk):
    given = undisturbed(offices("undisturbed"), many, report=apart / "report.jsonl")
    greffier = offices("disk/office")
    greffier("init", "Cabinet Essai")
    (line,) = errors(greffier.run("import-mail", many, "--json", exit_code=3))
    assert "can't be used now" in line
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    _goes_on(greffier, many, given)


def test_what_lies_in_quarantine_stands_there_once(opened, apart):
    write_mbox([b"", b"no header\n", b"", letter(1)], apart / "mail.mbox")
    for _ in range(2):
        assert opened.json("import-mail", "mail.mbox")["quarantined"] == 3
    assert len(opened.json("quarantine", "list")) == 2
    with opened.open() as office:
        assert sum(quarantine(office).values()) == 2
        assert not stored_for_nothing(office)


def test_an_interruption_after_the_append_takes_no_file_away(opened, apart, monkeypatch):
    (apart / "a.eml").write_bytes(letter(1))
    execute_all = EventLog.execute_all

    def interrupted(*given, **more):
        execute_all(*given, **more)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(EventLog, "execute_all", interrupted)
        opened("import-mail", "a.eml", exit_code=130)
    with opened.open() as office:
        assert tickets(office) == Counter([digest(letter(1))])
    assert opened.json("import-mail", "a.eml") == {"messages": 1, "duplicate": 1}


def test_an_interruption_before_anything_is_decided_leaves_no_file_behind(opened, apart, monkeypatch):
    (apart / "a.eml").write_bytes(letter(1))

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(intake._Arriving, "command", interrupted)
        opened("import-mail", "a.eml", exit_code=130)
    with opened.open() as office:
        assert not tickets(office)
        assert not stored_for_nothing(office)


def test_nothing_is_recorded_of_messages_that_the_disk_did_not_keep(opened, apart, monkeypatch):
    names = [f"{number}.eml" for number in range(3)]
    for number, name in enumerate(names):
        (apart / name).write_bytes(letter(number))
    fsync = os.fsync

    def failing(descriptor):
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(5, "Input/output error")
        fsync(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", failing)
        opened("import-mail", *names, exit_code=3)
    with opened.open() as office:
        assert not tickets(office)
        assert not stored_for_nothing(office)
    assert opened.json("import-mail", *names) == {"messages": 3, "ticket": 3}


def test_an_entry_that_the_quarantine_cannot_take_leaves_no_file_behind(opened, apart, monkeypatch):
    (apart / "a.eml").write_bytes(b"")

    def full(*_):
        raise StoreUnavailable("desk", "database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(Desk, "quarantine", full)
        opened("import-mail", "a.eml", exit_code=3)
    with opened.open() as office:
        assert not stored_for_nothing(office)
    assert opened.json("import-mail", "a.eml") == {"messages": 1, "quarantined": 1}
