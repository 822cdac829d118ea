"""A ticket: a message that came to the office, the file that it was put on, and how far the office is with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field

from domain.aggregates import Aggregate, Refusal
from domain.client import NewClient, open_dossier
from domain.commands import Command, Streams, handles
from domain.email_address import EmailAddress, Ownership, email_address_id, give_address
from domain.events import Erased, Event, Sealed, Value
from domain.files import address_owner, existing
from domain.filing import (
    Candidate,
    CollaboratorChoice,
    Evidence,
    Filing,
    UnfiledReason,
    file_on_arrival,
    owners_as_candidates,
)
from domain.message import Message, MessageIdentity, content_stream_id, message_stream_id
from domain.values import Target, Text, storable

TEXT_LIMIT = 65_536
"""How many characters of a message's text its event keeps, for lists and search; the raw message has all of it."""


TicketState = Literal["open", "waiting", "closed"]
"""Nobody sees to it yet (ouvert), someone does (en attente), or it is dealt with (fermé). It arrives open."""

DismissalReason = Literal["advertising", "junk", "not_for_us", "other"]
"""Why a ticket is nothing that the office has to see to."""


class Attachment(Value):
    """A file that came with the message. `part` is its place in the raw message, `size` its decoded bytes."""

    part: int
    name: str
    content_type: str
    size: int


class StoredFile(Value):
    """Where the raw message lies, sealed: the file's name, the key that opens it (hex), its bytes when opened."""

    name: str
    key: str
    size: int


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
    raw: StoredFile


class TicketEvent(Event):
    """A fact in the life of a ticket."""


class TicketReceived(TicketEvent):
    """A message came in and opened this ticket."""

    number: int
    sender_id: UUID | None
    """The stream of the sender's address (keyed), or none where the message has no usable one."""
    sent_at: datetime | None
    automatic: bool
    """An automatic reply or a delivery report: never answered, never a reason to create a prospect."""
    same_message_id: bool = False
    """Another message came under the same Message-ID with another content."""
    content: Sealed[MessageContent]


class TicketClassified(TicketEvent):
    """The ticket was filed, on what evidence (who and when stand in the envelope)."""

    filed_on: Target
    previously_on: Target | None = None
    evidence: Evidence
    candidates: tuple[Candidate, ...] = ()


class TicketLeftUnfiled(TicketEvent):
    """The ticket waits for someone to decide: no single certain owner was found (T3, X2)."""

    reason: UnfiledReason
    candidates: tuple[Candidate, ...] = ()


class TicketUnclassified(TicketEvent):
    """The ticket was taken off its file."""

    previously_on: Target


class TicketPutOnHold(TicketEvent):
    """Someone sees to the ticket: it waits until that is done."""


class TicketClosed(TicketEvent):
    """The ticket was dealt with."""


class TicketReopened(TicketEvent):
    """There is more to do about a ticket that was closed."""


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


class Ticket(Aggregate):
    kind = "ticket"
    event_type = TicketEvent

    state: TicketState = "open"
    assigned_to: UUID | None = None
    dismissed: TicketDismissed | None = None
    comments: frozenset[UUID] = frozenset()
    filed_on: Target | None = None
    sender_id: UUID | None = None
    sender_address: str | None = None

    def receive(self, received: TicketReceived, filing: Filing) -> Sequence[TicketEvent]:
        """Opens the ticket, and files it or says why it waits."""
        if filing.target is not None and filing.evidence is not None:
            return [
                received,
                TicketClassified(filed_on=filing.target, evidence=filing.evidence, candidates=filing.candidates),
            ]
        return [received, TicketLeftUnfiled(reason=filing.reason or "unknown_address", candidates=filing.candidates)]

    def classify(
        self, filed_on: Target, evidence: Evidence, candidates: tuple[Candidate, ...]
    ) -> Sequence[TicketEvent]:
        """Files the ticket, or files it elsewhere; a closed one, too."""
        self._refuse_dismissed()
        if self.filed_on == filed_on:
            return []
        others = tuple(candidate for candidate in candidates if candidate.target != filed_on)
        return [TicketClassified(filed_on=filed_on, previously_on=self.filed_on, evidence=evidence, candidates=others)]

    def unclassify(self) -> Sequence[TicketEvent]:
        self._refuse_dismissed()
        return [] if self.filed_on is None else [TicketUnclassified(previously_on=self.filed_on)]

    def put_on_hold(self) -> Sequence[TicketEvent]:
        self._refuse_dismissed()
        self._refuse_closed()
        return [] if self.state == "waiting" else [TicketPutOnHold()]

    def close(self) -> Sequence[TicketEvent]:
        self._refuse_dismissed()
        return [] if self.state == "closed" else [TicketClosed()]

    def reopen(self) -> Sequence[TicketEvent]:
        """Opens the ticket again; one that isn't closed stays as it is."""
        self._refuse_dismissed()
        return [TicketReopened()] if self.state == "closed" else []

    def assign(self, collaborator_id: UUID | None) -> Sequence[TicketEvent]:
        self._refuse_dismissed()
        self._refuse_closed()
        if self.assigned_to == collaborator_id:
            return []
        return [TicketAssigned(collaborator_id=collaborator_id, previously=self.assigned_to)]

    def dismiss(self, reason: DismissalReason, note: str | None) -> Sequence[TicketEvent]:
        """Puts the ticket aside, whatever its state. One that is aside for another reason is brought back first."""
        dismissed = TicketDismissed(reason=reason, note=note)
        if self.dismissed == dismissed:
            return []
        self._refuse_dismissed()
        return [dismissed]

    def bring_back(self) -> Sequence[TicketEvent]:
        return [] if self.dismissed is None else [TicketBroughtBack()]

    def comment(self, comment_id: UUID, text: str) -> Sequence[TicketEvent]:
        """Notes something on the ticket, whatever its state; a comment that stands there stays as it is."""
        return [] if comment_id in self.comments else [TicketCommented(comment_id=comment_id, text=text)]

    def _refuse_dismissed(self) -> None:
        if self.dismissed is not None:
            raise TicketIsDismissed(ticket_id=self.id, reason=self.dismissed.reason)

    def _refuse_closed(self) -> None:
        if self.state == "closed":
            raise TicketIsClosed(ticket_id=self.id)

    def evolve(self, event: Event) -> Self:  # noqa: C901  # a case for each event, as flat as can be
        match event:
            case TicketReceived():
                address = None if isinstance(event.content, Erased) else event.content.from_address
                return self.having(sender_id=event.sender_id, sender_address=address)
            case TicketClassified():
                return self.having(filed_on=event.filed_on)
            case TicketUnclassified():
                return self.having(filed_on=None)
            case TicketPutOnHold():
                return self.having(state="waiting")
            case TicketClosed():
                return self.having(state="closed")
            case TicketReopened():
                return self.having(state="open")
            case TicketAssigned():
                return self.having(assigned_to=event.collaborator_id)
            case TicketDismissed():
                return self.having(dismissed=event)
            case TicketBroughtBack():
                return self.having(dismissed=None)
            case TicketCommented():
                return self.having(comments=self.comments | {event.comment_id})
            case _:
                return self


