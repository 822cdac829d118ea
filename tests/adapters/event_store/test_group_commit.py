import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from eventsourcing.persistence import IntegrityError, OperationalError

from adapters.event_store.group_commit import GroupCommit
from tests.waiting import PATIENCE, wait_until


class Commits:
    """Records what is committed together. A commit waits for its `gate`, and says when it has `begun`."""

    def __init__(self):
        self.groups = []
        self.gate = threading.Event()
        self.begun = threading.Event()
        self.refuses = {}

    def __call__(self, appends):
        self.begun.set()
        assert self.gate.wait(PATIENCE)
        for one in appends:
            if one in self.refuses:
                raise self.refuses[one]
        self.groups.append(list(appends))
        return [f"{one} done" for one in appends]


@pytest.fixture
def commits():
    return Commits()


@pytest.fixture
def group(commits):
    return GroupCommit(commits)


@pytest.fixture
def pool():
    with ThreadPoolExecutor(8) as pool:
        yield pool


def queue_up(pool, group, commits, *appends):
    """The first leads, and waits at the gate; the others have come, in this order, behind it."""
    first = pool.submit(group.append, appends[0])
    assert commits.begun.wait(PATIENCE)
    futures = [first]
    for number, one in enumerate(appends[1:], 1):
        futures.append(pool.submit(group.append, one))
        wait_until(lambda number=number: len(group._queue) == number, "the next one in the queue")
    return futures


def test_who_is_alone_commits_alone_and_waits_for_nobody(group, commits):
    commits.gate.set()
    assert group.append("a") == "a done"
    assert group.append("b") == "b done"
    assert commits.groups == [["a"], ["b"]]


def test_what_came_during_a_commit_is_committed_together_in_order_of_arrival(pool, group, commits):
    futures = queue_up(pool, group, commits, "a", "b", "c", "d")
    commits.gate.set()
    assert [one.result(PATIENCE) for one in futures] == ["a done", "b done", "c done", "d done"]
    assert commits.groups == [["a"], ["b", "c", "d"]]


def test_after_a_group_who_is_alone_does_not_wait_for_its_members_for_long(pool, group, commits):
    futures = queue_up(pool, group, commits, "a", "b", "c")
    commits.gate.set()
    assert [one.result(PATIENCE) for one in futures] == ["a done", "b done", "c done"]
    assert group.append("d") == "d done"
    assert group.append("e") == "e done"
    assert commits.groups[2:] == [["d"], ["e"]]


def test_each_member_of_a_group_with_a_conflict_gets_its_own_answer(pool, group, commits):
    commits.refuses = {"c": IntegrityError("taken"), "d": ValueError("nonsense")}
    futures = queue_up(pool, group, commits, "a", "b", "c", "d", "e")
    commits.gate.set()
    assert [futures[n].result(PATIENCE) for n in (0, 1, 4)] == ["a done", "b done", "e done"]
    with pytest.raises(IntegrityError, match="taken"):
        futures[2].result(PATIENCE)
    with pytest.raises(ValueError, match="nonsense"):
        futures[3].result(PATIENCE)
    assert commits.groups == [["a"], ["b"], ["e"]]


def test_a_transaction_that_failed_fails_every_member_and_the_next_one_is_tried(pool, group, commits):
    commits.refuses = {"c": OperationalError("the server is gone")}
    futures = queue_up(pool, group, commits, "a", "b", "c", "d")
    commits.gate.set()
    assert futures[0].result(PATIENCE) == "a done"
    for one in futures[1:]:
        with pytest.raises(OperationalError, match="the server is gone"):
            one.result(PATIENCE)
    assert commits.groups == [["a"]]
    assert group.append("e") == "e done"


def test_a_failure_while_a_group_with_a_conflict_is_tried_one_by_one_leaves_what_was_answered(pool, group, commits):
    commits.refuses = {"c": IntegrityError("taken"), "d": OperationalError("gone")}
    futures = queue_up(pool, group, commits, "a", "b", "c", "d", "e")
    commits.gate.set()
    assert futures[1].result(PATIENCE) == "b done"
    with pytest.raises(IntegrityError):
        futures[2].result(PATIENCE)
    for one in futures[3:]:
        with pytest.raises(OperationalError):
            one.result(PATIENCE)


def test_an_interrupted_leader_leaves_nobody_waiting(pool, group, commits):
    commits.refuses = {"b": KeyboardInterrupt()}
    futures = queue_up(pool, group, commits, "a", "b", "c")
    commits.gate.set()
    with pytest.raises(KeyboardInterrupt):
        futures[1].result(PATIENCE)
    with pytest.raises(OperationalError, match="interrupted"):
        futures[2].result(PATIENCE)
    commits.refuses = {}
    assert group.append("d") == "d done"


def interrupt_main_once(holds):
    wait_until(holds, "what was to come")
    os.kill(os.getpid(), signal.SIGINT)


def test_who_was_interrupted_while_waiting_is_not_committed_later(pool, group, commits):
    first = pool.submit(group.append, "a")
    assert commits.begun.wait(PATIENCE)
    pool.submit(interrupt_main_once, lambda: len(group._queue) == 1)
    with pytest.raises(KeyboardInterrupt):
        group.append("b")
    commits.gate.set()
    assert first.result(PATIENCE) == "a done"
    assert group.append("c") == "c done"
    assert commits.groups == [["a"], ["c"]]


def test_what_many_threads_append_is_committed_once_each(group, commits):
    commits.gate.set()
    with ThreadPoolExecutor(16) as pool:
        done = list(pool.map(group.append, range(4000)))
    assert done == [f"{number} done" for number in range(4000)]
    assert sorted(one for committed in commits.groups for one in committed) == list(range(4000))


def test_one_who_is_made_the_leader_as_it_joins_calls_the_others():
    """The former leader may end between a caller's joining and its look at who leads."""
    commits = GroupCommit(list)
    former_is_done = threading.Event()
    mutex, joined = commits._mutex, threading.Event()

    class Slow:
        """Lets the leader end before who joined goes on."""

        def __enter__(self):
            mutex.acquire()

        def __exit__(self, *_):
            mutex.release()
            if threading.current_thread().name == "joining" and not joined.is_set():
                joined.set()
                assert former_is_done.wait(PATIENCE)

    commits._mutex = Slow()
    holding, release = threading.Event(), threading.Event()
    really = commits._commit

    def commit(appends):
        if appends == ["first"]:
            holding.set()
            assert release.wait(PATIENCE)
        return really(appends)

    commits._commit = commit
    answers = {}
    first = threading.Thread(target=lambda: answers.update(first=commits.append("first")))
    first.start()
    assert holding.wait(PATIENCE)
    second = threading.Thread(target=lambda: answers.update(second=commits.append("second")), name="joining")
    second.start()
    assert joined.wait(PATIENCE)
    release.set()
    first.join(PATIENCE)
    former_is_done.set()
    second.join(PATIENCE)
    assert answers == {"first": "first", "second": "second"}
