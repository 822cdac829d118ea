"""A ticket: a conversation with the office, the file that it was put on, and how far the office is with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from domain.aggregates import Aggregate, Refusal
from domain.commands import KeyedIds, Streams
from domain.events import Erased, Event, Sealed, Value
from domain.filing import UNDECIDED, Candidate, CollaboratorChoice, Evidence, Filing, UnfiledReason, file_conversation
from domain.message import Direction
from domain.values import Target, Text

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


class Correspondent(Value):
    """Who wrote a message, as it tells."""

    address: str | None
    name: str = ""


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

    filing: Filing


class TicketSplitOff(TicketMessage):
    """A message was taken off its ticket, and made this one of its own."""

    number: int
    from_ticket_id: UUID


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


class TicketFilingUndone(TicketEvent):
    """The last filing, or unfiling, was undone: the ticket is back where it was before, on a file or on none (X3)."""

    filed_on: Target | None
    previously_on: Target | None


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
    by_hand: bool = False
    """A collaborator merged them: then no rule files this one elsewhere, or merges it into another."""


class TicketMerged(TicketEvent):
    """This ticket was merged into another one, where its messages stand from now on."""

    into: UUID
    mail_ids: tuple[UUID, ...]


class TicketMessageTakenOff(TicketEvent):
    """A message was taken off this ticket, and stands on one of its own."""

    mail_id: UUID
    to_ticket_id: UUID


class Ticket(Aggregate):
    kind = "ticket"
    event_type = TicketEvent

    number: int = 0
    state: TicketState = "open"
    assigned_to: UUID | None = None
    dismissed: TicketDismissed | None = None
    comments: frozenset[UUID] = frozenset()
    mails: tuple[Mail, ...] = ()
    contents: Mapping[UUID, MessageContent] = {}
    """Of the messages that this stream holds."""
    moved: Mapping[UUID, UUID] = {}
    """Messages that were taken off, and their tickets."""
    merged_into: UUID | None = None
    filed_on: Target | None = None
    filed_before: tuple[Target | None, ...] = ()
    """Where the ticket was before its last filing; nothing, where there is none to undo."""
    unfiled: TicketLeftUnfiled | None = None
    filed_by_hand: bool = False
    seen_to: bool = False
    """Whether anybody did anything with it: then no rule merges it into another."""
    sender_id: UUID | None = None
    sender_address: str | None = None

    @property
    def sent_only(self) -> bool:
        """Whether the office wrote, and nobody answered."""
        return all(mail.direction == "outgoing" for mail in self.mails)

    def whereabouts(self, mail_id: UUID) -> UUID | None:
        """The ticket to look for a message on, where it isn't on this one any more."""
        return self.moved.get(mail_id) or self.merged_into

    # --- messages ---------------------------------------------------------------------------

    def receive(self, received: TicketReceived, filing: Filing) -> Sequence[TicketEvent]:
        """Opens the ticket, and files it or says why it waits."""
        return [received, _decided(file_conversation([(received.sent_at, filing)]))]

    def go_on(self, continued: TicketContinued) -> Sequence[TicketEvent]:
        """Takes one more message: it may reopen the ticket (T18), and let the rules find a file."""
        events: list[TicketEvent] = [continued]
        asks = continued.direction != "outgoing"
        answers = asks and not continued.automatic
        if self.dismissed and answers and continued.filing.target is not None:
            events.append(TicketBroughtBack())
        if (asks and self.sent_only) or (answers and self.state == "closed"):
            events.append(TicketReopened())
        return [*events, *self.after(events).follow_rules()]

    def follow_rules(self) -> Sequence[TicketEvent]:
        """Files the ticket where its messages together say, unless somebody filed it."""
        if self.filed_by_hand:
            return []
        filing = file_conversation((mail.sent_at, mail.filing) for mail in self.mails)
        decided = _decided(filing, self.filed_on)
        if self.filed_on == filing.target and (self.filed_on is not None or self.unfiled == decided):
            return []
        return [decided]

    def absorb(self, other: Ticket, *, by_hand: bool = False) -> Sequence[TicketEvent]:
        """Takes the messages of another ticket; one that is closed is opened again where the other isn't."""
        absorbed = TicketAbsorbed(ticket_id=other.id, mails=other.mails, by_hand=by_hand)
        reopens = self.state == "closed" != other.state
        return [absorbed, TicketReopened()] if reopens else [absorbed]

    def merge(self, into: UUID) -> Sequence[TicketEvent]:
        return [TicketMerged(into=into, mail_ids=tuple(mail.mail_id for mail in self.mails))]

    def mail(self, mail_id: UUID) -> Mail:
        """Raises `NotOnTicket`."""
        found = next((mail for mail in self.mails if mail.mail_id == mail_id), None)
        if found is None:
            raise NotOnTicket(ticket_id=self.id, mail_id=mail_id)
        return found

    def take_off(self, mail_id: UUID, to_ticket_id: UUID) -> Sequence[TicketEvent]:
        """Takes a message off; raises `NotOnTicket`, and `FirstMessageStays`."""
        self.refuse_unless_in_hand()
        if self.mail(mail_id) == self.mails[0]:
            raise FirstMessageStays(ticket_id=self.id, mail_id=mail_id)
        return [TicketMessageTakenOff(mail_id=mail_id, to_ticket_id=to_ticket_id)]

    def split_off(self, split_off: TicketSplitOff, filed_on: Target | None, found: Filing) -> Sequence[TicketEvent]:
        """Begins as a message that was taken off another ticket, on the file where that is; unfiled, it says why."""
        if filed_on is not None:
            return [split_off, TicketClassified(filed_on=filed_on, evidence=CollaboratorChoice())]
        return [split_off] if found.reason is None else [split_off, _decided(found)]

    # --- filing -----------------------------------------------------------------------------

    def classify(
        self, filed_on: Target, evidence: Evidence, candidates: tuple[Candidate, ...]
    ) -> Sequence[TicketEvent]:
        """Files the ticket, or files it elsewhere; a closed one, too."""
        self.refuse_unless_in_hand()
        if self.filed_on == filed_on:
            return []
        others = tuple(candidate for candidate in candidates if candidate.target != filed_on)
        return [TicketClassified(filed_on=filed_on, previously_on=self.filed_on, evidence=evidence, candidates=others)]

    def unclassify(self) -> Sequence[TicketEvent]:
        self.refuse_unless_in_hand()
        return [] if self.filed_on is None else [TicketUnclassified(previously_on=self.filed_on)]

    def undo_filing(self) -> Sequence[TicketEvent]:
        """Puts the ticket back where it was before it was filed, or unfiled, last; raises `NothingToUndo`."""
        self.refuse_unless_in_hand()
        if not self.filed_before:
            raise NothingToUndo(ticket_id=self.id)
        return [TicketFilingUndone(filed_on=self.filed_before[0], previously_on=self.filed_on)]

    # --- handling ---------------------------------------------------------------------------

    def put_on_hold(self) -> Sequence[TicketEvent]:
        self.refuse_unless_in_hand()
        self._refuse_closed()
        return [] if self.state == "waiting" else [TicketPutOnHold()]

    def close(self) -> Sequence[TicketEvent]:
        self.refuse_unless_in_hand()
        return [] if self.state == "closed" else [TicketClosed()]

    def reopen(self) -> Sequence[TicketEvent]:
        """Opens the ticket again, whether it is closed or waits."""
        self.refuse_unless_in_hand()
        return [] if self.state == "open" else [TicketReopened()]

    def assign(self, collaborator_id: UUID | None) -> Sequence[TicketEvent]:
        self.refuse_unless_in_hand()
        self._refuse_closed()
        if self.assigned_to == collaborator_id:
            return []
        return [TicketAssigned(collaborator_id=collaborator_id, previously=self.assigned_to)]

    def dismiss(self, reason: DismissalReason, note: str | None) -> Sequence[TicketEvent]:
        """Puts the ticket aside, whatever its state. One that is aside for another reason is brought back first."""
        self._refuse_merged()
        dismissed = TicketDismissed(reason=reason, note=note)
        if self.dismissed == dismissed:
            return []
        self.refuse_unless_in_hand()
        return [dismissed]

    def bring_back(self) -> Sequence[TicketEvent]:
        self._refuse_merged()
        return [] if self.dismissed is None else [TicketBroughtBack()]

    def comment(self, comment_id: UUID, text: str) -> Sequence[TicketEvent]:
        """Notes something on the ticket, whatever its state; a comment that stands there stays as it is."""
        self._refuse_merged()
        return [] if comment_id in self.comments else [TicketCommented(comment_id=comment_id, text=text)]

    def refuse_unless_in_hand(self) -> None:
        """Raises `TicketWasMerged` and `TicketIsDismissed`: nothing is done with such a ticket."""
        self._refuse_merged()
        if self.dismissed is not None:
            raise TicketIsDismissed(ticket_id=self.id, reason=self.dismissed.reason)

    def _refuse_merged(self) -> None:
        if self.merged_into is not None:
            raise TicketWasMerged(ticket_id=self.id, into=self.merged_into)

    def _refuse_closed(self) -> None:
        if self.state == "closed":
            raise TicketIsClosed(ticket_id=self.id)

    # --- what happened ----------------------------------------------------------------------

    def evolve(self, event: Event) -> Self:  # noqa: C901, PLR0912  # a case for each event, as flat as can be
        match event:
            case TicketReceived():
                return self._with(event).opened_by(event)
            case TicketContinued():
                after = self._with(event, event.filing)
                return after.corresponding_with(event) if self.sent_only and not after.sent_only else after
            case TicketSplitOff():
                return self._with(event).opened_by(event).having(seen_to=True, filed_by_hand=True)
            case TicketAbsorbed():
                came = {mail.mail_id for mail in event.mails}
                moved = {mail_id: to for mail_id, to in self.moved.items() if mail_id not in came}
                return self.having(
                    mails=(*self.mails, *event.mails),
                    moved=moved,
                    seen_to=self.seen_to or event.by_hand,
                    filed_by_hand=self.filed_by_hand or (event.by_hand and self.filed_on is not None),
                )
            case TicketMerged():
                return self.having(merged_into=event.into)
            case TicketMessageTakenOff():
                return self.having(
                    mails=tuple(mail for mail in self.mails if mail.mail_id != event.mail_id),
                    moved={**self.moved, event.mail_id: event.to_ticket_id},
                    seen_to=True,
                    filed_by_hand=True,
                )
            case TicketClassified():
                found = Filing(target=event.filed_on, evidence=event.evidence, candidates=event.candidates)
                by_hand = isinstance(event.evidence, CollaboratorChoice)
                return self._settled(event.filed_on, by_hand=by_hand).with_first_found(found)
            case TicketLeftUnfiled():
                found = Filing(reason=event.reason, candidates=event.candidates)
                return self.having(unfiled=event).with_first_found(found)
            case TicketUnclassified():
                return self._settled(None, by_hand=True)
            case TicketFilingUndone():
                return self._settled(event.filed_on, by_hand=True).having(filed_before=())
            case TicketPutOnHold():
                return self.having(state="waiting", seen_to=True)
            case TicketClosed():
                return self.having(state="closed", seen_to=True)
            case TicketReopened():
                return self.having(state="open")
            case TicketAssigned():
                return self.having(assigned_to=event.collaborator_id, seen_to=True)
            case TicketDismissed():
                return self.having(dismissed=event, seen_to=True)
            case TicketBroughtBack():
                return self.having(dismissed=None)
            case TicketCommented():
                return self.having(comments=self.comments | {event.comment_id}, seen_to=True)
            case _:
                return self

    def _with(self, event: TicketReceived | TicketContinued | TicketSplitOff, filing: Filing = UNDECIDED) -> Self:
        mail = Mail(
            mail_id=event.mail_id,
            kept_in=self.id,
            sender_id=event.sender_id,
            sent_at=event.sent_at,
            direction=event.direction,
            written_to=event.written_to,
            automatic=event.automatic,
            same_message_id=event.same_message_id,
            references=event.references,
            filing=filing,
        )
        kept = self.contents if isinstance(event.content, Erased) else {**self.contents, event.mail_id: event.content}
        return self.having(mails=(*self.mails, mail), contents=kept)

    def opened_by(self, event: TicketReceived | TicketSplitOff) -> Self:
        """What the office wrote is done."""
        state: TicketState = "closed" if event.direction == "outgoing" else "open"
        return self.corresponding_with(event).having(number=event.number, state=state)

    def corresponding_with(self, event: TicketMessage) -> Self:
        """The correspondent is who wrote the message; or whose message it passes on."""
        if isinstance(event.content, Erased):
            address = None
        elif event.direction == "forwarded" and event.content.forwarded:
            address = event.content.forwarded.address
        else:
            address = event.content.from_address
        return self.having(sender_id=event.sender_id, sender_address=address)

    def _settled(self, filed_on: Target | None, *, by_hand: bool) -> Self:
        return self.having(
            filed_on=filed_on,
            filed_before=(self.filed_on,),
            filed_by_hand=self.filed_by_hand or by_hand,
            seen_to=self.seen_to or by_hand,
        )

    def with_first_found(self, filing: Filing) -> Self:
        """What the policy found for the message that opened the ticket is what it decided first."""
        first = self.mails[0] if self.mails else None
        if first is None or first.filing != UNDECIDED:
            return self
        return self.having(mails=(first.model_copy(update={"filing": filing}), *self.mails[1:]))


def _decided(filing: Filing, previously_on: Target | None = None) -> TicketClassified | TicketLeftUnfiled:
    if filing.target is not None and filing.evidence is not None:
        return TicketClassified(
            filed_on=filing.target,
            previously_on=previously_on,
            evidence=filing.evidence,
            candidates=filing.candidates,
        )
    return TicketLeftUnfiled(reason=filing.reason or "unknown_address", candidates=filing.candidates)


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


class TicketAnswer(Value):
    """The ticket, and the file that it is on now."""

    ticket_id: UUID
    filed_on: Target | None = None


def new_ticket(streams: Streams) -> tuple[Ticket, int]:
    """A ticket to be, and its number."""
    while True:
        number = streams.next_number("ticket")
        ticket = streams.find(Ticket, ticket_id_of(streams, number))
        if ticket.version == 0:
            return ticket, number


def ticket_id_of(ids: KeyedIds, number: int) -> UUID:
    """The stream of the ticket of this number."""
    return ids.keyed_id("ticket", str(number))
