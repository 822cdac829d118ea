"""Processes are killed (SIGKILL) at moments that nobody chose; what they were doing is done again, and nothing shows."""

import io
import os
import random
import signal
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date
from functools import partial

import pytest

from adapters.demo_office import demo_messages, demo_office
from tests.end_to_end.accounts import check_views, check_whole, stored_for_nothing, undisturbed
from tests.end_to_end.mailboxes import letters, write_mbox
from tests.soak import times
from tests.waiting import wait_until

KILLS = times(6, soak=50)
SIDE_BY_SIDE = 2


@pytest.fixture
def mailbox(apart):
    """The demonstration's mail and some ordinary letters, half of them with an attachment."""
    wild = demo_messages(demo_office(), last_day=date(2026, 3, 31))
    path = apart / "mail.mbox"
    write_mbox((*wild, *letters(40), *letters(40, first=1_000, attached=60_000)), path)
    return path


@pytest.fixture
def long_mailbox(apart):
    """So many messages that an import which is killed at every second batch is killed so often before its end."""
    wild = demo_messages(demo_office(), last_day=date(2026, 3, 31))
    path = apart / "long.mbox"
    first, last = letters(times(100, soak=700)), letters(times(100, soak=500), first=2_000)
    write_mbox((*first, *wild, *letters(60, first=1_000, attached=60_000), *last), path)
    return path


@pytest.mark.repeated
def test_an_import_that_is_killed_again_and_again_loses_and_doubles_nothing(offices, apart, long_mailbox):
    mailbox = long_mailbox
    given = undisturbed(offices("undisturbed"), mailbox, report=apart / "report.jsonl")
    killed = [offices(f"killed-{number}") for number in range(SIDE_BY_SIDE)]
    for greffier in killed:
        greffier("init", "Cabinet Essai")
    kills = KILLS // SIDE_BY_SIDE
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        hits = list(
            pool.map(lambda at: _kill_imports(killed[at], mailbox, kills, random.Random(at)), range(len(killed)))
        )
    for greffier, (dead, positions) in zip(killed, hits, strict=True):
        assert dead > kills * 0.8, "most imports must die before they end, or nothing is tested"
        assert len(set(positions)) > kills // 3, "they must die all along the mailbox"
        summary = greffier.run("import-mail", mailbox, "--json").json
        assert summary["messages"] == sum(map(len, given.values()))
        with greffier.open() as office:
            check_whole(office, given)
            assert len(stored_for_nothing(office)) <= 33 * dead, "what it was storing, and one that it was writing"
        greffier("mail", "sweep", "--older-than", "0")
        with greffier.open() as office:
            assert not [name for name in stored_for_nothing(office) if not name.startswith("incoming-")]
            check_whole(office, given)


@pytest.mark.repeated
def test_an_import_that_is_interrupted_goes_on_where_it_stopped(offices, apart, mailbox):
    given = undisturbed(offices("undisturbed"), mailbox, report=apart / "report.jsonl")
    greffier, dice, codes = offices("interrupted"), random.Random(11), set()
    greffier("init", "Cabinet Essai")
    for _ in range(times(4, soak=8)):
        process = greffier.start("import-mail", mailbox, "--json")
        _watch(process, partial(_has_reached, greffier, _head(greffier) + dice.randint(1, 60)))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
        assert b"Traceback" not in said
        codes.add(process.returncode)
    assert 130 in codes
    assert codes <= {0, 130}
    greffier.run("import-mail", mailbox, "--json")
    with greffier.open() as office:
        check_whole(office, given)


def _kill_imports(greffier, mailbox, kills, dice):
    """Kills that many imports; how many died before their end, and the log's head at each death."""
    dead, positions = 0, []
    for _ in range(kills):
        before = _head(greffier)
        process = greffier.start("import-mail", mailbox, "--json")
        if dice.random() < 0.7:  # some moments after it has come further
            _watch(process, partial(_has_reached, greffier, before + 1))
            _spend(dice.random() * 0.05)
        else:  # some moments after it opened the log, whatever it does then
            _watch(process, (greffier.folder / "log.sqlite-wal").exists)
            _spend(dice.random() * 0.25)
        dead += process.poll() is None
        process.kill()
        process.communicate()
        positions.append(_head(greffier))
    return dead, positions


def _head(greffier):
    with closing(sqlite3.connect(f"file:{greffier.folder / 'log.sqlite'}?mode=ro", uri=True)) as log:
        return log.execute("SELECT coalesce(max(position), 0) FROM events").fetchone()[0]


def _has_reached(greffier, position):
    return _head(greffier) >= position


def _watch(process, happened):
    """Until it happens, or the process ends."""
    wait_until(lambda: happened() or process.poll() is not None, "the moment to kill")


def _spend(seconds):
    """Lets that much time pass, busily, so that the moment is exact."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        os.sched_yield()


@pytest.mark.repeated
def test_rebuilds_that_are_killed_leave_views_that_answer(demo):
    dice = random.Random(3)
    seen = set()
    for _ in range(times(3, soak=12)):
        process = demo.start("projections", "rebuild", "--all", "--json")
        _watch(process, partial(_tables_aside, demo))
        _spend(dice.random() * 0.12)
        process.kill()
        process.communicate()
        seen.add((process.returncode, len(_tables_aside(demo))))
        with demo.open() as office:
            check_views(office)
    assert any(code == -9 for code, _ in seen), "none was killed in time"
    demo.run("projections", "rebuild", "--all")
    with demo.open() as office:
        check_views(office)
    assert not _tables_aside(demo)


def _tables_aside(greffier):
    with closing(sqlite3.connect(f"file:{greffier.folder / 'views.sqlite'}?mode=ro", uri=True)) as views:
        return views.execute(
            r"SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE '%\_\_%' ESCAPE '\'"
        ).fetchall()


@pytest.mark.repeated
def test_servers_that_are_killed_while_they_project_project_every_event_once(demo):
    dice = random.Random(5)
    reached = []
    for turn in range(times(2, soak=8)):
        process, _ = demo.serve()
        with demo.open() as office:
            mail = _taking_in(office, turn)
            target = office.log.head() + dice.randint(1, 60)
            while max(view.position for view in office.views.views().values()) < target:
                assert next(mail), "the server projects"
            process.kill()
            process.wait()
            reached.append(office.log.head() - min(view.position for view in office.views.views().values()))
            office.catch_up()
            check_views(office)
    assert any(reached), "each server had projected all there was: none was killed at work"


def _taking_in(office, turn):
    for message in letters(2_000, first=10_000 * (turn + 1)):
        yield office.intake.take_in("test", len(message), io.BytesIO(message))
