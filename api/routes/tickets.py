"""Tickets: the inbox, one ticket with its body, attachments and history, and filing."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from adapters.mail.parser import NoSuchPart, attachment_bytes, parse_message
from adapters.mail.rendering import sanitised_html
from api.operations import Call, Listing, Media, Operations, Reading, Reply, found
from api.problems import NoSuchAttachment
from domain.aggregates import NotFound
from domain.client import Identity
from domain.commands import Answer
from domain.email_address import AddressBelongsToAnother, Ownership
from domain.events import Erased
from domain.prefill import prefilled_identity
from domain.ticket import (
    ClassifyTicket,
    ClientToCreate,
    NoSenderAddress,
    Ticket,
    TicketIsDismissed,
    TicketReceived,
    TicketState,
    UnclassifyTicket,
)
from domain.values import Target
from projections import collaborators, files, ticket_history, tickets
from projections.paging import Page
from projections.ticket_history import HistoryLine
from projections.tickets import TicketDetails, TicketLine

operation: Final = Operations("tickets")


class TicketPath(BaseModel):
    ticket_id: UUID


class AttachmentPath(TicketPath):
    part: Annotated[int, Field(ge=0, le=2**31, description="The attachment's `part` in the ticket")]


class Inbox(Listing):
    filed: Annotated[bool | None, Field(description="Only those on a file (true), or those on none (false)")] = None
    state: Annotated[TicketState | None, Field(description="Only those in this state")] = None
    assigned: Annotated[bool | None, Field(description="Only somebody's (true), or nobody's (false)")] = None
    assigned_to: Annotated[UUID | None, Field(description="Only this collaborator's")] = None
    dismissed: Annotated[bool, Field(description="The dismissed ones alone (true), or all others (false)")] = False


class History(BaseModel):
    """A ticket's history, oldest first."""

    items: list[HistoryLine]


class TicketBody(BaseModel):
    """A message's body: as text, and as HTML that is safe to show where the message has any."""

    text: str
    html: str | None


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


class TicketChanged(BaseModel):
    """The ticket as the command left it; read it with this `position` as `min_position`."""

    ticket_id: UUID
    filed_on: Target | None = None
    version: int
    position: int


@operation("GET", "/tickets", "The inbox", "read", query_model=Inbox, answers={200: Page[TicketLine]})
def list_tickets(call: Call) -> Reply:
    """Tickets, newest first; those that were dismissed only where they are asked for."""
    with call.reading(tickets.tickets, *files.VIEWS) as session:
        query: Inbox = call.query
        return Reply(
            tickets.inbox(
                session,
                call.viewer,
                filed=query.filed,
                state=query.state,
                assigned=query.assigned,
                assigned_to=query.assigned_to,
                dismissed=query.dismissed,
                cursor=query.cursor,
                limit=query.limit,
                with_total=query.total,
            )
        )


@operation(
    "GET",
    "/tickets/{ticket_id}",
    "One ticket",
    "read",
    path_model=TicketPath,
    query_model=Reading,
    answers={200: TicketDetails},
    refuses=(NotFound,),
    versioned=True,
)
def show_ticket(call: Call) -> Reply:
    """What the ticket says of its message, where it is filed, on what evidence, and where else it could be."""
    ticket = _ticket(call)
    return Reply(ticket, version=ticket.version)


@operation(
    "GET",
    "/tickets/{ticket_id}/history",
    "A ticket's history",
    "read",
    path_model=TicketPath,
    query_model=Reading,
    answers={200: History},
    refuses=(NotFound,),
)
def show_history(call: Call) -> Reply:
    """Who did what, when and why, in sentences, oldest first."""
    with call.reading(ticket_history.ticket_history, *files.VIEWS, collaborators.collaborators) as session:
        lines = ticket_history.history(session, call.viewer, call.path.ticket_id)
    return Reply(History(items=found(Ticket.kind, call.path.ticket_id, lines)))


@operation(
    "GET",
    "/tickets/{ticket_id}/body",
    "A message's body",
    "read",
    path_model=TicketPath,
    answers={200: TicketBody},
    refuses=(NotFound,),
)
def show_body(call: Call) -> Reply:
    """The body as text and as sanitised HTML: no script, no form, no image from elsewhere."""
    message = parse_message(_raw(call))
    return Reply(TicketBody(text=message.text, html=None if message.html is None else sanitised_html(message.html)))


