"""Rows as bytes, the same whichever store they come from or go to."""

from __future__ import annotations

import struct
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson
from sqlalchemy import BigInteger, Column, Dialect, Integer, LargeBinary, MetaData, String, Table, TypeDecorator, Uuid
from sqlalchemy.types import TypeEngine

from adapters.backup.archive import BackupDamaged
from adapters.databases import BigId
from projections.engine.projection import Utc

_CHUNK_BYTES: Final = 4 << 20
_EVENT: Final = struct.Struct(">qqiHI16s")


class _StreamId(TypeDecorator[UUID]):
    """An id as the log keeps it: 16 bytes in SQLite, a UUID in PostgreSQL."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Uuid() if dialect.name == "postgresql" else LargeBinary())

    def process_bind_param(self, value: UUID | None, dialect: Dialect) -> Any:
        return value if value is None or dialect.name == "postgresql" else value.bytes

    def process_result_value(self, value: Any, dialect: Dialect) -> UUID | None:
        return value if value is None or dialect.name == "postgresql" else UUID(bytes=value)


_log = MetaData()
events: Final = Table(
    "events",
    _log,
    Column("position", BigId, primary_key=True, autoincrement=False),
    Column("originator_id", _StreamId),
    Column("originator_version", Integer),
    Column("topic", String),
    Column("state", LargeBinary),
    Column("recorded_at", BigInteger),
)
commands: Final = Table(
    "commands",
    _log,
    Column("command_id", _StreamId, primary_key=True),
    Column("digest", LargeBinary),
    Column("answer", LargeBinary),
    Column("position", BigInteger),
)


class EventRow(NamedTuple):
    """An event as the log has it, its state as it was written."""

    position: int
    stream_id: UUID
    version: int
    topic: str
    state: bytes
    recorded_at: int


def event_chunks(rows: Iterable[EventRow]) -> Iterator[bytes]:
    """Events in frames: `>qqiHI` position, recorded_at, version, the lengths of topic and state; the stream's id, both."""
    buffer = bytearray()
    for position, stream_id, version, topic, state, recorded_at in rows:
        named = topic.encode()
        buffer += _EVENT.pack(position, recorded_at, version, len(named), len(state), stream_id.bytes)
        buffer += named
        buffer += state
        if len(buffer) >= _CHUNK_BYTES:
            yield bytes(buffer)
            buffer.clear()
    if buffer:
        yield bytes(buffer)


def read_events(chunk: bytes) -> Iterator[EventRow]:
    start = 0
    try:
        while start < len(chunk):
            position, recorded_at, version, topic_bytes, state_bytes, stream_id = _EVENT.unpack_from(chunk, start)
            topic_at = start + _EVENT.size
            state_at = topic_at + topic_bytes
            start = state_at + state_bytes
            topic = chunk[topic_at:state_at].decode()
            yield EventRow(position, UUID(bytes=stream_id), version, topic, chunk[state_at:start], recorded_at)
    except (struct.error, UnicodeDecodeError) as error:
        raise BackupDamaged(f"the backup was altered: an event can't be read: {error}") from None


# --- tables ---------------------------------------------------------------------------------------


class _Kind(NamedTuple):
    """How a column's values are written."""

    type: TypeEngine[Any]
    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


def _same(value: Any) -> Any:
    return value


_KINDS: Final = {
    "integer": _Kind(BigInteger(), _same, _same),
    "text": _Kind(String(), _same, _same),
    "bytes": _Kind(LargeBinary(), lambda value: b64encode(value).decode(), b64decode),
    "uuid": _Kind(Uuid(), str, UUID),
    "time": _Kind(Utc(), lambda value: value.isoformat(), datetime.fromisoformat),
    "stream": _Kind(_StreamId(), str, UUID),
}
_KIND_OF_TYPE: Final[tuple[tuple[type, str], ...]] = (
    (_StreamId, "stream"),
    (Utc, "time"),
    (Uuid, "uuid"),
    (LargeBinary, "bytes"),
    (Integer, "integer"),
    (String, "text"),
)


def table_chunks(table: Table, rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """A table's rows as lines of JSON, the first of each chunk saying what the columns are."""
    kinds = [next(kind for cls, kind in _KIND_OF_TYPE if isinstance(column.type, cls)) for column in table.columns]
    writers = [_KINDS[kind].write for kind in kinds]
    named = orjson.dumps([[column.name, kind] for column, kind in zip(table.columns, kinds, strict=True)]) + b"\n"
    buffer = bytearray(named)
    for row in rows:
        values = [None if value is None else write(value) for write, value in zip(writers, row, strict=True)]
        buffer += orjson.dumps(values)
        buffer += b"\n"
        if len(buffer) >= _CHUNK_BYTES:
            yield bytes(buffer)
            buffer[:] = named
    yield bytes(buffer)


def read_table(name: str, chunk: bytes) -> tuple[Table, Iterator[tuple[Any, ...]]]:
    """The table as it was when it was written, and its rows."""
    first, _, rest = chunk.partition(b"\n")
    try:
        kinds = [(column, _KINDS[kind]) for column, kind in orjson.loads(first)]
    except (ValueError, KeyError) as error:
        raise BackupDamaged(f"the backup was altered: the table {name} can't be read: {error}") from None
    table = Table(name.rpartition("/")[2], MetaData(), *(Column(column, kind.type) for column, kind in kinds))
    return table, _rows(name, rest, [kind.read for _, kind in kinds])


def _rows(name: str, lines: bytes, readers: Sequence[Callable[[Any], Any]]) -> Iterator[tuple[Any, ...]]:
    for line in lines.splitlines():
        try:
            values = orjson.loads(line)
            row = tuple(None if value is None else read(value) for read, value in zip(readers, values, strict=True))
        except (ValueError, TypeError) as error:
            raise BackupDamaged(f"the backup was altered: a row of {name} can't be read: {error}") from None
        yield row
