"""Opening an office, its settings, and tokens."""

import os
import shutil
import stat

import httpx
import pytest

from adapters.event_store.log import EventLog
from adapters.vault import MasterKey
from domain.clients.client import ProspectRegistered
from domain.tickets.events import TicketReceived
from tests.cli.command_line import errors
from tests.end_to_end.accounts import events
from tests.end_to_end.mailboxes import letter, write_mbox

SECRET = "bm90LWEtcmVhbC1tYXN0ZXIta2V5LWJ1dC0zMmJ5dGU="


def test_an_office_is_opened_with_a_master_key_that_only_its_owner_reads(greffier):
    said = greffier("init", "Cabinet Essai").stdout
    key = greffier.folder / "master.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert str(key) in said.replace("\n", "")
    assert MasterKey.read(key)


def test_an_office_that_is_open_is_not_opened_again(opened):
    before = (opened.folder / "master.key").read_bytes()
    (line,) = errors(opened("init", "Another", exit_code=1))
    assert line == f"greffier: there is an office in {opened.folder} already"
    assert (opened.folder / "master.key").read_bytes() == before


def test_an_opening_that_was_cut_short_is_finished(opened, greffier):
    for name in ("log.sqlite", "log.sqlite-wal", "log.sqlite-shm"):
        (greffier.folder / name).unlink(missing_ok=True)
    greffier("init", "Cabinet Essai")
    greffier("token", "a@cabinet.example", "--last-name", "Morel")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(["init", " "], "name"), (["init", "Essai", "--time-zone", "Mars/Olympus"], "time_zone")],
)
def test_an_office_with_a_wrong_name_or_time_zone_is_not_opened(greffier, arguments, named):
    (line,) = errors(greffier(*arguments, exit_code=2))
    assert line.startswith(f"greffier: {named}: ")
    assert not greffier.folder.exists()


def test_a_folder_that_cannot_be_made_is_named(offices, apart):
    (apart / "a-file").write_text("")
    greffier = offices("a-file/office")
    (line,) = errors(greffier("init", "Essai", exit_code=3))
    assert "a-file" in line


@pytest.mark.parametrize(
    "command", [["token"], ["tickets", "list"], ["projections", "status"], ["serve"], ["keys", "rotate"]]
)
def test_where_there_is_no_office_nothing_is_made(greffier, command):
    (line,) = errors(greffier(*command, exit_code=4))
    assert line.startswith(f"greffier: there is no office in {greffier.folder}: ")
    assert not greffier.folder.exists()


# --- tokens ---------------------------------------------------------------------------------------


def test_a_token_is_a_collaborators(opened):
    given = opened.json("token", "lea@cabinet.example", "--first-name", "Léa", "--last-name", "Morel")
    with opened.open() as office:
        assert str(office.desk.collaborator_of(given["token"])) == given["collaborator_id"]
    again = opened.json("token", "LEA@cabinet.example")
    assert again["collaborator_id"] == given["collaborator_id"]
    assert again["token"] != given["token"]
    assert opened("token").stdout.strip().startswith("greffier_")


def test_a_token_for_nobody_is_refused(opened):
    (line,) = errors(opened("token", exit_code=1))
    assert "nobody yet" in line
    (line,) = errors(opened("token", "who@cabinet.example", exit_code=1))
    assert "who@cabinet.example" in line


def test_a_name_without_an_address_gives_nobody_elses_token(opened):
    opened("token", "lea@cabinet.example", "--last-name", "Morel")
    ran = opened("token", "--first-name", "Paul", "--last-name", "Ricard", exit_code=2)
    assert "greffier_" not in ran.stdout
    assert "address" in ran.stderr.lower()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["not an address", "--last-name", "Morel"], "email_address"),
        (["a@b.example", "--first-name", "Léa"], "last_name"),
    ],
)
def test_a_collaborator_who_cannot_be_welcomed_is_said_why(opened, arguments, named):
    (line,) = errors(opened("token", *arguments, exit_code=2))
    assert line.startswith(f"greffier: {named}: ")


