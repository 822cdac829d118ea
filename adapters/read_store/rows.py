"""A table's rows as its database's driver takes and gives them: columns at a time, without SQLAlchemy in between."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson
from sqlalchemy import JSON, Boolean, Column, Dialect, Table, Uuid

from projections.engine.projection import Key, Row, Utc


class _Codec(NamedTuple):
    """How the values of a column go to the driver and come back; None where they go as they are."""

    write: Callable[[Any], Any] | None
    read: Callable[[Any], Any] | None


class _Writer(NamedTuple):
    write: Callable[[Any], Any] | None
    nullable: bool

    def __call__(self, column: Sequence[Any]) -> Sequence[Any]:
        write = self.write
        if write is None:
            return column
        if self.nullable:
            return [None if value is None else write(value) for value in column]
        return list(map(write, column))


_AS_IT_IS: Final = _Codec(None, None)


class RowCodec:
    """Between a view's rows and the tuples that a driver takes, in the table's order of columns."""

    def __init__(self, table: Table, dialect: Dialect) -> None:
        self.names = tuple(str(column.name) for column in table.columns)
        self.key_names = tuple(str(column.name) for column in table.primary_key.columns)
        codecs = [_codec(column, dialect) for column in table.columns]
        self._writers = [
            _Writer(codec.write, bool(column.nullable)) for codec, column in zip(codecs, table.columns, strict=True)
        ]
        self._readers = [(number, codec.read) for number, codec in enumerate(codecs) if codec.read]
        self._key_writers = [_Writer(_codec(column, dialect).write, nullable=False) for column in table.primary_key]
        self.values: Callable[[Row], tuple[Any, ...]] = (
            itemgetter(*self.names) if len(self.names) > 1 else _only(self.names[0])
        )
        self._key = itemgetter(*map(self.names.index, self.key_names))
        self._key_is_one = len(self.key_names) == 1

    def columns(self, rows: Iterable[Row]) -> list[Sequence[Any]]:
        """The rows' values, as the driver takes them, a sequence for each column."""
        return _converted(map(self.values, rows), self._writers)

    def tuples(self, rows: Iterable[Row]) -> Iterator[tuple[Any, ...]]:
        return zip(*self.columns(rows), strict=True)

    def key_columns(self, keys: Iterable[Key]) -> list[Sequence[Any]]:
        return _converted(keys, self._key_writers)

    def key_tuples(self, keys: Iterable[Key]) -> Iterator[tuple[Any, ...]]:
        return zip(*self.key_columns(keys), strict=True)

    def read(self, found: Iterable[Sequence[Any]]) -> dict[Key, Row | None]:
        """What a driver gave, by key."""
        rows: dict[Key, Row | None] = {}
        for values in found:
            read = list(values)
            for number, convert in self._readers:
                if read[number] is not None:
                    read[number] = convert(read[number])
            key = self._key(read)
            rows[(key,) if self._key_is_one else key] = dict(zip(self.names, read, strict=True))
        return rows


@lru_cache(maxsize=128)
def row_codec(table: Table, dialect: Dialect) -> RowCodec:
    """Made once a table: a live batch asks for it at each statement."""
    return RowCodec(table, dialect)


def _converted(rows: Iterable[Sequence[Any]], writers: Sequence[_Writer]) -> list[Sequence[Any]]:
    columns: list[Sequence[Any]] = list(zip(*rows, strict=True)) or [()] * len(writers)
    return [write(column) for column, write in zip(columns, writers, strict=True)]


def _codec(column: Column[Any], dialect: Dialect) -> _Codec:
    kind = column.type
    if isinstance(kind, JSON):
        return _Codec(_json, None if dialect.name == "postgresql" else orjson.loads)
    if dialect.name == "postgresql":
        return _Codec(None, _in_utc) if isinstance(kind, Utc) else _AS_IT_IS
    if isinstance(kind, Uuid):
        return _Codec(_hex, _uuid)
    if isinstance(kind, Utc):
        return _Codec(_utc_text, _utc)
    return _Codec(int, bool) if isinstance(kind, Boolean) else _AS_IT_IS


def _json(value: Any) -> str:
    return "[]" if value == [] else orjson.dumps(value).decode()


def _hex(value: UUID) -> str:
    return "%032x" % value.int  # noqa: UP031  # the quickest of several ways


def _uuid(text: str) -> UUID:
    return UUID(text)


def _utc_text(value: datetime) -> str:
    text = value.isoformat(" ", "microseconds")
    if text.endswith("+00:00"):
        return text[:-6]
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _in_utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


def _only(name: str) -> Callable[[Row], tuple[Any]]:
    return lambda row: (row[name],)
