"""What happened in a generated office, in the order in which it did: mail comes, and collaborators see to it.

People write as they do; the office knows only what came to it. Each step is a real command, decided by the domain on
what was decided before, so that the history is one that the office could have written itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from heapq import heappop, heappush
from itertools import accumulate, count
from random import Random
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

from adapters.event_store.mapper import Draft
from adapters.generated_office.calendar import FIRST_DAY, Calendar
from adapters.generated_office.letters import LetterKind, Letters, StoredLetter
from adapters.generated_office.people import (
    OFFICE_DOMAIN,
    OFFICE_NAME,
    Claim,
    Contract,
    Dossier,
    Mail,
    Partner,
    People,
    Place,
    Remembered,
    Writer,
)
from adapters.generated_office.streams import StreamsInMemory
from adapters.mail.intake import MAIL_IMPORT
from domain.claims.claim import ClaimOpened, CloseClaim, OpenClaim, ReopenClaim
from domain.clients.client import ActivateClient, Company, RegisterClient
from domain.commands import Command
from domain.companies.company import RegisterCompany
from domain.contacts.contact import RegisterContact
from domain.contracts.contract import RegisterContract, TerminateContract
from domain.email_addresses.email_address import EmailAddress, Ownership, email_address_id
from domain.events import Actor, Context
from domain.messages.message import MessageIdentity, message_stream_id
from domain.office.office import OpenOffice, ReserveOfficeAddress, WelcomeCollaborator
from domain.targets import AssociateEmailAddress, RemoveEmailAddress
from domain.tickets import handling as ticket_handling
from domain.tickets.arrival import ReceiveMessage
from domain.tickets.conversation import MergeTickets, SplitMessageOff
from domain.tickets.events import Correspondent, DismissalReason
from domain.tickets.filing_by_hand import ClassifyTicket, ClientToCreate, UnclassifyTicket, UndoFiling
from domain.tickets.ticket import Ticket
from domain.values import Target, address_key

_COMMAND_LINE: Final = Actor.rule("command_line")
OFFICE: Final = Writer(OFFICE_NAME, f"contact@{OFFICE_DOMAIN}")
PARTNER_KINDS: Final = frozenset(("company", "contact"))
_WHAT_SPAM_IS: Final[tuple[DismissalReason, ...]] = ("advertising", "junk")
_CORRECTIONS: Final[tuple[Ownership, ...]] = ("share", "move")

_EVENTS_A_CLIENT: Final = 60
"""In five years: about ten messages, and what is done about them; the contracts and claims that they speak of."""
_LEAST_EVENTS_A_CLIENT: Final = 14
_LEAST_EVENTS: Final = 60
_EVENTS_A_MESSAGE: Final = 7.5
"""And with the answers to it."""

# Of a hundred messages that nobody asked for: whom they come from, and what is wrong with some.
_FROM_CORRESPONDENTS: Final = 0.2
_FROM_STRANGERS: Final = 0.015
_SPAM: Final = 0.03
_WITHOUT_SENDER: Final = 0.012
_FROM_THE_OFFICE: Final = 0.05
_PASSED_ON: Final = 0.02
_AUTOMATIC: Final = 0.01
_REPLIES: Final = 0.1
_FROM_FIRST_ADDRESS: Final = 0.8
_FROM_HOUSEHOLD_ADDRESS: Final = 0.6
_WITHOUT_MESSAGE_ID: Final = 0.01
_UNDATED: Final = 0.005
_TO_A_COLLABORATOR_TOO: Final = 0.15
_DELIVERED_TWICE: Final = 0.01
_MESSAGE_ID_COPIED: Final = 0.004

# What messages are about, and whether they name it.
_ABOUT_A_CONTRACT: Final = 0.7
_ABOUT_A_CLAIM: Final = 0.5
_QUOTES_ITS_NUMBER: Final = 0.6
_QUOTES_A_TICKET: Final = 0.03
_QUOTES_ANOTHER_CLIENTS: Final = 0.005
_BY_THE_OFFICES_NUMBER: Final = 0.25
_SPELT_ANOTHER_WAY: Final = 0.25

# Conversations.
_ANSWERED: Final = 0.3
_ANSWER_IS_REPLIED_TO: Final = 0.45
_ANSWERED_AUTOMATICALLY: Final = 0.03
_ANSWERED_BY_OFFICE_ADDRESS: Final = 0.3

# Contracts and claims.
_CONTRACTS_OF_A_CLIENT: Final = (0.15, 0.45, 0.25, 0.15)
_CONTRACT_KNOWN_AT_ONCE: Final = 0.7
_TERMINATED: Final = 0.12
_HAS_A_CLAIM: Final = 0.3
_CLAIM_CLOSED: Final = 0.7
_CLAIM_REOPENED: Final = 0.12

# What the office does about its tickets and addresses.
_SORTED: Final = 0.94
_BY_MANAGER: Final = 0.8
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
NEW_CLIENT_AT_ONCE: Final = 0.15
_PROSPECTS_ACTIVATED: Final = 0.75
_CHANGES_ADDRESS: Final = 0.25
_CHANGE_TOLD: Final = 0.7
_FORMER_ADDRESS_REMOVED: Final = 0.5
_ADDRESS_PASSED_ON: Final = 0.03
_ADDRESS_SHARED: Final = 0.03

_PRODUCTS: Final = ("Auto", "Multirisque habitation", "Multirisque professionnelle", "Santé", "Flotte", "Décennale")
_COMMENTS: Final = (
    "Rappelé : attend la pièce.",
    "Vu avec la compagnie, réponse sous huitaine.",
    "À relancer si rien avant la fin du mois.",
    "Client mécontent, prendre le temps de lui répondre.",
)

Action = Callable[[datetime], None]
_ActionOnTicket = Callable[[Ticket, datetime], None]


class Truth(NamedTuple):
    """What a message is really about, beside what the office makes of it."""

    mail_id: UUID
    file: Target | None
    """The client, or what the message names of theirs; the company or contact that wrote; nothing."""
    misled: bool
    """The correspondent's address belongs to another file and not to this one's: someone gave it to the wrong one."""


Tell = Callable[[Truth], None]


class TooFewEvents(ValueError):
    """A history of so many clients takes more events than were asked for."""


@dataclass(frozen=True)
class Extent:
    """How much happens: with how many clients, and in about how many events. Another seed tells another history."""

    clients: int
    seed: int
    events: int | None = None

    def __post_init__(self) -> None:
        if self.clients < 1:
            raise ValueError("an office has one client at least")
        if self.events is not None and self.events < self.least_events:
            raise TooFewEvents(f"a history of {self.clients} clients takes {self.least_events} events at least")

    @property
    def least_events(self) -> int:
        return _LEAST_EVENTS + _LEAST_EVENTS_A_CLIENT * self.clients

    @property
    def about(self) -> int:
        """How many events it comes to, but for a few."""
        return self.events or max(self.least_events, _LEAST_EVENTS + _EVENTS_A_CLIENT * self.clients)


class _Named(NamedTuple):
    """What a message is about, and the number by which its subject names that, where it does."""

    file: Target
    kind: Literal["contrat", "sinistre", "ticket"] | None = None
    number: str = ""


class GeneratedOffice:
    """The office as it stands at a moment: who works there, whose clients it knows, what is planned; and the dice."""

    def __init__(self, clients: int, streams: StreamsInMemory, dice: Random) -> None:
        self.streams = streams
        self.dice = dice
        self.calendar = Calendar(dice)
        self.people = People(clients, dice)
        self.serial = count(1)
        self.staff: list[tuple[Actor, Writer]] = []
        self._agenda: list[tuple[datetime, int, Action]] = []
        self._clients: list[Dossier] = []
        self._weights: list[float] = []
        """Of the clients, each added to those before."""

    def take_on(self, dossier: Dossier) -> None:
        """From now on the dossier is the office's."""
        dossier.registered = True
        self._clients.append(dossier)
        self._weights.append(dossier.weight + (self._weights[-1] if self._weights else 0.0))

    def due(self, until: datetime) -> Iterator[tuple[datetime, Action]]:
        """What is planned for before then, earliest first, with what is planned meanwhile."""
        while self._agenda and self._agenda[0][0] < until:
            at, _, act = heappop(self._agenda)
            yield at, act

    def decide(self, command: Command, actor: Actor, at: datetime) -> Any:
        return self.streams.decide(command, Context(actor=actor, at=at, command_id=self.new_id()))

    def plan(self, at: datetime, action: Action) -> None:
        heappush(self._agenda, (at, next(self.serial), action))

    def later(self, at: datetime, delay: timedelta, action: Action) -> None:
        """Once someone at the office gets to it."""
        self.plan(self.calendar.working_time(at + delay + timedelta(minutes=2)), action)

    def some_working_time(self, after: date) -> datetime:
        return self.calendar.working_time(self.calendar.some_time_on(self.calendar.some_day_after(after)))

    def some_client(self) -> Dossier:
        """A few write nearly every day, most once in a while."""
        return self.dice.choices(self._clients, cum_weights=self._weights)[0]

    def colleague(self, dossier: Dossier | None) -> tuple[Actor, Writer]:
        if dossier and dossier.manager < len(self.staff) and self.happens(_BY_MANAGER):
            return self.staff[dossier.manager]
        return self.dice.choice(self.staff)

    def collaborator(self, dossier: Dossier | None) -> Actor:
        return self.colleague(dossier)[0]

    def clerk(self, dossier: Dossier | None) -> Writer:
        """Who writes for the office."""
        return OFFICE if self.happens(_ANSWERED_BY_OFFICE_ADDRESS) else self.colleague(dossier)[1]

    def owners(self, address: str) -> Sequence[Target]:
        return self.streams.find(EmailAddress, email_address_id(self.streams, address)).owners

    def ticket(self, ticket_id: UUID) -> Ticket:
        return self.streams.load(Ticket, ticket_id)

    def happens(self, how_often: float) -> bool:
        return self.dice.random() < how_often

    def new_id(self) -> UUID:
        return UUID(int=self.dice.getrandbits(128), version=4)

    def associate(self, owner: Target, address: str, how: Ownership, actor: Actor, at: datetime) -> None:
        self.decide(AssociateEmailAddress(owner=owner, address=address, how=how), actor, at)