def test_a_server_knows_the_token(opened):
    token = opened("token", "lea@cabinet.example", "--last-name", "Morel").stdout.strip()
    _, address = opened.serve()
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {token}"}) as client:
        assert client.get("/tickets").json()["items"] == []
        assert client.get("/tickets", headers={"Authorization": "Bearer greffier_no"}).status_code == 401


# --- settings -------------------------------------------------------------------------------------


def test_flags_come_before_the_environment_the_file_and_the_defaults(greffier, apart, monkeypatch):
    assert greffier.json("settings")["port"] == 8000
    (apart / "greffier.toml").write_text('port = 1\nhost = "::"\ndata = "from-the-file"\nread_timeout = 7.0\n')
    monkeypatch.setenv("GREFFIER_PORT", "2")
    monkeypatch.setenv("GREFFIER_DATA", "from-the-environment")
    shown = greffier.json("settings")
    assert (shown["port"], shown["host"], shown["read_timeout"]) == (2, "::", 7.0)
    assert shown["data"] == str(greffier.folder)
    assert shown["master_key_file"] == str(greffier.folder / "master.key")


def test_the_settings_file_is_the_one_that_the_environment_names(greffier, apart, monkeypatch):
    (apart / "greffier.toml").write_text("port = 1\n")
    (apart / "other.toml").write_text("port = 3\n")
    monkeypatch.setenv("GREFFIER_SETTINGS", str(apart / "other.toml"))
    assert greffier.json("settings")["port"] == 3


def test_a_settings_file_that_is_named_and_missing_is_said(greffier, apart, monkeypatch):
    monkeypatch.setenv("GREFFIER_SETTINGS", str(apart / "missing.toml"))
    (line,) = errors(greffier("settings", exit_code=2))
    assert "missing.toml" in line


@pytest.mark.parametrize("text", [b"port = \n", b"port = '\xff'\n", b"= 1"])
def test_a_settings_file_that_cannot_be_read_is_named(greffier, apart, text):
    (apart / "greffier.toml").write_bytes(text)
    (line,) = errors(greffier("settings", exit_code=2))
    assert line.startswith("greffier: greffier.toml: ")


def test_every_wrong_setting_is_named(greffier, apart, monkeypatch):
    (apart / "greffier.toml").write_text("prot = 1\n")
    monkeypatch.setenv("GREFFIER_PORT", "seventy")
    lines = errors(greffier("settings", exit_code=2))
    assert sorted(line.split(":")[1] for line in lines) == [" port", " prot"]


def test_secrets_are_masked(greffier, monkeypatch):
    monkeypatch.setenv("GREFFIER_MASTER_KEY", SECRET)
    for ran in (greffier("settings"), greffier("settings", "--json")):
        assert SECRET not in ran.stdout
        assert "*****" in ran.stdout
    assert SECRET not in greffier("tickets", "list", exit_code=4).stderr


def test_settings_say_where_each_can_be_set(greffier):
    said = greffier("settings").stdout
    assert "GREFFIER_READ_TI" in said


# --- the data folder --------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [["init", "Cabinet Essai"], ["demo", "--once"]])
def test_a_new_data_folder_is_its_owners_alone(greffier, command):
    before = os.umask(0)
    try:
        greffier(*command)
    finally:
        os.umask(before)
    assert stat.S_IMODE(greffier.folder.stat().st_mode) == 0o700


def test_a_data_folder_that_was_made_before_keeps_its_rights(greffier):
    greffier.folder.mkdir()
    greffier.folder.chmod(0o750)
    greffier("init", "Cabinet Essai")
    assert stat.S_IMODE(greffier.folder.stat().st_mode) == 0o750


# --- the desk ---------------------------------------------------------------------------------------


def _numbers(office):
    return sorted(one.event.number for one in events(office, TicketReceived))


def _copy(folder, name, to):
    for path in folder.glob(f"{name}.sqlite*"):
        shutil.copy(path, to / path.name)


def _lose_the_desk(folder):
    for path in folder.glob("desk.sqlite*"):
        path.unlink()


def _import(greffier, apart, numbers):
    write_mbox(map(letter, numbers), apart / "more.mbox")
    greffier("import-mail", "more.mbox")


