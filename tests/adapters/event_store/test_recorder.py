"""What holds of both recorders."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import IntegrityError, OperationalError, StoredEvent
from eventsourcing.tests import persistence as library

from adapters.databases import NewerSchema
from adapters.event_store.opening import open_recorder
from adapters.event_store.recorder import Append, CommandAlreadyRecorded, CommandRecord, VersionConflict
from tests.waiting import PATIENCE


class OnSQLite:
    @pytest.fixture(autouse=True)
    def _url(self, stores_in):
        self.url = stores_in("sqlite")("log")

    def create_recorder(self):
        recorder = open_recorder(self.url)
        self.addCleanup(recorder.close)
        return recorder


class OnPostgres(OnSQLite):
    @pytest.fixture(autouse=True)
    def _url(self, stores_in):
        self.url = stores_in("postgres")("log")


class TestLibraryApplicationRecorderOnSQLite(OnSQLite, library.ApplicationRecorderTestCase):
    pass


class TestLibraryApplicationRecorderOnPostgres(OnPostgres, library.ApplicationRecorderTestCase):
    pass


class TestLibraryNonInterleavingOnSQLite(OnSQLite, library.NonInterleavingNotificationIDsBaseCase):
    pass


class TestLibraryNonInterleavingOnPostgres(OnPostgres, library.NonInterleavingNotificationIDsBaseCase):
    pass


def event(stream_id=None, version=1, state=b"state", topic="SomethingHappened"):
    return StoredEvent(stream_id or uuid4(), version, topic, state)


def command(command_id=None, answer=b"first"):
    return CommandRecord(command_id or uuid4(), b"digest", answer)


def record(recorder, command, expect=None):
    """Records a command that changed nothing; gives the head."""
    return recorder.append(Append((), expect or {}, [(command, 0)])).stop - 1


def positions(recorder):
    return [one.id for one in recorder.select_notifications(None, 1_000_000)]


def tail(recorder, writing):
    """What a reader sees that follows the log for as long as `writing()` holds, and once more after it."""
    seen = []
    last_look = False
    while not last_look:
        last_look = not writing()
        while found := recorder.select_notifications(seen[-1] if seen else 0, 500, inclusive_of_start=False):
            seen += [one.id for one in found]
    return seen


# --- one order, without gaps ----------------------------------------------------------------------


WRITER = """
import sys
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4
from eventsourcing.persistence import IntegrityError, StoredEvent
from adapters.databases import store_url
from adapters.event_store.opening import open_recorder

url, threads, appends, events = sys.argv[1], *map(int, sys.argv[2:])
print("ready", flush=True)
sys.stdin.readline()
recorder = open_recorder(store_url(url))

def write(_):
    for number in range(appends):
        stream_id = uuid4()
        run = [StoredEvent(stream_id, version, "Topic", b"state") for version in range(1, events + 1)]
        given = list(recorder.insert_events(run))
        assert given == list(range(given[0], given[0] + events))
        if number % 10 == 0:
            try:
                recorder.insert_events([StoredEvent(uuid4(), 1, "Topic", b"state"), run[0]])
            except IntegrityError:
                pass
            else:
                raise AssertionError("a conflict was stored")

with ThreadPoolExecutor(threads) as pool:
    list(pool.map(write, range(threads)))
