"""What holds of the recorder in SQLite alone: its file, its disk, its connections."""

import threading
from uuid import uuid4

import pytest
from eventsourcing.persistence import OperationalError, StoredEvent

from adapters.databases import StoreUnavailable
from adapters.event_store.opening import open_recorder
from adapters.event_store.recorder import CommandRecord
from tests.waiting import PATIENCE


@pytest.fixture
def stores(stores_in):
    return stores_in("sqlite")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "log.sqlite"


def event(state=b"state"):
    return StoredEvent(uuid4(), 1, "SomethingHappened", state)


def positions(recorder):
    return [one.id for one in recorder.select_notifications(None, 1_000_000)]


def test_a_read_only_log_refuses_and_is_writable_again_afterwards(recorder):
    recorder.insert_events([event()])
    recorder._writer.execute("PRAGMA query_only = ON")
    refused = event()
    with pytest.raises(OperationalError, match="readonly"):
        recorder.insert_events([refused])
    assert positions(recorder) == [1]
    recorder._writer.execute("PRAGMA query_only = OFF")
    assert recorder.insert_events([refused]) == [2]


def test_a_full_log_refuses_the_whole_append_and_is_writable_again_afterwards(recorder):
    recorder.insert_events([event()])
    (pages,) = recorder._writer.execute("PRAGMA page_count").fetchone()
    recorder._writer.execute(f"PRAGMA max_page_count = {pages + 4}")
    small, large, refused = event(), event(state=bytes(1_000_000)), CommandRecord(uuid4(), b"digest", b"answer")
    with pytest.raises(OperationalError, match="full"):
        recorder.insert_events([small, large], commands=[(refused, 2)])
    assert positions(recorder) == [1]
    assert recorder.find_command(refused.command_id) is None
    recorder._writer.execute("PRAGMA max_page_count = 1000000")
    assert recorder.insert_events([small, large], commands=[(refused, 2)]) == [2, 3]
    assert recorder.select_events(large.originator_id) == [large]


FULL_DISK = """
import resource, sys
from pathlib import Path
from uuid import uuid4
from eventsourcing.persistence import OperationalError, StoredEvent
from adapters.databases import sqlite_url
from adapters.event_store.opening import open_recorder

recorder = open_recorder(sqlite_url(Path(sys.argv[1])))
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))
stored = 0
try:
    while stored < 1000:
        recorder.insert_events([StoredEvent(uuid4(), 1, "Topic", bytes(5_000))])
        stored += 1
except OperationalError:
    assert len(recorder.select_notifications(None, 10_000)) == stored
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    (position,) = recorder.insert_events([StoredEvent(uuid4(), 1, "Topic", bytes(5_000))])
    print(stored, position)
"""


def test_a_full_disk_costs_nothing_that_was_acknowledged(path, url, start_python):
    out, _ = start_python(FULL_DISK, path).communicate(timeout=PATIENCE)
    stored, position = map(int, out.split())
    assert 0 < stored < 1000
    assert position == stored + 1
    recorder = open_recorder(url)
    try:
        assert positions(recorder) == list(range(1, position + 1))
        assert recorder._writer.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    finally:
        recorder.close()


def test_what_is_no_database_is_refused(path, url):
    path.write_bytes(b"a letter, not a database" * 100)
    with pytest.raises(StoreUnavailable, match="log"):
        open_recorder(url)
    assert path.read_bytes() == b"a letter, not a database" * 100


def test_threads_that_come_and_go_leave_no_connections_open(recorder):
    recorder.insert_events([event()])
    for _ in range(20):
        reader = threading.Thread(target=recorder.max_notification_id)
        reader.start()
        reader.join()
    assert len(recorder._idle_readers) == 1  # one that the readers lent each other
