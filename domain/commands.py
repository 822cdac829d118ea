"""Commands and their handlers: the single entry for HTTP, command line, mail import and tests alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, Final, Protocol, TypeGuard, TypeVar
from uuid import UUID

from pydantic import BaseModel

from domain.aggregates import Aggregate
from domain.events import Event, Value
from domain.registry import NameTaken, by_name, defined_in


class KeyedIds(Protocol):
    def keyed_id(self, kind: str, value: str) -> UUID:
        """The id of the stream that holds a unique value: the same for the same value, not to be guessed from it."""


class Command(Value):
    """What someone asks of the office, in the imperative. Values are validated when it is built."""

    def reads(self, ids: KeyedIds) -> Iterable[UUID]:  # noqa: ARG002  # those that are given many at a time say more
        """Streams that the handler will ask for, as far as the command tells: a batch's are read together."""
        return ()


A = TypeVar("A", bound=Aggregate)
C = TypeVar("C", bound=Command)


class Streams(KeyedIds, Protocol):
    """What a handler may ask of the log. Every stream read is checked again, at its version, when events are saved."""

    def load(self, aggregate: type[A], stream_id: UUID) -> A:
        """The aggregate's state; raises `NotFound` where its stream has no event."""

    def find(self, aggregate: type[A], stream_id: UUID) -> A:
        """The aggregate's state, or its state before any event (version 0)."""

    def save(self, state: A, events: Sequence[Event]) -> A:
        """Adds `events` to those that the command will append, and gives the state after them."""

    def next_number(self, series: str) -> int:
        """A number that people read: unique in its series, never given twice; gaps happen."""


Handler = Callable[[Any, Streams], BaseModel | None]

_HANDLERS: Final[dict[type[Command], Handler]] = {}


def handles(command_type: type[C]) -> Callable[[Callable[[C, Streams], Any]], Callable[[C, Streams], Any]]:
    """Marks the one handler of a command. It returns nothing, or a model of ids: it is kept for retries.

    Raises `NameTaken` where the command has a handler.
    """

    def mark(handler: Callable[[C, Streams], Any]) -> Callable[[C, Streams], Any]:
        _take_up(command_type, handler)
        return handler

    return mark


def _take_up(command_type: type[Command], handler: Handler) -> None:
    if other := _HANDLERS.get(command_type):
        raise NameTaken(f"the handler of {command_type.__name__}", _place(other), _place(handler))
    _HANDLERS[command_type] = handler


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
    """What a command answers, now and on every retry: ids, versions and the log's position, never contents."""

    position: int
    versions: dict[UUID, int] = {}
    result: dict[str, Any] = {}
