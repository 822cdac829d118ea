"""Tickets: the inbox, the search, one ticket with its history, and filing."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api import periods, runs, ticket_cards
from api.operations import AtPosition, Call, Listing, Operations, Reply, found
from api.periods import DayOrMoment
from api.problems import FieldError, Invalid
from api.runs import RunDone, Step, TicketChanged
from api.ticket_cards import TicketCard, TicketRow
from domain.aggregates import NotFound
from domain.client import Identity
from domain.commands import Command
from domain.email_address import AddressBelongsToAnother, AddressIsOffices, Ownership, email_address_id
from domain.prefill import prefilled_identity
from domain.ticket import Ticket
from domain.ticket_events import Correspondent
from domain.ticket_filing import ClassifyTicket, ClientToCreate, UnclassifyTicket, UndoFiling
from domain.ticket_refusals import NoSenderAddress, NothingToUndo, TicketIsDismissed, TicketWasMerged
from domain.values import FileKind, Target
from projections import files, ticket_history, ticket_search, tickets
from projections.full_text import words_of
from projections.paging import MAX_LIMIT, Following, Page
from projections.reading import Reading, views_of
from projections.ticket_history import HistoryLine
from projections.ticket_search import DirectionSought, Found, TextSought, WithDismissed
from projections.tickets import Assigned, AssignedTo, Filed, InState, TicketDetails

operation: Final = Operations("tickets")


NOT_IN_HAND: Final = (TicketIsDismissed, TicketWasMerged)
"""Why nothing is done with a ticket."""


class TicketPath(BaseModel):
    ticket_id: UUID


class Standing(AtPosition):
    """How tickets stand."""

    filed: Filed = None
    state: InState = None
    assigned: Assigned = None
    assigned_to: AssignedTo = None


class Inbox(Standing, Listing):
    dismissed: Annotated[bool, Field(description="The dismissed ones alone (true), or all others (false)")] = False
    sent: Annotated[bool, Field(description="Only what the office wrote first and nobody answered")] = False


def _searchable(text: str) -> str:
    if not words_of(text):
        raise ValueError("has nothing that can be searched: give words or numbers")
    return text


class Search(Standing, Following):
    text: Annotated[TextSought, AfterValidator(_searchable)] = None
    since: Annotated[
        DayOrMoment | None,
        Field(
            description="Only messages received from this day on (in the office's time zone), or at this moment (RFC "
            "3339) or later",
            examples=["2026-03-01", "2026-03-01T08:00:00Z"],
        ),
    ] = None
    until: Annotated[
        DayOrMoment | None,
        Field(
            description="Only messages received by the end of this day, or before this moment",
            examples=["2026-03-31", "2026-04-01T00:00:00+02:00"],
        ),
    ] = None
    direction: DirectionSought = None
    on_kind: Annotated[
        FileKind | None, Field(description="Only tickets on this file, or on one under it: its kind …")
    ] = None
    on_id: Annotated[UUID | None, Field(description="… and its id")] = None
    with_dismissed: WithDismissed = False


class Prefill(BaseModel):
    """What a dossier created from this ticket would begin with; nothing where the message tells no name."""

    identity: Identity | None
    email_address: str | None


class NewFile(BaseModel):
    """A dossier to create in the same step: a prospect, or a client where `active`."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["new_client"]
    identity: Identity
    active: bool = False


class FileTicket(BaseModel):
    """Where a ticket goes, and what becomes of its sender's address: nothing unless it is said."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"on": {"kind": "client", "id": "11111111-1111-4111-8111-111111111111"}, "address": "associate"},
                {"on": {"kind": "claim", "id": "22222222-2222-4222-8222-222222222222"}},
                {
                    "on": {
                        "kind": "new_client",
                        "identity": {"kind": "person", "first_name": "Claire", "last_name": "Bonnet"},
                    }
                },
            ]
        },
    )

    on: Annotated[Target | NewFile, Field(discriminator="kind")]
    address: Annotated[
        Ownership | None,
        Field(
            description="`associate` gives a free address to the file (to its client, for a contract or a claim), `share` "
            "makes it one more owner, `move` takes it from its owners; without it the address stays as it is"
        ),
    ] = None
    also: Annotated[
        list[UUID],
        Field(
            max_length=MAX_LIMIT,
            description="Other tickets to file there in the same step: those that `GET /tickets/{ticket_id}/same-sender` "
            "offers, or any",
        ),
    ] = []


class TicketFiled(TicketChanged):
    """The ticket as it was filed, and what became of those that were to go with it: one that couldn't be filed says why."""

    also: RunDone | None = None


