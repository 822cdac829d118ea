"""What can happen to a ticket, and what its messages are."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from domain.events import Event, Sealed, Value
from domain.messages.message import Direction
from domain.tickets.filing import UNDECIDED, Candidate, Evidence, Filing, UnfiledReason
from domain.values import Target, Text

TEXT_LIMIT = 65_536
"""How many characters of a message's text its event keeps, for lists and search; the raw message has all of it."""


TicketState = Literal["open", "waiting", "closed"]
"""Nobody sees to it yet (ouvert), someone does (en attente), or it is dealt with (fermé). It arrives open."""

DismissalReason = Literal["advertising", "junk", "not_for_us", "other"]
"""Why a ticket is nothing that the office has to see to."""


class Attachment(Value):
    """A file that came with the message."""

    part: Annotated[int, Field(description="Its place in the raw message, for `…/attachments/{part}`")]
    name: Annotated[str, Field(description="As the message gives it")]
    content_type: Annotated[str, Field(description="Its media type, as the message declares it")]
    size: Annotated[int, Field(description="In bytes, decoded")]


class StoredFile(Value):
    """Where the raw message lies, sealed: the file's name, the key that opens it (hex), its bytes when opened."""

    name: str
    key: str
    size: int


class Correspondent(Value):
    """Who wrote a message, as it tells."""

    address: Annotated[str | None, Field(description="Null where it tells none that can be used")]
    name: Annotated[str, Field(description="Empty where it tells none")] = ""


class MessageContent(Value):
    """What the message says and who wrote it: personal, and so sealed."""

    from_address: str | None
    from_name: str
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    subject: str
    text: str
    message_id: str | None
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    notes: tuple[str, ...] = ()
    """What was irregular in the message, a sentence each."""
    forwarded: Correspondent | None = None
    """Whose message this one passes on, where it looks like one that does."""
    raw: StoredFile

    def attachment(self, part: int) -> Attachment | None:
        return next((attached for attached in self.attachments if attached.part == part), None)


class TicketEvent(Event):
    """A fact in the life of a ticket."""


class TicketMessage(TicketEvent):
    """A fact that brings a ticket a message."""

    mail_id: UUID
    """What the message goes by, on whatever ticket it stands."""
    sender_id: UUID | None
    """The stream of the sender's address (keyed), or none where the message has no usable one."""
    sent_at: datetime | None
    direction: Direction = "incoming"
    written_to: tuple[UUID, ...] = ()
    """What the office wrote: to whom but itself, and whose message it passed on (keyed)."""
    automatic: bool
    """An automatic reply or a delivery report: never answered, never a reason to create a prospect."""
    same_message_id: bool = False
    """Another message came under the same Message-ID with another content."""
    references: tuple[UUID, ...] = ()
    """The streams of the Message-IDs that it refers to (keyed)."""
    content: Sealed[MessageContent]


class TicketReceived(TicketMessage):
    """A message came in and opened this ticket; or the office wrote first, and nobody answered yet."""

    number: int


class TicketContinued(TicketMessage):
    """One more message came in this conversation. `filing` is what the policy found for it alone."""

    dossier_id: UUID | None = None
    """The client on whose file the conversation is, where it is on one."""
    filing: Filing


class TicketSplitOff(TicketMessage):
    """A message was taken off its ticket, and made this one of its own."""

    number: int
    from_ticket_id: UUID


class TicketClassified(TicketEvent):
    """The ticket was filed, on what evidence (who and when stand in the envelope)."""

    filed_on: Target
    dossier_id: UUID | None
    """The client whose file that is; none, where it is a company's or a contact's."""
    previously_on: Target | None = None
    former_dossier_id: UUID | None = None
    evidence: Evidence
    candidates: tuple[Candidate, ...] = ()


class TicketLeftUnfiled(TicketEvent):
    """The ticket waits for someone to decide: no single certain owner was found (T3, X2)."""

    reason: UnfiledReason
    candidates: tuple[Candidate, ...] = ()


class TicketUnclassified(TicketEvent):
    """The ticket was taken off its file."""

    previously_on: Target
    former_dossier_id: UUID | None


class TicketFilingUndone(TicketEvent):
    """The last filing, or unfiling, was undone: the ticket is back where it was before, on a file or on none (X3)."""

    filed_on: Target | None
    dossier_id: UUID | None
    previously_on: Target | None
    former_dossier_id: UUID | None


class TicketPutOnHold(TicketEvent):
    """Someone sees to the ticket: it waits until that is done."""


class TicketClosed(TicketEvent):
    """The ticket was dealt with."""


class TicketReopened(TicketEvent):
    """There is more to do about a ticket that was closed or waited, or an answer came to what the office wrote."""


class TicketAssigned(TicketEvent):
    """The ticket was entrusted to a collaborator, or taken from one and given to nobody."""

    collaborator_id: UUID | None
    previously: UUID | None = None


class TicketDismissed(TicketEvent):
    """The ticket was put aside: it is nothing that the office has to see to."""

    reason: DismissalReason
    note: Sealed[Text | None] = None


class TicketBroughtBack(TicketEvent):
    """The ticket is no longer put aside; its state is what it was."""


class TicketCommented(TicketEvent):
    """A collaborator noted something on the ticket, for the office alone (who and when stand in the envelope)."""

    comment_id: UUID
    text: Sealed[Text]


class Mail(Value):
    """A message of a ticket, as decisions need it: `kept_in` is the ticket whose stream holds its content."""

    mail_id: UUID
    kept_in: UUID
    sender_id: UUID | None
    sent_at: datetime | None
    direction: Direction
    written_to: tuple[UUID, ...] = ()
    automatic: bool
    same_message_id: bool
    references: tuple[UUID, ...]
    filing: Filing = UNDECIDED


class TicketAbsorbed(TicketEvent):
    """Another ticket was merged into this one: its messages stand here from now on."""

    ticket_id: UUID
    mails: tuple[Mail, ...]
    dossier_id: UUID | None = None
    """The client on whose file they stand now."""
    by_hand: bool = False
    """A collaborator merged them: then no rule files this one elsewhere, or merges it into another."""


class TicketMerged(TicketEvent):
    """This ticket was merged into another one, where its messages stand from now on."""

    into: UUID
    mail_ids: tuple[UUID, ...]
    former_dossier_id: UUID | None = None
    """The client on whose file the ticket was."""


class TicketMessageTakenOff(TicketEvent):
    """A message was taken off this ticket, and stands on one of its own."""

    mail_id: UUID
    to_ticket_id: UUID
