"""Backing up and restoring, from either kind of store to either."""

import io
import random
import shutil
import sqlite3
import tarfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count

import orjson
import pytest
from sqlalchemy import select

from adapters.backup.archive import ArchiveWriter, read_archive
from adapters.backup.records import commands, events
from adapters.databases import StoreUnavailable, open_database
from adapters.desk import Desk
from adapters.vault import KeyMissing, MasterKey
from api.backups import back_up_office, restore_office
from tests.cli.command_line import errors
from tests.end_to_end.accounts import check_views, quarantine, tickets
from tests.end_to_end.mailboxes import letter, letters, write_mbox
from tests.soak import times

KINDS = ["sqlite", "postgres"]


@pytest.fixture
def placed(offices, request):
    """Makes offices of a name on stores of a kind."""

    def placed(name, kind):
        if kind == "sqlite":
            return offices(name)
        postgres = request.getfixturevalue("postgres")
        return offices(name, GREFFIER_STORE=postgres.url(postgres.new_name()))

    return placed


@pytest.fixture
def backup(demo, apart):
    """A backup of the demonstration's office."""
    demo("backup", "the.backup")
    return apart / "the.backup"


@pytest.fixture(params=KINDS)
def elsewhere(request, placed, furnished):
    """An empty place with the demonstration's master key."""
    return with_key(placed("elsewhere", request.param), furnished)


def with_key(office, furnished):
    office.folder.mkdir()
    shutil.copy(furnished / "master.key", office.folder)
    return office


def held(office):
    """The log's very rows and its commands, and the files' very bytes."""
    with closing(open_database("log", office.settings().stores.log, durable=True)) as log, log.reading() as connection:
        rows = connection.execute(select(events).order_by(events.c.position)).all()
        recorded = connection.execute(select(commands).order_by(commands.c.command_id)).all()
    files = {path.name: path.read_bytes() for path in (office.folder / "files").glob("??/*")}
    return rows, recorded, files


def left_behind(office):
    """What there is besides the master key."""
    folder = [path.name for path in office.folder.iterdir() if path.suffix != ".lock"] if office.folder.exists() else []
    stores = office.settings().stores._asdict() | {"read store": office.settings().stores.views}
    del stores["views"]
    with_rows = []
    for name, url in stores.items():
        with closing(open_database(name, url, durable=True)) as database:
            with_rows += [name] * database.exists()
    files = [path.name for path in (office.folder / "files").glob("??/*")]
    return sorted({*folder, *with_rows, *files} - {"master.key", "files"})


# --- from one place to another ----------------------------------------------------------------------


@pytest.mark.parametrize("source", KINDS)
@pytest.mark.parametrize("target", KINDS)
def test_an_office_is_restored_as_it_was_on_either_kind_of_store(placed, source, target):
    office = placed("source", source)
    office("demo", "--once")
    token = office.json("token")["token"]
    summary = office.json("backup", "the.backup")
    restored = placed("target", target)
    restored.folder.mkdir()
    shutil.copy(office.folder / "master.key", restored.folder)
    answer = restored.json("restore", "the.backup")
    assert answer["opened"]
    assert {name: answer[name] for name in summary if name != "seconds"} == {
        name: summary[name] for name in summary if name != "seconds"
    }
    assert held(restored) == held(office)
    listing = ("tickets", "list", "--limit", "200")
    assert restored.json(*listing) == office.json(*listing)
    assert restored.json("quarantine", "list") == office.json("quarantine", "list")
    with office.open() as first, restored.open() as second:
        assert tickets(second) == tickets(first)
        assert quarantine(second) == quarantine(first)
        assert second.desk.collaborator_of(token) == first.desk.collaborator_of(token)
        numbers = {view["number"] for view in office.json(*listing)["items"]}
        assert second.desk.next_number("ticket") > max(numbers)
        assert second.vault.keyed_id("kind", "value") == first.vault.keyed_id("kind", "value")
        second.catch_up()
        check_views(second)


def test_what_is_restored_works_on(elsewhere, backup, apart):
    elsewhere("restore", backup)
    before = held(elsewhere)[0]
    write_mbox(map(letter, range(5)), apart / "more.mbox")
    assert elsewhere.json("import-mail", "more.mbox")["ticket"] == 5
    after = held(elsewhere)[0]
    assert after[: len(before)] == before
    assert [row.position for row in after] == list(range(1, len(after) + 1))
    assert all(row.recorded_at >= before[-1].recorded_at for row in after[len(before) :])
    elsewhere("projections", "verify")
    elsewhere("backup", "again.backup")


