"""How the office sees to a ticket: who does, how far they are, what they note on it, and what is put aside."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field

from domain.aggregates import NotFound
from domain.commands import Command, Streams, handles
from domain.office.office import OFFICE_ID, Office
from domain.tickets.events import DismissalReason
from domain.tickets.refusals import NOT_IN_HAND, TicketIsClosed, TicketWasMerged
from domain.tickets.ticket import Ticket
from domain.values import CommentText, TicketId


class PutTicketOnHold(Command):
    """Someone sees to the ticket; it waits until that is done."""

    refuses = (TicketIsClosed, *NOT_IN_HAND)

    ticket_id: TicketId


class CloseTicket(Command):
    """The ticket was dealt with, whether it waited or not."""

    refuses = NOT_IN_HAND

    ticket_id: TicketId


class ReopenTicket(Command):
    """There is more to do: a ticket that is closed, or waits, is open again."""

    refuses = NOT_IN_HAND

    ticket_id: TicketId


class AssignTicket(Command):
    """Entrusts the ticket to a collaborator of the office, or to nobody."""

    refuses = (TicketIsClosed, *NOT_IN_HAND)

    ticket_id: TicketId
    collaborator_id: Annotated[UUID | None, Field(description="Who sees to the ticket from now on; `null`: nobody")]


class DismissTicket(Command):
    """Puts the ticket aside: it leaves the inbox, and nothing but a comment is done with it until it is brought back."""

    refuses = NOT_IN_HAND

    ticket_id: TicketId
    reason: Annotated[DismissalReason, Field(description="Why it is nothing for the office to see to")]
    note: Annotated[CommentText | None, Field(description="More about it, in one's own words")] = None


class BringBackTicket(Command):
    """Takes a dismissed ticket among the others again, in the state that it had."""

    refuses = (TicketWasMerged,)

    ticket_id: TicketId


class CommentOnTicket(Command):
    """Notes something on the ticket for the office alone, also on one that is closed or dismissed."""

    refuses = (TicketWasMerged,)

    ticket_id: TicketId
    comment_id: Annotated[UUID, Field(description="The comment")]
    text: Annotated[CommentText, Field(description="What to note")]


@handles(AssignTicket)
def assign_ticket(command: AssignTicket, streams: Streams) -> Ticket:
    ticket = streams.load(Ticket, command.ticket_id)
    chosen = command.collaborator_id
    if chosen is not None and chosen not in streams.find(Office, OFFICE_ID).collaborators:
        raise NotFound(kind="collaborator", id=chosen, field="collaborator_id")
    return streams.save(ticket, ticket.assign(chosen))


handles(PutTicketOnHold, by=Ticket.put_on_hold)
handles(CloseTicket, by=Ticket.close)
handles(ReopenTicket, by=Ticket.reopen)
handles(DismissTicket, by=Ticket.dismiss)
handles(BringBackTicket, by=Ticket.bring_back)
handles(CommentOnTicket, by=Ticket.comment)
