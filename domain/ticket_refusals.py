"""Why something can't be done with a ticket."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from domain.aggregates import Refusal
from domain.ticket_events import DismissalReason


@dataclass(eq=False)
class NoSenderAddress(Refusal):
    """There is no address to associate: the message came without a usable one, or it was erased."""

    ticket_id: UUID

    def __str__(self) -> str:
        return f"the ticket {self.ticket_id} has no sender's address to associate"


@dataclass(eq=False)
class NothingToUndo(Refusal):
    """The ticket was not filed since it came, or its last filing was undone already."""

    ticket_id: UUID

    def __str__(self) -> str:
        return f"the ticket {self.ticket_id} has no filing to undo"


@dataclass(eq=False)
class TicketIsClosed(Refusal):
    """The ticket is closed: reopen it first."""

    ticket_id: UUID

    def __str__(self) -> str:
        return f"the ticket {self.ticket_id} is closed: reopen it first"


@dataclass(eq=False)
class TicketIsDismissed(Refusal):
    """The ticket was dismissed: bring it back before anything but a comment is done with it."""

    ticket_id: UUID
    reason: DismissalReason

    def __str__(self) -> str:
        return f"the ticket {self.ticket_id} was dismissed ({self.reason}): bring it back first"


@dataclass(eq=False)
class TicketWasMerged(Refusal):
    """The ticket was merged into another one: whatever is to be done is done there."""

    ticket_id: UUID
    into: UUID

    def __str__(self) -> str:
        return f"the ticket {self.ticket_id} was merged into {self.into}: do it there"


@dataclass(eq=False)
class NotOnTicket(Refusal):
    """That message is not on this ticket."""

    ticket_id: UUID
    mail_id: UUID

    def __str__(self) -> str:
        return f"the message {self.mail_id} is not on the ticket {self.ticket_id}"


@dataclass(eq=False)
class NoSuchAttachment(Refusal):
    """The ticket has no attachment of that number."""

    ticket_id: UUID
    part: int

    def __str__(self) -> str:
        return f"there is no attachment {self.part} of ticket {self.ticket_id}"


@dataclass(eq=False)
class FirstMessageStays(Refusal):
    """A ticket keeps the message that opened it: it is the others that are split off."""

    ticket_id: UUID
    mail_id: UUID

    def __str__(self) -> str:
        return f"the message {self.mail_id} opened the ticket {self.ticket_id}, and stays: split the others off"


@dataclass(eq=False)
class MessageErased(Refusal):
    """What the message says was erased."""

    ticket_id: UUID
    mail_id: UUID

    def __str__(self) -> str:
        return f"the message {self.mail_id} of the ticket {self.ticket_id} was erased"
