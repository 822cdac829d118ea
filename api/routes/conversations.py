"""A ticket's messages: what each says, byte for byte too; merging tickets, and splitting messages off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from uuid import UUID

from pydantic import BaseModel, Field

from adapters.mail.parser import NoSuchPart, attachment_bytes, parse_message
from adapters.mail.rendering import sanitised_html
from api.calls import Call, Reply
from api.operations import Media, Operations
from api.ticket_actions import has_several_messages, in_hand
from domain.aggregates import NotFound
from domain.tickets.conversation import MergeTickets, SplitMessageOff
from domain.tickets.events import MessageContent, TicketMessage
from domain.tickets.refusals import MessageErased, NoSuchAttachment, NotOnTicket
from domain.tickets.ticket import Ticket
from projections import messages

_RAW: Final = Media("message/rfc822", "The message, byte for byte as it came")
_FILE: Final = Media("application/octet-stream", "The attachment's bytes")

operation: Final = Operations("tickets", Ticket, "handle")


class TicketBody(BaseModel):
    """A message's body: as text, and as HTML that is safe to show where the message has any."""

    text: str = Field(description="As plain text, whole")
    html: str | None = Field(description="As HTML without script, form or image from elsewhere; null where it has none")


operation.lists("/tickets/{ticket_id}/messages", "A ticket's messages", messages.of_ticket)


def _offer(
    path: str, name: str, which: str, raw_of: Callable[[Call], bytes], refuses: tuple[type[Exception], ...]
) -> None:
    """Adds what a message says, byte for byte too, and what is attached to it."""

    @operation(
        "GET", f"{path}/body", f"The body of {which}", name=f"{name}_body", answers={200: TicketBody}, refuses=refuses
    )
    def show_body(call: Call) -> Reply:
        """The body as text and as sanitised HTML: no script, no form, no image from elsewhere."""
        said = parse_message(raw_of(call))
        return Reply(TicketBody(text=said.text, html=None if said.html is None else sanitised_html(said.html)))

    @operation("GET", f"{path}/raw", f"The bytes of {which}", name=f"{name}_raw", answers={200: _RAW}, refuses=refuses)
    def show_raw(call: Call) -> Reply:
        """Every byte as it came."""
        return Reply(raw_of(call), download=f"{'-'.join(map(str, dict(call.path).values()))}.eml")

    @operation(
        "GET",
        f"{path}/attachments/{{part}}",
        f"An attachment of {which}",
        name=f"{name}_attachment",
        answers={200: _FILE},
        refuses=(*refuses, NoSuchAttachment),
    )
    def show_attachment(call: Call) -> Reply:
        """The attachment's bytes; its name and declared type stand in the message."""
        ticket_id, part = call.path.ticket_id, call.path.part
        try:
            content = attachment_bytes(raw_of(call), part)
        except NoSuchPart:
            raise NoSuchAttachment(ticket_id, part) from None
        return Reply(content, download=f"ticket-{ticket_id}-{part}")


def _first(call: Call) -> bytes:
    """The message that opened the ticket."""
    ticket_id: UUID = call.path.ticket_id
    for recorded in call.greffier.log.stream(ticket_id):
        if isinstance(recorded.event, TicketMessage) and isinstance(recorded.event.content, MessageContent):
            return _stored(call, recorded.event.content)
    raise NotFound(kind=Ticket.kind, id=ticket_id)


def _one(call: Call) -> bytes:
    """A message of the ticket: its stored file's name and key stand, sealed, in the event that brought it."""
    ticket_id, mail_id = call.path.ticket_id, call.path.mail_id
    mail = call.greffier.log.state(Ticket, ticket_id).mail(mail_id)
    content = call.greffier.log.state(Ticket, mail.kept_in).contents.get(mail_id)
    if content is None:
        raise MessageErased(ticket_id=ticket_id, mail_id=mail_id)
    return _stored(call, content)


def _stored(call: Call, content: MessageContent) -> bytes:
    return call.greffier.files.read(content.raw.name, bytes.fromhex(content.raw.key))


_offer("/tickets/{ticket_id}", "show", "the first message", _first, ())
_offer("/tickets/{ticket_id}/messages/{mail_id}", "show_message", "a message", _one, (NotOnTicket, MessageErased))

operation.changes(
    "/tickets/{ticket_id}/merge",
    "Merge another ticket into this one",
    MergeTickets,
    examples=[{"other_id": "44444444-4444-4444-8444-444444444444"}],
    offers={"merge": in_hand},
)
operation.creates(
    "/tickets/{ticket_id}/messages/{mail_id}/split",
    "Split a message off",
    SplitMessageOff,
    offers={"split": lambda ticket: in_hand(ticket) and has_several_messages(ticket)},
)
