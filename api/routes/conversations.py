"""A ticket's messages: what each says, byte for byte too; merging tickets, and splitting messages off."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from adapters.mail.parser import NoSuchPart, attachment_bytes, parse_message
from adapters.mail.rendering import sanitised_html
from api.operations import Call, Listing, Media, Operations, Reply, found
from api.parameters import AS_DIGITS
from api.routes.tickets import NOT_IN_HAND, TicketPath, change
from api.runs import TicketChanged
from domain.aggregates import NotFound
from domain.conversation import MergedWithItself, MergeTickets, SplitMessageOff
from domain.ticket import Ticket
from domain.ticket_events import MessageContent, TicketMessage
from domain.ticket_refusals import FirstMessageStays, MessageErased, NoSuchAttachment, NotOnTicket
from projections import messages
from projections.messages import MessageLine
from projections.paging import Page
from projections.reading import views_of

operation: Final = Operations("tickets")


class AttachmentPath(TicketPath):
    part: Annotated[int, Field(ge=0, le=2**31, description="The attachment's `part` in the ticket"), AS_DIGITS]


class MessagePath(TicketPath):
    mail_id: UUID


class MessageAttachmentPath(MessagePath):
    part: Annotated[int, Field(ge=0, le=2**31, description="The attachment's `part` in the message"), AS_DIGITS]


class TicketBody(BaseModel):
    """A message's body: as text, and as HTML that is safe to show where the message has any."""

    text: str
    html: str | None


class OtherTicket(BaseModel):
    """The ticket whose messages stand on this one from now on."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"ticket_id": "44444444-4444-4444-8444-444444444444"}]}
    )

    ticket_id: UUID


class MessageSplitOff(BaseModel):
    """The ticket that the message left, and the one that it has now; read them with this `position` as `min_position`."""

    ticket_id: UUID
    new_ticket_id: UUID
    version: int
    position: int


_RAW: Final = Media("message/rfc822", "The message, byte for byte as it came")
_FILE: Final = Media("application/octet-stream", "The attachment's bytes")


@operation(
    "GET",
    "/tickets/{ticket_id}/messages",
    "A ticket's messages",
    "read",
    path_model=TicketPath,
    query_model=Listing,
    answers={200: Page[MessageLine]},
    refuses=(NotFound,),
)
def list_messages(call: Call) -> Reply:
    """The messages of the ticket's conversation, in the order in which they came."""
    ticket_id: UUID = call.path.ticket_id
    with call.reading(*views_of(messages.of_ticket)) as session:
        return Reply(found(Ticket.kind, ticket_id, messages.of_ticket(session, ticket_id, call.query)))


@operation(
    "GET",
    "/tickets/{ticket_id}/body",
    "The first message's body",
    "read",
    path_model=TicketPath,
    answers={200: TicketBody},
    refuses=(NotFound,),
)
def show_body(call: Call) -> Reply:
    """The body as text and as sanitised HTML: no script, no form, no image from elsewhere."""
    return _body(_first(call))


@operation(
    "GET",
    "/tickets/{ticket_id}/raw",
    "The first message, raw",
    "read",
    path_model=TicketPath,
    answers={200: _RAW},
    refuses=(NotFound,),
)
def show_raw(call: Call) -> Reply:
    return Reply(_first(call), download=f"ticket-{call.path.ticket_id}.eml")


@operation(
    "GET",
    "/tickets/{ticket_id}/attachments/{part}",
    "An attachment of the first message",
    "read",
    path_model=AttachmentPath,
    answers={200: _FILE},
    refuses=(NotFound, NoSuchAttachment),
)
def show_attachment(call: Call) -> Reply:
    """The attachment's bytes; its name and declared type stand in the ticket."""
    return _attachment(call, _first(call))


@operation(
    "GET",
    "/tickets/{ticket_id}/messages/{mail_id}/body",
    "A message's body",
    "read",
    path_model=MessagePath,
    answers={200: TicketBody},
    refuses=(NotFound, NotOnTicket, MessageErased),
)
def show_message_body(call: Call) -> Reply:
    """The body as text and as sanitised HTML: no script, no form, no image from elsewhere."""
    return _body(_one(call))