@dataclass(eq=False)
class NoSenderAddress(Refusal):
    """There is no address to associate: the message came without a usable one, or it was erased."""

    ticket_id: UUID

    def __str__(self) -> str:
        return f"the ticket {self.ticket_id} has no sender's address to associate"


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


class ClientToCreate(NewClient):
    kind: Literal["new_client"] = "new_client"


class ClassifyTicket(Command):
    """Files a ticket by hand, on a file that exists, or on a prospect or client who is created in the same step.

    `address` says what becomes of the sender's address: nothing by default (T6), or it is given to that file (T7); to the
    client, where that is a contract or a claim.
    """

    ticket_id: UUID
    on: Annotated[Target | ClientToCreate, Field(discriminator="kind")]
    address: Ownership | None = None


class UnclassifyTicket(Command):
    ticket_id: UUID


class TicketAnswer(Value):
    """The ticket, and the file that it is on now."""

    ticket_id: UUID
    filed_on: Target | None = None


class MessageAnswer(Value):
    outcome: Literal["ticket", "duplicate"]
    ticket_id: UUID


@handles(ReceiveMessage)
def receive_message(command: ReceiveMessage, streams: Streams) -> MessageAnswer:
    content_id = content_stream_id(streams, command.identity)
    message = streams.find(Message, message_stream_id(streams, command.identity))
    if known := message.ticket_of(content_id):
        return MessageAnswer(outcome="duplicate", ticket_id=known)
    sender = sender_of(command.content, streams)
    received = TicketReceived(
        number=streams.next_number("ticket"),
        sender_id=sender.id if sender else None,
        sent_at=command.sent_at,
        automatic=command.automatic,
        same_message_id=bool(message.tickets),
        content=command.content,
    )
    ticket = streams.find(Ticket, streams.keyed_id("ticket", f"{message.id}{content_id}"))
    streams.save(ticket, ticket.receive(received, file_on_arrival(sender)))
    streams.save(message, message.take_in(content_id, ticket.id))
    return MessageAnswer(outcome="ticket", ticket_id=ticket.id)


def sender_of(content: MessageContent, streams: Streams) -> EmailAddress | None:
    if content.from_address is None:
        return None
    return streams.find(EmailAddress, email_address_id(streams, content.from_address))


@handles(ClassifyTicket)
def classify_ticket(command: ClassifyTicket, streams: Streams) -> TicketAnswer:
    ticket = streams.load(Ticket, command.ticket_id)
    file = (
        open_dossier(command.on, streams, ticket.id).target
        if isinstance(command.on, ClientToCreate)
        else existing(command.on, streams)
    )
    sender = streams.find(EmailAddress, ticket.sender_id) if ticket.sender_id else None
    candidates = owners_as_candidates(sender) if sender else ()
    if command.address is not None:
        if ticket.sender_address is None:
            raise NoSenderAddress(ticket_id=ticket.id)
        give_address(ticket.sender_address, address_owner(file, streams), command.address, streams, ticket.id)
    streams.save(ticket, ticket.classify(file, CollaboratorChoice(), candidates))
    return TicketAnswer(ticket_id=ticket.id, filed_on=file)


@handles(UnclassifyTicket)
def unclassify_ticket(command: UnclassifyTicket, streams: Streams) -> TicketAnswer:
    ticket = streams.load(Ticket, command.ticket_id)
    streams.save(ticket, ticket.unclassify())
    return TicketAnswer(ticket_id=ticket.id)
