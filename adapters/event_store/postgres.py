"""The log in PostgreSQL. An append is one round trip: one call of a function, which takes the log's lock, checks, stamps
and inserts. COPY takes bulk appends in, and a stream of chunks gives the log out.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import islice
from typing import Any, ClassVar, Final, cast
from uuid import UUID

import psycopg
import psycopg.errors
from eventsourcing.persistence import DataError, IntegrityError, OperationalError, PersistenceError, StoredEvent
from psycopg import generators
from psycopg.pq import ExecStatus, Format, TransactionStatus
from psycopg.types.string import ByteaBinaryLoader
from sqlalchemy import URL
from sqlalchemy import Connection as SQLAlchemyConnection

from adapters.databases import Migrations, first_line, open_database
from adapters.databases.postgres import NOTICING_A_DEAD_SERVER, connect, lock_number, patient_options
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

_CONNECTIONS: Final = 16
_SECONDS_FOR_A_CONNECTION: Final = 10.0
_LISTEN_AGAIN_SECONDS: Final = 1.0
_CHANNEL: Final = "greffier_log"
_LOCK: Final = lock_number("log", "writing")

_LAST: Final = """
    SELECT greatest(0, (SELECT max(position) FROM events), (SELECT max(position) FROM deleted)),
           greatest((SELECT recorded_at FROM events ORDER BY position DESC LIMIT 1),
                    (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
"""
"""The last position that was given, and the time for the next: to be read under the lock, by a statement of its own."""

_MOVED_ON: Final = -1
_ALREADY_RECORDED: Final = -2


def _create_tables(connection: SQLAlchemyConnection) -> None:
    for statement in (
        """
        CREATE TABLE events (
            position bigint PRIMARY KEY,
            originator_id uuid NOT NULL,
            originator_version integer NOT NULL,
            topic text NOT NULL,
            state bytea NOT NULL,
            recorded_at bigint NOT NULL,
            UNIQUE (originator_id, originator_version)
        )
        """,
        "CREATE INDEX events_by_topic ON events (topic, position)",
        """
        CREATE TABLE commands (
            command_id uuid PRIMARY KEY,
            digest bytea NOT NULL,
            answer bytea NOT NULL,
            position bigint NOT NULL
        )
        """,
        # A position is never given again, even when a tail was deleted. A row that each append updates would say so too,
        # but its dead versions can't be pruned while a backup or a rebuild reads, and each append would walk them.
        "CREATE TABLE deleted (position bigint NOT NULL)",
        """
        CREATE FUNCTION remember_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO deleted SELECT position FROM gone ORDER BY position DESC LIMIT 1;
            RETURN NULL;
        END $$
        """,
        """
        CREATE FUNCTION remember_all_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO deleted SELECT position FROM events ORDER BY position DESC LIMIT 1;
            RETURN NULL;
        END $$
        """,
        """
        CREATE TRIGGER remember_deleted AFTER DELETE ON events REFERENCING OLD TABLE AS gone
        EXECUTE FUNCTION remember_deleted()
        """,
        "CREATE TRIGGER remember_all_deleted BEFORE TRUNCATE ON events EXECUTE FUNCTION remember_all_deleted()",
        f"""
        CREATE FUNCTION append(
            expected_streams uuid[], expected_versions integer[],
            command_ids uuid[], digests bytea[], answers bytea[], written integer[],
            streams uuid[], versions integer[], topics text[], states bytea[]
        ) RETURNS bigint LANGUAGE plpgsql AS $$
        DECLARE
            last bigint;
            moment bigint;
        BEGIN
            PERFORM pg_advisory_xact_lock({_LOCK});
            IF cardinality(expected_streams) > 0 AND EXISTS (
                SELECT FROM unnest(expected_streams, expected_versions) AS expected (stream, version)
                WHERE version <> coalesce((SELECT max(originator_version) FROM events WHERE originator_id = stream), 0)
            ) THEN
                RETURN CASE WHEN EXISTS (SELECT FROM commands WHERE command_id = ANY (command_ids))
                            THEN {_ALREADY_RECORDED} ELSE {_MOVED_ON} END;
            END IF;
            {_LAST.replace("SELECT", "SELECT INTO last, moment", 1)};
            INSERT INTO commands
                SELECT id, digest, answer, last + n FROM unnest(command_ids, digests, answers, written)
                    AS command (id, digest, answer, n);
            IF cardinality(streams) > 0 THEN
                INSERT INTO events
                    SELECT last + n, stream, version, topic, state, moment FROM unnest(streams, versions, topics, states)
                        WITH ORDINALITY AS event (stream, version, topic, state, n);
                PERFORM pg_notify('{_CHANNEL}', '');
            END IF;
            RETURN last;
        END $$
        """,
    ):
        connection.exec_driver_sql(statement)


_MIGRATIONS: Final[Migrations] = (_create_tables,)

_APPEND: Final = b"SELECT append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
_BINARY: Final = (Format.BINARY,) * 10
_ARRAY: Final = struct.Struct(">iii")
_DIMENSION: Final = struct.Struct(">ii")
_RECORDED: Final = "SELECT originator_id, originator_version, topic, state, position, recorded_at FROM events "
_SCAN: Final = """
    SELECT position, originator_id, originator_version, topic, state, recorded_at
    FROM events WHERE position > %s AND position <= %s AND topic <> ALL(%s) ORDER BY position
"""
_COPY_IN: Final = """
    COPY events (position, originator_id, originator_version, topic, state, recorded_at) FROM STDIN (FORMAT BINARY)
"""


class PostgresEventRecorder(EventRecorder):
    """Opens the log in the database at `url`, and creates its tables where there are none. Raises `StoreUnavailable`."""

    poll_seconds: ClassVar[float] = 0.25

    def __init__(self, url: URL) -> None:
        super().__init__()
        with closing(open_database("log", url, durable=True)) as database:
            database.migrate(_MIGRATIONS)
        self._connections = _Connections(url)
        self._appender = _Appender(self._connections.connect)
        self._listener = _Listener(self._connections.connect, self._wake_waiting)

    def close(self) -> None:
        self._listener.stop()
        self._connections.close()
        self._appender.close()

    # --- appending ----------------------------------------------------------------------------

    def _append_together(self, appends: Sequence[Append]) -> Sequence[range]:
        last = self._appender.append(_arguments(appends))
        if last == _ALREADY_RECORDED:
            raise CommandAlreadyRecorded("a command of this id is in the log")
        if last == _MOVED_ON:
            raise VersionConflict("a stream that was read has moved on")
        given = []
        for append in appends:
            given.append(range(last + 1, last + 1 + len(append.events)))
            last += len(append.events)
        return given

    def copy_in(self, events: Iterable[StoredEvent]) -> int:
        left = iter(events)
        written = 0
        while some := list(islice(left, EVENTS_A_TRANSACTION)):
            self._copy_in(some)
            self._wake_waiting()
            written += len(some)
        return written

    def _copy_in(self, events: Sequence[StoredEvent]) -> None:
        with self._connections.lent() as connection, connection.transaction(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            ((last, recorded_at),) = cursor.execute(_LAST)
            with cursor.copy(_COPY_IN) as copy:
                copy.set_types(("int8", "uuid", "int4", "text", "bytea", "int8"))
                for position, one in enumerate(events, last + 1):
                    stream = _uuid(one.originator_id)
                    copy.write_row((position, stream, one.originator_version, one.topic, one.state, recorded_at))
            cursor.execute("SELECT pg_notify(%s, '')", (_CHANNEL,))

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
        rows = self._rows(
            "SELECT originator_id, originator_version, topic, state FROM events WHERE originator_id = %s "
            "AND (%s::integer IS NULL OR originator_version > %s) AND (%s::integer IS NULL OR originator_version <= %s) "
            f"ORDER BY originator_version {'DESC' if desc else 'ASC'} LIMIT %s::bigint",
            (_uuid(originator_id), gt, gt, lte, lte, limit),
        )
        return [StoredEvent(*row) for row in rows]

    def select_streams(self, stream_ids: Collection[UUID]) -> dict[UUID, list[StoredEvent]]:
        streams: dict[UUID, list[StoredEvent]] = {stream_id: [] for stream_id in stream_ids}
        rows = self._rows(
            "SELECT originator_id, originator_version, topic, state FROM events WHERE originator_id = ANY(%s) "
            "ORDER BY originator_id, originator_version",
            (list(streams),),
        )
        for row in rows:
            streams[row[0]].append(StoredEvent(*row))
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
        among = "AND topic = ANY (%s) " if topics else ""
        rows = self._rows(
            f"{_RECORDED}WHERE position >= %s::bigint AND position <= %s::bigint {among}ORDER BY position "
            "LIMIT %s::bigint",
            (first, 2**62 if stop is None else stop, *([list(topics)] if topics else []), limit),
        )
        return [RecordedNotification(*row) for row in rows]

    def select_stream(self, stream_id: UUID) -> Sequence[RecordedNotification]:
        rows = self._rows(f"{_RECORDED}WHERE originator_id = %s ORDER BY originator_version", (stream_id,))
        return [RecordedNotification(*row) for row in rows]

    def max_notification_id(self) -> int | None:
        last: int | None = self._rows("SELECT max(position) FROM events", ())[0][0]
        return last

    def find_command(self, command_id: UUID) -> CommandRecord | None:
        rows = self._rows("SELECT digest, answer, position FROM commands WHERE command_id = %s", (command_id,))
        return CommandRecord(command_id, *rows[0]) if rows else None

    def scan(self, after: int, upto: int, without: Collection[str] = ()) -> Iterator[list[Row]]:
        # A block is brought while the one before it is being used. Its statement is short: a snapshot that lasted for
        # a whole rebuild would keep VACUUM from its work. (COPY gives its rows to Python one by one, and is slower.)
        starts = range(after, upto, EVENTS_A_BLOCK)
        if len(starts) < 2:  # noqa: PLR2004  # what is new is no more than a block
            blocks: Iterator[list[Row]] = (self._block(start, upto, without) for start in starts)
        else:
            blocks = self._blocks_ahead(starts, upto, without)
        yield from filter(None, blocks)

    def _blocks_ahead(self, starts: range, upto: int, without: Collection[str]) -> Iterator[list[Row]]:
        with ThreadPoolExecutor(1, "scanning") as ahead:
            coming = ahead.submit(self._block, after=starts[0], upto=upto, without=without)
            for start in starts[1:]:
                block = coming.result()
                coming = ahead.submit(self._block, after=start, upto=upto, without=without)
                yield block
            yield coming.result()

    def _block(self, after: int, upto: int, without: Collection[str]) -> list[Row]:
        end = min(after + EVENTS_A_BLOCK, upto)
        with self._connections.lent() as connection, connection.cursor(binary=True) as cursor:
            cursor.adapters.register_loader("uuid", ByteaBinaryLoader)
            return cast("list[Row]", cursor.execute(_SCAN, (after, end, list(without)), prepare=True).fetchall())

    def _rows(self, statement: str, values: Sequence[object]) -> list[Any]:
        with self._connections.lent() as connection:
            return connection.execute(statement, values, prepare=True, binary=True).fetchall()

    def wait(self, after: int, timeout: float) -> int:
        self._listener.start()
        return super().wait(after, timeout)


def _arguments(appends: Sequence[Append]) -> Sequence[bytes]:
    """The arguments of the function `append`. Raises `VersionConflict` where they exclude each other."""
    expected = expectations(appends)
    command_ids: list[bytes] = []
    digests: list[bytes] = []
    answers: list[bytes] = []
    written: list[bytes] = []
    streams: list[bytes] = []
    versions: list[bytes] = []
    topics: list[bytes] = []
    states: list[bytes] = []
    for append in appends:
        for command, events in append.commands:
            command_ids.append(command.command_id.bytes)
            digests.append(command.digest)
            answers.append(command.answer)
            written.append(_int4(len(streams) + events))
        for event in append.events:
            streams.append(_uuid(event.originator_id).bytes)
            versions.append(_int4(event.originator_version))
            topics.append(event.topic.encode())
            states.append(event.state)
    return (
        _array("uuid", [stream.bytes for stream in expected]),
        _array("int4", [_int4(version) for version in expected.values()]),
        _array("uuid", command_ids),
        _array("bytea", digests),
        _array("bytea", answers),
        _array("int4", written),
        _array("uuid", streams),
        _array("int4", versions),
        _array("text", topics),
        _array("bytea", states),
    )


def _array(of: str, items: Sequence[bytes]) -> bytes:
    """An array as PostgreSQL reads it: dimensions, NULLs, the type's number, and where there are items, their number, the
    first's index, and each with its length. The driver makes it too, at ten times the cost.
    """
    if not items:
        return _ARRAY.pack(0, 0, psycopg.postgres.types[of].oid)
    parts = [_ARRAY.pack(1, 0, psycopg.postgres.types[of].oid), _DIMENSION.pack(len(items), 1)]
    for item in items:
        parts += (len(item).to_bytes(4), item)
    return b"".join(parts)


def _int4(value: int) -> bytes:
    return value.to_bytes(4, signed=True)


class _Appender:
    """The connection on which this process appends: one caller at a time, as its group commit sees to."""

    def __init__(self, connect: Callable[[], psycopg.Connection]) -> None:
        self._connect = connect
        self._connection: psycopg.Connection | None = None

    def append(self, arguments: Sequence[bytes]) -> int:
        """The last position before; raises the library's errors."""
        with _translated():
            connection = self._living()
            try:
                connection.pgconn.send_query_prepared(b"append", arguments, _BINARY, Format.BINARY)
                (result,) = connection.wait(generators.execute(connection.pgconn))
            except BaseException:
                self.close()  # what became of it is not known
                raise
            if result.status != ExecStatus.TUPLES_OK:
                raise psycopg.errors.error_from_result(result)
            return int.from_bytes(result.get_value(0, 0) or b"", signed=True)

    def _living(self) -> psycopg.Connection:
        if self._connection is not None and not _is_alive(self._connection):
            self.close()
        if self._connection is None:
            self._connection = self._connect()
            self._connection.pgconn.prepare(b"append", _APPEND)
        return self._connection

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class _Connections:
    """Connections that threads lend each other. One that failed is closed, and one that died while idle is replaced, so
    that the first request after the server was restarted meets none of before.
    """

    def __init__(self, url: URL) -> None:
        self._url = url
        self._idle: deque[psycopg.Connection] = deque()
        self._free = threading.Semaphore(_CONNECTIONS)
        self._closed = False

    @contextmanager
    def lent(self) -> Iterator[psycopg.Connection]:
        with _translated():
            if not self._free.acquire(timeout=_SECONDS_FOR_A_CONNECTION):
                raise OperationalError(f"all {_CONNECTIONS} connections are in use")
            try:
                connection = self._idle_one() or self.connect()
                try:
                    yield connection
                finally:
                    self._take_back(connection)
            finally:
                self._free.release()

    def connect(self) -> psycopg.Connection:
        if self._closed:
            raise OperationalError("the log is closed")
        return connect(
            self._url,
            patient_options("log", durable=True),
            autocommit=True,
            prepare_threshold=None,
            **NOTICING_A_DEAD_SERVER,
        )

    def close(self) -> None:
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _idle_one(self) -> psycopg.Connection | None:
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            if _is_alive(connection):
                return connection
            connection.close()

    def _take_back(self, connection: psycopg.Connection) -> None:
        if self._closed or connection.pgconn.transaction_status != TransactionStatus.IDLE:
            connection.close()
        else:
            self._idle.append(connection)


def _is_alive(idle: psycopg.Connection) -> bool:
    """Whether it is idle, as it seems without asking: a server speaks to an idle connection when it ends it."""
    if idle.pgconn.transaction_status != TransactionStatus.IDLE:
        return False
    poll = select.poll()
    poll.register(idle.fileno(), select.POLLIN)
    return not poll.poll(0)


class _Listener:
    """Calls `wake` when any process has appended, once it was started. What it misses, a poll sees."""

    def __init__(self, connect: Callable[[], psycopg.Connection], wake: Callable[[], None]) -> None:
        self._connect = connect
        self._wake = wake
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping, self._stop = socket.socketpair()

    def start(self) -> None:
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="greffier log listener", daemon=True)
                    self._thread.start()

    def stop(self) -> None:
        self._stop.close()
        if self._thread is not None:
            self._thread.join()
        self._stopping.close()

    def _run(self) -> None:
        stopped = False
        while not stopped:
            try:
                with closing(self._connect()) as connection:
                    connection.execute(f"LISTEN {_CHANNEL}")
                    self._wake()  # for what was appended while nobody listened
                    while not (stopped := self._is_stopped(connection.fileno())):
                        connection.pgconn.consume_input()
                        while connection.pgconn.notifies():
                            """All are one: there is something to read."""
                        self._wake()
            except (psycopg.Error, OperationalError):
                stopped = self._is_stopped(seconds=_LISTEN_AGAIN_SECONDS)

    def _is_stopped(self, *others: int, seconds: float | None = None) -> bool:
        """Waits until it is, or until one of the others can be read, or for so long."""
        poll = select.poll()
        for one in (self._stopping.fileno(), *others):
            poll.register(one, select.POLLIN)
        readable = poll.poll(None if seconds is None else seconds * 1000)
        return any(one == self._stopping.fileno() for one, _ in readable)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except psycopg.errors.UniqueViolation as error:
        reason = CommandAlreadyRecorded if error.diag.table_name == "commands" else VersionConflict
        raise reason(first_line(error)) from error
    except psycopg.IntegrityError as error:
        raise IntegrityError(first_line(error)) from error
    except psycopg.DataError as error:
        raise DataError(first_line(error)) from error
    except (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError) as error:
        raise OperationalError(first_line(error)) from error  # a read-only database is an `InternalError`
    except psycopg.Error as error:
        raise PersistenceError(first_line(error)) from error


def _uuid(originator_id: UUID | str) -> UUID:
    return originator_id if isinstance(originator_id, UUID) else UUID(originator_id)