def test_numbers_go_on_when_the_desk_was_lost(demo, apart):
    with demo.open() as office:
        tickets = _numbers(office)
        clients = _client_numbers(office)
    _lose_the_desk(demo.folder)
    _import(demo, apart, range(5))
    with demo.open() as office:
        assert min(set(_numbers(office)) - set(tickets)) > max(tickets)
        assert office.desk.next_number("client") > max(clients)


def _client_numbers(office):
    read = office.log.read(0, 100_000, {ProspectRegistered.topic()})
    return [one.event.number for one in read.events]


def test_numbers_go_on_when_the_desk_is_older_than_the_log(opened, apart):
    kept = apart / "kept"
    kept.mkdir()
    _import(opened, apart, range(40))
    _copy(opened.folder, "desk", kept)
    for first in (100, 200):  # it is put back twice
        _import(opened, apart, range(first, first + 70))
        _lose_the_desk(opened.folder)
        _copy(kept, "desk", opened.folder)
    _import(opened, apart, range(300, 370))
    with opened.open() as office:
        numbers = _numbers(office)
    assert len(numbers) == len(set(numbers)) == 250


def test_numbers_go_on_when_the_desk_knows_another_past_of_the_log(opened, apart):
    """A backup's desk is newer than its log: what it has seen of the log may be gone, and other events be there."""
    log, desk = apart / "log", apart / "desk"
    log.mkdir()
    desk.mkdir()
    _import(opened, apart, range(40))
    _copy(opened.folder, "log", log)
    _import(opened, apart, range(100, 110))
    _copy(opened.folder, "desk", desk)
    for path in opened.folder.glob("log.sqlite*"):
        path.unlink()
    _copy(log, "log", opened.folder)
    for path in opened.folder.glob("views.sqlite*"):
        path.unlink()
    _import(opened, apart, range(200, 300))
    _lose_the_desk(opened.folder)
    _copy(desk, "desk", opened.folder)
    _import(opened, apart, range(300, 350))
    with opened.open() as office:
        numbers = _numbers(office)
    assert len(numbers) == len(set(numbers)) == 190


def test_what_the_desk_has_seen_of_the_log_is_not_read_again(demo, monkeypatch):
    read = []
    monkeypatch.setattr(EventLog, "read", lambda *arguments: read.append(arguments))
    with demo.open():
        pass
    assert read == []


# --- the master key -------------------------------------------------------------------------------


def _files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("written", "why"),
    [
        (None, "there is no master key at"),
        (b"not base64!", "is not base64"),
        (b"\xff\xfe", "is not base64"),
        (b"c2hvcnQ=\n", "32 bytes"),
        (SECRET.encode(), "not the master key of this vault"),
    ],
)
def test_without_its_master_key_an_office_is_left_alone(demo, written, why):
    key = demo.folder / "master.key"
    key.unlink()
    if written is not None:
        key.write_bytes(written)
    before = _files(demo.folder)
    for command in (["tickets", "list"], ["import-mail", demo.folder / "demo-mail.mbox"], ["init", "Again"]):
        (line,) = errors(demo(*command, exit_code=4))
        assert why in line
        assert not written or written.decode("latin-1").strip() not in line
    assert _files(demo.folder) == before


def test_the_master_key_can_be_a_setting_or_another_file(demo, apart, monkeypatch):
    key = demo.folder / "master.key"
    monkeypatch.setenv("GREFFIER_MASTER_KEY", key.read_text())
    key.rename(apart / "kept.key")
    assert demo.json("tickets", "list")["total"] == 179
    monkeypatch.delenv("GREFFIER_MASTER_KEY")
    monkeypatch.setenv("GREFFIER_MASTER_KEY_FILE", str(apart / "kept.key"))
    assert demo.json("tickets", "list")["total"] == 179
    monkeypatch.setenv("GREFFIER_MASTER_KEY", "not a key")
    (line,) = errors(demo("tickets", "list", exit_code=4))
    assert "GREFFIER_MASTER_KEY" in line
    assert "not a key" not in line
