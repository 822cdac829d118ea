"""When something can be done with a ticket: what its own decisions would not refuse."""

from __future__ import annotations

from projections.tickets.inbox import TicketLine


def here(ticket: TicketLine) -> bool:
    return ticket.merged_into is None


def in_hand(ticket: TicketLine) -> bool:
    return here(ticket) and ticket.dismissed is None


def filed(ticket: TicketLine) -> bool:
    return in_hand(ticket) and ticket.filed_on is not None


def unfiled(ticket: TicketLine) -> bool:
    return in_hand(ticket) and ticket.filed_on is None


def undoable(ticket: TicketLine) -> bool:
    return in_hand(ticket) and ticket.undoable


def not_closed(ticket: TicketLine) -> bool:
    return in_hand(ticket) and ticket.state != "closed"


def may_have_attachments(ticket: TicketLine) -> bool:
    """Its first message tells of its own; those of others are told with them."""
    return ticket.attachment_count > 0 or has_several_messages(ticket)


def has_several_messages(ticket: TicketLine) -> bool:
    return ticket.message_count > 1
