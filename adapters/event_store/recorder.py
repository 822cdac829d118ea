"""What the recorders share: what an append is made of, what it may meet, and what the log asks of a recorder."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, NamedTuple, Never, TypeAlias
from uuid import UUID

from eventsourcing.persistence import ApplicationRecorder, IntegrityError, Notification, StoredEvent

from adapters.event_store.group_commit import GroupCommit

Row: TypeAlias = tuple[int, bytes, int, str, bytes, int]
"""An event as it is stored: position, the stream's id, version, topic, state, and when it was recorded."""

EVENTS_A_BLOCK: Final = 5_000
"""How many rows a scan gives at once."""
EVENTS_A_TRANSACTION: Final = 50_000
"""How many events a bulk append writes at once; others wait for no longer than that takes."""


@dataclass(frozen=True)
class RecordedNotification(Notification):
    recorded_at: int
    """Microseconds since 1970, UTC."""


@dataclass(frozen=True)
class CommandRecord:
    """What is kept of a command so that its retry gets the first answer: ids and positions, never bodies."""

    command_id: UUID
    digest: bytes
    answer: bytes
    position: int = 0
    """The head of the log once the command was recorded, which the recorder gives."""


class Append(NamedTuple):
    """What is written together, or not at all."""

    events: Sequence[StoredEvent]
    expect: Mapping[UUID, int]
    """Streams, and the versions at which they were read; 0 where there was none."""
    commands: Sequence[tuple[CommandRecord, int]]
    """Each command with how many of the events are written once it is done."""


class VersionConflict(IntegrityError):
    """A stream that the decision read has moved on."""


class CommandAlreadyRecorded(IntegrityError):
    """The command of this id is in the log."""


def expectations(appends: Sequence[Append]) -> dict[UUID, int]:
    """The versions of streams that must be looked up before these appends are written, in this order.

    That a stream which is written was at its version is told by the event's own, which no other event of the stream may
    have. Raises `VersionConflict` where an append expects what an earlier one of them changes.
    """
    to_look_up: dict[UUID, int] = {}
    written: dict[UUID | str, int] = {}
    for append in appends:
        first: dict[UUID | str, int] = {}
        for event in append.events:
            first.setdefault(event.originator_id, event.originator_version)
        for stream, version in append.expect.items():
            if first.get(stream) == version + 1:
                continue
            if to_look_up.get(stream, version) != version or written.get(stream, version) != version:
                raise VersionConflict(f"{stream} is no longer at version {version}")
            if stream not in written:
                to_look_up[stream] = version
        for event in append.events:
            written[event.originator_id] = event.originator_version
    return to_look_up


class EventRecorder(ApplicationRecorder, ABC):
    """Events in one order without gaps: a position is the last one plus one, taken under the log's write lock, and never
    given again, even when a tail is deleted. `recorded_at` is stamped there too and never decreases.

    Safe to use from several threads. What can't be done now raises the library's `OperationalError`.
    """

    poll_seconds: ClassVar[float]
    """How soon `wait` sees what another process appended, at the latest."""

    def __init__(self) -> None:
        self._group = GroupCommit(self._append_and_wake)
        self._appended = threading.Condition()
        self._wakings = 0

    @abstractmethod
    def close(self) -> None: ...

    # --- appending ----------------------------------------------------------------------------

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int]:
        """Appends all events or none; gives their positions. May share its transaction with other threads' appends.

        `expect` and `commands` are as in `Append`, and checked and written in the same transaction.
        Raises `VersionConflict`, `CommandAlreadyRecorded`, or the library's `IntegrityError` and `OperationalError`.
        """
        append = Append(stored_events, kwargs.get("expect") or {}, kwargs.get("commands") or ())
        return list(self.append(append))

    def append(self, append: Append) -> range:
        """As `insert_events`. Where nothing but a command is recorded, the positions are none, after the head."""
        return self._group.append(append)

    def _append_and_wake(self, appends: Sequence[Append]) -> Sequence[range]:
        given = self._append_together(appends)
        self._wake_waiting()
        return given

    @abstractmethod
    def select_streams(self, stream_ids: Collection[UUID]) -> dict[UUID, list[StoredEvent]]:
        """The events of several streams, each stream's in order; no events for one that has none."""

    @abstractmethod
    def _append_together(self, appends: Sequence[Append]) -> Sequence[range]:
        """Writes them in one transaction, in this order, all or none; gives the positions of each."""

    @abstractmethod
    def copy_in(self, events: Iterable[StoredEvent]) -> int:
        """Appends many events, a large transaction at a time; gives how many. Raises as `insert_events` does; the
        transactions that were committed before then stay.
        """

    # --- reading ------------------------------------------------------------------------------

    @abstractmethod
    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[RecordedNotification]: ...

    @abstractmethod
    def select_stream(self, stream_id: UUID) -> Sequence[RecordedNotification]:
        """A stream's events with their positions."""

    @abstractmethod
    def find_command(self, command_id: UUID) -> CommandRecord | None: ...

    @abstractmethod
    def scan(self, after: int, upto: int, without: Collection[str] = ()) -> Iterator[list[Row]]:
        """The rows after `after` up to `upto`, but for some topics, in blocks, as fast as the database gives them.

        It may be closed early.
        """

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Never:
        raise NotImplementedError("a notification may be lost: `wait` wakes a reader, who then reads")

    def wait(self, after: int, timeout: float) -> int:
        """The head of the log, as soon as it lies beyond `after`, or once `timeout` seconds have passed."""
        deadline = time.monotonic() + timeout
        while True:
            seen = self._wakings  # read before the head is: an append can't fall between the look and the wait
            head = self.max_notification_id() or 0
            left = deadline - time.monotonic()
            if head > after or left <= 0:
                return head
            with self._appended:
                if self._wakings == seen:
                    self._appended.wait(min(left, self.poll_seconds))

    def _wake_waiting(self) -> None:
        with self._appended:
            self._wakings += 1
            self._appended.notify_all()
