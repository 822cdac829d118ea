"""Runs: one command for each of several tickets, under one id by which all of them can be undone; each fails for itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from pydantic import BaseModel, Field

from adapters.databases import StoreUnavailable
from adapters.event_store.log import EventLog, IfMatch
from api.calls import Call, Changed
from api.problems import Problem, problem_of
from domain.aggregates import Refusal
from domain.commands import Command
from domain.events import Actor
from domain.tickets.filing_by_hand import ClassifyTicket, UnclassifyTicket, UndoFiling
from domain.values import Target
from projections.tickets.inbox import TicketLine


class NotChanged(BaseModel):
    """A ticket that stayed as it was, and why."""

    id: UUID = Field(description="The ticket")
    problem: Problem = Field(description="Why it stayed as it was")


class RunDone(BaseModel):
    """What became of each ticket of a run; read them with this `position` as `min_position`."""

    run_id: UUID = Field(description="What the run goes by: all of it can be undone")
    changed: list[Changed] = Field(description="The tickets that were changed")
    failed: list[NotChanged] = Field(description="The tickets that stayed as they were")
    position: int = Field(description="The position in the log of the last event, for `min_position`")


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


def run_for(call: Call, steps: Iterable[Step]) -> RunDone:
    """Gives the commands in the viewer's name; under the call's `Idempotency-Key`, each only once."""
    return run(call.greffier.log, call.actor, steps, call.new_id("run"), call.command_id)


def run(log: EventLog, actor: Actor, steps: Iterable[Step], run_id: UUID, whole: UUID | None = None) -> RunDone:
    """Gives the commands one by one; each only once, where `whole` is the id of all of them together."""
    done: list[Changed] = []
    failed: list[NotChanged] = []
    for step in steps:
        try:
            answer = log.execute(
                step.command,
                actor,
                command_id=whole and log.keyed_id("step", f"{whole}{step.ticket_id}"),
                if_match=None if step.version is None else IfMatch(step.ticket_id, step.version),
                correlation_id=run_id,
            )
        except (Refusal, StoreUnavailable) as error:
            failed.append(NotChanged(id=step.ticket_id, problem=problem_of(error)))
        else:
            done.append(Changed.by(answer))
    position = max((one.position for one in done), default=0) or log.head()
    return RunDone(run_id=run_id, changed=done, failed=failed, position=position)
