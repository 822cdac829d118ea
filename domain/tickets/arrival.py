"""A message's arrival: it joins its conversation or opens a ticket, and the policy finds its file or says why it waits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import AfterValidator

from domain.commands import Command, KeyedIds, Streams, handles
from domain.email_addresses.email_address import EmailAddress, email_address_id
from domain.events import Value
from domain.messages.message import (
    Direction,
    Message,
    MessageIdentity,
    MessageTakenIn,
    content_stream_id,
    message_stream_id,
    referred_stream_ids,
)
from domain.quoted_numbers.quoted_number import QuotedNumber, quoted_in, quoted_number_id, quoted_ticket_numbers
from domain.targets import lineage
from domain.tickets.conversation import brought_together, current_ticket, let_wait_for, tickets_of_conversation
from domain.tickets.events import MessageContent, TicketContinued, TicketReceived
from domain.tickets.filing import Arrival, Named, file_on_arrival
from domain.tickets.ticket import Ticket, new_ticket, ticket_id_of
from domain.values import storable

_MOST_PARTICIPANTS: Final = 100


def _storable_content(content: MessageContent) -> MessageContent:
    """The content with every text storable: a hostile message must not fault a projection."""
    as_read = content.model_dump()
    stored = _storable_texts(as_read)
    return content if stored == as_read else MessageContent.model_validate(stored)


def _storable_texts(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {name: _storable_texts(member) for name, member in value.items()}
    return tuple(map(_storable_texts, value)) if isinstance(value, tuple) else value


class ReceiveMessage(Command):
    """Takes in one message whose raw bytes are already stored, sealed, in `content.raw`."""

    identity: MessageIdentity
    content: Annotated[MessageContent, AfterValidator(_storable_content)]
    sent_at: datetime | None
    automatic: bool = False

    def reads(self, ids: KeyedIds) -> Iterator[UUID]:
        content = self.content
        yield message_stream_id(ids, self.identity)
        if content.from_address is not None:
            yield email_address_id(ids, content.from_address)
        yield from referred_stream_ids(ids, content.references, content.in_reply_to)
        yield from (quoted_number_id(ids, number) for number in quoted_in(content.subject))


class MessageAnswer(Value):
    """What became of the message: a ticket of its own, a message on another's, what the office wrote first, or nothing
    new; and the ticket on which it is.
    """

    outcome: Literal["ticket", "message", "recorded", "duplicate"]
    ticket_id: UUID
    mail_id: UUID


@handles(ReceiveMessage)
def receive_message(command: ReceiveMessage, streams: Streams) -> MessageAnswer:
    content_id = content_stream_id(streams, command.identity)
    message = streams.find(Message, message_stream_id(streams, command.identity))
    if known := message.known(content_id):
        ticket = current_ticket(known.mail_id, known.ticket_id, streams)
        return MessageAnswer(outcome="duplicate", ticket_id=ticket.id, mail_id=known.mail_id)
    arrived = _arrived(command, message, content_id, streams)
    participants = _participants(command.content, streams)
    outcome, ticket = _put_on_ticket(arrived, participants, message, streams)
    let_wait_for(arrived, ticket.id, streams)
    taken_in = MessageTakenIn(
        content_id=content_id,
        mail_id=arrived.mail_id,
        ticket_id=ticket.id,
        participants=participants,
        direction=arrived.direction,
    )
    streams.save(message, message.take_in(taken_in))
    return MessageAnswer(outcome=outcome, ticket_id=ticket.id, mail_id=arrived.mail_id)


def _arrived(command: ReceiveMessage, message: Message, content_id: UUID, streams: Streams) -> TicketContinued:
    """The message as it joins a conversation, with what the policy finds for it alone."""
    content = command.content
    sender = _address(content.from_address, streams)
    direction, strangers = _direction(sender, content, streams)
    original = _address(content.forwarded.address, streams) if content.forwarded and direction != "incoming" else None
    references = referred_stream_ids(streams, content.references, content.in_reply_to)
    return TicketContinued(
        mail_id=streams.keyed_id("mail", f"{message.id}{content_id}"),
        sender_id=sender.id if sender else None,
        sent_at=command.sent_at,
        direction=direction,
        written_to=tuple(one.id for one in (*strangers, original) if one and not one.is_offices),
        automatic=command.automatic,
        same_message_id=bool(message.taken_in),
        references=tuple(reference for reference in references if reference != message.id),
        filing=file_on_arrival(
            Arrival(
                sender=sender,
                direction=direction,
                named=_named(content.subject, streams),
                recipients=strangers,
                original=original,
            )
        ),
        content=content,
    )


def _put_on_ticket(
    arrived: TicketContinued, participants: tuple[UUID, ...], message: Message, streams: Streams
) -> tuple[Literal["ticket", "message", "recorded"], Ticket]:
    """Puts the message on the ticket of its conversation, of which there may be several pieces, or on a new one."""
    pieces = tickets_of_conversation(arrived, participants, message, streams)
    if pieces:
        ticket = brought_together(pieces, streams)
        return "message", streams.save(ticket, ticket.go_on(arrived))
    ticket, number = new_ticket(streams)
    facts = {name: getattr(arrived, name) for name in TicketReceived.model_fields if name != "number"}
    ticket = streams.save(ticket, ticket.receive(TicketReceived(number=number, **facts), arrived.filing))
    return "recorded" if ticket.sent_only else "ticket", ticket


def _address(address: str | None, streams: Streams) -> EmailAddress | None:
    return None if address is None else streams.find(EmailAddress, email_address_id(streams, address))


def _participants(content: MessageContent, ids: KeyedIds) -> tuple[UUID, ...]:
    """Who wrote the message, and to whom."""
    named = [content.from_address, *content.to, *content.cc]
    addresses = dict.fromkeys(email_address_id(ids, address) for address in named if address)
    return tuple(addresses)[:_MOST_PARTICIPANTS]


def _direction(
    sender: EmailAddress | None, content: MessageContent, streams: Streams
) -> tuple[Direction, tuple[EmailAddress, ...]]:
    """Who wrote; and where it was the office, the strangers to whom it did (T21)."""
    if sender is None or not sender.is_offices:
        return "incoming", ()
    recipients = [streams.find(EmailAddress, one) for one in _participants(content, streams)]
    strangers = tuple(recipient for recipient in recipients if not recipient.is_offices)
    return ("forwarded" if content.forwarded and not strangers else "outgoing"), strangers


def _named(subject: str, streams: Streams) -> tuple[Named, ...]:
    """The files that a subject names by a number (T19)."""
    files = [
        file
        for number in quoted_in(subject)
        for file in streams.find(QuotedNumber, quoted_number_id(streams, number)).files
    ]
    tickets = (streams.find(Ticket, ticket_id_of(streams, number)) for number in quoted_ticket_numbers(subject))
    files += [ticket.filed_on for ticket in tickets if ticket.filed_on]
    return tuple(Named(lineage(file, streams)) for file in dict.fromkeys(files))
