"""What the engine asks of the log."""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from dataclasses import dataclass
from datetime import datetime
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

    def scan(self, after: int, upto: int, topics: Collection[str]) -> Generator[LogBatch]:
        """The events of these topics after one position and up to another, and those of unknown topics, decoded block
        by block: the last block ends at `upto` or at the head, whichever is less. To be closed if it is left early.
        """

    def recorded_at(self, position: int) -> datetime | None:
        """When the event at this position was recorded, or None where there is none."""

    def wait(self, after: int, timeout: float) -> int:
        """The head of the log, as soon as it lies beyond `after`, or once `timeout` seconds have passed."""
