"""The log in SQLite: one table of events in one order without gaps, and one of the commands that wrote them.

A position is the last one plus one, taken under the write lock, and never given again (`AUTOINCREMENT` keeps the highest
even when a tail is deleted). `recorded_at`, in microseconds, is stamped there too and never decreases.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Never
from uuid import UUID

from eventsourcing.persistence import (
    ApplicationRecorder,
    IntegrityError,
    Notification,
    OperationalError,
    StoredEvent,
)

from adapters.databases import BUSY_TIMEOUT_SECONDS

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    originator_id BLOB NOT NULL,
    originator_version INTEGER NOT NULL,
    topic TEXT NOT NULL,
    state BLOB NOT NULL,
    recorded_at INTEGER NOT NULL,
    UNIQUE (originator_id, originator_version)
);
CREATE TABLE IF NOT EXISTS commands (
    command_id BLOB PRIMARY KEY,
    digest BLOB NOT NULL,
    answer BLOB NOT NULL,
    position INTEGER NOT NULL
) WITHOUT ROWID;
"""
_SCHEMA_VERSION: Final = 1


@dataclass(frozen=True)
class RecordedNotification(Notification):
    recorded_at: int
    """Microseconds since 1970, UTC."""


@dataclass(frozen=True)
class CommandRecord:
    """What is kept of a command so that its retry gets the first answer: ids and positions, never bodies."""

    command_id: UUID
    digest: bytes
    answer: bytes
    position: int = 0
    """The head of the log once the command was recorded, which the recorder gives."""


class VersionConflict(IntegrityError):
    """A stream that the decision read has moved on."""


class CommandAlreadyRecorded(IntegrityError):
    """The command of this id is in the log."""


class SQLiteEventRecorder(ApplicationRecorder):
    """Opens or creates the log at `path`."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._writing = threading.Lock()
        self._connections: list[sqlite3.Connection] = []
        self._idle_readers: deque[sqlite3.Connection] = deque()
        self._connecting = threading.Lock()
        try:
            with _translated():
                self._writer = self._connect()
                self._create_schema()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        with self._connecting, self._writing:
            for connection in self._connections:
                connection.close()

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int]:
        """Appends all events or none; gives their positions.

        `expect` maps streams to the versions at which they were read; `commands` are recorded in the same transaction,
        each with how many of the events were written once it was done.
        Raises `VersionConflict`, `CommandAlreadyRecorded`, or the library's `IntegrityError` and `OperationalError`.
        """
        return list(self._append(stored_events, kwargs.get("expect") or {}, kwargs.get("commands") or ()))

    def record_command(self, command: CommandRecord, expect: Mapping[UUID, int]) -> int:
        """Records a command that changed nothing, at the head of the log, which it gives."""
        return self._append([], expect, [(command, 0)]).stop - 1

    def _append(
        self,
        stored_events: Sequence[StoredEvent],
        expect: Mapping[UUID, int],
        commands: Sequence[tuple[CommandRecord, int]],
    ) -> range:
        with self._write() as connection:
            for command, _ in commands:
                if self._command_in(connection, command.command_id) is not None:
                    raise CommandAlreadyRecorded(str(command.command_id))
            for stream_id, version in expect.items():
                if _version_in(connection, stream_id) != version:
                    raise VersionConflict(f"{stream_id} is no longer at version {version}")
            last, last_recorded_at = self._head_in(connection)
            recorded_at = max(time.time_ns() // 1000, last_recorded_at)
            positions = range(last + 1, last + 1 + len(stored_events))
            connection.executemany(
                "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (position, _bytes(s.originator_id), s.originator_version, s.topic, s.state, recorded_at)
                    for position, s in zip(positions, stored_events, strict=True)
                ],
            )
            connection.executemany(
                "INSERT INTO commands VALUES (?, ?, ?, ?)",
                [(c.command_id.bytes, c.digest, c.answer, last + written) for c, written in commands],
            )
        return positions

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
                "SELECT originator_id, originator_version, topic, state, position, recorded_at FROM events "
                f"WHERE position >= ? AND position <= ? {among}ORDER BY position LIMIT ?",
                (first, _or(stop, 2**62), *topics, limit),
            )
            return [RecordedNotification(UUID(bytes=id_), *rest) for id_, *rest in rows]

    def select_stream(self, stream_id: UUID) -> Sequence[RecordedNotification]:
        """A stream's events with their positions."""
        with self._read() as connection:
            rows = connection.execute(
                "SELECT originator_id, originator_version, topic, state, position, recorded_at FROM events "
                "WHERE originator_id = ? ORDER BY originator_version",
                (stream_id.bytes,),
            )
            return [RecordedNotification(UUID(bytes=id_), *rest) for id_, *rest in rows]

    def max_notification_id(self) -> int | None:
        with self._read() as connection:
            last: int | None = connection.execute("SELECT max(position) FROM events").fetchone()[0]
            return last

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Never:
        raise NotImplementedError("SQLite notifies nobody: the log's `wait` wakes its readers")

    def find_command(self, command_id: UUID) -> CommandRecord | None:
        with self._read() as connection:
            return self._command_in(connection, command_id)

    def _command_in(self, connection: sqlite3.Connection, command_id: UUID) -> CommandRecord | None:
        row = connection.execute(
            "SELECT digest, answer, position FROM commands WHERE command_id = ?",
            (command_id.bytes,),
        ).fetchone()
        return CommandRecord(command_id, *row) if row else None

    def _head_in(self, connection: sqlite3.Connection) -> tuple[int, int]:
        row = connection.execute(
            "SELECT max(s.seq, coalesce(max(e.position), 0)), coalesce(e.recorded_at, 0) "
            "FROM (SELECT coalesce(max(seq), 0) AS seq FROM sqlite_sequence WHERE name = 'events') AS s "
            "LEFT JOIN (SELECT position, recorded_at FROM events ORDER BY position DESC LIMIT 1) AS e"
        ).fetchone()
        return row[0], row[1]

    def _create_schema(self) -> None:
        with closing(self._writer.execute("PRAGMA user_version")) as cursor:
            version = cursor.fetchone()[0]
        if version > _SCHEMA_VERSION:
            raise OperationalError(f"the log has schema {version}, newer than this program's {_SCHEMA_VERSION}")
        if version < _SCHEMA_VERSION:
            with self._write() as connection:
                for statement in _SCHEMA.split(";")[:-1]:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")

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
            try:
                connection = self._idle_readers.pop()
            except IndexError:
                connection = self._connect()
            try:
                yield connection
            finally:
                self._idle_readers.append(connection)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
        )
        with self._connecting:
            self._connections.append(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        return connection


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise IntegrityError(error) from error
    except sqlite3.Error as error:
        raise OperationalError(error) from error


def _version_in(connection: sqlite3.Connection, stream_id: UUID) -> int:
    row = connection.execute(
        "SELECT coalesce(max(originator_version), 0) FROM events WHERE originator_id = ?", (stream_id.bytes,)
    ).fetchone()
    version: int = row[0]
    return version


def _bytes(originator_id: UUID | str) -> bytes:
    return originator_id.bytes if isinstance(originator_id, UUID) else UUID(originator_id).bytes


def _or(value: int | None, default: int) -> int:
    return default if value is None else value