def test_a_backup_says_in_words_what_it_did(demo, elsewhere, apart):
    assert "were read back" in demo("backup", "the.backup").stdout.replace("was", "were")
    assert "each event was opened" in elsewhere("restore", "the.backup").stdout
    assert (apart / "the.backup").stat().st_mode & 0o077 == 0


def test_a_backup_is_of_one_kind_of_member_and_holds_no_views_and_no_master_key(demo, backup):
    with tarfile.open(backup) as tar:
        names = tar.getnames()
    assert names[0] == "greffier-backup.json"
    assert names[-1] == "manifest.json"
    assert {name.partition("/")[0] for name in names[1:-1]} == {"log", "files", "desk", "vault", "checksums"}
    content = backup.read_bytes()
    for form in (
        demo.folder.joinpath("master.key").read_bytes().strip(),
        MasterKey.read(demo.folder / "master.key").raw,
    ):
        assert form not in content


def test_a_backup_takes_no_master_key(demo, apart):
    (demo.folder / "master.key").rename(apart / "kept.key")
    assert demo.json("backup", "the.backup")["events"] > 700


def test_without_its_master_key_an_office_is_restored_and_its_events_are_not_opened(placed, backup):
    office = placed("elsewhere", "sqlite")
    said = office("restore", backup).stdout
    assert "put the master key back" in said
    (line,) = errors(office("tickets", "list", exit_code=4))
    assert "master key" in line


def test_another_master_key_at_hand_restores_nothing(elsewhere, backup):
    (elsewhere.folder / "master.key").unlink()
    MasterKey.generate().write(elsewhere.folder / "master.key")
    (line,) = errors(elsewhere("restore", backup, exit_code=4))
    assert "not the one that this backup was made under" in line
    assert left_behind(elsewhere) == []


# --- what is refused --------------------------------------------------------------------------------


def test_a_backup_replaces_no_file(demo, backup):
    before = backup.read_bytes()
    (line,) = errors(demo("backup", backup, exit_code=1))
    assert "is there already" in line
    assert backup.read_bytes() == before


@pytest.mark.parametrize("kind", KINDS)
def test_a_backup_is_restored_into_an_empty_place_only(placed, backup, kind):
    office = placed("elsewhere", kind)
    office("init", "Another")
    before = held(office)
    (line,) = errors(office("restore", backup, exit_code=1))
    assert "into an empty place only" in line
    assert held(office) == before
    office("token", "lea@cabinet.example", "--last-name", "Morel")


@pytest.mark.parametrize(
    "content", [b"", b"no backup", bytes(10_240), b"x" * 100_000, pytest.param(None, id="another tar")]
)
def test_what_is_no_backup_is_said(elsewhere, apart, content):
    if content is None:
        with tarfile.open(apart / "the.backup", "w") as tar:
            tar.add(elsewhere.folder / "master.key", "log/events/000001")
    else:
        (apart / "the.backup").write_bytes(content)
    (line,) = errors(elsewhere("restore", "the.backup", exit_code=1))
    assert line.startswith("greffier: the.backup is no backup")
    assert left_behind(elsewhere) == []


def test_a_backup_that_is_not_there_is_said(elsewhere):
    (line,) = errors(elsewhere("restore", "missing.backup", exit_code=1))
    assert "there is no backup missing.backup" in line


def test_a_backup_that_was_cut_short_is_said_wherever_it_was_cut(offices, backup, apart):
    elsewhere, content, dice = offices("elsewhere"), backup.read_bytes(), random.Random(1)
    end = content.rindex(b"manifest.json")
    for length in [*(dice.randrange(1, end) for _ in range(30)), end, end + 512, end + 600]:
        (apart / "cut.backup").write_bytes(content[:length])
        (line,) = errors(elsewhere("restore", "cut.backup", exit_code=1))
        assert "cut short" in line or "altered" in line
        assert not elsewhere.folder.exists()


def test_a_backup_that_was_altered_is_said_wherever_it_was_altered(offices, backup, apart):
    elsewhere, content, dice = offices("elsewhere"), backup.read_bytes(), random.Random(2)
    told = 0
    for _ in range(150):
        at = dice.randrange(len(content))
        altered = bytearray(content)
        altered[at] ^= 1 << dice.randrange(8)
        (apart / "altered.backup").write_bytes(altered)
        if _is_padding(backup, at):
            continue
        (line,) = errors(elsewhere("restore", "altered.backup", exit_code=1))
        assert "altered" in line or "is no backup" in line
        assert not elsewhere.folder.exists()
        told += 1
    assert told > 60


def _is_padding(path, at):
    """Whether a byte of a tar is of no member: between them, or of what nobody reads of a header."""
    with tarfile.open(path) as tar:
        for member in tar:
            if member.offset_data <= at < member.offset_data + member.size:
                return False
    return True