@operation("GET", "/tickets", "The inbox", "read", query_model=Inbox, answers={200: Page[TicketRow]})
def list_tickets(call: Call) -> Reply:
    """Tickets, newest first; those that were dismissed only where they are asked for."""
    with call.reading(*ticket_cards.VIEWS) as session:
        query: Inbox = call.query
        page = tickets.inbox(
            session,
            query,
            filed=query.filed,
            state=query.state,
            assigned=query.assigned,
            assigned_to=query.assigned_to,
            dismissed=query.dismissed,
            sent=query.sent,
        )
        return Reply(ticket_cards.rows(session, page))


@operation("GET", "/tickets/search", "Search tickets", "read", query_model=Search, answers={200: Page[Found]})
def search_tickets(call: Call) -> Reply:
    """Tickets with a message that holds all the words, each once, with its newest such message: the newest first.

    Every condition may be left out. What the office wrote is searched, too. A cursor keeps to what the first page saw:
    mail that arrives meanwhile hides nothing.
    """
    query: Search = call.query
    since, before = _period(call)
    on = _file(query)
    with call.reading(*views_of(ticket_search.search)) as session:
        if on is not None and not files.exists(session, on):
            raise Invalid([FieldError(field="query.on_id", message=f"there is no {on.kind} {on.id}")])
        return Reply(
            ticket_search.search(
                session,
                query,
                text=query.text,
                since=since,
                before=before,
                direction=query.direction,
                filed=query.filed,
                state=query.state,
                assigned=query.assigned,
                assigned_to=query.assigned_to,
                on=on,
                with_dismissed=query.with_dismissed,
            )
        )


def _period(call: Call) -> tuple[datetime | None, datetime | None]:
    since, until = call.query.since, call.query.until
    if since is None and until is None:
        return None, None
    zone = periods.time_zone(call.greffier)
    first, end = since and periods.begin(since, zone), until and periods.end(until, zone)
    if first and end and end <= first:
        raise Invalid([FieldError(field="query.until", message="must lie after `since`")])
    return first, end


def _file(query: Search) -> Target | None:
    if query.on_kind is not None and query.on_id is not None:
        return Target(kind=query.on_kind, id=query.on_id)
    if query.on_kind is not None or query.on_id is not None:
        missing = "on_kind" if query.on_kind is None else "on_id"
        raise Invalid([FieldError(field=f"query.{missing}", message="must be given: a file is a kind and an id")])
    return None


@operation(
    "GET",
    "/tickets/{ticket_id}",
    "One ticket",
    "read",
    path_model=TicketPath,
    query_model=AtPosition,
    answers={200: TicketCard},
    refuses=(NotFound,),
    versioned=True,
)
def show_ticket(call: Call) -> Reply:
    """What the ticket says of its first message, where it is filed, on what evidence, and where else it could go."""
    with call.reading(*ticket_cards.VIEWS) as session:
        ticket = _ticket(call, session)
        return Reply(ticket_cards.card(session, ticket), version=ticket.version)


@operation(
    "GET",
    "/tickets/{ticket_id}/history",
    "A ticket's history",
    "read",
    path_model=TicketPath,
    query_model=Listing,
    answers={200: Page[HistoryLine]},
    refuses=(NotFound,),
)
def show_history(call: Call) -> Reply:
    """Who did what, when and why, in sentences, oldest first; what happened to tickets merged into it, too."""
    ticket_id: UUID = call.path.ticket_id
    with call.reading(*views_of(ticket_history.of_ticket)) as session:
        return Reply(found(Ticket.kind, ticket_id, ticket_history.of_ticket(session, ticket_id, call.query)))


@operation(
    "GET",
    "/tickets/{ticket_id}/prefill",
    "A new dossier's prefill",
    "read",
    path_model=TicketPath,
    query_model=AtPosition,
    answers={200: Prefill},
    refuses=(NotFound,),
)
def show_prefill(call: Call) -> Reply:
    """What a dossier created from this ticket begins with. An automatic message proposes nobody."""
    with call.reading(tickets.tickets, *files.VIEWS) as session:
        ticket = _ticket(call, session)
    if ticket.automatic:
        return Reply(Prefill(identity=None, email_address=None))
    written_by = ticket.forwarded or Correspondent(address=ticket.from_address, name=ticket.from_name)
    identity = prefilled_identity(written_by.name, written_by.address)
    return Reply(Prefill(identity=identity, email_address=written_by.address))


