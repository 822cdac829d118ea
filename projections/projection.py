"""A read model is a keyed fold: which rows an event concerns, and how each such row changes.

    tickets = Projection("tickets", version=1, table=Table("tickets", views, ...))

    @tickets.on(TicketReceived, key=stream)
    def received(row, recorded): return {"number": recorded.event.number, ...}

A fold is pure: it sees its row (or None) and the event, nothing else, and returns the row as it becomes (or None to
delete it) without its key columns. What another stream knows is joined by the query.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import DateTime, Dialect, Integer, MetaData, Table, TypeDecorator, Uuid

from domain.events import Event, Recorded
from projections import full_text

Key = tuple[Any, ...]
Row = Mapping[str, Any]
E = TypeVar("E", bound=Event)
Fold = TypeVar("Fold", bound=Callable[..., Row | None])

views: Final = MetaData()
"""The tables of every read model."""


class Utc(TypeDecorator[datetime]):
    """A moment, aware and in UTC on both sides, whatever the database keeps."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None or value.tzinfo is not None:
            return value and value.astimezone(UTC)
        return value.replace(tzinfo=UTC)


class WrongRow(ValueError):
    """A fold gave a row, or a key, that its table doesn't have."""


class Rule(NamedTuple):
    """One fold of one event type, and the row that it applies to, or `several`."""

    key: Callable[[Recorded[Any]], Any]
    fold: Callable[[Any, Recorded[Any]], Row | None]
    several: bool


class Projection:
    """A table, the folds that fill it, and a version to raise when a fold changes: the engine then rebuilds the table.

    `row_per_event` says that an event only ever makes new rows: such a table is never held in memory.
    """

    def __init__(self, name: str, *, version: int, table: Table, row_per_event: bool = False) -> None:
        self.name = name
        self.version = version
        self.table = table
        self.row_per_event = row_per_event
        self.key_columns = tuple(str(column.name) for column in table.primary_key.columns)
        self._parts = len(self.key_columns)
        self._blank = dict.fromkeys(str(column.name) for column in table.columns)
        self._width = len(self._blank)
        self._rules: defaultdict[type[Event], list[Rule]] = defaultdict(list)

    def on(self, event_type: type[E], *, key: Callable[[Recorded[E]], Any]) -> Callable[[Fold], Fold]:
        """Folds `event_type` into the one row at `key`: a value, or a tuple where several columns are the key."""
        return self._register(event_type, key, several=False)

    def on_each(self, event_type: type[E], *, keys: Callable[[Recorded[E]], Iterable[Key]]) -> Callable[[Fold], Fold]:
        """Folds `event_type` into every row at `keys`: tuples, one, several or none."""
        return self._register(event_type, keys, several=True)

    def _register(self, event_type: type[Event], key: Any, *, several: bool) -> Callable[[Fold], Fold]:
        def register(fold: Fold) -> Fold:
            self._rules[event_type].append(Rule(key, fold, several))
            return fold

        return register

    @property
    def topics(self) -> frozenset[str]:
        return frozenset(event_type.topic() for event_type in self._rules)

    @property
    def fingerprint(self) -> str:
        """What built the stored table: the code's version, and the table's columns, indexes and searchable text."""
        shape = [f"{c.name} {c.type!r} {c.primary_key} {c.nullable}" for c in self.table.columns]
        shape += sorted(f"{i.name} {i.columns.keys()} {i.unique}" for i in self.table.indexes)
        shape += map(str, filter(None, [full_text.of(self.table)]))
        return f"{self.version}:{hashlib.sha256(','.join(shape).encode()).hexdigest()[:12]}"

    def keys_of(self, recorded: Recorded[Any]) -> list[Key]:
        """The keys of the rows that this event concerns."""
        return [key for rule in self._rules.get(type(recorded.event), ()) for key in self._keys(rule, recorded)]

    def apply(
        self, recorded: Recorded[Any], rows: Mapping[Key, Row | None], among: Callable[[Key], bool] | None = None
    ) -> Sequence[tuple[Key, Row | None]]:
        """The rows that this event changes, as they become; `rows` holds what they were, and is left alone.

        With `among`, only rows at keys of which it is true.
        """
        rules = self._rules.get(type(recorded.event), ())
        if len(rules) == 1 and not rules[0].several:  # by far the most: there is nothing to bring together
            keys_of, fold, _ = rules[0]
            key = keys_of(recorded)
            if type(key) is not tuple:
                key = (key,)
            if len(key) != self._parts:
                raise self._wrong_key(key)
            if among is not None and not among(key):
                return ()
            after = fold(rows.get(key), recorded)
            return ((key, None if after is None else self._complete(key, after)),)
        changed: dict[Key, Row | None] = {}
        for rule in rules:
            for key in self._keys(rule, recorded):
                if among is not None and not among(key):
                    continue
                before = changed[key] if key in changed else rows.get(key)
                after = rule.fold(before, recorded)
                changed[key] = None if after is None else self._complete(key, after)
        return tuple(changed.items())

    def _keys(self, rule: Rule, recorded: Recorded[Any]) -> Sequence[Key]:
        found = rule.key(recorded)
        keys: Sequence[Key] = tuple(found) if rule.several else (found if isinstance(found, tuple) else (found,),)
        for key in keys:
            if len(key) != self._parts:
                raise self._wrong_key(key)
        return keys

    def _wrong_key(self, key: Key) -> WrongRow:
        return WrongRow(f"a key of {self.name} has {self._parts} parts, not {len(key)}")

    def _complete(self, key: Key, row: Row) -> Row:
        """The row with its key and every column of the table; a fold's mistake is told here, at its event."""
        if self._parts == 1 and len(row) == self._width and row.get(self.key_columns[0]) is key[0]:
            return row  # it was complete, and the fold changed some of it
        complete = {**self._blank, **row}
        for column, part in zip(self.key_columns, key, strict=True):
            complete[column] = part  # noqa: PERF403  # a dictionary made for it would cost more
        if len(complete) != self._width:
            raise WrongRow(f"{self.name} has no column {', '.join(sorted(complete.keys() - self._blank.keys()))}")
        return complete

    def parse_key(self, texts: Iterable[str]) -> Key:
        """A key as someone typed it. Raises `ValueError`, naming the column."""
        given = tuple(texts)
        if len(given) != len(self.key_columns):
            raise ValueError(f"a key of {self.name} has {len(self.key_columns)} parts: {', '.join(self.key_columns)}")
        return tuple(_parsed(column, text) for column, text in zip(self.table.primary_key.columns, given, strict=True))


def stream(recorded: Recorded[Any]) -> UUID:
    """The key of a row per stream."""
    return recorded.stream_id


def fold_all(projection: Projection, events: Iterable[Recorded[Any]]) -> dict[Key, Row]:
    """The rows that these events make, from nothing: what a rebuild, a proof or a look at the past compares with."""
    rows: dict[Key, Row | None] = {}
    for recorded in events:
        rows.update(projection.apply(recorded, rows))
    return {key: row for key, row in rows.items() if row is not None}


def _parsed(column: Any, text: str) -> Any:
    try:
        if isinstance(column.type, Uuid):
            return UUID(text)
        return int(text) if isinstance(column.type, Integer) else text
    except ValueError:
        raise ValueError(
            f"{column.name}: {text!r} is not {'a UUID' if isinstance(column.type, Uuid) else 'a number'}"
        ) from None
