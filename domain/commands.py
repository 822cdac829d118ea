"""Commands and their handlers: the single entry for HTTP, command line, mail import and tests alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib import import_module
from inspect import signature
from typing import Any, ClassVar, Concatenate, Final, Literal, ParamSpec, Protocol, TypeGuard, TypeVar, overload
from uuid import UUID

from pydantic import BaseModel

from domain.aggregates import Aggregate, NotFound, Refusal
from domain.events import Event, Value
from domain.registry import NameTaken, by_name, defined_in


class KeyedIds(Protocol):
    def keyed_id(self, kind: str, value: str) -> UUID:
        """The id of the stream that holds a unique value: the same for the same value, not to be guessed from it."""


class Command(Value):
    """What someone asks of the office, in the imperative. Values are validated when it is built."""

    refuses: ClassVar[tuple[type[Refusal], ...]] = ()
    """What it may be refused by, beside `NotFound`."""

    def reads(self, ids: KeyedIds) -> Iterable[UUID]:  # noqa: ARG002  # those that are given many at a time say more
        """Streams that the handler will ask for, as far as the command tells: a batch's are read together."""
        return ()


WarningCode = Literal["policy_number_taken"]

_MESSAGES: Final[dict[WarningCode, str]] = {
    "policy_number_taken": "another contract has this policy number: see that it was not registered twice",
}


class Warned(Value):
    """What someone may want to look at, though the command was done: why, the command's field, and what it concerns.

    It is kept with the answer, and so holds no contents; its message is made when it is told.
    """

    code: WarningCode
    field: str | None = None
    ids: tuple[UUID, ...] = ()

    @property
    def message(self) -> str:
        return _MESSAGES[self.code]


A = TypeVar("A", bound=Aggregate)
C = TypeVar("C", bound=Command)
R = TypeVar("R", bound=BaseModel | None)
P = ParamSpec("P")


class Streams(KeyedIds, Protocol):
    """What a handler may ask of the log. Every stream read is checked again, at its version, when events are saved."""

    def load(self, aggregate: type[A], stream_id: UUID, *, field: str | None = None) -> A:
        """The aggregate's state; raises `NotFound` where its stream has no event.

        `field` is the path of the command's field that names it, such as `on.id`; none for what the command is about.
        """
        try:
            state = self.find(aggregate, stream_id)
        except NotFound:
            raise NotFound(kind=aggregate.kind, id=stream_id, field=field) from None
        if state.version == 0:
            raise NotFound(kind=aggregate.kind, id=stream_id, field=field)
        return state

    def find(self, aggregate: type[A], stream_id: UUID) -> A:
        """The aggregate's state, or its state before any event (version 0). Raises `NotFound` for another kind's stream."""

    def save(self, state: A, events: Sequence[Event]) -> A:
        """Adds `events` to those that the command will append, and gives the state after them."""

    def next_number(self, series: str) -> int:
        """A number that people read: unique in its series, never given twice; gaps happen."""

    def warn(self, warning: Warned) -> None:
        """Adds to what the command's answer warns of."""


Handler = Callable[[Any, Streams], BaseModel | None]
"""Gives the aggregate that the command is about, as it left it; or a model that says more of what came of it, by ids; or
nothing. That is kept for retries.
"""

_HANDLERS: Final[dict[type[Command], Handler]] = {}


@overload
def handles(command_type: type[C]) -> Callable[[Callable[[C, Streams], R]], Callable[[C, Streams], R]]: ...


@overload
def handles(
    command_type: type[C], *, by: Callable[Concatenate[A, P], Sequence[Event]]
) -> Callable[[C, Streams], A]: ...


def handles(command_type: type[Command], *, by: Callable[..., Sequence[Event]] | None = None) -> Any:
    """Names the one handler of a command: the function below, or one that loads, decides by that method, and saves.

    `by` is a method of the aggregate whose stream the command's field `<kind>_id` names; it is given the command's other
    fields by their names. Raises `NameTaken` where the command has a handler, and `TypeError` where its fields are not
    what the decision takes.
    """

    def mark(handler: Callable[[C, Streams], R]) -> Callable[[C, Streams], R]:
        if other := _HANDLERS.get(command_type):
            raise NameTaken(f"the handler of {command_type.__name__}", _place(other), _place(handler))
        _HANDLERS[command_type] = handler
        return handler

    return mark if by is None else mark(_deciding(command_type, by))


def _deciding(command_type: type[Command], decide: Callable[..., Sequence[Event]]) -> Handler:
    owner = decide.__qualname__.rpartition(".")[0]
    aggregate: Any = getattr(import_module(decide.__module__), owner, None)
    if not (isinstance(aggregate, type) and issubclass(aggregate, Aggregate) and hasattr(aggregate, "kind")):
        raise TypeError(f"{decide.__qualname__} is no decision of an aggregate")
    stream = f"{aggregate.kind}_id"
    if stream not in command_type.model_fields:
        raise TypeError(f"{command_type.__name__} has no field {stream}")
    facts = [name for name in command_type.model_fields if name != stream]
    signature(decide).bind(aggregate, **dict.fromkeys(facts))

    def handler(command: Command, streams: Streams) -> Aggregate:
        state = streams.load(aggregate, getattr(command, stream))
        return streams.save(state, decide(state, **{name: getattr(command, name) for name in facts}))

    handler.__module__, handler.__qualname__ = decide.__module__, decide.__qualname__
    return handler


def _place(handler: Handler) -> str:
    return f"{handler.__module__}.{handler.__qualname__}"


@cache
def handlers() -> dict[type[Command], Handler]:
    """The handler of every command of the office."""
    return handlers_of("domain")


def handlers_of(package: str) -> dict[type[Command], Handler]:
    """The handler of every command that the modules of a package define. Raises `NameTaken`."""
    commands = by_name(defined_in(package, _is_command), lambda command_type: command_type.__name__)
    return {command_type: _HANDLERS[command_type] for command_type in commands.values() if command_type in _HANDLERS}


def _is_command(member: Any) -> TypeGuard[type[Command]]:
    return isinstance(member, type) and issubclass(member, Command)


class Answer(Value):
    """What a command answers, now and on every retry: ids, a version and the log's position, never contents.

    `id` and `version` are those of the aggregate that the command is about, as it left it; `result` is what else came of
    it, where its handler says more.
    """

    id: UUID | None = None
    version: int | None = None
    position: int
    warnings: tuple[Warned, ...] = ()
    result: dict[str, Any] = {}
