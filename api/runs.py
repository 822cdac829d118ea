"""Runs: one command for each of several tickets, under one id by which all of them can be undone; each fails for itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple
from uuid import UUID

from pydantic import BaseModel, Field

from adapters.databases import StoreUnavailable
from adapters.event_store.log import EventLog, IfMatch
from api.problems import Problem, problem_of
from domain.aggregates import Refusal
from domain.commands import Answer, Command
from domain.events import Actor
from domain.ticket import Ticket
from domain.ticket_filing import ClassifyTicket, UnclassifyTicket, UndoFiling
from domain.values import Target
from projections.tickets import TicketLine


class TicketChanged(BaseModel):
    """The ticket as the command left it; read it with this `position` as `min_position`."""

    ticket_id: UUID
    filed_on: Target | None = None
    version: int
    position: int


class TicketNotChanged(BaseModel):
    """A ticket that stayed as it was, and why."""

    ticket_id: UUID
    problem: Problem


class RunDone(BaseModel):
    """What became of each ticket of a run; read them with this `position` as `min_position`."""

    run_id: UUID = Field(description="What the run goes by: all of it can be undone")
    changed: list[TicketChanged]
    failed: list[TicketNotChanged]
    position: int


class Step(NamedTuple):
    """A command about a ticket, which must still be at this version if one is named."""

    ticket_id: UUID
    command: Command
    version: int | None = None


def filing(ticket_id: UUID, on: Target | None, version: int | None) -> Step:
    """Files a ticket there, or takes it off its file."""
    command = UnclassifyTicket(ticket_id=ticket_id) if on is None else ClassifyTicket(ticket_id=ticket_id, on=on)
    return Step(ticket_id, command, version)


def moves(line: TicketLine, on: Target | None) -> bool:
    """Whether filing the ticket there would move it; one that is dismissed stays."""
    return line.filed_on != on and line.dismissed is None


def undoing(line: TicketLine) -> Step:
    """Puts a ticket back where it was before it was filed last."""
    return Step(line.ticket_id, UndoFiling(ticket_id=line.ticket_id), line.version)


def run(
    log: EventLog,
    actor: Actor,
    steps: Iterable[Step],
    run_id: UUID,
    command_id: Callable[[UUID], UUID | None] = lambda _: None,
) -> RunDone:
    """Gives the commands one by one. `command_id` gives that of a ticket's command, where a retry must be safe."""
    done: list[TicketChanged] = []
    failed: list[TicketNotChanged] = []
    for step in steps:
        try:
            answer = log.execute(
                step.command,
                actor,
                command_id=command_id(step.ticket_id),
                if_match=None if step.version is None else IfMatch(step.ticket_id, step.version),
                correlation_id=run_id,
            )
        except (Refusal, StoreUnavailable) as error:
            failed.append(TicketNotChanged(ticket_id=step.ticket_id, problem=problem_of(error)))
        else:
            done.append(changed(log, step.ticket_id, answer))
    position = max((one.position for one in done), default=0) or log.head()
    return RunDone(run_id=run_id, changed=done, failed=failed, position=position)


def changed(log: EventLog, ticket_id: UUID, answer: Answer) -> TicketChanged:
    """What a command on a ticket answers."""
    return TicketChanged(
        ticket_id=ticket_id,
        filed_on=log.state(Ticket, ticket_id).filed_on,
        version=answer.version or 0,
        position=answer.position,
    )
