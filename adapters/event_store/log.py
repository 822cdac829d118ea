"""The event log: executes commands, saves their events under optimistic expectations, and reads events by position."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, TypeVar
from uuid import UUID, uuid4

from eventsourcing.persistence import IntegrityError, OperationalError, StoredEvent
from sqlalchemy import URL

from adapters.databases import StoreUnavailable
from adapters.event_store.mapper import Draft, EventMapper, context_json
from adapters.event_store.opening import open_recorder
from adapters.event_store.reading import LogReader
from adapters.event_store.recorder import Append, CommandAlreadyRecorded, CommandRecord, RecordedNotification
from adapters.vault import DataKey, Vault
from domain.aggregates import Aggregate, NotFound, Refusal
from domain.commands import Answer, Command, Streams, Warned, handlers
from domain.events import Actor, Context, Event, EventTypes, Recorded, from_microseconds
from projections.engine.log import LogBatch, Unreadable

_ATTEMPTS: Final = 10

A = TypeVar("A", bound=Aggregate)


class StaleVersion(Refusal):
    """The caller's `If-Match` names a version that the thing no longer has."""

    sentence = "the {kind} {id} is at version {actual}, not {expected}: read it again"

    kind: str
    id: UUID
    expected: int
    actual: int


class CommandIdReused(Exception):
    """The command id came before with another command."""


class TooMuchContention(StoreUnavailable):
    """Others changed the same streams each time that the command was decided. Try again later."""


class IfMatch(NamedTuple):
    """A condition on a command: this stream must still be at this version."""

    stream_id: UUID
    version: int