def test_a_backup_by_a_newer_program_is_left_alone(elsewhere, apart):
    header = orjson.dumps({"format": 2})
    with tarfile.open(apart / "the.backup", "w") as tar:
        member = tarfile.TarInfo("greffier-backup.json")
        member.size = len(header)
        tar.addfile(member, io.BytesIO(header))
    (line,) = errors(elsewhere("restore", "the.backup", exit_code=1))
    assert "a newer program wrote it" in line


def rewritten(path, to, change):
    """A backup whose members and summary went through `change`, sound but for that."""
    manifest = []
    with path.open("rb") as file, to.open("wb") as out, ArchiveWriter(out) as archive:
        for name, content in read_archive(file, manifest.append):
            changed = change(name, content.read())
            if name.startswith("files/"):
                archive.add_file(name, io.BytesIO(changed), len(changed))
            elif changed is not None:
                archive.add(name.rpartition("/")[0], changed)
        archive.finish({k: v for k, v in change("", manifest[0]).items() if k not in {"format", "checksums"}})


def test_a_backup_whose_vault_is_older_is_brought_up_to_date(elsewhere, backup, apart):
    def older(name, content):
        if not name:
            content["schemas"]["vault"] = 1
            del content["rows"]["vault/last_key"]
        return None if name.startswith("vault/last_key") else content

    rewritten(backup, apart / "older.backup", older)
    elsewhere("restore", "older.backup")
    with elsewhere.open() as office:
        highest = max(key for key in range(1, 10_000) if _has_key(office.vault, key))
        assert office.vault.new_key()[0] > highest
    elsewhere("tickets", "list")


def _has_key(vault, key_id):
    try:
        return vault.cipher(key_id) is not None
    except KeyMissing:
        return False


def test_a_backup_by_a_program_with_a_newer_vault_is_left_alone(elsewhere, backup, apart):
    def newer(name, content):
        if not name:
            content["schemas"]["vault"] = 99
        return content

    rewritten(backup, apart / "newer.backup", newer)
    (line,) = errors(elsewhere("restore", "newer.backup", exit_code=1))
    assert "schema 99: a newer program wrote it" in line


def test_a_stored_file_has_its_place_and_no_other(elsewhere, backup, apart):
    with tarfile.open(backup) as tar:
        name = next(name for name in tar.getnames() if name.startswith("files/"))
    evil = b"files/../" + b"x" * (len(name) - 9)
    manifest = []
    with backup.open("rb") as file, (apart / "evil.backup").open("wb") as out, ArchiveWriter(out) as archive:
        for member, read in read_archive(file, manifest.append):
            data = read.read()
            if member.startswith("files/"):
                archive.add_file(evil.decode() if member == name else member, io.BytesIO(data), len(data))
            else:
                archive.add(member.rpartition("/")[0], data)
        archive.finish({k: v for k, v in manifest[0].items() if k not in {"format", "checksums"}})
    (line,) = errors(elsewhere("restore", "evil.backup", exit_code=1))
    assert "is no place of a stored file" in line
    assert left_behind(elsewhere) == []


# --- an office that was not whole -----------------------------------------------------------------


def _log(office):
    return closing(sqlite3.connect(office.folder / "log.sqlite", isolation_level=None))


def test_an_event_that_does_not_open_is_restored_by_no_one_who_could_tell(demo, elsewhere):
    with _log(demo) as log:
        log.execute(
            "UPDATE events SET state = CAST(substr(state, 1, length(state) - 1) || x'00' AS BLOB) WHERE position = 300"
        )
    demo("backup", "the.backup")
    (line,) = errors(elsewhere("restore", "the.backup", exit_code=1))
    assert "position 300 can't be opened" in line
    assert left_behind(elsewhere) == []


def test_a_file_that_is_missing_is_told(demo, elsewhere):
    with demo.open() as office:
        quarantined = {entry.file.name for entry in office.desk.quarantined()}
        office.files.discard(next(name for name in office.files.names() if name not in quarantined))
    demo("backup", "the.backup")
    (line,) = errors(elsewhere("restore", "the.backup", exit_code=1))
    assert "is missing" in line
    assert left_behind(elsewhere) == []


def test_a_log_with_a_gap_is_backed_up_and_restored_as_it_is_and_that_is_said(demo, elsewhere):
    with _log(demo) as log:
        log.execute("DELETE FROM events WHERE position = 300")
    for ran in (demo("backup", "the.backup", exit_code=1), elsewhere("restore", "the.backup", exit_code=1)):
        (line,) = errors(ran)
        assert "between the positions 299 and 301 of the log something is missing" in line
    assert held(elsewhere) == held(demo)


