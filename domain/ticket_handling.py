"""How the office sees to a ticket: who does, how far they are, what they note on it, and what is put aside."""

from __future__ import annotations

from uuid import UUID

from domain.aggregates import NotFound
from domain.commands import Command, Streams, handles
from domain.events import Value
from domain.office import OFFICE_ID, Office
from domain.ticket import Ticket, TicketAnswer
from domain.ticket_events import DismissalReason
from domain.values import CommentText


class PutTicketOnHold(Command):
    """Someone sees to the ticket; it waits until that is done."""

    ticket_id: UUID


class CloseTicket(Command):
    ticket_id: UUID


class ReopenTicket(Command):
    ticket_id: UUID


class AssignTicket(Command):
    """Entrusts the ticket to a collaborator of the office, or to nobody."""

    ticket_id: UUID
    collaborator_id: UUID | None


class DismissTicket(Command):
    """Puts aside what is nothing for the office to see to."""

    ticket_id: UUID
    reason: DismissalReason
    note: CommentText | None = None


class BringBackTicket(Command):
    ticket_id: UUID


class CommentOnTicket(Command):
    ticket_id: UUID
    comment_id: UUID
    text: CommentText


class CommentAnswer(Value):
    ticket_id: UUID
    comment_id: UUID


@handles(PutTicketOnHold)
def put_ticket_on_hold(command: PutTicketOnHold, streams: Streams) -> TicketAnswer:
    ticket = streams.load(Ticket, command.ticket_id)
    streams.save(ticket, ticket.put_on_hold())
    return TicketAnswer(ticket_id=ticket.id, filed_on=ticket.filed_on)


@handles(CloseTicket)
def close_ticket(command: CloseTicket, streams: Streams) -> TicketAnswer:
    ticket = streams.load(Ticket, command.ticket_id)
    streams.save(ticket, ticket.close())
    return TicketAnswer(ticket_id=ticket.id, filed_on=ticket.filed_on)


@handles(ReopenTicket)
def reopen_ticket(command: ReopenTicket, streams: Streams) -> TicketAnswer:
    ticket = streams.load(Ticket, command.ticket_id)
    streams.save(ticket, ticket.reopen())
    return TicketAnswer(ticket_id=ticket.id, filed_on=ticket.filed_on)


@handles(AssignTicket)
def assign_ticket(command: AssignTicket, streams: Streams) -> TicketAnswer:
    ticket = streams.load(Ticket, command.ticket_id)
    chosen = command.collaborator_id
    if chosen is not None and chosen not in streams.find(Office, OFFICE_ID).collaborators:
        raise NotFound(kind="collaborator", id=chosen)
    streams.save(ticket, ticket.assign(chosen))
    return TicketAnswer(ticket_id=ticket.id, filed_on=ticket.filed_on)


@handles(DismissTicket)
def dismiss_ticket(command: DismissTicket, streams: Streams) -> TicketAnswer:
    ticket = streams.load(Ticket, command.ticket_id)
    streams.save(ticket, ticket.dismiss(command.reason, command.note))
    return TicketAnswer(ticket_id=ticket.id, filed_on=ticket.filed_on)


@handles(BringBackTicket)
def bring_back_ticket(command: BringBackTicket, streams: Streams) -> TicketAnswer:
    ticket = streams.load(Ticket, command.ticket_id)
    streams.save(ticket, ticket.bring_back())
    return TicketAnswer(ticket_id=ticket.id, filed_on=ticket.filed_on)


@handles(CommentOnTicket)
def comment_on_ticket(command: CommentOnTicket, streams: Streams) -> CommentAnswer:
    ticket = streams.load(Ticket, command.ticket_id)
    streams.save(ticket, ticket.comment(command.comment_id, command.text))
    return CommentAnswer(ticket_id=ticket.id, comment_id=command.comment_id)
