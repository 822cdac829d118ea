"""Filing many tickets at once: a preview of each change, a run of one command per ticket, and undoing that run (X3)."""

from __future__ import annotations

from typing import Annotated, Any, Final, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from api import runs
from api.calls import AtPosition, Call, Listing, Reply
from api.operations import Operations
from api.parameters import AS_JSON
from domain.aggregates import NotFound
from domain.email_addresses.email_address import email_address_id
from domain.events import Value
from domain.targets import AGGREGATES
from domain.values import EmailAddressText, Target
from projections import targets
from projections.queries.paging import MAX_LIMIT, Page, Window
from projections.queries.reading import views_of
from projections.targets import TargetLine, Targets
from projections.tickets import inbox
from projections.tickets.inbox import TicketLine

operation: Final = Operations("filings")

_ON: Final[dict[str, Any]] = {"kind": "client", "id": "11111111-1111-4111-8111-111111111111"}
_WRONG: Final[dict[str, Any]] = {"kind": "claim", "id": "22222222-2222-4222-8222-222222222222"}
_TICKET: Final = "44444444-4444-4444-8444-444444444444"


class Selection(BaseModel):
    """Which tickets: those named, or those on a file now, of one sender if an address is named, or those that filed
    themselves; and where they would go: to a file, or to none.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"filed_on": _WRONG, "from_address": "claire.bonnet@courriel.example", "by_rule": True, "on": _ON},
                {"ticket_ids": [_TICKET], "on": None},
            ]
        },
    )

    ticket_ids: Annotated[
        list[UUID] | None, Field(min_length=1, max_length=MAX_LIMIT, description="These tickets, and no others")
    ] = None
    filed_on: Annotated[Target | None, Field(description="Those that are on this very file now")] = None
    from_address: Annotated[EmailAddressText | None, Field(description="Of them, those from this address")] = None
    by_rule: Annotated[bool, Field(description="Only those that no collaborator filed")] = False
    on: Annotated[Target | None, Field(description="Where they would go; `null`: off their file")]

    @model_validator(mode="after")
    def _one_way_to_say_which(self) -> Self:
        if (self.ticket_ids is None) == (self.filed_on is None):
            raise ValueError("say which tickets by `ticket_ids` or by `filed_on`, one of them")
        if self.ticket_ids is not None and (self.from_address or self.by_rule):
            raise ValueError("`from_address` and `by_rule` choose among the tickets that are `filed_on` a file")
        return self


class Change(Value):
    """What would become of a ticket: from this file (with everything above it) to that one; `changes` says whether it
    would move at all.
    """

    ticket: TicketLine = Field(description="The ticket as it stands")
    to: list[TargetLine] = Field(description="Where it would be: that file and everything above; nothing for no file")
    changes: bool = Field(description="Whether it would move at all")


class TicketAt(BaseModel):
    """A ticket at the version at which its change was looked at: later, it isn't moved."""

    model_config = ConfigDict(extra="forbid")

    ticket_id: Annotated[UUID, Field(description="The ticket")]
    version: Annotated[
        Annotated[int, Field(ge=1, le=2**62), AS_JSON] | None,
        Field(description="Its version when its change was looked at; null for whichever it has"),
    ] = None


class FilingRun(BaseModel):
    """Tickets to file, and where: on a file, or on none."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"tickets": [{"ticket_id": _TICKET, "version": 2}], "on": _ON},
                {"tickets": [{"ticket_id": _TICKET}], "on": None},
            ]
        },
    )

    tickets: Annotated[
        list[TicketAt], Field(min_length=1, max_length=MAX_LIMIT, description="The tickets, each by its id")
    ]
    on: Annotated[Target | None, Field(description="Where they go; null: off their file")]


_RUN: Final[dict[str, Any]] = {"answers": {200: runs.RunDone}, "is_command": True}


@operation(
    "POST",
    "/filings/preview",
    "Preview a filing of many tickets",
    "read",
    query_model=Listing,
    body=Selection,
    answers={200: Page[Change]},
)
def preview_filings(call: Call) -> Reply:
    """Each ticket of a selection, newest first, and where it would go; nothing is changed.

    Give the tickets with their versions to `POST /filings`: one that somebody changed meanwhile stays as it is then.
    """
    selection: Selection = call.body
    with call.reading(*views_of(inbox.selected)) as session:
        if selection.on is not None and not targets.exists(session, selection.on):
            raise _no_file(selection.on)
        sender_id = email_address_id(call.greffier.log, selection.from_address) if selection.from_address else None
        page = inbox.selected(
            session,
            call.query,
            ticket_ids=selection.ticket_ids,
            filed_on=selection.filed_on,
            sender_id=sender_id,
            by_rule=selection.by_rule,
        )
        to = [] if selection.on is None else Targets(session, [selection.on]).line(selection.on)
    changes = [Change(ticket=line, to=to, changes=runs.moves(line, selection.on)) for line in page.items]
    return Reply(Page(items=changes, next_cursor=page.next_cursor, total=page.total))


@operation("POST", "/filings", "File many tickets", "file", body=FilingRun, **_RUN)
def file_many(call: Call) -> Reply:
    """Files each of these tickets by a command of its own: those that can't be are told one by one, the others are filed."""
    body: FilingRun = call.body
    if body.on is not None:
        _check(call, body.on)
    return Reply(runs.run_for(call, (runs.filing(one.ticket_id, body.on, one.version) for one in body.tickets)))


operation.lists("/filings/runs/{run_id}", "The tickets of a run", inbox.of_run, name="show_run")


@operation("POST", "/filings/runs/{run_id}/undo", "Undo a run", "file", query_model=AtPosition, **_RUN)
def undo_run(call: Call) -> Reply:
    """Puts each ticket back where it was before the run, but for those that were filed again since.

    At most 200 tickets at a time: done again, it goes on with the rest.
    """
    with call.reading(*views_of(inbox.selected)) as session:
        page = inbox.of_run(session, call.path.run_id, Window(limit=MAX_LIMIT))
    return Reply(runs.run_for(call, map(runs.undoing, page.items)))


def _no_file(file: Target) -> NotFound:
    return NotFound(kind=file.kind, id=file.id, field="on.id")


def _check(call: Call, file: Target) -> None:
    """Raises `NotFound`: a file that isn't there is told once, not for each ticket."""
    try:
        is_there = call.greffier.log.state(AGGREGATES[file.kind], file.id).version > 0
    except NotFound:  # it is another kind's
        is_there = False
    if not is_there:
        raise _no_file(file)