@operation(
    "GET",
    "/tickets/{ticket_id}/messages/{mail_id}/raw",
    "A message, raw",
    "read",
    path_model=MessagePath,
    answers={200: _RAW},
    refuses=(NotFound, NotOnTicket, MessageErased),
)
def show_message_raw(call: Call) -> Reply:
    return Reply(_one(call), download=f"message-{call.path.mail_id}.eml")


@operation(
    "GET",
    "/tickets/{ticket_id}/messages/{mail_id}/attachments/{part}",
    "An attachment of a message",
    "read",
    path_model=MessageAttachmentPath,
    answers={200: _FILE},
    refuses=(NotFound, NotOnTicket, MessageErased, NoSuchAttachment),
)
def show_message_attachment(call: Call) -> Reply:
    """The attachment's bytes; its name and declared type stand in the message."""
    return _attachment(call, _one(call))


_COMMAND: Final[dict[str, Any]] = {"is_command": True, "conditional": True, "versioned": True}


@operation(
    "POST",
    "/tickets/{ticket_id}/merge",
    "Merge another ticket into this one",
    "handle",
    path_model=TicketPath,
    body=OtherTicket,
    answers={200: TicketChanged},
    refuses=(NotFound, MergedWithItself, *NOT_IN_HAND),
    **_COMMAND,
)
def merge_tickets(call: Call) -> Reply:
    """The other ticket's messages stand on this one from now on, and its history is told with this one's.

    This one stays where it is filed; if it is on no file, it goes to the other's.
    """
    ticket_id: UUID = call.path.ticket_id
    other: OtherTicket = call.body
    return change(call, MergeTickets(ticket_id=ticket_id, other_id=other.ticket_id))


@operation(
    "POST",
    "/tickets/{ticket_id}/messages/{mail_id}/split",
    "Split a message off",
    "handle",
    path_model=MessagePath,
    answers={200: MessageSplitOff},
    refuses=(NotFound, NotOnTicket, MessageErased, FirstMessageStays, *NOT_IN_HAND),
    **_COMMAND,
)
def split_message_off(call: Call) -> Reply:
    """Makes the message a ticket of its own, on the same file; answers to it go there. The first message stays."""
    ticket_id: UUID = call.path.ticket_id
    answer = call.execute(SplitMessageOff(ticket_id=ticket_id, mail_id=call.path.mail_id), ticket_id)
    assert answer.id is not None  # noqa: S101  # the new ticket
    version = call.greffier.log.state(Ticket, ticket_id).version
    split = MessageSplitOff(ticket_id=ticket_id, new_ticket_id=answer.id, version=version, position=answer.position)
    return Reply(split, version=version)


def _body(raw: bytes) -> Reply:
    message = parse_message(raw)
    return Reply(TicketBody(text=message.text, html=None if message.html is None else sanitised_html(message.html)))


def _attachment(call: Call, raw: bytes) -> Reply:
    ticket_id, part = call.path.ticket_id, call.path.part
    try:
        content = attachment_bytes(raw, part)
    except NoSuchPart:
        raise NoSuchAttachment(ticket_id, part) from None
    return Reply(content, download=f"ticket-{ticket_id}-{part}")


def _first(call: Call) -> bytes:
    """The message that opened the ticket, as it came."""
    ticket_id: UUID = call.path.ticket_id
    for recorded in call.greffier.log.stream(ticket_id):
        if isinstance(recorded.event, TicketMessage) and isinstance(recorded.event.content, MessageContent):
            return _stored(call, recorded.event.content)
    raise NotFound(kind=Ticket.kind, id=ticket_id)


def _one(call: Call) -> bytes:
    """A message of the ticket, as it came: its stored file's name and key stand, sealed, in the event that brought it."""
    ticket_id, mail_id = call.path.ticket_id, call.path.mail_id
    mail = call.greffier.log.state(Ticket, ticket_id).mail(mail_id)
    content = call.greffier.log.state(Ticket, mail.kept_in).contents.get(mail_id)
    if content is None:
        raise MessageErased(ticket_id=ticket_id, mail_id=mail_id)
    return _stored(call, content)


def _stored(call: Call, content: MessageContent) -> bytes:
    return call.greffier.files.read(content.raw.name, bytes.fromhex(content.raw.key))