# --- while the office works -------------------------------------------------------------------------


@pytest.mark.repeated
@pytest.mark.parametrize("kind", KINDS)
def test_a_backup_taken_while_mail_comes_in_is_one_moment_of_the_office(placed, apart, kind):
    office = placed("source", kind)
    office("init", "Cabinet Essai")
    office("token", "lea@cabinet.example", "--last-name", "Morel")
    mailbox = (*letters(times(160, soak=600)), *letters(40, first=1_000, attached=60_000))
    write_mbox(mailbox, apart / "mail.mbox")
    importing = office.start("import-mail", "mail.mbox")
    taken = []
    while importing.poll() is None:
        taken.append(office.json("backup", f"{len(taken)}.backup"))
    assert importing.returncode == 0
    assert len({one["head"] for one in taken}) > 2
    for number in (0, len(taken) - 1):
        restored = placed(f"restored-{number}", kind)
        restored.folder.mkdir()
        shutil.copy(office.folder / "master.key", restored.folder)
        restored("restore", f"{number}.backup")
        with restored.open() as opened:
            assert opened.log.head() == taken[number]["head"]
            assert sum(tickets(opened).values()) == len(set(tickets(opened)))
            quarantine(opened)
            opened.catch_up()
            check_views(opened)
        restored("import-mail", "mail.mbox")
        assert restored.json("tickets", "list")["total"] == len(mailbox)


def test_the_quarantine_is_backed_up_with_its_files_though_it_changes_meanwhile(demo, elsewhere, apart):
    write_mbox([b"no message"], apart / "late.mbox")
    with demo.open() as office:
        first = next(office.desk.all_quarantined())
        happened = []

        def meanwhile(done, total):
            if not happened and done > 600:
                happened.append(office.intake.take_in("late", 9, io.BytesIO(b"\0\0\0\0 late")))
                office.desk.release(first.entry_id)
                office.files.discard(first.file.name)

        back_up_office(demo.settings(), apart / "the.backup", meanwhile)
        assert happened[0].outcome == "quarantined"
    restore_office(elsewhere.settings(), apart / "the.backup")
    with elsewhere.open() as restored:
        entries = list(restored.desk.all_quarantined())
        assert happened[0].quarantine_id in {entry.entry_id for entry in entries}
        assert first.entry_id not in {entry.entry_id for entry in entries}
        for entry in entries:
            restored.files.read(entry.file.name, entry.file.key)


@pytest.mark.parametrize("kind", KINDS)
def test_a_backup_holds_up_no_writer(placed, apart, kind):
    office = placed("source", kind)
    office("demo", "--once")
    with office.open() as opened, ThreadPoolExecutor(1) as pool:
        done, waits = threading.Event(), []

        def write():
            for number in count(1):
                before = time.monotonic()
                opened.desk.next_number(f"series {number}")
                opened.intake.take_in("test", len(letter(number)), io.BytesIO(letter(number)))
                waits.append(time.monotonic() - before)
                if done.is_set():
                    return

        writing = pool.submit(write)
        back_up_office(office.settings(), apart / "the.backup", lambda *_: time.sleep(0.01))
        done.set()
        writing.result(30)
    assert len(waits) > 10
    assert max(waits) < 1.0


def test_one_backup_is_written_to_a_file_at_a_time(demo, apart):
    said = []

    def meanwhile(done, total):
        if not said:
            said.extend(errors(demo("backup", "the.backup", exit_code=1)))

    back_up_office(demo.settings(), apart / "the.backup", meanwhile)
    assert "another backup is being written" in said[0]


# --- stores that fail -----------------------------------------------------------------------------


def test_a_restore_that_a_store_fails_leaves_nothing(elsewhere, backup, monkeypatch):
    def fail(*_):
        raise StoreUnavailable("desk", "the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr("adapters.files.FileStore.put_sealed", fail)
        (line,) = errors(elsewhere("restore", backup, exit_code=3))
    assert "the disk is full" in line
    assert left_behind(elsewhere) == []
    elsewhere("restore", backup)


def test_a_restore_that_is_interrupted_leaves_nothing(elsewhere, backup, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Desk, "numbered_up_to", interrupt)
        elsewhere("restore", backup, exit_code=130)
    assert left_behind(elsewhere) == []
    elsewhere("restore", backup)
    elsewhere("projections", "verify")


def test_a_backup_that_cannot_be_written_is_said_and_leaves_nothing(demo, apart):
    (line,) = errors(demo("backup", "no/such/folder/the.backup", exit_code=3))
    assert "no/such/folder" in line
    assert not (apart / "no").exists()
