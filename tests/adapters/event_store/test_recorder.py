import sqlite3
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
from eventsourcing.persistence import IntegrityError, OperationalError, StoredEvent
from eventsourcing.tests import persistence as library

from adapters.event_store.sqlite import (
    CommandAlreadyRecorded,
    CommandRecord,
    SQLiteEventRecorder,
    VersionConflict,
)


class LibraryRecorder:
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def create_recorder(self):
        recorder = SQLiteEventRecorder(Path(self.folder.name) / "log.sqlite")
        self.addCleanup(recorder.close)
        return recorder


class TestLibraryApplicationRecorder(LibraryRecorder, library.ApplicationRecorderTestCase):
    pass


class TestLibraryNonInterleaving(LibraryRecorder, library.NonInterleavingNotificationIDsBaseCase):
    pass


@pytest.fixture
def path(tmp_path):
    return tmp_path / "log.sqlite"


@pytest.fixture
def recorder(path):
    with closing(SQLiteEventRecorder(path)) as opened:
        yield opened


def event(stream_id=None, version=1, state=b"state"):
    return StoredEvent(stream_id or uuid4(), version, "SomethingHappened", state)


def command(command_id=None, answer=b"first"):
    return CommandRecord(command_id or uuid4(), b"digest", answer)


def positions(recorder):
    return [one.id for one in recorder.select_notifications(None, 1_000_000)]


def tail(recorder, writing):
    """What a reader sees that follows the log for as long as `writing()` holds, and once more after it."""
    seen = []
    last_look = False
    while not last_look:
        last_look = not writing()
        while found := recorder.select_notifications(seen[-1] if seen else 0, 50, inclusive_of_start=False):
            seen += [one.id for one in found]
    return seen


def test_a_tailing_reader_misses_nothing_that_eight_threads_append(recorder):
    def append(_):
        stream_id = uuid4()
        return recorder.insert_events([event(stream_id, version) for version in (1, 2, 3)])

    with ThreadPoolExecutor(8) as pool:
        appends = [pool.submit(append, number) for number in range(160)]
        seen = tail(recorder, lambda: wait(appends, timeout=0.001).not_done)
    assert seen == list(range(1, 481))
    given = [one.result() for one in appends]
    assert sorted(position for run in given for position in run) == seen
    assert all(run == list(range(run[0], run[0] + 3)) for run in given)


WRITER = """
import sys
from pathlib import Path
from uuid import uuid4
from eventsourcing.persistence import StoredEvent
from adapters.event_store.sqlite import SQLiteEventRecorder

sys.stdin.readline()
recorder = SQLiteEventRecorder(Path(sys.argv[1]))
for _ in range(150):
    stream_id = uuid4()
    recorder.insert_events([StoredEvent(stream_id, version, sys.argv[2], b"state") for version in (1, 2)])
recorder.close()
"""


def test_a_tailing_reader_misses_nothing_that_several_processes_append(recorder, path, start_python):
    writers = [start_python(WRITER, path, name) for name in ("One", "Other")]
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    seen = tail(recorder, lambda: any(writer.poll() is None for writer in writers))
    assert [writer.returncode for writer in writers] == [0, 0]
    assert seen == list(range(1, 601))


def test_processes_that_open_a_new_log_at_once_all_may(path, start_python):
    writers = [start_python(WRITER, path, name) for name in ("One", "Two", "Three")]
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    assert [writer.wait(30) for writer in writers] == [0, 0, 0]


def test_positions_are_not_given_again_after_the_tail_was_deleted(path):
    with closing(SQLiteEventRecorder(path)) as recorder:
        assert recorder.insert_events([event(), event(), event()]) == [1, 2, 3]
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("DELETE FROM events WHERE position > 1")
    with closing(SQLiteEventRecorder(path)) as recorder:
        assert recorder.max_notification_id() == 1
        assert recorder.insert_events([event()]) == [4]
        assert recorder.max_notification_id() == 4


def test_the_time_of_recording_never_decreases(recorder, monkeypatch):
    for now in (5_000_000, 3_000_000, 4_000_000, 9_000_000):
        monkeypatch.setattr("adapters.event_store.sqlite.time.time_ns", lambda now=now: now)
        recorder.insert_events([event(), event()])
    times = [one.recorded_at for one in recorder.select_notifications(None, 10)]
    assert times == [5_000, 5_000, 5_000, 5_000, 5_000, 5_000, 9_000, 9_000]


def test_the_time_of_recording_is_in_microseconds_since_1970(recorder, monkeypatch):
    monkeypatch.setattr("adapters.event_store.sqlite.time.time_ns", lambda: 1_775_000_000_123_456_789)
    recorder.insert_events([event()])
    assert recorder.select_notifications(None, 1)[0].recorded_at == 1_775_000_000_123_456


@pytest.mark.parametrize("expected", [0, 2])
def test_a_stream_that_was_read_and_not_written_must_still_be_at_its_version(recorder, expected):
    read, written = uuid4(), uuid4()
    recorder.insert_events([event(read)])
    with pytest.raises(VersionConflict):
        recorder.insert_events([event(written)], expect={read: expected})
    assert recorder.select_events(written) == []
    assert recorder.insert_events([event(written)], expect={read: 1, written: 0}) == [2]


