"""A view built aside, in a table of the next generation, and put in place when it is done (X9).

Rows are folded in memory and written in bulk. Where there are too many to be held, those so far are written and folding
goes on in the table: `_Written` tells which rows need not be looked for there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any, Final

from sqlalchemy import Index, MetaData, Table

from projections.engine.folding import Fault, Folding, stopped
from projections.engine.projection import Key, Projection, Row
from projections.engine.read_store import Refused, StoredView, ViewWriter
from projections.queries import full_text

ROWS_IN_MEMORY: Final = 100_000
"""A view's rows that a build holds before it writes them."""
ROWS_A_STEP: Final = 5000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Step:
    """What a build does in one transaction of its own, in the order in which steps are given."""

    work: Callable[[ViewWriter], None]
    awaited: bool = False
    """Whether folding can't go on before it is done."""


class Build:
    """A view being built aside, in a table of the next generation."""

    def __init__(self, projection: Projection, former: StoredView | None) -> None:
        self.projection = projection
        self.generation = former.generation + 1 if former else 1
        self.table = of_generation(projection.table, self.generation)
        self.position = 0
        self.fault: Fault | None = None
        self.refused = False
        self._rows: dict[Key, Row | None] = {}
        self._new: list[tuple[Key, Row | None]] = []
        """In place of `_rows`, where an event only ever makes new rows."""
        self._loaded: set[Key] = set()
        self._written: _Written | None = None

    @property
    def is_healthy(self) -> bool:
        return not (self.fault or self.refused)

    def start(self, writer: ViewWriter) -> None:
        writer.create_table(self.table)

    def take(self, share: Folding, last: int) -> Iterator[Step]:
        """Folds a share of the log; gives what there is to write before the next."""
        if self.projection.row_per_event:
            share.fold_new(self._new)
            self.position, self.fault = last, share.fault
            if len(self._new) >= ROWS_A_STEP:
                yield from self._write_out()
            return
        if self._written is not None and (keys := self._written.among(share.keys() - self._rows.keys())):
            yield self._unless_refused(lambda writer: self._load(writer, keys), awaited=True)
        share.fold(self._rows)
        self.position, self.fault = last, share.fault
        if len(self._rows) >= ROWS_IN_MEMORY:
            yield from self._write_out()

    def finish(self) -> Iterator[Step]:
        """Writes what is held, and makes the key, if it isn't there, and the indexes; of words too, some rows a step."""
        key_is_made = self._written is not None
        yield from self._write_out(to_go_on=False)
        if not key_is_made:
            yield self._unless_refused(lambda writer: writer.create_key(self.table))
        yield self._unless_refused(self._create_indexes)
        searching = _MakingSearchable(self.table)
        while not (searching.is_done or self.refused):
            yield self._unless_refused(searching)

    def _create_indexes(self, writer: ViewWriter) -> None:
        for index in self.table.indexes:
            writer.create_index(index)

    def fold_again(self, writer: ViewWriter) -> None:
        """Begins anew what the table refused, with every row written as it comes: up to the event that it refuses."""
        writer.create_table(self.table)
        writer.create_key(self.table)
        self._create_indexes(writer)
        searching = _MakingSearchable(self.table)
        while not searching.is_done:
            searching(writer)
        self.position, self.fault = 0, None

    def follow(self, share: Folding, last: int, writer: ViewWriter) -> None:
        """Folds one more share into the table, once it is whole."""
        share.fold_stored(writer, self.table)
        share.write(writer, self.table)
        self.position, self.fault = last, share.fault

    def put_in_place(self, writer: ViewWriter, head: int, readers: str | None) -> None:
        """Puts the table in place, if only up to where it could be folded; but one that came further stays as it was.

        Raises `Busy`, whose `readers` are to be given at the next try, unless the table was written to meanwhile.
        """
        name, fingerprint = self.projection.name, self.projection.fingerprint
        current = writer.views().get(name)
        if self.fault:
            _log.error("the build of the view %s stopped: %s", name, self.fault)
        came_further = self.fault and current and self.fault.position <= current.position <= head
        if self.fault and current and came_further and current.fingerprint == fingerprint:
            writer.drop_table(self.table)
            writer.put(replace(current, rebuild_requested=False, rebuilt_to=None, error=f"rebuild: {self.fault}"))
            return
        writer.swap(self.projection.table, self.table, readers)
        built = StoredView(name, fingerprint, self.generation, self.position)
        writer.put(stopped(built, self.fault) if self.fault else built)

    def _load(self, writer: ViewWriter, keys: set[Key]) -> None:
        found = writer.load(self.table, keys)
        self._rows.update(found)
        self._loaded.update(found)

    def _write_out(self, *, to_go_on: bool = True) -> Iterator[Step]:
        rows, loaded, self._rows, self._loaded = self._rows, self._loaded, {}, set()
        made, self._new = self._new, []
        new = (row for key, row in chain(made, rows.items()) if row is not None and not (loaded and key in loaded))
        while some := list(islice(new, ROWS_A_STEP)):
            yield self._unless_refused(lambda writer, some=some: writer.insert(self.table, some))  # type: ignore[misc]
        if loaded:
            changed = {key: rows[key] for key in loaded}
            yield self._unless_refused(lambda writer: writer.write(self.table, changed))
        if to_go_on and not self.projection.row_per_event:
            if self._written is None:
                self._written = _Written()
                yield self._unless_refused(lambda writer: writer.create_key(self.table))
            self._written.add(rows)

    def _unless_refused(self, work: Callable[[ViewWriter], None], *, awaited: bool = False) -> Step:
        def attempt(writer: ViewWriter) -> None:
            if not self.refused:
                try:
                    work(writer)
                except Refused:
                    self.refused = True

        return Step(attempt, awaited)


class _MakingSearchable:
    """Indexes a table's words, if they are to be, some rows each time that it is called."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._after: int | None = None
        self.is_done = full_text.of(table) is None

    def __call__(self, writer: ViewWriter) -> None:
        if not self.is_done:  # as many steps as may be under way were given before the last was known to be that
            self._after = writer.make_searchable(self._table, self._after)
            self.is_done = self._after is None


class _Written:
    """Which keys were written: all of those, and a few others. (A Bloom filter of one hash: B. H. Bloom, 1970.)

    With 2^27 bits, 16 MiB, a million keys make it wrong about one key in 134; to be wrong costs a look into the table.
    """

    _BITS: Final = 1 << 27

    def __init__(self) -> None:
        self._seen = bytearray(self._BITS // 8)

    def add(self, keys: Any) -> None:
        seen, mask = self._seen, self._BITS - 1
        for key in keys:
            bit = hash(key) & mask
            seen[bit >> 3] |= 1 << (bit & 7)

    def among(self, keys: set[Key]) -> set[Key]:
        seen, mask = self._seen, self._BITS - 1
        return {key for key in keys if seen[(bit := hash(key) & mask) >> 3] >> (bit & 7) & 1}


def of_generation(table: Table, generation: int) -> Table:
    """The same table under the name of one generation; index names are a database's, so they carry it too."""
    built = table.to_metadata(MetaData(), name=f"{table.name}__{generation}")
    indexes: list[Index] = list(built.indexes)
    for index in indexes:
        index.name = f"{index.name}__{generation}"  # type: ignore[assignment]  # a name like any other
    return built
