"""Replaying the log to look at a view: whether it tells the truth, and which events stand behind a row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from domain.events import Recorded
from projections.folding import BATCH, CannotFold, Fault, Folding, Progress, no_progress, read_shares
from projections.log import EventReader, Unreadable
from projections.projection import Key, Projection, Row
from projections.read_store import ReadStore


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
        expected = _replayed(log, projection, position, progress)
        missing, different, unexpected = dict(expected), [], []
        for key, row in store.rows(connection, projection) if view else ():
            if key not in missing:
                unexpected.append(key)
            elif missing.pop(key) != row:
                different.append(key)
    return Verification(name, position, len(expected), tuple(missing), tuple(unexpected), tuple(different))


def explain(log: EventReader, projection: Projection, key: Key) -> Iterator[Recorded[Any]]:
    """The events behind a row, oldest first. Raises `CannotFold`."""
    for share in _shares(log, projection, log.head()):
        for event in share.events:
            if isinstance(event, Unreadable):
                raise CannotFold(str(Fault(event.position, event.reason)))
            if key in projection.keys_of(event):
                yield event


def _replayed(log: EventReader, projection: Projection, last: int, progress: Progress) -> dict[Key, Row]:
    rows: dict[Key, Row | None] = {}
    for share in _shares(log, projection, last, progress):
        share.fold(rows)
        if share.fault:
            raise CannotFold(str(share.fault))
    return {key: row for key, row in rows.items() if row is not None}


def _shares(log: EventReader, projection: Projection, last: int, progress: Progress = no_progress) -> Iterator[Folding]:
    """A projection's share of the log, batch by batch, up to the position `last`."""
    position = 0
    while position < last:
        (share,), reached, _ = read_shares(log, [projection], position, min(BATCH, last - position))
        if reached == position:
            return
        position = reached
        yield share
        progress(position, last)
