"""Conversations: which messages belong together, and merging tickets and splitting messages off where that was wrong (T22).

A reply belongs with the message that it refers to if its sender takes part in that one: wrote it, or was written to; and
what the office writes, if somebody to whom it does takes part. What makes two messages belong together is in those two alone; so the conversations that come of it are the same in whatever
order the messages come in, and a message that comes late joins the tickets which those that came before had opened.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Annotated, Protocol
from uuid import UUID

from pydantic import Field

from domain.aggregates import Refusal
from domain.commands import Command, Streams, handles
from domain.messages.message import Direction, Message, MessageReferredTo, MessageTakenIn
from domain.tickets.events import MessageContent, TicketContinued, TicketSplitOff
from domain.tickets.filing import CollaboratorChoice
from domain.tickets.refusals import NOT_IN_HAND, FirstMessageStays, MessageErased, NotOnTicket
from domain.tickets.ticket import Ticket, new_ticket
from domain.values import MailId, TicketId


class _Reply(Protocol):
    """A message that refers to others."""

    @property
    def sender_id(self) -> UUID | None: ...

    @property
    def direction(self) -> Direction: ...

    @property
    def written_to(self) -> Collection[UUID]: ...

    @property
    def automatic(self) -> bool: ...


def belongs_with(reply: _Reply, participants: Collection[UUID], direction: Direction) -> bool:
    """Whether a message that refers to another takes part in its conversation: it has these participants and direction.

    What the office wrote does where those do to whom it did, or whose message it passed on: under a Message-ID that was
    copied may lie a stranger's, too. Who answers automatically to what the office wrote got it, under whatever address.
    """
    if reply.direction != "incoming":
        return not reply.written_to or any(address in participants for address in reply.written_to)
    return reply.sender_id in participants or (reply.automatic and direction == "outgoing")


def current_ticket(mail_id: UUID, ticket_id: UUID, streams: Streams) -> Ticket:
    """The ticket on which a message is now, wherever it was first."""
    ticket = streams.load(Ticket, ticket_id)
    while moved := ticket.whereabouts(mail_id):
        ticket = streams.load(Ticket, moved)
    return ticket


def content_of(ticket: Ticket, mail_id: UUID, streams: Streams) -> MessageContent:
    """What a message of the ticket says, in whatever stream that is kept. Raises `NotOnTicket` and `MessageErased`."""
    content = streams.load(Ticket, ticket.mail(mail_id).kept_in).contents.get(mail_id)
    if content is None:
        raise MessageErased(ticket_id=ticket.id, mail_id=mail_id)
    return content


def tickets_of_conversation(
    arrived: TicketContinued, participants: Collection[UUID], message: Message, streams: Streams
) -> list[Ticket]:
    """The tickets that a message on its way in belongs to: of those that it refers to, and of those that refer to it.

    `message` is the stream of its Message-ID.
    """
    standing: list[MessageTakenIn | MessageReferredTo] = [
        answered
        for reference in arrived.references
        for answered in streams.find(Message, reference).taken_in
        if belongs_with(arrived, answered.participants, answered.direction)
    ]
    standing += [reply for reply in message.awaiting if belongs_with(reply, participants, arrived.direction)]
    tickets = [current_ticket(one.mail_id, one.ticket_id, streams) for one in standing]
    for other in message.taken_in:  # what refers to this Message-ID may have joined another content under it
        ticket = current_ticket(other.mail_id, other.ticket_id, streams)
        replies = [reply for reply in ticket.mails if message.id in reply.references]
        if any(belongs_with(reply, participants, arrived.direction) for reply in replies):
            tickets.append(ticket)
    return list({ticket.id: ticket for ticket in tickets}.values())


def let_wait_for(arrived: TicketContinued, ticket_id: UUID, streams: Streams) -> None:
    """Lets a message be found by those that it refers to, where they come later or it has no part in those that came."""
    for reference in arrived.references:
        message = streams.find(Message, reference)
        if not message.taken_in or not all(
            belongs_with(arrived, answered.participants, answered.direction) for answered in message.taken_in
        ):
            referred = MessageReferredTo(
                mail_id=arrived.mail_id,
                ticket_id=ticket_id,
                sender_id=arrived.sender_id,
                direction=arrived.direction,
                written_to=arrived.written_to,
                automatic=arrived.automatic,
            )
            streams.save(message, message.refer(referred))


def brought_together(tickets: Iterable[Ticket], streams: Streams) -> Ticket:
    """One ticket of several that turn out to be one conversation; those to which somebody saw already stay apart."""
    kept, *others = sorted(
        tickets, key=lambda ticket: (ticket.dismissed is not None, not ticket.seen_to, ticket.number)
    )
    for other in others:
        if not other.seen_to:
            kept = _merged(other, kept, streams)
    return kept


def _merged(other: Ticket, into: Ticket, streams: Streams, *, by_hand: bool = False) -> Ticket:
    kept = streams.save(into, into.absorb(other, by_hand=by_hand))
    streams.save(other, other.merge(into.id))
    return kept


class MergedWithItself(Refusal):
    """A ticket can't be merged with itself."""

    sentence = "the ticket {ticket_id} can't be merged with itself: name another one"

    ticket_id: UUID


class MergeTickets(Command):
    """Makes one ticket of two: the other ticket's messages stand on this one from now on, and its history is told with this one's.

    This one stays where it is filed; if it is on no file, it goes to the other's.
    """

    refuses = (MergedWithItself, *NOT_IN_HAND)

    ticket_id: TicketId
    other_id: Annotated[UUID, Field(description="The ticket whose messages stand on this one from now on")]


class SplitMessageOff(Command):
    """Makes the message a ticket of its own, on the same file; answers to it go there. The first message stays."""

    refuses = (NotOnTicket, MessageErased, FirstMessageStays, *NOT_IN_HAND)

    ticket_id: TicketId
    mail_id: MailId


@handles(MergeTickets)
def merge_tickets(command: MergeTickets, streams: Streams) -> Ticket:
    ticket, other = streams.load(Ticket, command.ticket_id), streams.load(Ticket, command.other_id, field="other_id")
    if ticket.id == other.id:
        raise MergedWithItself(ticket_id=ticket.id)
    ticket.refuse_unless_in_hand()
    if other.merged_into != ticket.id:
        other.refuse_unless_in_hand()
        ticket = _merged(other, ticket, streams, by_hand=True)
        if ticket.filed_on is None and other.filed_on is not None:
            ticket = streams.save(ticket, ticket.classify(other.filed_on, other.dossier_id, CollaboratorChoice(), ()))
    return ticket


@handles(SplitMessageOff)
def split_message_off(command: SplitMessageOff, streams: Streams) -> Ticket:
    """Gives the new ticket."""
    ticket = streams.load(Ticket, command.ticket_id)
    mail = ticket.mail(command.mail_id)
    new, number = new_ticket(streams)
    left = streams.save(ticket, ticket.take_off(mail.mail_id, new.id))
    content = content_of(ticket, mail.mail_id, streams)
    split_off = TicketSplitOff(
        number=number,
        from_ticket_id=ticket.id,
        mail_id=mail.mail_id,
        sender_id=mail.sender_id,
        sent_at=mail.sent_at,
        direction=mail.direction,
        written_to=mail.written_to,
        automatic=mail.automatic,
        same_message_id=mail.same_message_id,
        references=mail.references,
        content=content,
    )
    return streams.save(new, new.split_off(split_off, left, mail.filing))
