"""The log in SQLite: one table of events in one order without gaps, and one of the commands that wrote them.

A position is the last one plus one, taken under the write lock, and never given again (`AUTOINCREMENT` keeps the highest
even when a tail is deleted). `recorded_at`, in microseconds, is stamped there too and never decreases.
"""

from __future__ import annotations

import sqlite3
import threading
import time
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
    first_position INTEGER NOT NULL,
    last_position INTEGER NOT NULL,
    result BLOB NOT NULL
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
    result: bytes
    first_position: int = 0
    last_position: int = 0


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
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._connecting = threading.Lock()
        with _translated():
            self._writer = self._connect()
            self._create_schema()

    def close(self) -> None:
        with self._connecting, self._writing:
            for connection in self._connections:
                connection.close()
            self._connections.clear()

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int]:
        """Appends all events or none; gives their positions.

        `expect` maps streams to the versions at which they were read; `command` is recorded in the same transaction.
        Raises `VersionConflict`, `CommandAlreadyRecorded`, or the library's `IntegrityError` and `OperationalError`.
        """
        expect: Mapping[UUID, int] = kwargs.get("expect") or {}
        command: CommandRecord | None = kwargs.get("command")
        with self._write() as connection:
            if command is not None and self._command_in(connection, command.command_id) is not None:
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
            if command is not None:
                last_position = last + len(stored_events)
                connection.execute(
                    "INSERT INTO commands VALUES (?, ?, ?, ?, ?)",
                    (command.command_id.bytes, command.digest, last + 1, last_position, command.result),
                )
        return list(positions)

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        with _translated():
            rows = self._reader().execute(
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
        with _translated():
            rows = self._reader().execute(
                "SELECT originator_id, originator_version, topic, state, position, recorded_at FROM events "
                f"WHERE position >= ? AND position <= ? {among}ORDER BY position LIMIT ?",
                (first, _or(stop, 2**62), *topics, limit),
            )
            return [RecordedNotification(UUID(bytes=id_), *rest) for id_, *rest in rows]

    def select_stream(self, stream_id: UUID) -> Sequence[RecordedNotification]:
        """A stream's events with their positions."""
        with _translated():
            rows = self._reader().execute(
                "SELECT originator_id, originator_version, topic, state, position, recorded_at FROM events "
                "WHERE originator_id = ? ORDER BY originator_version",
                (stream_id.bytes,),
            )
            return [RecordedNotification(UUID(bytes=id_), *rest) for id_, *rest in rows]

    def max_notification_id(self) -> int | None:
        with _translated():
            return self._head_in(self._reader())[0] or None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Never:
        raise NotImplementedError("SQLite notifies nobody: the log's `wait` wakes its readers")

    def find_command(self, command_id: UUID) -> CommandRecord | None:
        with _translated():
            return self._command_in(self._reader(), command_id)

    def record_command(self, command: CommandRecord, expect: Mapping[UUID, int]) -> int:
        """Records a command that changed nothing, at the head of the log, which it gives."""
        self.insert_events([], expect=expect, command=command)
        recorded = self.find_command(command.command_id)
        return recorded.last_position if recorded else 0

    def versions_between(self, first: int, last: int) -> dict[UUID, int]:
        """The version of each stream after the events at these positions."""
        with _translated():
            rows = self._reader().execute(
                "SELECT originator_id, max(originator_version) FROM events WHERE position BETWEEN ? AND ? GROUP BY 1",
                (first, last),
            )
            return {UUID(bytes=id_): version for id_, version in rows}

    def change_counter(self) -> int:
        """A number that changes when another process has appended."""
        with _translated():
            counter: int = self._reader().execute("PRAGMA data_version").fetchone()[0]
            return counter

    def _command_in(self, connection: sqlite3.Connection, command_id: UUID) -> CommandRecord | None:
        row = connection.execute(
            "SELECT digest, result, first_position, last_position FROM commands WHERE command_id = ?",
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

    def _reader(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
        return connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        with self._connecting:
            self._connections.append(connection)
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
