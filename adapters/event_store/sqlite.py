"""The log in SQLite: one table of events in one order without gaps, and one of the commands that wrote them."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import ClassVar, Final
from uuid import UUID

from eventsourcing.persistence import OperationalError, StoredEvent
from sqlalchemy import URL, Connection

from adapters.databases import BUSY_TIMEOUT_SECONDS, Migrations, open_database, use_wal
from adapters.event_store.recorder import (
    EVENTS_A_BLOCK,
    EVENTS_A_TRANSACTION,
    Append,
    CommandAlreadyRecorded,
    CommandRecord,
    EventRecorder,
    RecordedNotification,
    Row,
    VersionConflict,
    expectations,
)

_CACHE_KIB: Final = 32_768
"""A bulk append touches pages all over the index of streams: with SQLite's own 2 MiB it writes them several times."""
_STREAMS_A_STATEMENT: Final = 500
_INSERT_EVENT: Final = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)"
_INSERT_COMMAND: Final = "INSERT INTO commands VALUES (?, ?, ?, ?)"
_LAST: Final = """
    SELECT max(coalesce((SELECT max(position) FROM events), 0), coalesce((SELECT max(position) FROM deleted), 0)),
           coalesce((SELECT recorded_at FROM events ORDER BY position DESC LIMIT 1), 0)
"""
_RECORDED: Final = "SELECT originator_id, originator_version, topic, state, position, recorded_at FROM events "


def _create_tables(connection: Connection) -> None:
    connection.exec_driver_sql("""
        CREATE TABLE events (
            position INTEGER PRIMARY KEY,
            originator_id BLOB NOT NULL,
            originator_version INTEGER NOT NULL,
            topic TEXT NOT NULL,
            state BLOB NOT NULL,
            recorded_at INTEGER NOT NULL,
            UNIQUE (originator_id, originator_version)
        )""")
    connection.exec_driver_sql("""
        CREATE TABLE commands (
            command_id BLOB PRIMARY KEY,
            digest BLOB NOT NULL,
            answer BLOB NOT NULL,
            position INTEGER NOT NULL
        )""")


def _remember_what_is_deleted(connection: Connection) -> None:
    # A position is never given again, even when a tail was deleted. AUTOINCREMENT would see to it too, at the cost of a
    # further page that each append writes.
    connection.exec_driver_sql("CREATE TABLE deleted (position INTEGER NOT NULL)")
    connection.exec_driver_sql("""
        CREATE TRIGGER remember_deleted AFTER DELETE ON events
        WHEN old.position > coalesce((SELECT max(position) FROM deleted), 0)
        BEGIN
            DELETE FROM deleted;
            INSERT INTO deleted VALUES (old.position);
        END""")


_MIGRATIONS: Final[Migrations] = (_create_tables, _remember_what_is_deleted)


