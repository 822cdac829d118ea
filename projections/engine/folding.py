"""One projection's share of a batch: its folds, all before any write, and the fault at which it stops if it does."""

from __future__ import annotations

import traceback
from collections import defaultdict
from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Table

from domain.events import Recorded
from projections.engine.log import EventReader, LogBatch, Unreadable
from projections.engine.projection import Key, Projection, Row, WrongRow
from projections.engine.read_store import Refused, StoredView, ViewWriter

BATCH: Final = 5_000
"""As many events are folded at once where a view lies behind; where it doesn't, as many as there are."""

Progress = Callable[[int, int], None]
"""Is told how many positions are done, of how many."""


def no_progress(done: int, total: int) -> None:
    """Nobody watches."""


class CannotFold(Exception):
    """A rebuild or a replay met events that can't be folded."""


def told(error: Exception) -> str:
    """What a fold raised, and where. Its text only where it is ours: a fold's may hold a personal value."""
    if isinstance(error, CannotFold | WrongRow):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} in {Path(frames[-1].filename).name}, line {frames[-1].lineno}"


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
        """Folds the events into `rows`, up to the first that can't be folded."""
        self._fold(rows, rows.update)

    def fold_new(self, rows: list[tuple[Key, Row | None]]) -> None:
        """Folds the events, of which each only makes new rows, and adds those to `rows`: no key is looked for."""
        self._fold(_NO_ROWS, rows.extend)

    def _fold(self, rows: Mapping[Key, Row | None], keep: Callable[[Iterable[tuple[Key, Row | None]]], object]) -> None:
        apply = self.projection.apply
        for event in self.events:
            try:
                if isinstance(event, Unreadable):
                    raise CannotFold(event.reason)  # noqa: TRY301
                changed = apply(event, rows)
            except Exception as error:  # noqa: BLE001  # whatever a fold raises is that projection's fault alone
                self.fault = Fault(event.position, told(error))
                return
            keep(changed)

    def fold_stored(self, writer: ViewWriter, table: Table) -> None:
        """Folds the events into the rows that `table` holds."""
        try:
            stored = writer.load(table, self.keys())
        except Refused as refusal:
            self.refusal = str(refusal)
        else:
            rows = dict(stored)
            self.fold(rows)
            self.changed = {key: row for key, row in rows.items() if row is not stored.get(key)}

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


class _NoRows(dict[Key, Row | None]):
    """Is asked for nothing, and so needs no key's hash."""

    def get(self, _key: Key, _default: object = None) -> None:
        return None


_NO_ROWS: Final = _NoRows()


def share_out(batch: LogBatch, projections: Sequence[Projection]) -> tuple[list[Folding], Collection[Unreadable]]:
    """A batch's events given to every projection that wants them; and those of types that this code doesn't know."""
    shares = [Folding(projection) for projection in projections]
    takers: defaultdict[str, list[Callable[[Any], None]]] = defaultdict(list)
    for share in shares:
        for topic in share.projection.topics:
            takers[topic].append(share.events.append)
    unknown = []
    for event in batch.events:
        if isinstance(event, Unreadable):
            topic = event.topic
            if not event.known_topic:
                unknown.append(event)
        else:
            topic = event.event.topic()
        for take in takers.get(topic, ()):
            take(event)
    return shares, unknown


def batches(log: EventReader, projections: Sequence[Projection], after: int, upto: int) -> Generator[LogBatch]:
    """The log between two positions, decoded for these projections."""
    topics = frozenset[str]().union(*(projection.topics for projection in projections))
    with closing(log.scan(after, upto, topics)) as scanned:
        yield from scanned


def stopped(view: StoredView, fault: Fault) -> StoredView:
    return replace(view, position=fault.position - 1, state="faulted", error=str(fault))