class Dossiers:
    """What comes to happen to the office's clients: their contracts, their claims, their addresses."""

    def __init__(self, office: GeneratedOffice) -> None:
        self._office = office
        self._streams = office.streams
        self._dice = office.dice
        self._people = office.people

    def register_by_hand(self, dossier: Dossier, at: datetime) -> None:
        self.register(dossier, self._office.collaborator(dossier), at, active=self._office.happens(NEW_CLIENT_AT_ONCE))

    def register(self, dossier: Dossier, actor: Actor, at: datetime, *, active: bool) -> None:
        known = dossier.addresses[:1] if self._office.happens(0.9) else []
        free = tuple(address for address in known if not self._office.owners(address))
        registers = RegisterClient(
            client_id=dossier.client.id, identity=dossier.identity, active=active, email_addresses=free
        )
        self._office.decide(registers, actor, at)
        self.becomes_known(dossier, actor, at, active=active)

    def becomes_known(self, dossier: Dossier, actor: Actor, at: datetime, *, active: bool) -> None:
        """From now on the dossier is the office's, and things come to happen to it."""
        self._office.take_on(dossier)
        if dossier.household is not None:
            self._office.associate(dossier.client, dossier.household, "share", actor, at)
        if not active and self._office.happens(_PROSPECTS_ACTIVATED):
            self._office.later(at, timedelta(days=self._dice.uniform(1, 60)), partial(self._activate, dossier))
        for _ in range(self._dice.choices((0, 1, 2, 3), _CONTRACTS_OF_A_CLIENT)[0]):
            if active and self._office.happens(_CONTRACT_KNOWN_AT_ONCE):
                self._insure(dossier, actor, at)
            else:
                self._office.plan(
                    self._office.some_working_time(at.date()),
                    lambda at: self._insure(dossier, self._office.collaborator(dossier), at),
                )
        for how_often, event in (
            (_CHANGES_ADDRESS, self._change_address),
            (_ADDRESS_PASSED_ON, self._pass_address_on),
            (_ADDRESS_SHARED, self._share_address),
        ):
            if self._office.happens(how_often):
                self._office.plan(self._office.some_working_time(at.date()), partial(event, dossier))

    def _insure(self, dossier: Dossier, actor: Actor, at: datetime) -> None:
        contract = Contract(Target(kind="contract", id=self._office.new_id()), self._people.new_number(at.year))
        insurer = self._dice.choice([one for one in self._people.partners if one.role != "referrer"])
        registers = RegisterContract(
            contract_id=contract.file.id,
            client_id=dossier.client.id,
            company_id=insurer.company.id,
            starts_on=at.date(),
            policy_number=contract.number,
            product=self._dice.choice(_PRODUCTS),
        )
        self._office.decide(registers, actor, at)
        dossier.contracts.append(contract)
        if self._office.happens(_HAS_A_CLAIM):
            self._office.plan(self._office.some_working_time(at.date()), partial(self._open_claim, dossier, contract))
        if self._office.happens(_TERMINATED):
            self._office.plan(self._office.some_working_time(at.date()), partial(self._terminate, dossier, contract))

    def _terminate(self, dossier: Dossier, contract: Contract, at: datetime) -> None:
        ends = TerminateContract(contract_id=contract.file.id, effective_on=at.date() + timedelta(days=30))
        self._office.decide(ends, self._office.collaborator(dossier), at)

    def _open_claim(self, dossier: Dossier, contract: Contract, at: datetime) -> None:
        file, reference = Target(kind="claim", id=self._office.new_id()), self._people.new_reference(at.year)
        opens = OpenClaim(
            claim_id=file.id,
            contract_id=contract.file.id,
            occurred_on=at.date() - timedelta(days=self._dice.randrange(1, 9)),
            insurer_reference=reference,
        )
        self._office.decide(opens, self._office.collaborator(dossier), at)
        number = next(event.number for event in self._streams.latest() if isinstance(event, ClaimOpened))
        contract.claims.append(Claim(file, reference, number))
        if self._office.happens(_CLAIM_CLOSED):
            self._office.later(
                at, timedelta(days=self._dice.uniform(20, 300)), partial(self._close_claim, dossier, file)
            )

    def _close_claim(self, dossier: Dossier, claim: Target, at: datetime) -> None:
        self._office.decide(CloseClaim(claim_id=claim.id), self._office.collaborator(dossier), at)
        if self._office.happens(_CLAIM_REOPENED):
            reopens = ReopenClaim(claim_id=claim.id)
            delay = timedelta(days=self._dice.uniform(2, 60))
            self._office.later(
                at, delay, lambda at: self._office.decide(reopens, self._office.collaborator(dossier), at)
            )

    def _activate(self, dossier: Dossier, at: datetime) -> None:
        self._office.decide(ActivateClient(client_id=dossier.client.id), self._office.collaborator(dossier), at)

    def _change_address(self, dossier: Dossier, at: datetime) -> None:
        """Someone writes from another address from now on, and mostly says so."""
        former = dossier.addresses[:1]
        address = self._people.new_address(dossier.name)
        dossier.addresses[:1] = [address]
        if self._office.happens(_CHANGE_TOLD):
            self._office.associate(dossier.client, address, "associate", self._office.collaborator(dossier), at)
        if former and self._office.happens(_FORMER_ADDRESS_REMOVED):
            self._office.later(at, timedelta(days=self._dice.uniform(0, 30)), partial(self.remove, dossier, former[0]))

    def _pass_address_on(self, dossier: Dossier, at: datetime) -> None:
        """An address becomes another client's alone: a business was sold, an assistant changed employers."""
        heir = self._office.some_client()
        if dossier.addresses and heir is not dossier:
            address = dossier.addresses.pop()
            heir.addresses.append(address)
            self._office.associate(heir.client, address, "move", self._office.collaborator(heir), at)

    def _share_address(self, dossier: Dossier, at: datetime) -> None:
        """An address is another client's too: one accountant for two companies."""
        other = self._office.some_client()
        if dossier.addresses and other is not dossier and dossier.client in self._office.owners(dossier.addresses[-1]):
            other.addresses.append(dossier.addresses[-1])
            self._office.associate(other.client, dossier.addresses[-1], "share", self._office.collaborator(other), at)

    def remove(self, dossier: Dossier, address: str, at: datetime) -> None:
        if dossier.client in self._office.owners(address):
            address_id = email_address_id(self._streams, address)
            command = RemoveEmailAddress(owner=dossier.client, address_id=address_id)
            self._office.decide(command, self._office.collaborator(dossier), at)


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


