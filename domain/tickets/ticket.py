"""A ticket: a conversation with the office, the file that it was put on, and how far the office is with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self
from uuid import UUID

from domain.aggregates import Aggregate
from domain.commands import KeyedIds, Streams
from domain.events import Erased, Event
from domain.tickets.events import (
    DismissalReason,
    Mail,
    MessageContent,
    TicketAbsorbed,
    TicketAssigned,
    TicketBroughtBack,
    TicketClassified,
    TicketClosed,
    TicketCommented,
    TicketContinued,
    TicketDismissed,
    TicketEvent,
    TicketFilingUndone,
    TicketLeftUnfiled,
    TicketMerged,
    TicketMessage,
    TicketMessageTakenOff,
    TicketPutOnHold,
    TicketReceived,
    TicketReopened,
    TicketSplitOff,
    TicketState,
    TicketUnclassified,
)
from domain.tickets.filing import UNDECIDED, Candidate, CollaboratorChoice, Evidence, Filing, file_conversation
from domain.tickets.refusals import (
    FirstMessageStays,
    NothingToUndo,
    NotOnTicket,
    TicketIsClosed,
    TicketIsDismissed,
    TicketWasMerged,
)
from domain.values import Target


class Place(NamedTuple):
    """Where a ticket is: on what file, and in whose dossier that is."""

    filed_on: Target | None
    dossier_id: UUID | None


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
    dossier_id: UUID | None = None
    """The client whose file that is."""
    filed_before: tuple[Place, ...] = ()
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
        return [received, self._as_found(file_conversation([(received.sent_at, filing)]))]

    def go_on(self, continued: TicketContinued) -> Sequence[TicketEvent]:
        """Takes one more message: it may reopen the ticket (T18), and let the rules find a file."""
        events: list[TicketEvent] = [continued.model_copy(update={"dossier_id": self.dossier_id})]
        asks = continued.direction != "outgoing"
        answers = asks and not continued.automatic
        if self.dismissed and answers and continued.filing.target is not None:
            events.append(TicketBroughtBack())
        if (asks and self.sent_only) or (answers and self.state == "closed"):
            events.append(TicketReopened())
        return [*events, *self.after(events).follow_rules()]

    def follow_rules(self) -> Sequence[TicketEvent]:
        """Files the ticket where its messages together say, unless somebody filed it (T16)."""
        if self.filed_by_hand:
            return []
        filing = file_conversation((mail.sent_at, mail.filing) for mail in self.mails)
        decided = self._as_found(filing)
        if self.filed_on == filing.target and (self.filed_on is not None or self.unfiled == decided):
            return []
        return [decided]

    def _as_found(self, filing: Filing) -> TicketClassified | TicketLeftUnfiled:
        if filing.target is None or filing.evidence is None:
            return TicketLeftUnfiled(reason=filing.reason or "unknown_address", candidates=filing.candidates)
        return TicketClassified(
            filed_on=filing.target,
            dossier_id=filing.dossier_id,
            previously_on=self.filed_on,
            former_dossier_id=self.dossier_id,
            evidence=filing.evidence,
            candidates=filing.candidates,
        )

    def absorb(self, other: Ticket, *, by_hand: bool = False) -> Sequence[TicketEvent]:
        """Takes the messages of another ticket; one that is closed is opened again where the other isn't."""
        absorbed = TicketAbsorbed(ticket_id=other.id, mails=other.mails, dossier_id=self.dossier_id, by_hand=by_hand)
        reopens = self.state == "closed" != other.state
        return [absorbed, TicketReopened()] if reopens else [absorbed]

    def merge(self, into: UUID) -> Sequence[TicketEvent]:
        mail_ids = tuple(mail.mail_id for mail in self.mails)
        return [TicketMerged(into=into, mail_ids=mail_ids, former_dossier_id=self.dossier_id)]

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

    def split_off(self, split_off: TicketSplitOff, left: Ticket, found: Filing) -> Sequence[TicketEvent]:
        """Begins as a message that was taken off another ticket, on the file where that is; unfiled, it says why."""
        if left.filed_on is not None:
            return [split_off, *self.classify(left.filed_on, left.dossier_id, CollaboratorChoice(), ())]
        return [split_off] if found.reason is None else [split_off, self._as_found(found)]

    # --- filing -----------------------------------------------------------------------------

    def classify(
        self, filed_on: Target, dossier_id: UUID | None, evidence: Evidence, candidates: tuple[Candidate, ...]
    ) -> Sequence[TicketEvent]:
        """Files the ticket, or files it elsewhere; a closed one, too. `dossier_id`: in whose dossier that file is."""
        self.refuse_unless_in_hand()
        if self.filed_on == filed_on:
            return []
        others = tuple(candidate for candidate in candidates if candidate.target != filed_on)
        return [
            TicketClassified(
                filed_on=filed_on,
                dossier_id=dossier_id,
                previously_on=self.filed_on,
                former_dossier_id=self.dossier_id,
                evidence=evidence,
                candidates=others,
            )
        ]

    def unclassify(self) -> Sequence[TicketEvent]:
        self.refuse_unless_in_hand()
        if self.filed_on is None:
            return []
        return [TicketUnclassified(previously_on=self.filed_on, former_dossier_id=self.dossier_id)]

    def undo_filing(self) -> Sequence[TicketEvent]:
        """Puts the ticket back where it was before it was filed, or unfiled, last; raises `NothingToUndo`."""
        self.refuse_unless_in_hand()
        if not self.filed_before:
            raise NothingToUndo(ticket_id=self.id)
        before = self.filed_before[0]
        return [
            TicketFilingUndone(
                filed_on=before.filed_on,
                dossier_id=before.dossier_id,
                previously_on=self.filed_on,
                former_dossier_id=self.dossier_id,
            )
        ]

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
        """Puts the ticket aside (T22), whatever its state. One that is aside for another reason is brought back first."""
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
        """Notes something on the ticket (T22), whatever its state; a comment that stands there stays as it is."""
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
                found = Filing(
                    target=event.filed_on,
                    dossier_id=event.dossier_id,
                    evidence=event.evidence,
                    candidates=event.candidates,
                )
                by_hand = isinstance(event.evidence, CollaboratorChoice)
                return self._settled(event.filed_on, event.dossier_id, by_hand=by_hand).with_first_found(found)
            case TicketLeftUnfiled():
                found = Filing(reason=event.reason, candidates=event.candidates)
                return self.having(unfiled=event).with_first_found(found)
            case TicketUnclassified():
                return self._settled(None, None, by_hand=True)
            case TicketFilingUndone():
                return self._settled(event.filed_on, event.dossier_id, by_hand=True).having(filed_before=())
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

    def _settled(self, filed_on: Target | None, dossier_id: UUID | None, *, by_hand: bool) -> Self:
        return self.having(
            filed_on=filed_on,
            dossier_id=dossier_id,
            filed_before=(Place(self.filed_on, self.dossier_id),),
            filed_by_hand=self.filed_by_hand or by_hand,
            seen_to=self.seen_to or by_hand,
        )

    def with_first_found(self, filing: Filing) -> Self:
        """What the policy found for the message that opened the ticket is what it decided first."""
        first = self.mails[0] if self.mails else None
        if first is None or first.filing != UNDECIDED:
            return self
        return self.having(mails=(first.model_copy(update={"filing": filing}), *self.mails[1:]))


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
