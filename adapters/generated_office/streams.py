"""An office's streams in memory: what later decisions may still need of them, and the events on their way to the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

from adapters.event_store.log import EventLog
from adapters.event_store.mapper import Draft, context_json
from adapters.vault import DataKey
from domain.aggregates import Aggregate, NotFound, Refusal
from domain.commands import Command, Streams, Warned, handlers
from domain.events import Context, Event
from domain.messages.message import Message
from domain.office.office import OFFICE_ID, Office
from domain.tickets.ticket import Ticket

A = TypeVar("A", bound=Aggregate)

_PASSING: Final = (Ticket, Message)
"""What there are too many of to remember each: those that will be decided on again must be kept by name."""


class StreamsInMemory(Streams):
    """The streams of a log that holds the office's own at most. Commands see what those before them decided."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._states: dict[UUID, Aggregate] = {}
        self._keys: dict[UUID, DataKey] = {}
        self._kept: Counter[UUID] = Counter()
        self._decided: dict[UUID, Aggregate] = {}
        self._decided_keys: dict[UUID, DataKey] = {}
        self._drafts: list[Draft] = []
        self._latest = 0
        self._context = b""
        self.drafted = 0
        """How many events were decided so far."""
        office, key = log.state_and_key(Office, OFFICE_ID)
        self._states[OFFICE_ID] = office
        if key is not None:
            self._keys[OFFICE_ID] = key

    def decide(self, command: Command, context: Context) -> Any:
        """What the command's handler answers. Where it refuses, nothing was decided."""
        self._context = context_json(context)
        self._decided, self._decided_keys = {}, {}
        before = self._latest = len(self._drafts)
        try:
            answer = handlers()[type(command)](command, self)
        except Refusal:
            del self._drafts[before:]
            raise
        for stream_id, state in self._decided.items():
            if not isinstance(state, _PASSING) or stream_id in self._states:
                self._remember(stream_id)
        self.drafted += len(self._drafts) - before
        return answer

    def keep(self, stream_id: UUID) -> None:
        """Remembers a stream of the last command for later ones, until it is released as often as it was kept."""
        self._kept[stream_id] += 1
        if stream_id in self._decided:
            self._remember(stream_id)

    def _remember(self, stream_id: UUID) -> None:
        before, state = self._states.get(stream_id), self._decided[stream_id]
        self._states[stream_id] = state
        if key := self._decided_keys.get(stream_id):
            self._keys[stream_id] = key
        former, now = _leads_to(before), _leads_to(state)
        for other in now - former:
            self.keep(other)
        for other in former - now:
            self.release(other)

    def release(self, stream_id: UUID) -> None:
        """Forgets a stream that nobody else keeps: no later command may touch it."""
        self._kept[stream_id] -= 1
        if self._kept[stream_id] <= 0:
            del self._kept[stream_id]
            self._keys.pop(stream_id, None)
            for other in _leads_to(self._states.pop(stream_id, None)):
                self.release(other)

    def latest(self) -> Iterator[Event]:
        """What the last command decided."""
        return (draft.event for draft in self._drafts[self._latest :])

    def take_drafts(self) -> list[Draft]:
        """The events decided since the last time, in order."""
        taken, self._drafts = self._drafts, []
        return taken

    # --- what handlers ask ----------------------------------------------------------------------

    def find(self, aggregate: type[A], stream_id: UUID) -> A:
        known = self._decided.get(stream_id) or self._states.get(stream_id)
        if known is None:
            return aggregate(id=stream_id)
        if not isinstance(known, aggregate):
            raise NotFound(kind=aggregate.kind, id=stream_id)
        return known

    def save(self, state: A, events: Sequence[Event]) -> A:
        for version, event in enumerate(events, state.version + 1):
            key = None if event.sealed_field is None else self._key_of(state.id)
            self._drafts.append(Draft(state.id, version, event, self._context, key))
        after = state.after(events)
        self._decided[state.id] = after
        return after

    def keyed_id(self, kind: str, value: str) -> UUID:
        return self._log.keyed_id(kind, value)

    def next_number(self, series: str) -> int:
        return self._log.next_number(series)

    def warn(self, warning: Warned) -> None:
        """Nobody looks."""

    def _key_of(self, stream_id: UUID) -> DataKey:
        key = self._keys.get(stream_id) or self._decided_keys.get(stream_id)
        if key is None:
            key = self._decided_keys[stream_id] = self._log.new_key()
        return key


def _leads_to(state: Aggregate | None) -> set[UUID]:
    """The tickets that whoever looks for a message comes to from here."""
    match state:
        case Message():
            return {taken.ticket_id for taken in state.taken_in} | {reply.ticket_id for reply in state.awaiting}
        case Ticket():
            return {*state.moved.values(), *([state.merged_into] if state.merged_into else [])}
        case _:
            return set()