class Correspondents:
    """Those who write to the office, and to whom it writes: about what, when, and in answer to what."""

    def __init__(self, office: GeneratedOffice, clerks: Clerks, letters: Letters, seed: int, tell: Tell | None) -> None:
        self._office = office
        self._clerks = clerks
        self._letters = letters
        self._seed = seed
        self._tell = tell
        self._streams = office.streams
        self._dice = office.dice
        self._calendar = office.calendar
        self._people = office.people
        self._correspondents = self._people.correspondents
        self._correspondent_weights = list(accumulate(1 / (rank + 1) for rank in range(len(self._correspondents))))

    # --- what messages are about ------------------------------------------------------------------

    def _named_by(self, dossier: Dossier) -> _Named:
        """What someone who writes about a client has in mind, and whether they name it."""
        if (
            not dossier.contracts
            or not self._office.happens(_ABOUT_A_CONTRACT)
            or not self._office.happens(_QUOTES_ITS_NUMBER)
        ):
            return _Named(dossier.client)
        contract = self._dice.choice(dossier.contracts)
        if not contract.claims or not self._office.happens(_ABOUT_A_CLAIM):
            return _Named(contract.file, "contrat", self._spelt(contract.number))
        claim = self._dice.choice(contract.claims)
        if self._office.happens(_BY_THE_OFFICES_NUMBER):
            return _Named(claim.file, "sinistre", f"n° {claim.number}")
        return _Named(claim.file, "sinistre", self._spelt(claim.reference))

    def _spelt(self, number: str) -> str:
        """People copy numbers as they like."""
        if not self._office.happens(_SPELT_ANOTHER_WAY):
            return number
        return self._dice.choice((number.replace("-", " "), number.replace("-", ""), number.lower()))

    def _subject(self, letter: StoredLetter, dossier: Dossier, named: _Named) -> str:
        """The letter's own, naming what it is about; a letter that names something else by itself names the client."""
        said = "" if named.number.startswith("n°") else named.number
        subject = letter.subject.format(contract=said or dossier.name, claim=said or dossier.name)
        if named.kind is None or (said and said in subject):
            return subject
        return f"{subject} - {named.kind} {named.number}"

    def _about(self, writer: Writer | None, says: LetterKind, dossier: Dossier, named: _Named) -> Mail:
        letter = self._dice.choice(self._letters[says])
        return Mail(writer, letter.content, self._subject(letter, dossier, named), dossier, named.file)

    # --- mail -------------------------------------------------------------------------------------

    def some_mail(self, at: datetime) -> None:
        drawn = self._dice.random()
        for how_often, write in (
            (_SPAM, self._spam),
            (_WITHOUT_SENDER, self._without_sender),
            (_FROM_STRANGERS, self._from_a_stranger),
            (_FROM_THE_OFFICE, self._from_the_office),
            (_PASSED_ON, self._passed_on),
            (_FROM_CORRESPONDENTS, self._from_a_correspondent),
        ):
            if drawn < how_often:
                write(at)
                return
            drawn -= how_often
        self._from_a_client(at)

    def _from_a_client(self, at: datetime) -> None:
        dossier = self._office.some_client()
        if not (dossier.addresses or dossier.household):
            self._from_a_correspondent(at)
            return
        if dossier.household and (not dossier.addresses or self._office.happens(_FROM_HOUSEHOLD_ADDRESS)):
            writer = dossier.writer(dossier.household)
            self._receive(self._about(writer, "household", dossier, self._named_by(dossier)), at)
            return
        first = len(dossier.addresses) == 1 or self._office.happens(_FROM_FIRST_ADDRESS)
        writer = dossier.writer(dossier.addresses[0] if first else self._dice.choice(dossier.addresses[1:]))
        last = dossier.last_message
        if self._office.happens(_AUTOMATIC):
            self._receive(
                replace(self._about(writer, "automatic", dossier, _Named(dossier.client)), automatic=True), at
            )
        elif last and self._office.happens(_REPLIES):
            self._receive(self._reply(last, writer, "reply"), at, last)
        else:
            says: LetterKind = "company" if isinstance(dossier.identity, Company) else "person"
            self._receive(self._about(writer, says, dossier, self._named_by_client(dossier, writer)), at)

    def _named_by_client(self, dossier: Dossier, writer: Writer) -> _Named:
        """Clients name a ticket of theirs, too; and now and then a number that isn't theirs."""
        last = dossier.last_message
        if last and last.mail.file and self._office.happens(_QUOTES_A_TICKET):
            return _Named(last.mail.file, "ticket", f"n° {self._office.ticket(last.place.ticket_id).number}")
        if self._office.happens(_QUOTES_ANOTHER_CLIENTS):
            other = self._office.some_client()
            if other.contracts and other is not dossier and other.client not in self._office.owners(writer.address):
                return _Named(dossier.client, "contrat", self._spelt(other.contracts[0].number))
        return self._named_by(dossier)

    def _from_a_correspondent(self, at: datetime) -> None:
        writer, says, file = self._dice.choices(self._correspondents, cum_weights=self._correspondent_weights)[0]
        dossier = self._office.some_client()
        mail = self._about(writer, says, dossier, self._named_by(dossier))
        self._receive(replace(mail, file=file) if file else mail, at)

    def _from_a_stranger(self, at: datetime) -> None:
        dossier = self._office.some_client()
        self._receive(self._about(self._people.stranger(), "neighbour", dossier, _Named(dossier.client)), at)

    def _spam(self, at: datetime) -> None:
        self._receive(self._some_spam(), at)

    def _some_spam(self) -> Mail:
        letter = self._dice.choice(self._letters["spam"])
        return Mail(self._people.stranger(), letter.content, letter.subject)

    def _without_sender(self, at: datetime) -> None:
        dossier = self._office.some_client()
        self._receive(self._about(None, "without_sender", dossier, self._named_by(dossier)), at)

    def first_message(self, dossier: Dossier, at: datetime) -> None:
        """Someone whom the office doesn't know yet."""
        if not dossier.addresses:
            dossier.addresses.append(self._people.new_address(dossier.name))
        writer = dossier.writer(dossier.addresses[0])
        self._receive(self._about(writer, "prospect", dossier, _Named(dossier.client)), at)

    def _from_the_office(self, at: datetime) -> None:
        """A collaborator writes to a client first."""
        dossier = self._office.some_client()
        if addresses := [*dossier.addresses[:2], *filter(None, [dossier.household])]:
            mail = self._about(self._office.clerk(dossier), "first_word", dossier, self._named_by(dossier))
            mail = replace(mail, to=dossier.writer(self._dice.choice(addresses)))
            self._office.plan(self._calendar.working_time(at), partial(self._receive, mail))

    def _passed_on(self, at: datetime) -> None:
        """A client wrote to a collaborator alone, who passes it on to the office."""
        dossier = self._office.some_client()
        if dossier.addresses:
            _, colleague = self._office.colleague(dossier)
            mail = self._about(colleague, "passed_on", dossier, self._named_by(dossier))
            mail = replace(mail, passes_on=dossier.writer(dossier.addresses[0]))
            self._office.plan(self._calendar.working_time(at), partial(self._receive, mail))

    def _receive(self, mail: Mail, at: datetime, answers: Remembered | None = None, copied: str | None = None) -> None:
        """A message comes; `copied` is the Message-ID of another, where it goes by that one."""
        serial = next(self._office.serial)
        message_id = copied or self._message_id(serial, mail.writer)
        command = self._message(mail, message_id, f"{self._seed}/{serial}", answers, at)
        answer = self._office.decide(command, MAIL_IMPORT, at)
        if self._tell:
            self._tell(self._truth(answer.mail_id, mail))
        ticket_id = answer.ticket_id
        self._streams.keep(ticket_id)
        message: Remembered | None = None
        if message_id:
            place = Place(message_id, message_stream_id(self._streams, command.identity), ticket_id)
            message = Remembered(place, answers.first if answers else place, mail)
            self._keep(message)
        if answer.outcome == "ticket":
            self._clerks.take_up(ticket_id, mail, at)
        elif answer.outcome == "message":
            self._clerks.go_on(ticket_id, answer.mail_id, mail, at)
        if message:
            if not copied:
                self._may_come_again(message, command, at)
            if mail.about and not mail.automatic:
                self._goes_on(message, mail.about, at)
            self._release(message)
        self._streams.release(ticket_id)

    def _truth(self, mail_id: UUID, mail: Mail) -> Truth:
        owners = self._office.owners(mail.correspondent.address) if mail.correspondent else ()
        whose = mail.about.client if mail.about and mail.file and mail.file.kind not in PARTNER_KINDS else mail.file
        return Truth(mail_id, mail.file, misled=bool(owners) and whose not in owners)

    def _may_come_again(self, message: Remembered, command: ReceiveMessage, at: datetime) -> None:
        """Another delivery, or another message under the same Message-ID."""
        soon = at + timedelta(minutes=self._dice.uniform(1, 600))
        if self._office.happens(_DELIVERED_TWICE):
            self._plan_about(message, soon, lambda at: self._office.decide(command, MAIL_IMPORT, at))
        elif self._office.happens(_MESSAGE_ID_COPIED):
            copied = message.place.message_id
            self._plan_about(message, soon, lambda at: self._receive(self._some_spam(), at, copied=copied))

    def _message(
        self, mail: Mail, message_id: str | None, content: str, answers: Remembered | None, at: datetime
    ) -> ReceiveMessage:
        referred = dict.fromkeys((answers.first.message_id, answers.place.message_id)) if answers else ()
        says = mail.letter.model_copy(
            update={
                "from_address": mail.writer and mail.writer.address,
                "from_name": mail.writer.name if mail.writer else "",
                "to": self._recipients(mail, answers),
                "subject": mail.subject,
                "message_id": message_id,
                "in_reply_to": answers and answers.place.message_id,
                "references": tuple(referred),
                "forwarded": mail.passes_on and Correspondent(address=mail.passes_on.address, name=mail.passes_on.name),
            }
        )
        sent = at - timedelta(seconds=self._dice.randrange(2, 240))
        return ReceiveMessage(
            identity=MessageIdentity(
                message_id=message_id, content_digest=hashlib.sha256(content.encode()).hexdigest()
            ),
            content=says,
            sent_at=None if self._office.happens(_UNDATED) else sent.replace(microsecond=0),
            automatic=mail.automatic,
        )

    def _recipients(self, mail: Mail, answers: Remembered | None) -> tuple[str, ...]:
        if mail.to:
            return (mail.to.address,)
        if answers and answers.mail.to and answers.mail.writer:
            return (answers.mail.writer.address,)
        if self._office.happens(_TO_A_COLLABORATOR_TOO):
            return (OFFICE.address, self._dice.choice(self._office.staff)[1].address)
        return (OFFICE.address,)

    def _message_id(self, serial: int, writer: Writer | None) -> str | None:
        if writer is None or self._office.happens(_WITHOUT_MESSAGE_ID):
            return None
        return f"<{self._dice.getrandbits(48):012x}.{serial}@{writer.address.rpartition('@')[2]}>"

    # --- conversations ----------------------------------------------------------------------------

    def _goes_on(self, message: Remembered, dossier: Dossier, at: datetime) -> None:
        """The office answers what it gets, and its correspondents what they get."""
        mail = message.mail
        correspondent = mail.correspondent
        if correspondent is None:
            return
        if correspondent.address == dossier.household or correspondent.address in dossier.addresses:
            self._keep(message)
            if dossier.last_message:
                self._release(dossier.last_message)
            dossier.last_message = message
        if mail.to is None:
            if self._office.happens(_ANSWERED):
                soon = self._calendar.working_time(at + timedelta(hours=self._dice.expovariate(0.1)))
                self._plan_about(message, soon, partial(self._answer, message))
        elif self._office.happens(_ANSWERED_AUTOMATICALLY):
            automatic = replace(self._reply(message, correspondent, "automatic"), automatic=True)
            soon = at + timedelta(minutes=self._dice.uniform(1, 5))
            self._plan_about(message, soon, partial(self._receive, automatic, answers=message))
        elif self._office.happens(_ANSWER_IS_REPLIED_TO):
            reply = self._reply(message, correspondent, "reply")
            soon = at + timedelta(hours=self._dice.expovariate(0.03))
            self._plan_about(message, soon, partial(self._receive, reply, answers=message))

    def _answer(self, message: Remembered, at: datetime) -> None:
        answer = self._reply(message, self._office.clerk(message.mail.about), "answer")
        self._receive(replace(answer, to=message.mail.correspondent), at, message)

    def _reply(self, message: Remembered, writer: Writer, says: LetterKind) -> Mail:
        letter, mail = self._dice.choice(self._letters[says]), message.mail
        subject = mail.subject if mail.subject.startswith("Re: ") else f"Re: {mail.subject}"
        return Mail(writer, letter.content, subject, mail.about, mail.file)

    def _plan_about(self, message: Remembered, at: datetime, action: Action) -> None:
        """What is known of a message is still needed then."""
        self._keep(message)

        def come(at: datetime) -> None:
            action(at)
            self._release(message)

        self._office.plan(at, come)

    def _keep(self, message: Remembered) -> None:
        for place in (message.place, message.first):
            self._streams.keep(place.stream_id)

    def _release(self, message: Remembered) -> None:
        for place in (message.place, message.first):
            self._streams.release(place.stream_id)


