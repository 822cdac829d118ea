"""Backups and restores are killed (SIGKILL) at moments that nobody chose."""

import random
import shutil
import signal
import time

import pytest

from tests.cli.command_line import errors, wait_until
from tests.end_to_end.accounts import check_views, tickets


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


def _wait_for(file, process):
    wait_until(lambda: file.exists() or process.poll() is not None, file.name)


def _kill(process, seconds):
    time.sleep(seconds)
    process.kill()
    process.communicate()
    return process.returncode == -signal.SIGKILL


def test_a_backup_that_is_killed_leaves_no_file_that_could_be_taken_for_one(office, apart):
    dice = random.Random(4)
    file = apart / "the.backup"
    unfinished = file.with_name("the.backup.unfinished")
    killed = 0
    for turn in range(8):
        process = office.start("backup", file)
        _wait_for(unfinished, process)
        if _kill(process, (turn + dice.random()) * 0.01) and not file.exists():
            killed += 1
        file.unlink(missing_ok=True)
    assert killed
    office("backup", file)
    assert not unfinished.exists()
    with office.open() as opened:
        check_views(opened)


def test_a_restore_that_is_killed_is_told_and_done_again(office, placed, apart):
    dice = random.Random(5)
    office("backup", "the.backup")
    restored = placed("target")
    restored.folder.mkdir()
    shutil.copy(office.folder / "master.key", restored.folder)
    marker = restored.folder / "restore-unfinished"
    cut = 0
    for turn in range(8):
        process = restored.start("restore", "the.backup")
        _wait_for(marker, process)
        if not _kill(process, (turn + dice.random()) * 0.02) or not marker.exists():
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
