"""A view built aside, in a table of the next generation, and put in place when it is done."""

from __future__ import annotations

import logging
from dataclasses import replace

from sqlalchemy import Index, MetaData, Table

from projections.folding import Fault, Folding, stopped
from projections.projection import Key, Projection, Row
from projections.read_store import Refused, StoredView, ViewWriter

_log = logging.getLogger(__name__)


class Build:
    """A view being built aside, in a table of the next generation."""

    def __init__(self, projection: Projection, former: StoredView | None) -> None:
        self.projection = projection
        self.generation = former.generation + 1 if former else 1
        self.table = of_generation(projection.table, self.generation)
        self.position = 0
        self.rows: dict[Key, Row | None] = {}
        self.fault: Fault | None = None
        self.refused = False

    @property
    def is_healthy(self) -> bool:
        return not (self.fault or self.refused)

    def take(self, share: Folding, last: int) -> None:
        share.fold(self.rows)
        self.position, self.fault = last, share.fault

    def flush(self, writer: ViewWriter) -> None:
        try:
            writer.insert(self.table, [row for row in self.rows.values() if row is not None])
        except Refused:
            self.refused = True
        self.rows.clear()

    def fill(self, writer: ViewWriter) -> None:
        self.flush(writer)
        if not self.refused:
            try:
                writer.create_indexes(self.table)
            except Refused:
                self.refused = True

    def finish(self, writer: ViewWriter, current: StoredView | None) -> None:
        """Puts the table in place, if only up to where it could be folded; but one in order there stays as it was."""
        name, fingerprint = self.projection.name, self.projection.fingerprint
        if self.fault:
            _log.error("the build of the view %s stopped: %s", name, self.fault)
        if self.fault and current and current.fingerprint == fingerprint:
            writer.drop_table(self.table)
            writer.put(replace(current, rebuild_requested=False, error=f"rebuild: {self.fault}"))
            return
        writer.swap(self.projection.table, self.table)
        built = StoredView(name, fingerprint, self.generation, self.position)
        writer.put(stopped(built, self.fault) if self.fault else built)


def of_generation(table: Table, generation: int) -> Table:
    """The same table under the name of one generation; index names are a database's, so they carry it too."""
    built = table.to_metadata(MetaData(), name=f"{table.name}__{generation}")
    indexes: list[Index] = list(built.indexes)
    for index in indexes:
        index.name = f"{index.name}__{generation}"  # type: ignore[assignment]  # a name like any other
    return built
