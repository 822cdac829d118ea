"""Commands and their handlers: the single entry for HTTP, command line, mail import and tests alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, Protocol, TypeVar
from uuid import UUID

from pydantic import BaseModel

from domain.aggregates import Aggregate
from domain.events import Event, Value, domain_modules


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


def handles(command_type: type[C]) -> Callable[[Callable[[C, Streams], Any]], Callable[[C, Streams], Any]]:
    """Marks the one handler of a command. It returns nothing, or a model of ids: it is kept for retries."""

    def mark(handler: Callable[[C, Streams], Any]) -> Callable[[C, Streams], Any]:
        handler.handles = command_type  # type: ignore[attr-defined]  # read back by `handlers` alone
        return handler

    return mark


@cache
def handlers() -> dict[type[Command], Handler]:
    """Every handler that the modules of `domain` define, by the command that it handles."""
    return {
        member.handles: member
        for module in domain_modules()
        for member in vars(module).values()
        if callable(member) and hasattr(member, "handles") and member.__module__ == module.__name__
    }


class Answer(Value):
    """What a command answers, now and on every retry: ids, versions and the log's position, never contents."""

    position: int
    versions: dict[UUID, int] = {}
    result: dict[str, Any] = {}
