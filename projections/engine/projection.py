"""A read model is a keyed fold: which rows an event concerns, and what changes in each.

    tickets = Projection("tickets", version=1, table=Table("tickets", views, ...), of=TicketEvent)

    @tickets.begins(TicketReceived)
    def received(recorded): return {"number": recorded.event.number, ...}

    @tickets.changes(TicketAssigned)
    def assigned(recorded): return {"assigned_to": recorded.event.collaborator_id}

A fold is pure: it sees its row and the event, nothing else, and leaves out the key columns. What another stream knows is
joined by the query.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import DateTime, Dialect, Integer, MetaData, Table, TypeDecorator, Uuid

from domain.events import Erased, Event, Recorded, office_event_types
from projections.queries import full_text

Key = tuple[Any, ...]
Row = Mapping[str, Any]
By = Callable[[Recorded[Any]], Any]
Folds = Callable[[Row | None, Recorded[Any]], Row | None]
Fold = TypeVar("Fold", bound=Callable[..., Row | None])
Change = TypeVar("Change", bound=Callable[..., Row])

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


def stream(recorded: Recorded[Any]) -> UUID:
    """The key of a row per stream."""
    return recorded.stream_id


class Rule(NamedTuple):
    """One fold of one event type, the row that it applies to, or `several`, and whether it marks that row's version."""

    key: By
    fold: Folds
    several: bool = False
    stamps: bool = False


_STAMP: Final = Rule(stream, lambda row, _: row, stamps=True)


class Projection:
    """A table, the folds that fill it, and a version to raise when a fold changes: the engine then rebuilds the table.

    With `of`, a row is an aggregate, and each event of that family marks its `version`, the `ETag`: also those that no
    fold handles. `row_per_event` says that an event only ever makes new rows: such a table is never held in memory.

    Folds are registered for one event type or several, and concern the row of the stream; with `key`, the one there, by a
    value, or a tuple where several columns are the key; with `keys`, every row at such tuples: one, several or none.
    """

    def __init__(
        self, name: str, *, version: int, table: Table, of: type[Event] | None = None, row_per_event: bool = False
    ) -> None:
        self.name = name
        self.version = version
        self.table = table
        self.of = of
        self.row_per_event = row_per_event
        self.key_columns = tuple(str(column.name) for column in table.primary_key.columns)
        self._first_key = self.key_columns[0]
        self._parts = len(self.key_columns)
        self._blank = dict.fromkeys(str(column.name) for column in table.columns)
        self._width = len(self._blank)
        self._folds: defaultdict[type[Event], list[Rule]] = defaultdict(list)
        if of is not None and "version" not in self._blank:
            raise WrongRow(f"{name} has no column version")

    def begins(self, *types: type[Event], key: By = stream, keys: By | None = None) -> Callable[[Change], Change]:
        """A new row, of an event; one that is there stays as it is. Where the event's sealed value was erased: no row."""

        def fold_of(new: Change) -> Folds:
            def begun(row: Row | None, recorded: Recorded[Any]) -> Row | None:
                event = recorded.event
                if (sealed := event.sealed_field) and isinstance(getattr(event, sealed), Erased):
                    return None
                return row or new(recorded)

            return begun

        return self._registering(types, key, keys, fold_of)

    def changes(self, *types: type[Event], key: By = stream, keys: By | None = None) -> Callable[[Change], Change]:
        """Some columns of a row that is there, of an event."""
        return self._registering(
            types, key, keys, lambda change: lambda row, recorded: row and {**row, **change(recorded)}
        )

    def adjusts(self, *types: type[Event], key: By = stream, keys: By | None = None) -> Callable[[Change], Change]:
        """Some columns of a row that is there, of that row and an event."""
        return self._registering(
            types, key, keys, lambda change: lambda row, recorded: row and {**row, **change(row, recorded)}
        )

    def ends(self, *types: type[Event], key: By = stream, keys: By | None = None) -> None:
        """Deletes a row."""
        self.on(*types, key=key, keys=keys)(lambda _row, _recorded: None)

    def on(self, *types: type[Event], key: By = stream, keys: By | None = None) -> Callable[[Fold], Fold]:
        """What is none of these: the whole row as it becomes, or None, of the row, or None, and an event."""
        return self._registering(types, key, keys, lambda fold: fold)

    def _registering(
        self, types: Iterable[type[Event]], key: By, keys: By | None, fold_of: Callable[[Any], Folds]
    ) -> Callable[[Fold], Fold]:
        def register(written: Fold) -> Fold:
            for event_type in types:
                stamps = self.of is not None and issubclass(event_type, self.of) and key is stream and keys is None
                self._folds[event_type].append(Rule(keys or key, fold_of(written), keys is not None, stamps))
            self.__dict__.pop("_rules", None)
            return written

        return register

    @cached_property
    def _rules(self) -> Mapping[type[Event], Sequence[Rule]]:
        """Every fold by its event type; and for each event of the family, one that marks its version."""
        rules: dict[type[Event], Sequence[Rule]] = dict(self._folds)
        if self.of is not None:
            for event_type in office_event_types():
                folds = rules.get(event_type, ())
                if issubclass(event_type, self.of) and not any(rule.stamps for rule in folds):
                    rules[event_type] = (*folds, _STAMP)
        return rules

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
            key_of, fold, _, stamps = rules[0]
            key = key_of(recorded)
            if type(key) is not tuple:
                key = (key,)
            if len(key) != self._parts:
                raise self._wrong_key(key)
            if among is not None and not among(key):
                return ()
            before = rows.get(key)
            after = fold(before, recorded)
            if after is not None:
                after = self._complete(key, after, before, recorded.version if stamps else None)
            return ((key, after),)
        changed: dict[Key, Row | None] = {}
        for rule in rules:
            for key in self._keys(rule, recorded):
                if among is not None and not among(key):
                    continue
                before = changed[key] if key in changed else rows.get(key)
                after = rule.fold(before, recorded)
                if after is not None:
                    after = self._complete(key, after, before, recorded.version if rule.stamps else None)
                changed[key] = after
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

    def _complete(self, key: Key, row: Row, before: Row | None, version: int | None) -> Row:
        """The row that a fold gave, with its key, its version if it marks one, and every column of the table; a fold's
        mistake is told here, at its event.
        """
        complete: dict[str, Any]
        if len(row) == self._width and self._parts == 1 and row.get(self._first_key) is key[0]:
            # It was complete, and the fold changed some of it, or nothing.
            if version is None:
                return row
            complete = dict(row) if row is before else row  # type: ignore[assignment]  # made for this event
        else:
            complete = {**self._blank, **row}
            for column, part in zip(self.key_columns, key, strict=True):
                complete[column] = part  # a dictionary made for it would cost more
            if len(complete) != self._width:
                raise WrongRow(f"{self.name} has no column {', '.join(sorted(complete.keys() - self._blank.keys()))}")
        if version is not None:
            complete["version"] = version
        return complete

    def parse_key(self, texts: Iterable[str]) -> Key:
        """A key as someone typed it. Raises `ValueError`, naming the column."""
        given = tuple(texts)
        if len(given) != len(self.key_columns):
            raise ValueError(f"a key of {self.name} has {len(self.key_columns)} parts: {', '.join(self.key_columns)}")
        return tuple(_parsed(column, text) for column, text in zip(self.table.primary_key.columns, given, strict=True))


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