class EventLog:
    """The log at `url`, sealed by `vault`. Safe to use from several threads.

    `next_number` allocates the numbers that people read; `clock` gives the time of a command (UTC).
    """

    def __init__(
        self,
        url: URL,
        vault: Vault,
        types: EventTypes,
        *,
        next_number: Callable[[str], int],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        with _unavailable():
            self._recorder = open_recorder(url)
        self._mapper = EventMapper(types, vault)
        self._reader = LogReader(self._recorder, self._mapper, vault)
        self._vault = vault
        self._next_number = next_number
        self._clock = clock

    def close(self) -> None:
        self._recorder.close()

    # --- commands ---------------------------------------------------------------------------

    def execute(
        self,
        command: Command,
        actor: Actor,
        *,
        command_id: UUID | None = None,
        if_match: IfMatch | None = None,
        correlation_id: UUID | None = None,
        causation_id: UUID | None = None,
    ) -> Answer:
        """Decides, and appends what was decided, atomically; decides again when what it read has changed meanwhile.

        A caller's `command_id` makes a retry safe: it gets the first answer. Raises the domain's refusals,
        `StaleVersion`, `CommandIdReused`, `TooMuchContention` and `StoreUnavailable`.
        """
        digest = self._digest(command) if command_id else b""
        if command_id and (first := self._first_answer(command_id, digest)):
            return first
        context = Context(
            actor=actor,
            at=self._clock(),
            command_id=command_id or uuid4(),
            correlation_id=correlation_id,
            causation_id=causation_id,
        )
        for _ in range(_ATTEMPTS):
            unit = UnitOfWork(self, if_match)
            answer = unit.decide(command, context)
            try:
                if command_id:
                    record = CommandRecord(command_id, digest, answer.model_dump_json().encode())
                    position = self._append(unit, record).stop - 1
                else:  # nobody can ask again for what a command without an id was answered
                    position = self._append(unit).stop - 1 if unit.drafts else self.head()
            except CommandAlreadyRecorded:
                if first := self._first_answer(context.command_id, digest):
                    return first
            except IntegrityError:
                continue
            else:
                return answer.model_copy(update={"position": position})
        raise TooMuchContention("log", f"the {type(command).__name__} met another change {_ATTEMPTS} times")

    def execute_all(
        self, commands: Sequence[Command], actor: Actor, *, before_append: Callable[[], None] = lambda: None
    ) -> list[Answer]:
        """Executes commands in order with one append: they wait for the disk once, and each sees what those before it
        decided. All or none; where others changed what they read, each is executed by itself. `before_append` is called
        once all is decided, and before anything is written. Raises as it and `execute` do.
        """
        unit = UnitOfWork(self)
        unit.read_ahead({stream_id for command in commands for stream_id in command.reads(unit)})
        answers = []
        for command in commands:
            context = Context(actor=actor, at=self._clock(), command_id=uuid4())
            answers.append((unit.decide(command, context), len(unit.drafts)))
        if not unit.drafts:
            return [answer.model_copy(update={"position": self.head()}) for answer, _ in answers]
        before_append()
        try:
            before = self._append(unit).start - 1
        except IntegrityError:
            return [self.execute(command, actor) for command in commands]
        return [answer.model_copy(update={"position": before + written}) for answer, written in answers]

    def _digest(self, command: Command) -> bytes:
        return self._vault.keyed_id("command", f"{type(command).__name__}{command.model_dump_json()}").bytes

    def append_drafts(self, drafts: Iterable[Draft]) -> int:
        """Appends what was decided elsewhere, many events at a time; gives how many. Nothing is expected but that no
        stream has an event of such a version yet.
        """
        with _unavailable():
            return self._recorder.copy_in(map(self._mapper.to_stored_event, drafts))

    def _append(self, unit: UnitOfWork, *records: CommandRecord) -> range:
        stored = [self._mapper.to_stored_event(draft) for draft in unit.drafts]
        with _unavailable():
            return self._recorder.append(Append(stored, unit.expected, [(record, len(stored)) for record in records]))

    def _first_answer(self, command_id: UUID, digest: bytes) -> Answer | None:
        with _unavailable():
            record = self._recorder.find_command(command_id)
            if record is None:
                return None
            if record.digest != digest:
                raise CommandIdReused(f"the command id {command_id} came before with another command")
        return Answer.model_validate_json(record.answer).model_copy(update={"position": record.position})

    # --- streams ----------------------------------------------------------------------------

    def state(self, aggregate: type[A], stream_id: UUID) -> A:
        """An aggregate as its stream tells it now, or before any event.

        Raises `NotFound` where the stream is another kind's, and what reading an event may raise.
        """
        return self.states(aggregate, [stream_id])[stream_id]

    def states(self, aggregate: type[A], stream_ids: Collection[UUID]) -> dict[UUID, A]:
        """The states of several aggregates, read together. Raises as `state` does."""
        stored = self.stored_streams(stream_ids)
        return {stream_id: self.state_and_key(aggregate, stream_id, stored[stream_id])[0] for stream_id in stream_ids}

    def stored_streams(self, stream_ids: Collection[UUID]) -> Mapping[UUID, Sequence[StoredEvent]]:
        """The events of several streams as they are stored, each stream's in order."""
        with _unavailable():
            return self._recorder.select_streams(stream_ids)

    def state_and_key(
        self, aggregate: type[A], stream_id: UUID, stored: Sequence[StoredEvent] | None = None
    ) -> tuple[A, DataKey | None]:
        """An aggregate's state, and the key that seals its stream, if it has one yet. `stored`: its events, if known."""
        if stored is None:
            stored = self.stored_streams([stream_id])[stream_id]
        events = [self._mapper.to_event(one) for one in stored]
        if not all(isinstance(event, aggregate.event_type) for event in events):
            raise NotFound(kind=aggregate.kind, id=stream_id)
        return aggregate(id=stream_id).after(events), self._mapper.stream_key(stored)

    def new_key(self) -> DataKey:
        return self._vault.new_key()

    def keyed_id(self, kind: str, value: str) -> UUID:
        return self._vault.keyed_id(kind, value)

    def next_number(self, series: str) -> int:
        return self._next_number(series)

    def stream(self, stream_id: UUID) -> list[Recorded[Any]]:
        """Every event of one stream, in its envelope, oldest first."""
        with _unavailable():
            return [self._recorded(found) for found in self._recorder.select_stream(stream_id)]

    # --- the log by position ------------------------------------------------------------------

    def head(self) -> int:
        with _unavailable():
            return self._recorder.max_notification_id() or 0

    def recorded_at(self, position: int) -> datetime | None:
        """When the event at this position was recorded, or None where there is none."""
        with _unavailable():
            found = self._recorder.select_notifications(position, 1, stop=position)
        return from_microseconds(found[0].recorded_at) if found else None

    def scan(self, after: int, upto: int, topics: Collection[str]) -> Generator[LogBatch]:
        """Raises `StoreUnavailable`; see `projections.log.EventReader`."""
        with _unavailable():
            yield from self._reader.scan(after, upto, topics)

    def read(self, after: int, limit: int, topics: Collection[str]) -> LogBatch:
        """The events of these topics among the `limit` next positions after `after`, and those of unknown topics."""
        upto = max(min(after + limit, self.head()), after)
        return LogBatch(last=upto, events=[one for batch in self.scan(after, upto, topics) for one in batch.events])

    def events(self, topics: Collection[str], after: int = 0) -> Iterator[Recorded[Any] | Unreadable]:
        """Every event of these topics after `after`, up to the head of the log as it stands now, and those of unknown
        topics.
        """
        for batch in self.scan(after, self.head(), topics):
            yield from batch.events

    def wait(self, after: int, timeout: float) -> int:
        with _unavailable():
            return self._recorder.wait(after, timeout)

    def _recorded(self, found: RecordedNotification) -> Recorded[Any]:
        return self._mapper.to_recorded(found, found.id, found.recorded_at)


class UnitOfWork(Streams):
    """The streams that commands read and the events that they will append together."""

    def __init__(self, log: EventLog, if_match: IfMatch | None = None) -> None:
        self._log = log
        self._if_match = if_match
        self._context = b""
        self._warnings: list[Warned] = []
        self._ahead: Mapping[UUID, Sequence[StoredEvent]] = {}
        self._states: dict[UUID, Aggregate] = {}
        self._keys: dict[UUID, DataKey] = {}
        self.expected: dict[UUID, int] = {}
        self.drafts: list[Draft] = []

    def decide(self, command: Command, context: Context) -> Answer:
        """Lets a command's handler decide: its answer, but for the position."""
        self._context = context_json(context)
        self._warnings = []
        outcome = handlers()[type(command)](command, self)
        answer = Answer(position=0, warnings=tuple(self._warnings))
        match outcome:
            case None:
                return answer
            case Aggregate():
                return answer.model_copy(update={"id": outcome.id, "version": outcome.version})
            case _:
                return answer.model_copy(update={"result": outcome.model_dump(mode="json", exclude_none=True)})

    def read_ahead(self, stream_ids: Collection[UUID]) -> None:
        """Reads streams that commands will ask for, together. As they are now: an append fails if one has moved on."""
        self._ahead = self._log.stored_streams(stream_ids)

    def find(self, aggregate: type[A], stream_id: UUID) -> A:
        known = self._states.get(stream_id)
        if known is None:
            known, key = self._log.state_and_key(aggregate, stream_id, self._ahead.get(stream_id))
            self._check_version(known)
            self._states[stream_id] = known
            if key is not None:
                self._keys[stream_id] = key
            self.expected[stream_id] = known.version
        if not isinstance(known, aggregate):
            raise NotFound(kind=aggregate.kind, id=stream_id)
        return known

    def _check_version(self, state: Aggregate) -> None:
        condition = self._if_match
        if condition is None or condition.stream_id != state.id or condition.version == state.version:
            return
        if state.version == 0:
            raise NotFound(kind=state.kind, id=state.id)
        raise StaleVersion(state.kind, state.id, condition.version, state.version)

    def save(self, state: A, events: Sequence[Event]) -> A:
        for version, event in enumerate(events, state.version + 1):
            key = None if event.sealed_field is None else self._key_of(state.id)
            self.drafts.append(Draft(state.id, version, event, self._context, key))
        after = state.after(events)
        self._states[state.id] = after
        return after

    def _key_of(self, stream_id: UUID) -> DataKey:
        if stream_id not in self._keys:
            self._keys[stream_id] = self._log.new_key()
        return self._keys[stream_id]

    def keyed_id(self, kind: str, value: str) -> UUID:
        return self._log.keyed_id(kind, value)

    def next_number(self, series: str) -> int:
        return self._log.next_number(series)

    def warn(self, warning: Warned) -> None:
        self._warnings.append(warning)


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        raise StoreUnavailable("log", error) from error