recorder.close()
"""


def start_writers(start_python, url, *sizes, count=2):
    """Processes that write at once: so many threads each, appends a thread, events an append, and some conflicts."""
    text = url.render_as_string(hide_password=False)
    writers = [start_python(WRITER, text, *sizes) for _ in range(count)]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    return writers


def test_a_tailing_reader_misses_nothing_that_eight_threads_in_two_processes_append(recorder, url, start_python):
    writers = start_writers(start_python, url, 4, 1000, 3)
    seen = tail(recorder, lambda: any(writer.poll() is None for writer in writers))
    assert [writer.returncode for writer in writers] == [0, 0]
    assert seen == list(range(1, 24_001))


def test_processes_that_open_a_new_log_at_once_all_may(url, start_python):
    writers = start_writers(start_python, url, 1, 1, 1, count=3)
    assert [writer.wait(PATIENCE) for writer in writers] == [0, 0, 0]


def test_positions_are_not_given_again_after_the_tail_was_deleted(open_recorders, raw):
    recorder = open_recorders()
    assert recorder.insert_events([event(), event(), event()]) == [1, 2, 3]
    raw.change("DELETE FROM events WHERE position > 1")
    assert recorder.max_notification_id() == 1
    assert open_recorders().insert_events([event()]) == [4]
    assert recorder.max_notification_id() == 4
    raw.change("DELETE FROM events WHERE position = 1")
    raw.change("DELETE FROM events")
    assert recorder.max_notification_id() is None
    assert recorder.insert_events([event()]) == [5]


def test_the_time_of_recording_never_decreases(recorder, raw):
    recorder.insert_events([event()])
    ahead = time.time_ns() // 1000 + 3_600_000_000
    raw.change("UPDATE events SET recorded_at = :ahead", ahead=ahead)
    recorder.insert_events([event(), event()])
    recorder.copy_in([event()])
    assert [one.recorded_at for one in recorder.select_notifications(None, 10)] == [ahead] * 4


def test_the_time_of_recording_is_in_microseconds_since_1970(recorder):
    before = time.time_ns() // 1000
    recorder.insert_events([event()])
    recorder.copy_in([event()])
    first, second = (one.recorded_at for one in recorder.select_notifications(None, 2))
    assert before - 1_000 <= first <= second <= time.time_ns() // 1000 + 1_000


# --- expectations and commands ----------------------------------------------------------------------


@pytest.mark.parametrize("expected", [0, 2])
def test_a_stream_that_was_read_and_not_written_must_still_be_at_its_version(recorder, expected):
    read, written = uuid4(), uuid4()
    recorder.insert_events([event(read)])
    with pytest.raises(VersionConflict):
        recorder.insert_events([event(written)], expect={read: expected})
    assert recorder.select_events(written) == []
    assert recorder.insert_events([event(written)], expect={read: 1, written: 0}) == [2]


def test_a_stream_that_was_written_must_still_be_at_its_version(recorder):
    stream_id = uuid4()
    recorder.insert_events([event(stream_id), event(stream_id, 2)])
    with pytest.raises(VersionConflict):
        recorder.insert_events([event(stream_id, 2)], expect={stream_id: 1})
    with pytest.raises(VersionConflict):
        recorder.insert_events([event(stream_id, 5)], expect={stream_id: 1})
    assert recorder.insert_events([event(stream_id, 3)], expect={stream_id: 2}) == [3]


def begin_to_append(recorder, raw, pool, *arguments, **keywords):
    """An append that has begun and waits for the write lock, which the caller holds."""
    if raw.is_sqlite:
        begun = threading.Event()
        recorder._writer.set_trace_callback(lambda statement: begun.set() if statement.startswith("BEGIN") else None)
        append = pool.submit(recorder.insert_events, *arguments, **keywords)
        assert begun.wait(PATIENCE)
    else:
        append = pool.submit(recorder.insert_events, *arguments, **keywords)
        until = time.monotonic() + PATIENCE
        while not raw.rows("SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
            assert time.monotonic() < until
    return append


def test_expectations_are_checked_under_the_write_lock(recorder, open_recorders, raw):
    read, written = uuid4(), uuid4()
    recorder.insert_events([event(), event(read)])
    with ThreadPoolExecutor(1) as pool:
        with raw.writing() as connection:
            append = begin_to_append(recorder, raw, pool, [event(written)], expect={read: 1})
            connection.exec_driver_sql("UPDATE events SET originator_version = 2 WHERE position = 2")
        with pytest.raises(VersionConflict):
            append.result(PATIENCE)
    assert recorder.select_events(written) == []


def test_a_command_is_recorded_once(recorder):
    first = command()
    recorder.insert_events([event(), event()], commands=[(first, 2)])
    with pytest.raises(CommandAlreadyRecorded):
        recorder.insert_events([event()], commands=[(command(first.command_id, b"second"), 1)])
    with pytest.raises(CommandAlreadyRecorded):
        record(recorder, command(first.command_id, b"second"))
    assert recorder.find_command(first.command_id) == CommandRecord(first.command_id, b"digest", b"first", position=2)
    assert positions(recorder) == [1, 2]


@pytest.mark.parametrize("is_written", [True, False])
def test_that_a_command_was_recorded_is_told_before_that_its_streams_moved_on(recorder, is_written):
    """A retry that runs beside the first finds what that one wrote: it must learn that it is a retry."""
    stream_id, first = uuid4(), command()
    recorder.insert_events([event(stream_id)], expect={stream_id: 0}, commands=[(first, 1)])
    again = [event(stream_id)] if is_written else [event()]
    with pytest.raises(CommandAlreadyRecorded):
        recorder.insert_events(again, expect={stream_id: 0}, commands=[(first, 1)])


def test_several_commands_of_one_append_are_each_at_the_position_of_their_last_event(recorder):
    recorder.insert_events([event()])
    first, second, idle = command(), command(), command()
    recorder.insert_events([event(), event(), event()], commands=[(first, 1), (second, 3), (idle, 3)])
    assert [recorder.find_command(one.command_id).position for one in (first, second, idle)] == [2, 4, 4]


def test_a_command_that_changed_nothing_is_recorded_at_the_head(recorder):
    idle = command()
    assert record(recorder, command()) == 0
    recorder.insert_events([event(), event()])
    assert record(recorder, idle) == 2
    assert recorder.find_command(idle.command_id).position == 2
    assert recorder.insert_events([event()]) == [3]


def test_a_command_that_changed_nothing_was_decided_on_streams_that_did_not_move(recorder):
    stream_id, idle = uuid4(), command()
    recorder.insert_events([event(stream_id)])
    with pytest.raises(VersionConflict):
        record(recorder, idle, {stream_id: 0})
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


# --- commands that share a transaction --------------------------------------------------------------


def append_together(recorder, raw, *appends):
    """Appends of so many threads that share one transaction, in this order: what each is answered."""
    together = []
    inner = recorder._append_together

    def noted(group):
        together.append(len(group))
        return inner(group)

    recorder._group._commit = noted
    with ThreadPoolExecutor(len(appends) + 1) as pool:
        with raw.writing():
            first = begin_to_append(recorder, raw, pool, [event()])
            futures = []
            for number, one in enumerate(appends, 1):
                futures.append(pool.submit(recorder.append, one))
                until = time.monotonic() + PATIENCE
                while len(recorder._group._queue) < number:
                    assert time.monotonic() < until
        first.result(PATIENCE)
        wait(futures, PATIENCE)
    assert together[:2] == [1, len(appends)]
    return [one.exception() or one.result() for one in futures]


def writes(*events, expect=None, commands=()):
    return Append(events, expect or {}, [(one, len(events)) for one in commands])


def test_commands_that_share_a_transaction_are_in_order_of_arrival(recorder, raw):
    done = [command() for _ in range(3)]
    given = append_together(
        recorder,
        raw,
        writes(event(), event(), commands=done[:1]),
        writes(commands=done[1:2]),
        writes(event(), commands=done[2:]),
    )
    assert given == [range(2, 4), range(4, 4), range(4, 5)]
    assert [recorder.find_command(one.command_id).position for one in done] == [3, 3, 4]
    assert positions(recorder) == [1, 2, 3, 4]


def test_each_command_of_a_mixed_group_gets_its_own_answer(recorder, raw):
    taken, recorded, read = event(), command(), uuid4()
    recorder.insert_events([taken, event(read)], commands=[(recorded, 2)])
    refused, lucky = command(), command()
    fine, conflict, late, retry, last = append_together(
        recorder,
        raw,
        writes(event(), expect={read: 1}),
        writes(event(), taken, commands=[refused]),
        writes(event(), expect={read: 0}),
        writes(event(), commands=[recorded]),
        writes(event(), event(), commands=[lucky]),
    )
    assert (fine, last) == (range(4, 5), range(5, 7))
    assert isinstance(conflict, VersionConflict)
    assert isinstance(late, VersionConflict)
    assert isinstance(retry, CommandAlreadyRecorded)
    assert recorder.find_command(refused.command_id) is None
    assert recorder.find_command(lucky.command_id).position == 6
    assert positions(recorder) == list(range(1, 7))


def test_of_commands_that_share_a_transaction_and_write_one_stream_the_first_wins(recorder, raw):
    stream_id = uuid4()
    first, second, reads_it = append_together(
        recorder,
        raw,
        writes(event(stream_id), expect={stream_id: 0}),
        writes(event(stream_id), expect={stream_id: 0}),
        writes(event(), expect={stream_id: 0}),
    )
    assert first == range(2, 3)
    assert isinstance(second, VersionConflict)
    assert isinstance(reads_it, VersionConflict)
    assert positions(recorder) == [1, 2]


def test_of_commands_that_share_a_transaction_who_only_read_what_another_writes_decides_again(recorder, raw):
    stream_id = uuid4()
    written, reads_it = append_together(
        recorder, raw, writes(event(stream_id), expect={stream_id: 0}), writes(event(), expect={stream_id: 0})
    )
    assert written == range(2, 3)
    assert isinstance(reads_it, VersionConflict)
    assert positions(recorder) == [1, 2]


def test_who_expects_what_one_before_in_the_same_transaction_writes_is_right(recorder, raw):
    stream_id = uuid4()
    given = append_together(
        recorder,
        raw,
        writes(event(stream_id), expect={stream_id: 0}),
        writes(event(), expect={stream_id: 1}),
        writes(event(stream_id, 2), expect={stream_id: 1}),
    )
    assert given == [range(2, 3), range(3, 4), range(4, 5)]


def test_a_command_that_comes_twice_in_one_transaction_is_done_once(recorder, raw):
    once = command()
    first, second = append_together(recorder, raw, writes(event(), commands=[once]), writes(event(), commands=[once]))
    assert first == range(2, 3)
    assert isinstance(second, CommandAlreadyRecorded)
    assert positions(recorder) == [1, 2]


# --- many at once -------------------------------------------------------------------------------------


def test_a_bulk_append_takes_the_next_positions_in_several_transactions(recorder, monkeypatch):
    monkeypatch.setattr("adapters.event_store.sqlite.EVENTS_A_TRANSACTION", 4)
    monkeypatch.setattr("adapters.event_store.postgres.EVENTS_A_TRANSACTION", 4)
    recorder.insert_events([event()])
    events = [event(state=bytes([n]) * n, topic=f"Topic{n}é") for n in range(10)]
    assert recorder.copy_in(iter(events)) == 10
    stored = recorder.select_notifications(2, 100)
    assert [one.id for one in stored] == list(range(2, 12))
    assert [StoredEvent(o.originator_id, o.originator_version, o.topic, o.state) for o in stored] == events
    assert recorder.insert_events([event()]) == [12]
    assert recorder.copy_in([]) == 0


def test_a_bulk_append_with_a_conflict_leaves_the_transactions_before_it(recorder, monkeypatch):
    monkeypatch.setattr("adapters.event_store.sqlite.EVENTS_A_TRANSACTION", 3)
    monkeypatch.setattr("adapters.event_store.postgres.EVENTS_A_TRANSACTION", 3)
    taken = event()
    recorder.insert_events([taken])
    with pytest.raises(VersionConflict):
        recorder.copy_in([event(), event(), event(), event(), taken, event()])
    assert positions(recorder) == [1, 2, 3, 4]
    assert recorder.insert_events([event()]) == [5]


def test_a_scan_gives_the_rows_as_they_are_stored(recorder, monkeypatch):
    monkeypatch.setattr("adapters.event_store.sqlite.EVENTS_A_BLOCK", 3)
    monkeypatch.setattr("adapters.event_store.postgres.EVENTS_A_BLOCK", 3)
    events = [event(version=n, state=bytes([n]) * n, topic=f"Topic{n}é") for n in range(1, 21)]
    recorder.copy_in(events)
    times = [one.recorded_at for one in recorder.select_notifications(None, 100)]
    blocks = list(recorder.scan(2, 18))
    assert [row for block in blocks for row in block] == [
        (n, one.originator_id.bytes, one.originator_version, one.topic, one.state, times[n - 1])
        for n, one in enumerate(events, 1)
        if 2 < n <= 18
    ]
    assert all(0 < len(block) <= 3 for block in blocks)
    assert list(recorder.scan(20, 100)) == list(recorder.scan(5, 5)) == list(recorder.scan(30, 40)) == []
    without = recorder.scan(2, 18, ["Topic4é", "Topic18é"])
    assert [row[0] for block in without for row in block] == [n for n in range(3, 18) if n != 4]


def test_a_scan_passes_over_what_was_deleted(recorder, raw, monkeypatch):
    monkeypatch.setattr("adapters.event_store.postgres.EVENTS_A_BLOCK", 3)
    recorder.copy_in([event() for _ in range(12)])
    raw.change("DELETE FROM events WHERE position BETWEEN 4 AND 9")
    assert [row[0] for block in recorder.scan(0, 12) for row in block] == [1, 2, 3, 10, 11, 12]


def test_the_log_is_read_and_written_while_it_is_scanned_and_a_scan_may_end_early(recorder):
    recorder.copy_in([event(state=bytes(1000)) for _ in range(12_000)])
    scan = recorder.scan(0, 12_000)
    first = next(scan)
    assert first[0][0] == 1
    assert recorder.insert_events([event()]) == [12_001]
    assert recorder.max_notification_id() == 12_001
    scan.close()
    for _ in range(40):  # more than there are connections
        assert next(recorder.scan(0, 12_000))[0][0] == 1
    assert recorder.insert_events([event()]) == [12_002]


# --- waiting ------------------------------------------------------------------------------------------


def test_waiting_ends_at_once_where_the_log_is_ahead_and_in_time_where_it_is_not(recorder):
    assert recorder.wait(0, timeout=0) == 0
    recorder.insert_events([event()])
    assert recorder.wait(0, timeout=PATIENCE) == 1
    assert recorder.wait(1, timeout=0.01) == 1


def begin_to_wait(recorder, pool, after, monkeypatch):
    """A wait that has looked at the head, and found nothing beyond `after`."""
    looked = threading.Event()
    inner = recorder.max_notification_id

    def look():
        found = inner()
        looked.set()
        return found

    monkeypatch.setattr(recorder, "max_notification_id", look)
    waiting = pool.submit(recorder.wait, after, 60)
    assert looked.wait(PATIENCE)
    return waiting


@pytest.mark.parametrize("append", ["insert_events", "copy_in"])
def test_an_append_of_this_process_wakes_who_waits(recorder, monkeypatch, append):
    monkeypatch.setattr(type(recorder), "poll_seconds", 60)
    with ThreadPoolExecutor(1) as pool:
        waiting = begin_to_wait(recorder, pool, 0, monkeypatch)
        getattr(recorder, append)([event()])
        assert waiting.result(PATIENCE) == 1


def test_an_append_of_another_process_wakes_who_waits(open_recorders, monkeypatch):
    recorder, other = open_recorders(), open_recorders()
    with ThreadPoolExecutor(1) as pool:
        waiting = begin_to_wait(recorder, pool, 0, monkeypatch)
        other.insert_events([event()])
        assert waiting.result(PATIENCE) == 1


# --- refusals -------------------------------------------------------------------------------------------


def test_what_one_command_may_not_store_is_its_own_fault(recorder, raw):
    """A version out of range, in a group of commands: the others are stored."""
    good, bad, better = append_together(recorder, raw, writes(event()), writes(event(version=2**70)), writes(event()))
    assert (good, better) == (range(2, 3), range(3, 4))
    assert isinstance(bad, Exception)
    assert not isinstance(bad, OperationalError)


def test_a_log_of_a_newer_schema_is_refused_and_left_alone(recorder, raw, url):
    recorder.insert_events([event()])
    recorder.close()
    with raw.writing() as connection:
        change = "PRAGMA user_version = 99" if raw.is_sqlite else "UPDATE greffier_schema SET version = 99"
        connection.exec_driver_sql(change)
    with pytest.raises(NewerSchema, match="newer"):
        open_recorder(url)
    assert raw.rows("SELECT count(*) FROM events") == [(1,)]


def test_a_closed_log_cannot_be_used(recorder):
    recorder.insert_events([event()])
    recorder.max_notification_id()
    recorder.close()
    with pytest.raises(OperationalError):
        recorder.insert_events([event()])
    with pytest.raises(OperationalError):
        recorder.max_notification_id()


def test_a_log_is_closed_while_it_is_read(recorder):
    readers = 4
    recorder.insert_events([event(state=bytes(2_000)) for _ in range(2_000)])
    reading = threading.Barrier(readers + 1)

    def read_until_it_is_closed():
        assert len(recorder.select_notifications(1, 5_000)) == 2_000
        reading.wait(PATIENCE)
        while True:
            assert len(recorder.select_notifications(1, 5_000)) == 2_000

    with ThreadPoolExecutor(readers) as threads:
        ends = [threads.submit(read_until_it_is_closed) for _ in range(readers)]
        reading.wait(PATIENCE)
        recorder.close()
        assert [type(end.exception(30)) for end in ends] == [OperationalError] * readers


def test_streams_are_read_together(recorder):
    nobody, *streams = (uuid4() for _ in range(1_201))
    written = {stream_id: [event(stream_id, version) for version in (1, 2)] for stream_id in streams}
    recorder.insert_events([events[0] for events in written.values()])
    recorder.insert_events([events[1] for events in written.values()])
    assert recorder.select_streams([nobody, *streams]) == written | {nobody: []}
    assert recorder.select_streams([]) == {}


def test_any_state_and_version_is_read_back_as_it_was_written(recorder):
    states = [b"", b"\0", os.urandom(100_000), "é\0".encode()]
    stream_id = uuid4()
    recorder.insert_events([event(stream_id, n, state) for n, state in enumerate(states, 1)])
    assert [one.state for one in recorder.select_events(stream_id)] == states
    assert all(isinstance(one.originator_id, UUID) for one in recorder.select_stream(stream_id))
