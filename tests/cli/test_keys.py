"""Rotating the master key."""

from pathlib import Path

import httpx
import pytest

from adapters.databases import SQLiteDatabase, StoreUnavailable
from adapters.master_key import rotate_master_key
from adapters.vault import MasterKey, MasterKeyError, Vault
from tests.cli.command_line import errors
from tests.end_to_end.mailboxes import letter
from tests.waiting import PATIENCE, wait_until


class Cut(BaseException):
    """The process dies here."""


def test_a_new_key_takes_the_formers_place(demo):
    key = demo.folder / "master.key"
    former = key.read_text()
    answer = demo.json("keys", "rotate")
    assert answer["rewrapped"] > 179
    assert answer["master_key_file"] == str(key)
    assert key.read_text() != former
    assert [path.name for path in demo.folder.glob("master.key*")] == ["master.key"]
    assert demo.json("tickets", "list")["total"] == 179
    demo("projections", "verify")
    key.write_text(former)
    (line,) = errors(demo("tickets", "list", exit_code=4))
    assert "not the master key of this vault" in line


def test_a_key_that_is_given_is_taken(demo, apart, monkeypatch):
    MasterKey.generate().write(apart / "given.key")
    said = demo("keys", "rotate", "--new-key-file", apart / "given.key").stdout
    assert "GREFFIER_MASTER_KEY_FILE" in said
    demo("tickets", "list", exit_code=4)
    monkeypatch.setenv("GREFFIER_MASTER_KEY_FILE", str(apart / "given.key"))
    demo("projections", "verify")


@pytest.mark.parametrize("written", [None, "not a key"])
def test_a_given_key_that_is_none_changes_nothing(demo, apart, written):
    if written:
        (apart / "given.key").write_text(written)
    (line,) = errors(demo("keys", "rotate", "--new-key-file", "given.key", exit_code=4))
    assert "given.key" in line
    assert "not a key" not in line
    demo("projections", "verify")


def test_a_key_that_the_environment_holds_cannot_be_replaced_in_place(demo, monkeypatch):
    monkeypatch.setenv("GREFFIER_MASTER_KEY", (demo.folder / "master.key").read_text())
    (line,) = errors(demo("keys", "rotate", exit_code=1))
    assert "--new-key-file" in line
    demo("tickets", "list")


@pytest.mark.parametrize("moment", ["before the vault", "after the vault"])
def test_a_rotation_that_is_cut_short_is_finished_or_forgotten(demo, monkeypatch, moment):
    former = (demo.folder / "master.key").read_bytes()
    _cut_a_rotation_short(demo, monkeypatch, moment)
    assert (demo.folder / "master.key").read_bytes() == former
    demo("projections", "verify")
    assert ((demo.folder / "master.key").read_bytes() == former) == (moment == "before the vault")
    demo("keys", "rotate")
    demo("projections", "verify")
    assert [path.name for path in demo.folder.glob("master.key*")] == ["master.key"]


def test_half_a_successor_does_not_hide_what_is_wrong_with_the_key(demo):
    (demo.folder / "master.key.new").write_bytes(b"aGFs")
    demo("tickets", "list")
    (demo.folder / "master.key").unlink()
    (line,) = errors(demo("tickets", "list", exit_code=4))
    assert line.startswith(f"greffier: there is no master key at {demo.folder / 'master.key'}")
    MasterKey.generate().write(demo.folder / "master.key")
    (line,) = errors(demo("tickets", "list", exit_code=4))
    assert "not the master key of this vault" in line


def test_a_rotation_that_another_command_finished_has_succeeded(demo, monkeypatch):
    with monkeypatch.context() as patched:
        other = _start_within_a_rotation(demo, patched, "tickets", "list", "--limit", "1")
        demo("keys", "rotate")
    assert other[0].wait(PATIENCE) == 0
    demo("projections", "verify")


