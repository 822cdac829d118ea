"""Events: what happened, in the office's words, and the envelope in which each is recorded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Annotated, Any, ClassVar, Final, Generic, Literal, TypeAlias, TypeGuard, cast
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypeVar

from domain.registry import by_name, defined_in


class Value(BaseModel):
    """A frozen value that refuses fields which it doesn't know."""

    # An error tells the field, never what it holds: errors are logged and shown, and values are people's.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Erased(Value):
    """What is read in place of a sealed value whose key was destroyed."""

    erased: Literal[True] = True


ERASED: Final = Erased()
STORED: Final = {"stored": True}
"""The validation context under which stored facts are read: their shape is checked, not their rules of today."""

_SEAL: Final = object()
T = TypeVar("T")

Sealed: TypeAlias = Annotated[T | Erased, Field(union_mode="left_to_right"), _SEAL]
"""A personal value: encrypted in the log under its stream's key, read back as `T` or `Erased`."""


def unsealed(value: T | Erased) -> T:
    """A personal value that is still there. Raises `LookupError` where it was erased."""
    if isinstance(value, Erased):
        raise LookupError("the value was erased")  # noqa: TRY004  # it may be
    return value


class Event(Value):
    """One fact. Frozen, named subject-first in the past tense, stored under its class name.

    An event has at most one `Sealed` field, which holds all of its personal values. A changed shape takes a new
    `class_version` and a static method `upcast_vN_vN+1(facts)` which changes the older facts, a dict, in place.
    """

    class_version: ClassVar[int] = 1
    sealed_field: ClassVar[str | None] = None

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        sealed = [name for name, field in cls.model_fields.items() if any(m is _SEAL for m in field.metadata)]
        if len(sealed) > 1:
            raise TypeError(f"{cls.__name__} seals {sealed}: an event has one sealed field at most")
        cls.sealed_field = sealed[0] if sealed else None

    @classmethod
    def topic(cls) -> str:
        """The name under which the log stores this type: a contract, whatever module it lives in."""
        return cls.__name__


E_co = TypeVar("E_co", bound=Event, covariant=True, default=Event)


class Actor(Value):
    """Who acted: a collaborator, by id, or a rule of the office, by name."""

    kind: Annotated[Literal["collaborator", "rule"], Field(description="A person, or the office's own rules")]
    id: Annotated[str, Field(description="The collaborator's id, or the rule's name, such as `mail_import`")]

    @classmethod
    def collaborator(cls, collaborator_id: UUID) -> Actor:
        return cls(kind="collaborator", id=str(collaborator_id))

    @classmethod
    def rule(cls, name: str) -> Actor:
        return cls(kind="rule", id=name)


class Context(Value):
    """What is stamped on every event of a command, by the one place that saves them.

    `at` is when the command was given (UTC). `correlation_id` names the whole exchange, `causation_id` what caused
    this command: an event's position or another command; both default to the command itself.
    """

    actor: Actor
    at: datetime
    command_id: UUID
    correlation_id: UUID | None = None
    causation_id: UUID | None = None


@lru_cache(maxsize=64)  # the events of one command follow each other
def _said_in(context: bytes) -> tuple[datetime, Actor, UUID | None]:
    """What folds ask of a context, read without the rest of it: a rebuild asks a million times."""
    said = orjson.loads(context)
    correlation_id = said.get("correlation_id")
    at, actor = datetime.fromisoformat(said["at"]), _actor(**said["actor"])
    return at, actor, UUID(correlation_id) if correlation_id else None


@lru_cache(maxsize=1_024)
def _actor(kind: Literal["collaborator", "rule"], id: str) -> Actor:  # noqa: A002  # the field's name
    return Actor(kind=kind, id=id)


