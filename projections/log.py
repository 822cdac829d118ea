"""What the engine asks of the log."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from domain.events import Recorded


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An event that could not be decoded, and why: a fault for whoever wants its topic."""

    position: int
    topic: str
    reason: str
    known_topic: bool


@dataclass(frozen=True, slots=True)
class LogBatch:
    """A run of the log, up to and including the position `last`; events of other topics are left out."""

    last: int
    events: Sequence[Recorded[Any] | Unreadable]


class EventReader(Protocol):
    def head(self) -> int:
        """The position of the last event, or 0."""

    def read(self, after: int, limit: int, topics: Collection[str]) -> LogBatch:
        """The events of these topics among the `limit` next positions after `after`, and those of unknown topics."""

    def wait(self, after: int, timeout: float) -> int:
        """The head of the log, as soon as it lies beyond `after`, or once `timeout` seconds have passed."""
