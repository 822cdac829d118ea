"""Why something can't be done with a ticket."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from domain.aggregates import Refusal
from domain.tickets.events import DismissalReason


class NoSenderAddress(Refusal):
    """There is no address to associate: the message came without a usable one, or it was erased."""

    sentence = "the ticket {ticket_id} has no sender's address to associate"

    ticket_id: UUID


class NothingToUndo(Refusal):
    """The ticket was not filed since it came, or its last filing was undone already."""

    sentence = "the ticket {ticket_id} has no filing to undo"

    ticket_id: UUID


class TicketIsClosed(Refusal):
    """The ticket is closed: reopen it first."""

    sentence = "the ticket {ticket_id} is closed: reopen it first"

    ticket_id: UUID


class TicketIsDismissed(Refusal):
    """The ticket was dismissed: bring it back before anything but a comment is done with it."""

    sentence = "the ticket {ticket_id} was dismissed ({reason}): bring it back first"

    ticket_id: UUID
    reason: DismissalReason


class TicketWasMerged(Refusal):
    """The ticket was merged into another one: whatever is to be done is done there."""

    sentence = "the ticket {ticket_id} was merged into {into}: do it there"

    ticket_id: UUID
    into: UUID


NOT_IN_HAND: Final = (TicketIsDismissed, TicketWasMerged)
"""Why nothing is done with a ticket."""


class NotOnTicket(Refusal):
    """That message is not on this ticket."""

    sentence = "the message {mail_id} is not on the ticket {ticket_id}"

    ticket_id: UUID
    mail_id: UUID


class NoSuchAttachment(Refusal):
    """The ticket has no attachment of that number."""

    sentence = "there is no attachment {part} of ticket {ticket_id}"

    ticket_id: UUID
    part: int


class FirstMessageStays(Refusal):
    """A ticket keeps the message that opened it: it is the others that are split off."""

    sentence = "the message {mail_id} opened the ticket {ticket_id}, and stays: split the others off"

    ticket_id: UUID
    mail_id: UUID


class MessageErased(Refusal):
    """What the message says was erased."""

    sentence = "the message {mail_id} of the ticket {ticket_id} was erased"

    ticket_id: UUID
    mail_id: UUID