@operation(
    "GET",
    "/tickets/{ticket_id}/raw",
    "The raw message",
    "read",
    path_model=TicketPath,
    answers={200: Media("message/rfc822", "The message, byte for byte as it came")},
    refuses=(NotFound,),
)
def show_raw(call: Call) -> Reply:
    return Reply(_raw(call), download=f"ticket-{call.path.ticket_id}.eml")


@operation(
    "GET",
    "/tickets/{ticket_id}/attachments/{part}",
    "An attachment",
    "read",
    path_model=AttachmentPath,
    answers={200: Media("application/octet-stream", "The attachment's bytes")},
    refuses=(NotFound, NoSuchAttachment),
)
def show_attachment(call: Call) -> Reply:
    """The attachment's bytes; its name and declared type stand in the ticket."""
    path: AttachmentPath = call.path
    try:
        content = attachment_bytes(_raw(call), path.part)
    except NoSuchPart:
        raise NoSuchAttachment(path.ticket_id, path.part) from None
    return Reply(content, download=f"ticket-{path.ticket_id}-{path.part}")


@operation(
    "GET",
    "/tickets/{ticket_id}/prefill",
    "A new dossier's prefill",
    "read",
    path_model=TicketPath,
    query_model=Reading,
    answers={200: Prefill},
    refuses=(NotFound,),
)
def show_prefill(call: Call) -> Reply:
    """What a dossier created from this ticket begins with. An automatic message proposes nobody."""
    ticket = _ticket(call)
    if ticket.automatic:
        return Reply(Prefill(identity=None, email_address=None))
    identity = prefilled_identity(ticket.from_name, ticket.from_address)
    return Reply(Prefill(identity=identity, email_address=ticket.from_address))


_FILING: Final[dict[str, Any]] = {
    "path_model": TicketPath,
    "answers": {200: TicketChanged},
    "is_command": True,
    "conditional": True,
    "versioned": True,
}


@operation(
    "POST",
    "/tickets/{ticket_id}/file",
    "File a ticket",
    "file",
    body=FileTicket,
    refuses=(NotFound, AddressBelongsToAnother, NoSenderAddress, TicketIsDismissed),
    **_FILING,
)
def file_ticket(call: Call) -> Reply:
    """Files the ticket, or files it elsewhere: on a file that exists, or on a dossier created in the same step.

    An address that belongs to another answers 409 with its owners: share it or move it, or leave it alone.
    """
    body: FileTicket = call.body
    ticket_id: UUID = call.path.ticket_id
    on = (
        ClientToCreate(client_id=call.new_id("client"), identity=body.on.identity, active=body.on.active)
        if isinstance(body.on, NewFile)
        else body.on
    )
    return changed(ticket_id, call.execute(ClassifyTicket(ticket_id=ticket_id, on=on, address=body.address), ticket_id))


@operation(
    "POST",
    "/tickets/{ticket_id}/unfile",
    "Unfile a ticket",
    "file",
    refuses=(NotFound, TicketIsDismissed),
    **_FILING,
)
def unfile_ticket(call: Call) -> Reply:
    """Takes the ticket off its file. Its sender's address stays as it is."""
    ticket_id: UUID = call.path.ticket_id
    return changed(ticket_id, call.execute(UnclassifyTicket(ticket_id=ticket_id), ticket_id))


def changed(ticket_id: UUID, answer: Answer) -> Reply:
    """What a command on a ticket answers."""
    version, filed_on = answer.versions[ticket_id], answer.result.get("filed_on")
    ticket = TicketChanged(ticket_id=ticket_id, filed_on=filed_on, version=version, position=answer.position)
    return Reply(ticket, version=version)


def _ticket(call: Call) -> TicketDetails:
    with call.reading(tickets.tickets, *files.VIEWS) as session:
        return found(Ticket.kind, call.path.ticket_id, tickets.ticket(session, call.viewer, call.path.ticket_id))


def _raw(call: Call) -> bytes:
    """The message as it came, from its stored file: its name and key stand, sealed, in the ticket's first event."""
    for recorded in call.greffier.log.stream(call.path.ticket_id):
        if isinstance(recorded.event, TicketReceived) and not isinstance(recorded.event.content, Erased):
            raw = recorded.event.content.raw
            return call.greffier.files.read(raw.name, bytes.fromhex(raw.key))
    raise NotFound(kind=Ticket.kind, id=call.path.ticket_id)