_FILING: Final[dict[str, Any]] = {
    "path_model": TicketPath,
    "answers": {200: TicketChanged},
    "is_command": True,
    "conditional": True,
    "versioned": True,
}


@operation(
    "GET",
    "/tickets/{ticket_id}/same-sender",
    "Other unfiled tickets of the sender",
    "read",
    path_model=TicketPath,
    query_model=Listing,
    answers={200: Page[TicketRow]},
    refuses=(NotFound,),
)
def list_same_sender(call: Call) -> Reply:
    """The other tickets from this ticket's correspondent that are on no file: to be filed in the same step as it."""
    ticket_id: UUID = call.path.ticket_id
    with call.reading(*ticket_cards.VIEWS) as session:
        ticket = _ticket(call, session)
        address = ticket.forwarded.address if ticket.forwarded else ticket.from_address
        query: Listing = call.query
        if address is None:
            return Reply(Page[TicketRow](items=[], total=0 if query.total else None))
        page = tickets.unfiled_of_sender(
            session,
            email_address_id(call.greffier.log, address),
            query,
            but=ticket_id,
        )
        return Reply(ticket_cards.rows(session, page))


@operation(
    "POST",
    "/tickets/{ticket_id}/file",
    "File a ticket",
    "file",
    body=FileTicket,
    refuses=(NotFound, AddressBelongsToAnother, AddressIsOffices, NoSenderAddress, *NOT_IN_HAND),
    **{**_FILING, "answers": {200: TicketFiled}},
)
def file_ticket(call: Call) -> Reply:
    """Files the ticket, or files it elsewhere: on a file that exists, or on a dossier created in the same step.

    Other tickets, such as those of the same sender, go with it where they are named: each by a command of its own.
    An address that belongs to another answers 409 with its owners: share it or move it, or leave it alone.
    """
    body: FileTicket = call.body
    ticket_id: UUID = call.path.ticket_id
    on = (
        ClientToCreate(client_id=call.new_id("client"), identity=body.on.identity, active=body.on.active)
        if isinstance(body.on, NewFile)
        else body.on
    )
    answer = call.execute(ClassifyTicket(ticket_id=ticket_id, on=on, address=body.address), ticket_id)
    filed = TicketFiled(**dict(runs.changed(call.greffier.log, ticket_id, answer)))
    if body.also and filed.filed_on:
        others = [Step(other, ClassifyTicket(ticket_id=other, on=filed.filed_on)) for other in body.also]
        done = call.run(others)
        filed = filed.model_copy(update={"also": done, "position": max(filed.position, done.position)})
    return Reply(filed, version=filed.version)


@operation(
    "POST",
    "/tickets/{ticket_id}/unfile",
    "Unfile a ticket",
    "file",
    refuses=(NotFound, *NOT_IN_HAND),
    **_FILING,
)
def unfile_ticket(call: Call) -> Reply:
    """Takes the ticket off its file. Its sender's address stays as it is."""
    ticket_id: UUID = call.path.ticket_id
    return change(call, UnclassifyTicket(ticket_id=ticket_id))


@operation(
    "POST",
    "/tickets/{ticket_id}/undo",
    "Undo a ticket's filing",
    "file",
    refuses=(NotFound, NothingToUndo, *NOT_IN_HAND),
    **_FILING,
)
def undo_filing(call: Call) -> Reply:
    """Puts the ticket back where it was before it was filed, or unfiled, last. Its sender's address stays as it is."""
    ticket_id: UUID = call.path.ticket_id
    return change(call, UndoFiling(ticket_id=ticket_id))


def change(call: Call, command: Command) -> Reply:
    """Gives a command on the ticket that the path names."""
    ticket_id: UUID = call.path.ticket_id
    ticket = runs.changed(call.greffier.log, ticket_id, call.execute(command, ticket_id))
    return Reply(ticket, version=ticket.version)


def _ticket(call: Call, session: Reading) -> TicketDetails:
    return found(Ticket.kind, call.path.ticket_id, tickets.ticket(session, call.path.ticket_id))
