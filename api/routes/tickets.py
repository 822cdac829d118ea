"""Tickets: the inbox, the search, one ticket with its history, and filing."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api import periods, runs, ticket_cards
from api.calls import AtPosition, Call, Changed, Listing, Reply
from api.operations import Operations, found
from api.problems import FieldError, Invalid
from api.ticket_actions import filed, undoable, unfiled
from domain.clients.client import Identity
from domain.clients.prefill import prefilled_identity
from domain.email_addresses.email_address import email_address_id
from domain.tickets.events import Correspondent
from domain.tickets.filing_by_hand import ClassifyTicket, ClientToCreate, SenderAddress, UnclassifyTicket, UndoFiling
from domain.tickets.ticket import Ticket
from domain.values import Target, TargetKind
from projections import suggestions, targets, ticket_history, ticket_search
from projections.queries.full_text import words_of
from projections.queries.paging import MAX_LIMIT, Following, Page
from projections.queries.reading import Reading, reads, views_of
from projections.tickets import inbox

operation: Final = Operations("tickets", Ticket, "file")


def _searchable(text: str | None) -> str | None:
    if text is not None and not words_of(text):
        raise ValueError("has nothing that can be searched: give words or numbers")
    return text


class Search(AtPosition, Following):
    """What is sought. Pages follow by their cursors: what comes meanwhile would shift their numbers."""

    filed: inbox.Filed = None
    state: inbox.InState = None
    assigned: inbox.Assigned = None
    assigned_to: inbox.AssignedTo = None
    text: Annotated[ticket_search.TextSought, AfterValidator(_searchable)] = None
    since: Annotated[
        periods.DayOrMoment | None,
        Field(
            description="Only messages received from this day on (in the office's time zone), or at this moment (RFC "
            "3339) or later",
            examples=["2026-03-01", "2026-03-01T08:00:00Z"],
        ),
    ] = None
    until: Annotated[
        periods.DayOrMoment | None,
        Field(
            description="Only messages received by the end of this day, or before this moment",
            examples=["2026-03-31", "2026-04-01T00:00:00+02:00"],
        ),
    ] = None
    direction: ticket_search.DirectionSought = None
    on_kind: Annotated[
        TargetKind | None, Field(description="Only tickets on this file, or on one under it: its kind …")
    ] = None
    on_id: Annotated[UUID | None, Field(description="… and its id")] = None
    with_dismissed: ticket_search.WithDismissed = False


class Prefill(BaseModel):
    """What a dossier created from this ticket would begin with; nothing where the message tells no name."""

    identity: Identity | None = Field(description="Who wrote, as far as the message tells")
    email_address: str | None = Field(description="The address that can be associated")


class NewFile(BaseModel):
    """A dossier to create in the same step: a prospect, or a client where `active`."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["new_client"] = Field(description="That the dossier is to be created")
    identity: Annotated[Identity, Field(description="Whose dossier it is")]
    active: Annotated[bool, Field(description="Whether the office has them as a client already")] = False


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

    on: Annotated[
        Target | NewFile, Field(discriminator="kind", description="A file that exists, or a dossier to create")
    ]
    address: SenderAddress = None
    also: Annotated[
        list[UUID],
        Field(
            max_length=MAX_LIMIT,
            description="Other tickets to file there in the same step: those that `GET /tickets/{ticket_id}/same-sender` "
            "offers, or any",
        ),
    ] = []


class TicketFiled(Changed):
    """The ticket as it was filed, and what became of those that were to go with it: one that couldn't be filed says why."""

    filed_on: Target = Field(description="The file that it is on now")
    also: runs.RunDone | None = Field(None, description="What became of the others; null where none was named")


operation.lists("/tickets", "The inbox", inbox.inbox, shown=ticket_cards.rows)


@operation("GET", "/tickets/search", "Search tickets", query_model=Search, answers={200: Page[ticket_search.Found]})
def search_tickets(call: Call) -> Reply:
    """Tickets with a message that holds all the words, each once, with its newest such message: the newest first.

    Every condition may be left out. What the office wrote is searched, too. A cursor keeps to what the first page saw:
    mail that arrives meanwhile hides nothing.
    """
    query: Search = call.query
    since, before = _period(call)
    on = _file(query)
    how = query.model_dump(include={"text", "direction", "filed", "state", "assigned", "assigned_to", "with_dismissed"})
    with call.reading(*views_of(ticket_search.search)) as session:
        if on is not None and not targets.exists(session, on):
            raise Invalid([FieldError(field="query.on_id", message=f"there is no {on.kind} {on.id}")])
        return Reply(ticket_search.search(session, query, since=since, before=before, on=on, **how))


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


operation.shows("/tickets/{ticket_id}", "One ticket", inbox.ticket, shown=ticket_cards.card)
operation.lists("/tickets/{ticket_id}/history", "A ticket's history", ticket_history.of_ticket)


@reads(*views_of(inbox.ticket))
def prefill(session: Reading, ticket_id: UUID) -> Prefill | None:
    """What a dossier created from this ticket begins with. An automatic message proposes nobody."""
    ticket = inbox.ticket(session, ticket_id)
    if ticket is None:
        return None
    if ticket.automatic:
        return Prefill(identity=None, email_address=None)
    written_by = ticket.forwarded or Correspondent(address=ticket.from_address, name=ticket.from_name)
    identity = prefilled_identity(written_by.name, written_by.address)
    return Prefill(identity=identity, email_address=written_by.address)


operation.shows("/tickets/{ticket_id}/prefill", "A new dossier's prefill", prefill)


@operation(
    "GET",
    "/tickets/{ticket_id}/same-sender",
    "Other unfiled tickets of the sender",
    query_model=Listing,
    answers={200: Page[ticket_cards.TicketRow]},
)
def list_same_sender(call: Call) -> Reply:
    """The other tickets from this ticket's correspondent that are on no file: to be filed in the same step as it."""
    ticket_id: UUID = call.path.ticket_id
    with call.reading(*suggestions.VIEWS) as session:
        ticket = found(Ticket.kind, ticket_id, inbox.ticket(session, ticket_id))
        address = ticket.forwarded.address if ticket.forwarded else ticket.from_address
        if address is None:
            return Reply(Page[ticket_cards.TicketRow](items=[], total=0 if call.query.total else None))
        sender_id = email_address_id(call.greffier.log, address)
        page = inbox.unfiled_of_sender(session, sender_id, call.query, but=ticket_id)
        return Reply(ticket_cards.rows(session, page))


@operation(
    "POST",
    "/tickets/{ticket_id}/file",
    "File a ticket",
    "file",
    body=FileTicket,
    answers={200: TicketFiled},
    refuses=ClassifyTicket.refuses,
    is_command=True,
    conditional=True,
    versioned=True,
    offers={"file": unfiled, "refile": filed},
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
    file = Target(kind="client", id=on.client_id) if isinstance(on, ClientToCreate) else on
    done = TicketFiled.by(answer, filed_on=file)
    if body.also:
        others = runs.run_for(call, [runs.Step(other, ClassifyTicket(ticket_id=other, on=file)) for other in body.also])
        done = done.model_copy(update={"also": others, "position": max(done.position, others.position)})
    return Reply(done, version=done.version)


operation.changes(
    "/tickets/{ticket_id}/unfile", "Unfile a ticket", UnclassifyTicket, name="unfile_ticket", offers={"unfile": filed}
)
operation.changes("/tickets/{ticket_id}/undo", "Undo a ticket's filing", UndoFiling, offers={"undo": undoable})
