"""One projection's share of a batch: its folds, all before any write, and the fault at which it stops if it does."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlalchemy import Table

from domain.events import Recorded
from projections.log import EventReader, Unreadable
from projections.projection import Key, Projection, Row
from projections.read_store import Refused, StoredView, ViewWriter

BATCH: Final = 2_000

Progress = Callable[[int, int], None]
"""Is told how many positions are done, of how many."""


def no_progress(done: int, total: int) -> None:
    """Nobody watches."""


class CannotFold(Exception):
    """A rebuild or a replay met events that can't be folded."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Where a projection stopped: it can't fold the event at `position`."""

    position: int
    error: str

    def __str__(self) -> str:
        return f"event {self.position}: {self.error}"


@dataclass(slots=True)
class Folding:
    """A projection's share of one batch: the rows that it touches, and where it stopped if it did."""

    projection: Projection
    events: list[Recorded[Any] | Unreadable] = field(default_factory=list)
    changed: dict[Key, Row | None] = field(default_factory=dict)
    fault: Fault | None = None
    refusal: str | None = None

    def keys(self) -> set[Key]:
        """The rows that the batch concerns. An event whose keys can't be told is a fault when its turn comes."""
        keys: set[Key] = set()
        for event in self.events:
            if isinstance(event, Recorded):
                try:
                    keys.update(self.projection.keys_of(event))
                except Exception:  # noqa: BLE001  # whatever a projection raises is its fault alone
                    break
        return keys

    def fold(self, rows: dict[Key, Row | None]) -> None:
        """Folds the events, up to the first that can't be folded."""
        for event in self.events:
            try:
                if isinstance(event, Unreadable):
                    raise ValueError(event.reason)  # noqa: TRY301, TRY004
                now = self.projection.apply(event, rows)
            except Exception as error:  # noqa: BLE001  # whatever a fold raises is that projection's fault alone
                self.fault = Fault(event.position, f"{type(error).__name__}: {error}")
                return
            rows.update(now)
            self.changed.update(now)

    def fold_stored(self, writer: ViewWriter, table: Table) -> None:
        """Folds the events into the rows that `table` holds."""
        try:
            rows = writer.load(table, self.keys())
        except Refused as refusal:
            self.refusal = str(refusal)
        else:
            self.fold(rows)

    def write(self, writer: ViewWriter, table: Table) -> None:
        """Writes what was folded. What the table refuses is halved until the event is found: it is the fault."""
        try:
            if self.refusal is None:
                writer.write(table, self.changed)
                return
        except Refused as refusal:
            self.refusal = str(refusal)
        if len(self.events) == 1:
            self.fault = Fault(self.events[0].position, self.refusal)
            return
        middle = len(self.events) // 2
        for events in (self.events[:middle], self.events[middle:]):
            half = Folding(self.projection, events)
            half.fold_stored(writer, table)
            half.write(writer, table)
            self.fault = half.fault
            if self.fault:
                return


def read_shares(
    log: EventReader, projections: Sequence[Projection], after: int, limit: int
) -> tuple[list[Folding], int, Collection[Unreadable]]:
    """The next events, decoded once and given to every projection that wants them; the position after them; and those
    of types that this code doesn't know.
    """
    batch = log.read(after, limit, frozenset().union(*(projection.topics for projection in projections)))
    shares = [Folding(projection) for projection in projections]
    unknown = []
    for event in batch.events:
        topic = event.topic if isinstance(event, Unreadable) else event.event.topic()
        if isinstance(event, Unreadable) and not event.known_topic:
            unknown.append(event)
        for share in shares:
            if topic in share.projection.topics:
                share.events.append(event)
    return shares, batch.last, unknown


def stopped(view: StoredView, fault: Fault) -> StoredView:
    return replace(view, position=fault.position - 1, state="faulted", error=str(fault))