def from_microseconds(microseconds: int) -> datetime:
    """A moment, in UTC, from microseconds since 1970."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)


class Recorded(Generic[E_co]):
    """An event as it stands in the log: its stream, version and position, when it was recorded, and its context."""

    __slots__ = ("_context", "_facts", "_recorded_at", "_said", "event", "position", "stream_id", "version")

    def __init__(
        self,
        event: E_co,
        stream_id: UUID,
        version: int,
        position: int,
        recorded_at: datetime | int,
        context: Context | bytes,
        facts: bytes | Mapping[str, Any] | None = None,
    ) -> None:
        """`recorded_at` may be microseconds since 1970, and `context` and `facts` JSON, as the log holds them."""
        self.event = event
        self.stream_id = stream_id
        self.version = version
        self.position = position
        self._recorded_at = recorded_at
        self._context = context
        self._facts = facts
        self._said: tuple[datetime, Actor, UUID | None] | None = None

    @property
    def open_facts(self) -> Mapping[str, Any]:
        """What the event says but for its sealed value, as JSON holds it. Every fold of the event sees the same."""
        facts = self._facts
        if facts is None:
            sealed = self.event.sealed_field
            facts = self.event.model_dump(mode="json", exclude={sealed} if sealed else None)
        elif isinstance(facts, bytes):
            facts = orjson.loads(facts)
        self._facts = facts
        return cast("Mapping[str, Any]", facts)

    @property
    def recorded_at(self) -> datetime:
        if isinstance(self._recorded_at, int):
            self._recorded_at = from_microseconds(self._recorded_at)
        return self._recorded_at

    @property
    def context(self) -> Context:
        if isinstance(self._context, bytes):
            self._context = Context.model_validate_json(self._context)
        return self._context

    @property
    def at(self) -> datetime:
        return self._context_said()[0]

    @property
    def actor(self) -> Actor:
        return self._context_said()[1]

    @property
    def correlation_id(self) -> UUID | None:
        """What the command was part of, where that was said."""
        return self._context_said()[2]

    def _context_said(self) -> tuple[datetime, Actor, UUID | None]:
        if self._said is None:
            context = self._context
            if isinstance(context, bytes):
                self._said = _said_in(context)
            else:
                self._said = context.at, context.actor, context.correlation_id
        return self._said

    def __repr__(self) -> str:
        return f"<{self.event.topic()} {self.stream_id} v{self.version} at {self.position}>"


class UnknownTopic(LookupError):
    """The log names an event type that this code doesn't have."""

    def __init__(self, topic: str) -> None:
        super().__init__(
            f"the log holds an event of the unknown type {topic!r}: newer code wrote it, or it was altered"
        )
        self.topic = topic


class EventTypes:
    """The closed registry: the only types that a log may name."""

    def __init__(self, types: Iterable[type[Event]]) -> None:
        """Raises `NameTaken`."""
        self._by_topic = by_name(((f"{cls.__module__}.{cls.__qualname__}", cls) for cls in types), _topic)

    def __iter__(self) -> Iterator[type[Event]]:
        return iter(self._by_topic.values())

    def __contains__(self, topic: object) -> bool:
        return topic in self._by_topic

    def __getitem__(self, topic: str) -> type[Event]:
        """The type stored under `topic`; raises `UnknownTopic`."""
        try:
            return self._by_topic[topic]
        except KeyError:
            raise UnknownTopic(topic) from None


def event_types_of(package: str) -> EventTypes:
    """Every event type that the modules of a package define. Raises `NameTaken`."""
    defined = [event_type for _, event_type in defined_in(package, _is_event_type)]
    families = {base for event_type in defined for base in event_type.__mro__[1:]}
    return EventTypes(event_type for event_type in defined if event_type not in families)


@cache
def office_event_types() -> EventTypes:
    return event_types_of("domain")


def _is_event_type(member: Any) -> TypeGuard[type[Event]]:
    return isinstance(member, type) and issubclass(member, Event)


def _topic(event_type: type[Event]) -> str:
    return event_type.topic()
