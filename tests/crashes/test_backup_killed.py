"""Backups and restores are killed (SIGKILL) at moments that nobody chose."""

import shutil
import signal
from functools import partial

import pytest

from tests.cli.command_line import errors
from tests.end_to_end.accounts import check_views, tickets
from tests.waiting import wait_until


@pytest.fixture(params=["sqlite", "postgres"])
def placed(request, offices):
    def placed(name):
        if request.param == "sqlite":
            return offices(name)
        postgres = request.getfixturevalue("postgres")
        return offices(name, GREFFIER_STORE=postgres.url(postgres.new_name()))

    return placed


@pytest.fixture
def office(placed):
    office = placed("source")
    office("demo", "--once")
    return office


def _kill(process, happened):
    """Kills it when that has happened: whether it was still at work."""
    wait_until(lambda: happened() or process.poll() is not None, "the moment to kill")
    process.kill()
    process.communicate()
    return process.returncode == -signal.SIGKILL


def _has_grown(file, size):
    return file.exists() and file.stat().st_size >= size


def _files(office):
    return sum(1 for _ in office.folder.rglob("files/*/*"))


def test_a_backup_that_is_killed_leaves_no_file_that_could_be_taken_for_one(office, apart):
    file = apart / "the.backup"
    unfinished = file.with_name("the.backup.unfinished")
    office("backup", "whole.backup")
    whole = (apart / "whole.backup").stat().st_size
    killed = 0
    for eighth in range(8):
        process = office.start("backup", file)
        if _kill(process, partial(_has_grown, unfinished, whole * eighth // 8)) and not file.exists():
            killed += 1
        file.unlink(missing_ok=True)
    assert killed
    office("backup", file)
    assert not unfinished.exists()
    with office.open() as opened:
        check_views(opened)


def test_a_restore_that_is_killed_is_told_and_done_again(office, placed, apart):
    office("backup", "the.backup")
    whole = _files(office)
    restored = placed("target")
    restored.folder.mkdir()
    shutil.copy(office.folder / "master.key", restored.folder)
    marker = restored.folder / "restore-unfinished"
    cut = 0
    for eighth in range(8):
        process = restored.start("restore", "the.backup")
        at_work = _kill(process, lambda: marker.exists() and _files(restored) >= whole * eighth // 8)  # noqa: B023
        if not at_work or not marker.exists():
            break
        cut += 1
        for command in (["tickets", "list"], ["init", "Another"], ["backup", "another.backup"]):
            (line,) = errors(restored(*command, exit_code=4))
            assert "a restore into" in line
    assert cut
    if marker.exists():
        restored("restore", "the.backup")
    assert not marker.exists()
    with office.open() as first, restored.open() as second:
        assert tickets(second) == tickets(first)
        assert second.log.head() == first.log.head()
        second.catch_up()
        check_views(second)
