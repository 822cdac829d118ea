"""What the people of a generated office do about its tickets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from adapters.generated_office.dossiers import NEW_CLIENT_AT_ONCE, Dossiers
from adapters.generated_office.office import GeneratedOffice
from adapters.generated_office.people import PARTNER_KINDS, Dossier, Mail
from domain.email_addresses.email_address import Ownership
from domain.tickets import handling as ticket_handling
from domain.tickets.conversation import MergeTickets, SplitMessageOff
from domain.tickets.events import DismissalReason
from domain.tickets.filing_by_hand import ClassifyTicket, ClientToCreate, UnclassifyTicket, UndoFiling
from domain.tickets.ticket import Ticket
from domain.values import Target

_WHAT_SPAM_IS: Final[tuple[DismissalReason, ...]] = ("advertising", "junk")
_CORRECTIONS: Final[tuple[Ownership, ...]] = ("share", "move")

_SORTED: Final = 0.94
_ADDRESS_ASSOCIATED: Final = 0.5
_ASSOCIATED_BY_MISTAKE: Final = 0.01
_MOVED_FROM_HOUSEHOLD: Final = 0.004
_MISFILED: Final = 0.03
_CORRECTED: Final = 0.015
_MISTAKE_SEEN: Final = 0.7
_PUT_ON_ITS_DOSSIER: Final = 0.15
_UNDONE: Final = 0.5
_TAKEN_OFF: Final = 0.4
_SORTED_AGAIN: Final = 0.6
_OWNERSHIP_CORRECTED: Final = 0.15
_OWNERSHIP_MENDED: Final = 0.5
_ENTRUSTED: Final = 0.06
_ON_HOLD: Final = 0.08
_COMMENTED: Final = 0.05
_DEALT_WITH: Final = 0.55
_SPAM_DISMISSED: Final = 0.8
_DISMISSED_BY_MISTAKE: Final = 0.008
_MERGED: Final = 0.01
_SPLIT_OFF: Final = 0.02

_COMMENTS: Final = (
    "Rappelé : attend la pièce.",
    "Vu avec la compagnie, réponse sous huitaine.",
    "À relancer si rien avant la fin du mois.",
    "Client mécontent, prendre le temps de lui répondre.",
)

_ActionOnTicket = Callable[[Ticket, datetime], None]


class Clerks:
    """What the office's people do about its tickets."""

    def __init__(self, office: GeneratedOffice, dossiers: Dossiers) -> None:
        self._office = office
        self._dossiers = dossiers
        self._streams = office.streams
        self._dice = office.dice

    def take_up(self, ticket_id: UUID, mail: Mail, at: datetime) -> None:
        """What becomes of a new ticket: most need nobody, or are sorted soon; some spam waits for ever."""
        ticket, dossier = self._office.ticket(ticket_id), mail.about
        if dossier is None or mail.file is None:
            if self._office.happens(_SPAM_DISMISSED):
                reason = self._dice.choice(_WHAT_SPAM_IS)
                self._on_ticket(ticket_id, at, self._soon(0.2), partial(self._dismiss, reason))
            return
        if ticket.filed_on is None:
            if not dossier.registered or self._office.happens(_SORTED):
                self._on_ticket(ticket_id, at, self._soon(0.5), partial(self._sort, mail))
        elif self._office.happens(_CORRECTED if ticket.filed_on in {mail.file, dossier.client} else _MISTAKE_SEEN):
            self._on_ticket(ticket_id, at, self._soon(0.2), partial(self._correct, mail))
        elif mail.file.kind in PARTNER_KINDS and self._office.happens(_PUT_ON_ITS_DOSSIER):
            self._on_ticket(ticket_id, at, self._soon(0.2), partial(self._file, dossier, dossier.client, None))
        last = dossier.last_message
        if last and last.mail.file == mail.file and self._office.happens(_MERGED):
            self._merge_later(ticket_id, last.place.ticket_id, dossier, at)
        self._see_to(ticket_id, dossier, at)

    def _see_to(self, ticket_id: UUID, dossier: Dossier, at: datetime) -> None:
        if dossier.registered and self._office.happens(_DISMISSED_BY_MISTAKE):
            self._on_ticket(ticket_id, at, self._soon(0.2), partial(self._dismiss, "not_for_us"))
        for how_often, see_to in (
            (_ENTRUSTED, self._entrust),
            (_ON_HOLD, self._put_on_hold),
            (_COMMENTED, self._comment),
            (_DEALT_WITH, self._close),
        ):
            if self._office.happens(how_often):
                self._on_ticket(ticket_id, at, self._soon(0.03), partial(see_to, dossier))

    def go_on(self, ticket_id: UUID, mail_id: UUID, mail: Mail, at: datetime) -> None:
        """What becomes of a ticket that got one more message: mostly it was closed, or soon is."""
        if mail.about and self._office.happens(_DEALT_WITH):
            self._on_ticket(ticket_id, at, self._soon(0.05), partial(self._close, mail.about))
        if self._office.happens(_SPLIT_OFF):
            self._on_ticket(ticket_id, at, self._soon(0.2), partial(self._split_off, mail_id, mail.about))

    def _soon(self, rate: float) -> timedelta:
        return timedelta(hours=self._dice.expovariate(rate))

    def _on_ticket(self, ticket_id: UUID, at: datetime, delay: timedelta, act: _ActionOnTicket) -> None:
        """Someone gets to a ticket, unless it was merged or put aside meanwhile."""
        self._streams.keep(ticket_id)

        def get_to_it(at: datetime) -> None:
            ticket = self._office.ticket(ticket_id)
            if _is_in_hand(ticket):
                act(ticket, at)
            self._streams.release(ticket_id)

        self._office.later(at, delay, get_to_it)

    def _entrust(self, dossier: Dossier, ticket: Ticket, at: datetime) -> None:
        if ticket.state != "closed":
            chosen = UUID(self._dice.choice(self._office.staff)[0].id)
            self._office.decide(
                ticket_handling.AssignTicket(ticket_id=ticket.id, collaborator_id=chosen),
                self._office.collaborator(dossier),
                at,
            )

    def _put_on_hold(self, dossier: Dossier, ticket: Ticket, at: datetime) -> None:
        if ticket.state != "closed":
            self._office.decide(
                ticket_handling.PutTicketOnHold(ticket_id=ticket.id), self._office.collaborator(dossier), at
            )

    def _comment(self, dossier: Dossier, ticket: Ticket, at: datetime) -> None:
        comment = ticket_handling.CommentOnTicket(
            ticket_id=ticket.id, comment_id=self._office.new_id(), text=self._dice.choice(_COMMENTS)
        )
        self._office.decide(comment, self._office.collaborator(dossier), at)

    def _close(self, dossier: Dossier, ticket: Ticket, at: datetime) -> None:
        self._office.decide(ticket_handling.CloseTicket(ticket_id=ticket.id), self._office.collaborator(dossier), at)

    def _dismiss(self, reason: DismissalReason, ticket: Ticket, at: datetime) -> None:
        self._office.decide(
            ticket_handling.DismissTicket(ticket_id=ticket.id, reason=reason), self._office.collaborator(None), at
        )
        if reason == "not_for_us":
            self._streams.keep(ticket.id)
            self._office.later(at, self._soon(0.05), partial(self._bring_back, ticket.id))

    def _bring_back(self, ticket_id: UUID, at: datetime) -> None:
        if self._office.ticket(ticket_id).merged_into is None:
            self._office.decide(
                ticket_handling.BringBackTicket(ticket_id=ticket_id), self._office.collaborator(None), at
            )
        self._streams.release(ticket_id)

    def _merge_later(self, ticket_id: UUID, into: UUID, dossier: Dossier, at: datetime) -> None:
        """Someone sees that a client wrote twice about one thing."""
        self._streams.keep(ticket_id)
        self._streams.keep(into)

        def merge(at: datetime) -> None:
            if ticket_id != into and all(_is_in_hand(self._office.ticket(one)) for one in (ticket_id, into)):
                self._office.decide(
                    MergeTickets(ticket_id=into, other_id=ticket_id), self._office.collaborator(dossier), at
                )
            self._streams.release(ticket_id)
            self._streams.release(into)

        self._office.later(at, self._soon(0.2), merge)

    def _split_off(self, mail_id: UUID, dossier: Dossier | None, ticket: Ticket, at: datetime) -> None:
        """Someone sees that a message speaks of something else."""
        if any(mail.mail_id == mail_id and mail.kept_in == ticket.id for mail in ticket.mails[1:]):
            self._office.decide(
                SplitMessageOff(ticket_id=ticket.id, mail_id=mail_id), self._office.collaborator(dossier), at
            )

    def _sort(self, mail: Mail, ticket: Ticket, at: datetime) -> None:
        """Someone reads a ticket that waits, and files it."""
        dossier = mail.about
        assert dossier is not None and mail.file is not None  # noqa: PT018, S101  # nobody sorts spam
        if ticket.filed_on is not None:
            return
        if not dossier.registered:
            self._create_from(ticket.id, dossier, at)
            return
        misfiled = self._office.happens(_MISFILED)
        if misfiled:
            self._file(dossier, self._office.some_client().client, None, ticket, at)
        else:
            self._file(dossier, mail.file, self._address_of_sorted(mail, at), ticket, at)
        if self._office.happens(_MISTAKE_SEEN if misfiled else _CORRECTED):
            self._on_ticket(ticket.id, at, self._soon(0.2), partial(self._correct, mail))

    def _create_from(self, ticket_id: UUID, dossier: Dossier, at: datetime) -> None:
        active, actor = self._office.happens(NEW_CLIENT_AT_ONCE), self._office.collaborator(dossier)
        new = ClientToCreate(client_id=dossier.client.id, identity=dossier.identity, active=active)
        self._office.decide(ClassifyTicket(ticket_id=ticket_id, on=new, address="associate"), actor, at)
        self._dossiers.becomes_known(dossier, actor, at, active=active)

    def _address_of_sorted(self, mail: Mail, at: datetime) -> Ownership | None:
        """Whether whoever files a ticket gives the correspondent's address to that file."""
        dossier = mail.about
        if mail.correspondent is None or mail.to or dossier is None:
            return None
        address = mail.correspondent.address
        if address == dossier.household:
            return "move" if self._office.happens(_MOVED_FROM_HOUSEHOLD) else None
        if address in dossier.addresses:
            return (
                "associate" if not self._office.owners(address) and self._office.happens(_ADDRESS_ASSOCIATED) else None
            )
        if not self._office.owners(address) and self._office.happens(_ASSOCIATED_BY_MISTAKE):
            self._office.later(
                at, timedelta(days=self._dice.uniform(0.1, 12)), partial(self._dossiers.remove, dossier, address)
            )
            return "associate"
        return None

    def _correct(self, mail: Mail, ticket: Ticket, at: datetime) -> None:
        """Someone sees that a ticket is on the wrong file: it goes to the right one, or back to the inbox."""
        dossier = mail.about
        assert dossier is not None and mail.file is not None  # noqa: PT018, S101  # nobody sorts spam
        if ticket.filed_on is None or not dossier.registered:
            return
        if ticket.filed_on not in {mail.file, dossier.client}:
            if ticket.filed_before and self._office.happens(_UNDONE):
                self._office.decide(UndoFiling(ticket_id=ticket.id), self._office.collaborator(dossier), at)
                self._on_ticket(ticket.id, at, self._soon(0.5), partial(self._sort, mail))
            else:
                self._file(dossier, mail.file, self._address_of_corrected(mail, ticket), ticket, at)
        elif self._office.happens(_TAKEN_OFF):
            self._office.decide(UnclassifyTicket(ticket_id=ticket.id), self._office.collaborator(dossier), at)
            if self._office.happens(_SORTED_AGAIN):
                delay = timedelta(hours=self._dice.uniform(1, 40))
                self._on_ticket(ticket.id, at, delay, partial(self._sort, mail))
        else:
            of_theirs = ticket.sender_address is not None and mail.to is None and mail.file.kind not in PARTNER_KINDS
            how = self._dice.choice(_CORRECTIONS) if of_theirs and self._office.happens(_OWNERSHIP_CORRECTED) else None
            self._file(dossier, self._office.some_client().client, how, ticket, at)

    def _address_of_corrected(self, mail: Mail, ticket: Ticket) -> Ownership | None:
        """Whether whoever puts a ticket on the right file sees to the address that had brought it to the wrong one."""
        address, dossier = ticket.sender_address, mail.about
        if (
            address is None
            or dossier is None
            or not self._office.owners(address)
            or not self._office.happens(_OWNERSHIP_MENDED)
        ):
            return None
        if address == dossier.household:
            return "share"
        return "move" if address in dossier.addresses else None

    def _file(self, dossier: Dossier, file: Target, address: Ownership | None, ticket: Ticket, at: datetime) -> None:
        command = ClassifyTicket(ticket_id=ticket.id, on=file, address=address)
        self._office.decide(command, self._office.collaborator(dossier), at)


def _is_in_hand(ticket: Ticket) -> bool:
    return ticket.merged_into is None and ticket.dismissed is None
