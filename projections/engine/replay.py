"""Replaying the log to look at a view: whether it tells the truth, and which events stand behind a row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from domain.events import Recorded
from projections.engine.folding import CannotFold, Fault, Progress, batches, share_out, told
from projections.engine.log import EventReader, LogBatch, Unreadable
from projections.engine.projection import Key, Projection, Row
from projections.engine.read_store import ReadStore

ROWS_IN_MEMORY: Final = 200_000
"""How many rows a verification replays at once; it replays the log again for the next."""


@dataclass(frozen=True, slots=True)
class Verification:
    """A view compared row by row with a naive replay of the log up to the view's position."""

    name: str
    position: int
    rows: int
    missing: tuple[Key, ...] = ()
    unexpected: tuple[Key, ...] = ()
    different: tuple[Key, ...] = ()

    @property
    def equal(self) -> bool:
        return not (self.missing or self.unexpected or self.different)


def verify(log: EventReader, store: ReadStore, projection: Projection, progress: Progress) -> Verification:
    """Compares a view's table with a naive replay of the log, row by row, at one position of both.

    Raises `CannotFold` where today's code can't replay what built the table.
    """
    name = projection.name
    with store.reading() as connection:
        view = store.views(connection).get(name)
        if view and view.fingerprint != projection.fingerprint:
            raise CannotFold(f"another version of its code built the view {name}: rebuild it first")
        position = view.position if view else 0
        parts = max(-(-store.count(connection, projection) // ROWS_IN_MEMORY), 1) if view else 1
        rows = 0
        missing: list[Key] = []
        unexpected: list[Key] = []
        different: list[Key] = []
        for part in range(parts):
            expected = _replayed(log, projection, position, (part, parts), progress)
            rows += len(expected)
            for key, row in store.rows(connection, projection) if view else ():
                if hash(key) % parts == part:
                    if key not in expected:
                        unexpected.append(key)
                    elif expected.pop(key) != row:
                        different.append(key)
            missing += expected
    return Verification(name, position, rows, tuple(missing), tuple(unexpected), tuple(different))


def explain(log: EventReader, projection: Projection, key: Key) -> Iterator[Recorded[Any]]:
    """The events behind a row, oldest first. Raises `CannotFold`."""
    for batch in batches(log, [projection], 0, log.head()):
        for event in _of(projection, batch):
            if isinstance(event, Unreadable):
                raise CannotFold(str(Fault(event.position, event.reason)))
            if key in projection.keys_of(event):
                yield event


def _replayed(
    log: EventReader, projection: Projection, last: int, which: tuple[int, int], progress: Progress
) -> dict[Key, Row]:
    """The rows that the log makes up to `last`, of those keys that are in one part of so many."""
    part, parts = which
    rows: dict[Key, Row | None] = {}
    for batch in batches(log, [projection], 0, last):
        for event in _of(projection, batch):
            try:
                if isinstance(event, Unreadable):
                    raise CannotFold(event.reason)  # noqa: TRY301
                rows.update(projection.apply(event, rows, lambda key: hash(key) % parts == part))
            except Exception as error:
                raise CannotFold(str(Fault(event.position, told(error)))) from error
        progress(part * last + batch.last, parts * last)
    return {key: row for key, row in rows.items() if row is not None}


def _of(projection: Projection, batch: LogBatch) -> Iterator[Recorded[Any] | Unreadable]:
    """What of a batch this projection wants."""
    (share,), _ = share_out(batch, [projection])
    return iter(share.events)