def test_two_rotations_at_once_leave_a_key_that_opens_the_vault(demo, monkeypatch):
    with monkeypatch.context() as patched:
        other = _start_within_a_rotation(demo, patched, "keys", "rotate", "--json")
        demo("keys", "rotate")
    assert other[0].wait(PATIENCE) == 0
    demo("projections", "verify")
    assert [path.name for path in demo.folder.glob("master.key*")] == ["master.key"]


def _start_within_a_rotation(demo, patched, *command):
    """Starts another command once the vault is changed, and the key's file is not; goes on when that one is waiting."""
    rotate = Vault.rotate
    started = []

    def rotate_and_start(vault, new):
        rewrapped = rotate(vault, new)
        started.append(demo.start(*command))
        wait_until(lambda: _holds_open(started[0], "vault.sqlite.rotation.lock"), "the other command at the lock")
        return rewrapped

    patched.setattr(Vault, "rotate", rotate_and_start)
    return started


def _holds_open(process, name):
    try:
        return any(fd.readlink().name == name for fd in Path(f"/proc/{process.forked}/fd").iterdir())
    except FileNotFoundError:  # closed while we were looking
        return False


def test_a_rotation_by_a_command_that_holds_the_former_key_is_refused(demo):
    with demo.open() as late:
        demo("keys", "rotate")
        with pytest.raises(MasterKeyError, match="rotated by another process"):
            rotate_master_key(late.vault, late.settings.key_place, None)
    assert [path.name for path in demo.folder.glob("master.key*")] == ["master.key"]
    demo("projections", "verify")


@pytest.mark.parametrize("moment", ["before the vault", "after the vault"])
def test_a_rotation_that_was_cut_short_is_finished_before_the_next(demo, monkeypatch, moment):
    """Whoever has the office open since before must not take the key in force for one that was never used."""
    with demo.open() as late:
        _cut_a_rotation_short(demo, monkeypatch, moment)
        if moment == "before the vault":
            rotate_master_key(late.vault, late.settings.key_place, None)
        else:
            with pytest.raises(MasterKeyError, match="rotated by another process"):
                rotate_master_key(late.vault, late.settings.key_place, None)
    demo("projections", "verify")
    assert [path.name for path in demo.folder.glob("master.key*")] == ["master.key"]


def test_a_rotation_is_done_again_after_the_disk_failed_it_at_its_end(demo, monkeypatch):
    def fail(*_):
        raise StoreUnavailable("vault", "disk I/O error")

    with demo.open() as greffier:
        with monkeypatch.context() as patched:
            patched.setattr(SQLiteDatabase, "forget", fail)
            with pytest.raises(StoreUnavailable):
                rotate_master_key(greffier.vault, greffier.settings.key_place, None)
        _cut_a_rotation_short(demo, monkeypatch, "before the vault", greffier)
    demo("projections", "verify")


def _cut_a_rotation_short(demo, monkeypatch, moment, greffier=None):
    rotate = Vault.rotate

    def cut(vault, new):
        if moment == "after the vault":
            rotate(vault, new)
        raise Cut

    with monkeypatch.context() as patched:
        patched.setattr(Vault, "rotate", cut)
        with pytest.raises(Cut):
            demo("keys", "rotate") if greffier is None else rotate_master_key(
                greffier.vault, greffier.settings.key_place, None
            )


def test_a_server_with_the_former_key_stops_writing_rather_than_mixing_keys(demo):
    token = demo("token").stdout.strip()
    process, address = demo.serve()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "message/rfc822"}
    with httpx.Client(base_url=address, headers=headers) as client:
        demo("keys", "rotate")
        answers = [client.post("/messages", content=letter(n)) for n in range(3)]
    assert [answer.status_code for answer in answers] == [503] * 3
    assert answers[0].json()["type"] == "/problems/master-key-error"
    process.kill()
    process.wait()
    demo("projections", "verify")
    assert demo.json("tickets", "list")["total"] == 179
    _, address = demo.serve()
    assert httpx.post(f"{address}/messages", content=letter(1), headers=headers).status_code == 201
