"""Opening an office, its settings, and tokens."""

import stat

import httpx
import pytest

from adapters.vault import MasterKey
from tests.cli.command_line import errors

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
    assert demo.json("tickets", "list")["total"] == 195
    monkeypatch.delenv("GREFFIER_MASTER_KEY")
    monkeypatch.setenv("GREFFIER_MASTER_KEY_FILE", str(apart / "kept.key"))
    assert demo.json("tickets", "list")["total"] == 195
    monkeypatch.setenv("GREFFIER_MASTER_KEY", "not a key")
    (line,) = errors(demo("tickets", "list", exit_code=4))
    assert "GREFFIER_MASTER_KEY" in line
    assert "not a key" not in line