class History:
    def __init__(
        self, extent: Extent, streams: StreamsInMemory, letters: Letters, dice: Random, tell: Tell | None = None
    ) -> None:
        """`tell` is told the truth of each message, once it has come."""
        self._extent = extent
        self._streams = streams
        self._dice = dice
        self._office = GeneratedOffice(extent.clients, streams, dice)
        self._calendar = self._office.calendar
        self._people = self._office.people
        self._dossiers = Dossiers(self._office)
        self._correspondents = Correspondents(
            self._office, Clerks(self._office, self._dossiers), letters, extent.seed, tell
        )

    def drafts(self) -> Iterator[Draft]:
        """Every event, oldest first."""
        self._open(datetime.combine(FIRST_DAY, time(4), UTC))
        yield from self._streams.take_drafts()
        at_first, about = self._streams.drafted, self._extent.about
        for day, share in self._calendar.days():
            wanted = at_first + (about - at_first) * share - self._streams.drafted
            for _ in range(int(wanted / _EVENTS_A_MESSAGE)):
                self._office.plan(self._calendar.some_time_on(day), self._correspondents.some_mail)
            tomorrow = datetime.combine(day + timedelta(days=1), time(), UTC)
            for at, act in self._office.due(tomorrow):
                act(at)
                yield from self._streams.take_drafts()

    def _open(self, at: datetime) -> None:
        """The office opens with its staff and partners, and takes over the dossiers that it had before."""
        self._office.decide(OpenOffice(name=OFFICE_NAME), _COMMAND_LINE, at)
        self._office.decide(ReserveOfficeAddress(address=OFFICE.address), _COMMAND_LINE, at)
        later = max(1, len(self._people.staff) // 3)
        for number in range(len(self._people.staff) - later):
            self._welcome(number, at)
        for number in range(len(self._people.staff) - later, len(self._people.staff)):
            self._office.plan(self._office.some_working_time(FIRST_DAY), partial(self._welcome, number))
        for partner in self._people.partners:
            at += timedelta(milliseconds=50)
            self._begin_with(partner, at)
        taken_over = [dossier for dossier in self._people.dossiers if dossier.arrival == "taken_over"]
        self._dice.shuffle(taken_over)
        for dossier in taken_over:
            at += timedelta(milliseconds=50)
            self._dossiers.register(dossier, _COMMAND_LINE, at, active=True)
        for dossier in self._people.dossiers:
            if dossier.arrival == "by_hand":
                self._office.plan(
                    self._office.some_working_time(FIRST_DAY), partial(self._dossiers.register_by_hand, dossier)
                )
            elif dossier.arrival == "from_ticket":
                day = self._calendar.some_day_after(FIRST_DAY)
                self._office.plan(
                    self._calendar.some_time_on(day), partial(self._correspondents.first_message, dossier)
                )

    def _welcome(self, number: int, at: datetime) -> None:
        identity = self._people.staff[number]
        collaborator_id = self._streams.keyed_id("collaborator", address_key(identity.email_address))
        self._office.decide(WelcomeCollaborator(collaborator_id=collaborator_id, identity=identity), _COMMAND_LINE, at)
        name = f"{identity.first_name} {identity.last_name}"
        self._office.staff.append((Actor.collaborator(collaborator_id), Writer(name, identity.email_address)))

    def _begin_with(self, partner: Partner, at: datetime) -> None:
        company = partner.company
        named = RegisterCompany(company_id=company.id, role=partner.role, name=partner.mailbox.name)
        self._office.decide(named, _COMMAND_LINE, at)
        self._office.associate(company, partner.mailbox.address, "associate", _COMMAND_LINE, at)
        for contact, identity, writer in partner.contacts:
            entered = RegisterContact(contact_id=contact.id, company_id=company.id, identity=identity)
            self._office.decide(entered, _COMMAND_LINE, at)
            self._office.associate(contact, writer.address, "associate", _COMMAND_LINE, at)
