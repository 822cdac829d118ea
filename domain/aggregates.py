"""Aggregates: immutable states that decide. Events state what was decided."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self
from uuid import UUID

from typing_extensions import dataclass_transform

from domain.events import Event, Value


class Aggregate(Value):
    """The state that decisions need, folded from its stream. Version 0 is a stream with no event yet."""

    kind: ClassVar[str]
    """What people call it, as in "there is no ticket …"."""

    event_type: ClassVar[type[Event]]
    """What all events of this aggregate's streams are."""

    id: UUID
    version: int = 0

    @abstractmethod
    def evolve(self, event: Event) -> Self:
        """The state after `event`; an event that decisions don't need changes nothing."""

    def having(self, **changes: Any) -> Self:
        return self.model_copy(update=changes)

    def after(self, events: Iterable[Event]) -> Self:
        """The state once `events` have followed, each one version later."""
        state, version = self, self.version
        for event in events:
            state, version = state.evolve(event), version + 1
        return state if state.version == version else state.having(version=version)


@dataclass_transform(eq_default=False)
class Refusal(Exception):
    """A decision's no, with the facts that the caller needs: its fields. Its type says why; `str` says it in a sentence."""

    sentence: ClassVar[str]
    """What `str` says: a format string over the facts."""

    def __init_subclass__(cls) -> None:
        dataclass(eq=False)(cls)

    def facts(self) -> dict[str, Any]:
        """What is known; a fact that is None is none."""
        facts = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
        return {name: fact for name, fact in facts.items() if fact is not None}

    def __str__(self) -> str:
        return self.sentence.format_map(vars(self))


class NotFound(Refusal):
    """No such thing: nothing was ever recorded under this id.

    `field` is the path of the command's field that names it, such as `on.id`; None for what the command is about.
    """

    sentence = "there is no {kind} {id}"

    kind: str
    id: UUID
    field: str | None = None