class SQLiteEventRecorder(EventRecorder):
    """Opens or creates the log at `url`. Raises `StoreUnavailable`."""

    poll_seconds: ClassVar[float] = 0.05

    def __init__(self, url: URL) -> None:
        super().__init__()
        with closing(open_database("log", url, durable=True)) as database:
            database.migrate(_MIGRATIONS)
        self._path = Path(str(url.database))
        self._writing = threading.Lock()
        self._idle_readers: deque[sqlite3.Connection] = deque()
        self._closed = False
        with _translated():
            self._writer = self._connect()
            try:
                self._writer.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            except BaseException:
                self._writer.close()
                raise

    def close(self) -> None:
        with self._writing:
            self._closed = True
            self._writer.close()
        self._close_idle_readers()

    def _close_idle_readers(self) -> None:
        """Those that are lent are closed when they come back: SQLite doesn't survive being closed while it reads."""
        while self._idle_readers:
            with suppress(IndexError):  # another thread took the last one
                self._idle_readers.pop().close()

    # --- appending ----------------------------------------------------------------------------

    def _append_together(self, appends: Sequence[Append]) -> Sequence[range]:
        expected = expectations(appends)
        with self._write() as connection:
            last, recorded_at = self._last_in(connection)
            given, events, commands = [], [], []
            for append in appends:
                given.append(range(last + 1, last + 1 + len(append.events)))
                commands += [(c.command_id.bytes, c.digest, c.answer, last + written) for c, written in append.commands]
                events += [
                    (position, _bytes(s.originator_id), s.originator_version, s.topic, s.state, recorded_at)
                    for position, s in zip(given[-1], append.events, strict=True)
                ]
                last += len(append.events)
            connection.executemany(_INSERT_COMMAND, commands)
            versions = _versions_in(connection, expected)
            for stream_id, version in expected.items():
                if versions.get(stream_id.bytes, 0) != version:
                    raise VersionConflict(f"{stream_id} is no longer at version {version}")
            connection.executemany(_INSERT_EVENT, events)
        return given

    def copy_in(self, events: Iterable[StoredEvent]) -> int:
        left = iter(events)
        written = 0
        while some := list(islice(left, EVENTS_A_TRANSACTION)):
            self._append_together([Append(some, {}, ())])
            self._wake_waiting()
            written += len(some)
        return written

    def _last_in(self, connection: sqlite3.Connection) -> tuple[int, int]:
        """The last position that was given, and the time for the next."""
        last, recorded_at = connection.execute(_LAST).fetchone()
        return last, max(time.time_ns() // 1000, recorded_at)

    # --- reading ------------------------------------------------------------------------------

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        with self._read() as connection:
            rows = connection.execute(
                "SELECT originator_id, originator_version, topic, state FROM events "
                "WHERE originator_id = ? AND originator_version > ? AND originator_version <= ? "
                f"ORDER BY originator_version {'DESC' if desc else 'ASC'} LIMIT ?",
                (_bytes(originator_id), _or(gt, -1), _or(lte, 2**62), _or(limit, -1)),
            )
            return [StoredEvent(UUID(bytes=id_), version, topic, state) for id_, version, topic, state in rows]

    def select_streams(self, stream_ids: Collection[UUID]) -> dict[UUID, list[StoredEvent]]:
        streams: dict[UUID, list[StoredEvent]] = {stream_id: [] for stream_id in stream_ids}
        with self._read() as connection:
            for among, ids in _some_at_a_time(streams):
                rows = connection.execute(
                    "SELECT originator_id, originator_version, topic, state FROM events "
                    f"WHERE {among} ORDER BY originator_id, originator_version",
                    ids,
                )
                for id_, version, topic, state in rows:
                    stream_id = UUID(bytes=id_)
                    streams[stream_id].append(StoredEvent(stream_id, version, topic, state))
        return streams

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[RecordedNotification]:
        first = 0 if start is None else start + (not inclusive_of_start)
        among = f"AND topic IN ({','.join('?' * len(topics))}) " if topics else ""
        with self._read() as connection:
            rows = connection.execute(
                f"{_RECORDED} WHERE position >= ? AND position <= ? {among}ORDER BY position LIMIT ?",
                (first, _or(stop, 2**62), *topics, limit),
            )
            return [RecordedNotification(UUID(bytes=id_), *rest) for id_, *rest in rows]

    def select_stream(self, stream_id: UUID) -> Sequence[RecordedNotification]:
        with self._read() as connection:
            rows = connection.execute(
                f"{_RECORDED} WHERE originator_id = ? ORDER BY originator_version", (stream_id.bytes,)
            )
            return [RecordedNotification(UUID(bytes=id_), *rest) for id_, *rest in rows]

    def max_notification_id(self) -> int | None:
        with self._read() as connection:
            last: int | None = connection.execute("SELECT max(position) FROM events").fetchone()[0]
            return last

    def find_command(self, command_id: UUID) -> CommandRecord | None:
        with self._read() as connection:
            row = connection.execute(
                "SELECT digest, answer, position FROM commands WHERE command_id = ?", (command_id.bytes,)
            ).fetchone()
        return CommandRecord(command_id, *row) if row else None

    def scan(self, after: int, upto: int, without: Collection[str] = ()) -> Iterator[list[Row]]:
        # One statement a block: a long one would keep the WAL from being brought into the file.
        but_for = f"AND topic NOT IN ({','.join('?' * len(without))}) " if without else ""
        block = f"SELECT * FROM events WHERE position > ? AND position <= ? {but_for}ORDER BY position LIMIT ?"
        while after < upto:
            with self._read() as connection:
                rows = connection.execute(block, (after, upto, *without, EVENTS_A_BLOCK)).fetchall()
            if not rows:
                return
            yield rows
            after = rows[-1][0]

    # --- connections --------------------------------------------------------------------------

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with _translated(), self._writing:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        # Connections are lent, not kept by each thread: a server's threads come and go, and would leave theirs open.
        with _translated():
            if self._closed:
                raise OperationalError("the log is closed")
            try:
                connection = self._idle_readers.pop()
            except IndexError:
                connection = self._connect()
            try:
                yield connection
            finally:
                self._idle_readers.append(connection)
                if self._closed:
                    self._close_idle_readers()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            use_wal(connection)
            connection.execute("PRAGMA synchronous = FULL")
        except BaseException:
            connection.close()
            raise
        return connection


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise (CommandAlreadyRecorded if "commands." in str(error) else VersionConflict)(error) from error
    except sqlite3.Error as error:
        raise OperationalError(error) from error


def _versions_in(connection: sqlite3.Connection, stream_ids: Iterable[UUID]) -> dict[bytes, int]:
    versions: dict[bytes, int] = {}
    for among, ids in _some_at_a_time(stream_ids):
        versions |= connection.execute(
            f"SELECT originator_id, max(originator_version) FROM events WHERE {among} GROUP BY originator_id", ids
        ).fetchall()
    return versions


def _some_at_a_time(stream_ids: Iterable[UUID]) -> Iterator[tuple[str, list[bytes]]]:
    """A condition that takes the streams' events, and its arguments: SQLite limits how many a statement may have."""
    left = iter(stream_ids)
    while some := [stream_id.bytes for stream_id in islice(left, _STREAMS_A_STATEMENT)]:
        yield f"originator_id IN ({','.join('?' * len(some))})", some


def _bytes(originator_id: UUID | str) -> bytes:
    return originator_id.bytes if isinstance(originator_id, UUID) else UUID(originator_id).bytes


def _or(value: int | None, default: int) -> int:
    return default if value is None else value