def test_expectations_are_checked_under_the_write_lock(recorder, path):
    read, written = uuid4(), uuid4()
    begun = threading.Event()
    recorder._writer.set_trace_callback(lambda statement: begun.set() if statement.startswith("BEGIN") else None)
    with closing(sqlite3.connect(path, isolation_level=None)) as other, ThreadPoolExecutor(1) as pool:
        other.execute("BEGIN IMMEDIATE")
        append = pool.submit(recorder.insert_events, [event(written)], expect={read: 0})
        assert begun.wait(10)
        other.execute("INSERT INTO events VALUES (1, ?, 1, 'Topic', x'00', 1)", (read.bytes,))
        other.execute("COMMIT")
        with pytest.raises(VersionConflict):
            append.result(10)
    assert recorder.select_events(written) == []


def test_a_command_is_recorded_once(recorder):
    first = command()
    recorder.insert_events([event(), event()], commands=[(first, 2)])
    with pytest.raises(CommandAlreadyRecorded):
        recorder.insert_events([event()], commands=[(command(first.command_id, b"second"), 1)])
    with pytest.raises(CommandAlreadyRecorded):
        recorder.record_command(command(first.command_id, b"second"), {})
    assert recorder.find_command(first.command_id) == CommandRecord(first.command_id, b"digest", b"first", position=2)
    assert positions(recorder) == [1, 2]


def test_a_command_that_changed_nothing_is_recorded_at_the_head(recorder):
    idle = command()
    assert recorder.record_command(command(), {}) == 0
    recorder.insert_events([event(), event()])
    assert recorder.record_command(idle, {}) == 2
    assert recorder.find_command(idle.command_id).position == 2
    assert recorder.insert_events([event()]) == [3]


def test_a_command_that_changed_nothing_was_decided_on_streams_that_did_not_move(recorder):
    stream_id, idle = uuid4(), command()
    recorder.insert_events([event(stream_id)])
    with pytest.raises(VersionConflict):
        recorder.record_command(idle, {stream_id: 0})
    assert recorder.find_command(idle.command_id) is None


def test_an_unknown_command_is_not_found(recorder):
    assert recorder.find_command(uuid4()) is None


def test_a_conflict_leaves_nothing_half_stored(recorder):
    taken, fresh, refused = event(), event(), command()
    recorder.insert_events([taken])
    with pytest.raises(IntegrityError):
        recorder.insert_events([fresh, taken], commands=[(refused, 2)])
    assert recorder.select_events(fresh.originator_id) == []
    assert recorder.find_command(refused.command_id) is None
    assert recorder.insert_events([fresh], commands=[(refused, 1)]) == [2]


def test_a_read_only_log_refuses_and_is_writable_again_afterwards(recorder):
    recorder.insert_events([event()])
    recorder._writer.execute("PRAGMA query_only = ON")
    refused = event()
    with pytest.raises(OperationalError):
        recorder.insert_events([refused])
    assert positions(recorder) == [1]
    recorder._writer.execute("PRAGMA query_only = OFF")
    assert recorder.insert_events([refused]) == [2]


def test_a_full_log_refuses_the_whole_append_and_is_writable_again_afterwards(recorder):
    recorder.insert_events([event()])
    (pages,) = recorder._writer.execute("PRAGMA page_count").fetchone()
    recorder._writer.execute(f"PRAGMA max_page_count = {pages + 4}")
    small, large, refused = event(), event(state=bytes(1_000_000)), command()
    with pytest.raises(OperationalError):
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
from adapters.event_store.sqlite import SQLiteEventRecorder

recorder = SQLiteEventRecorder(Path(sys.argv[1]))
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


def test_a_full_disk_costs_nothing_that_was_acknowledged(path, start_python):
    out, _ = start_python(FULL_DISK, path).communicate(timeout=30)
    stored, position = map(int, out.split())
    assert 0 < stored < 1000
    assert position == stored + 1
    with closing(SQLiteEventRecorder(path)) as recorder:
        assert positions(recorder) == list(range(1, position + 1))
        assert recorder._writer.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_log_of_a_newer_schema_is_refused_and_left_alone(path):
    with closing(SQLiteEventRecorder(path)) as recorder:
        recorder.insert_events([event()])
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA user_version = 2")
    with pytest.raises(OperationalError, match="schema 2"):
        SQLiteEventRecorder(path)
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("PRAGMA user_version").fetchone() == (2,)
        assert raw.execute("SELECT count(*) FROM events").fetchone() == (1,)


def test_what_is_no_database_is_refused(path):
    path.write_bytes(b"a letter, not a database" * 100)
    with pytest.raises(OperationalError):
        SQLiteEventRecorder(path)
    assert path.read_bytes() == b"a letter, not a database" * 100


def test_threads_that_come_and_go_leave_no_connections_open(recorder):
    recorder.insert_events([event()])
    for _ in range(20):
        reader = threading.Thread(target=recorder.max_notification_id)
        reader.start()
        reader.join()
    assert len(recorder._connections) == 2  # the writer's, and one that the readers lent each other


def test_a_closed_log_cannot_be_used(path):
    recorder = SQLiteEventRecorder(path)
    recorder.insert_events([event()])
    recorder.max_notification_id()
    recorder.close()
    with pytest.raises(OperationalError):
        recorder.insert_events([event()])
    with pytest.raises(OperationalError):
        recorder.max_notification_id()
