"""How views stand: what of them the log and the store tell at a moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from projections.engine.log import EventReader
from projections.engine.projection import Projection
from projections.engine.read_store import ReadStore, StoredView

_STANDS_STILL_SECONDS: Final = 10.0
"""A view that has not moved for so long has no rate."""

ViewStanding = Literal["live", "faulted", "building", "outdated", "missing"]
"""How a view stands: of these, `projections.engine.read_store` stores the first three."""


@dataclass(frozen=True, slots=True)
class ViewStatus:
    """How a view stands: its state, its position in the log, and how far it lies behind the head."""

    name: str
    version: int
    state: ViewStanding
    position: int
    lag: int
    """In events."""
    lag_seconds: float
    """How long the first event that it has not folded has been in the log."""
    rate: float
    """Events a second that it goes through at present."""
    rebuilt_to: int | None
    """How far a rebuild that is going on has come."""
    error: str | None


def status(
    log: EventReader, store: ReadStore, projections: Iterable[Projection], fingerprints: Mapping[str, str]
) -> list[ViewStatus]:
    """How every view stands; `fingerprints` are those of today's code."""
    stored = store.views()
    head = log.head()
    return [
        _status(log, projection, stored.get(projection.name), fingerprints[projection.name], head)
        for projection in projections
    ]


def _status(
    log: EventReader, projection: Projection, view: StoredView | None, fingerprint: str, head: int
) -> ViewStatus:
    position = view.position if view else 0
    waits_since = log.recorded_at(position + 1) if position < head else None
    now = datetime.now(UTC)
    moves = view and view.moved_at and (now - view.moved_at).total_seconds() < _STANDS_STILL_SECONDS
    return ViewStatus(
        name=projection.name,
        version=projection.version,
        state=_state(view, fingerprint),
        position=position,
        lag=max(head - position, 0),
        lag_seconds=max((now - waits_since).total_seconds(), 0.0) if waits_since else 0.0,
        rate=view.rate if view and moves else 0.0,
        rebuilt_to=view.rebuilt_to if view else None,
        error=view.error if view else None,
    )


def _state(view: StoredView | None, fingerprint: str) -> ViewStanding:
    if view is None:
        return "missing"
    if view.state == "building" or view.fingerprint == fingerprint:
        return view.state
    return "outdated"
