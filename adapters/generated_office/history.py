"""What happened in a generated office, in the order in which it did: mail comes, and collaborators see to it.

People write as they do; the office knows only what came to it. Each step is a real command, decided by the domain on
what was decided before, so that the history is one that the office could have written itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import partial
from heapq import heappop, heappush
from itertools import accumulate, count
from random import Random
from typing import Any, Final
from uuid import UUID

from adapters.event_store.mapper import Draft
from adapters.generated_office.calendar import FIRST_DAY, Calendar
from adapters.generated_office.letters import LetterKind, Letters
from adapters.generated_office.people import OFFICE_DOMAIN, OFFICE_NAME, Dossier, People, Remembered, Writer
from adapters.generated_office.streams import StreamsInMemory
from adapters.mail.intake import MAIL_IMPORT
from domain.arrival import ReceiveMessage
from domain.client import ActivateClient, Company, NewClient, RegisterClient
from domain.commands import Command
from domain.email_address import EmailAddress, Ownership, email_address_id
from domain.events import Actor, Context
from domain.files import AssociateEmailAddress, RemoveEmailAddress
from domain.message import MessageIdentity, message_stream_id
from domain.office import OpenOffice, WelcomeCollaborator
from domain.ticket import Ticket
from domain.ticket_filing import ClassifyTicket, ClientToCreate, UnclassifyTicket
from domain.values import Target, address_key

_COMMAND_LINE: Final = Actor.rule("command_line")
_OFFICE_ADDRESS: Final = f"contact@{OFFICE_DOMAIN}"

_EVENTS_A_CLIENT: Final = 42
"""In five years: about a dozen messages, and what is done about them."""
_LEAST_EVENTS_A_CLIENT: Final = 8
_LEAST_EVENTS: Final = 40
_EVENTS_A_MESSAGE: Final = 3.4

# Of a hundred messages: whom they come from, and what is wrong with some.
_FROM_CORRESPONDENTS: Final = 0.2
_FROM_STRANGERS: Final = 0.015
_SPAM: Final = 0.03
_WITHOUT_SENDER: Final = 0.012
_AUTOMATIC: Final = 0.015
_REPLIES: Final = 0.3
_FROM_FIRST_ADDRESS: Final = 0.8
_FROM_HOUSEHOLD_ADDRESS: Final = 0.6
_WITHOUT_MESSAGE_ID: Final = 0.01
_UNDATED: Final = 0.005
_TO_A_COLLABORATOR_TOO: Final = 0.15
_DELIVERED_TWICE: Final = 0.01
_MESSAGE_ID_COPIED: Final = 0.004

# What the office does about its tickets and addresses.
_SORTED: Final = 0.94
_BY_MANAGER: Final = 0.8
_ADDRESS_ASSOCIATED: Final = 0.5
_ASSOCIATED_BY_MISTAKE: Final = 0.01
_MOVED_FROM_HOUSEHOLD: Final = 0.004
_MISFILED: Final = 0.02
_CORRECTED: Final = 0.015
_MISTAKE_SEEN: Final = 0.7
_TAKEN_OFF: Final = 0.4
_SORTED_AGAIN: Final = 0.6
_OWNERSHIP_CORRECTED: Final = 0.15
_NEW_CLIENT_AT_ONCE: Final = 0.15
_PROSPECTS_ACTIVATED: Final = 0.75
_CHANGES_ADDRESS: Final = 0.25
_CHANGE_TOLD: Final = 0.7
_FORMER_ADDRESS_REMOVED: Final = 0.5
_ADDRESS_PASSED_ON: Final = 0.03
_ADDRESS_SHARED: Final = 0.03

_Action = Callable[[datetime], None]


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
        return self.events or max(self.least_events, _EVENTS_A_CLIENT * self.clients)


@dataclass(frozen=True, slots=True)
class _Mail:
    """A message on its way: who wrote it, what it says, and whom it is about, as those who read it understand."""

    writer: Writer | None
    says: LetterKind
    about: Dossier | None
    automatic: bool = False
    answers: str | None = None
    message_id: str | None = None


class History:
    def __init__(self, extent: Extent, streams: StreamsInMemory, letters: Letters, dice: Random) -> None:
        self._extent = extent
        self._streams = streams
        self._letters = letters
        self._dice = dice
        self._calendar = Calendar(dice)
        self._people = People(extent.clients, dice)
        self._agenda: list[tuple[datetime, int, _Action]] = []
        self._serial = count(1)
        self._staff: list[Actor] = []
        self._clients: list[Dossier] = []
        self._weights: list[float] = []
        """Of the clients, each added to those before."""
        self._correspondents = self._people.correspondents
        self._correspondent_weights = list(accumulate(1 / (rank + 1) for rank in range(len(self._correspondents))))

    def drafts(self) -> Iterator[Draft]:
        """Every event, oldest first."""
        self._open(datetime.combine(FIRST_DAY, time(4), UTC))
        yield from self._streams.take_drafts()
        at_first, about = self._streams.drafted, self._extent.about
        for day, share in self._calendar.days():
            wanted = at_first + (about - at_first) * share - self._streams.drafted
            for _ in range(int(wanted / _EVENTS_A_MESSAGE)):
                self._plan(self._calendar.some_time_on(day), self._some_mail)
            tomorrow = datetime.combine(day + timedelta(days=1), time(), UTC)
            while self._agenda and self._agenda[0][0] < tomorrow:
                at, _, act = heappop(self._agenda)
                act(at)
                yield from self._streams.take_drafts()

    # --- the beginning --------------------------------------------------------------------------

    def _open(self, at: datetime) -> None:
        """The office opens with its staff, and takes over the dossiers that it had before."""
        self._decide(OpenOffice(name=OFFICE_NAME), _COMMAND_LINE, at)
        later = max(1, len(self._people.staff) // 3)
        for number in range(len(self._people.staff) - later):
            self._welcome(number, at)
        for number in range(len(self._people.staff) - later, len(self._people.staff)):
            joining = self._calendar.working_time(self._calendar.some_time_on(self._calendar.some_day_after(FIRST_DAY)))
            self._plan(joining, partial(self._welcome, number))
        taken_over = [dossier for dossier in self._people.dossiers if dossier.arrival == "taken_over"]
        self._dice.shuffle(taken_over)
        for dossier in taken_over:
            at += timedelta(milliseconds=50)
            self._register(dossier, _COMMAND_LINE, at, active=True)
        for dossier in self._people.dossiers:
            if dossier.arrival == "by_hand":
                day = self._calendar.some_day_after(FIRST_DAY)
                moment = self._calendar.working_time(self._calendar.some_time_on(day))
                self._plan(moment, partial(self._register_by_hand, dossier))
            elif dossier.arrival == "from_ticket":
                day = self._calendar.some_day_after(FIRST_DAY)
                self._plan(self._calendar.some_time_on(day), partial(self._first_message, dossier))

    def _welcome(self, number: int, at: datetime) -> None:
        identity = self._people.staff[number]
        collaborator_id = self._streams.keyed_id("collaborator", address_key(identity.email_address))
        self._decide(WelcomeCollaborator(collaborator_id=collaborator_id, identity=identity), _COMMAND_LINE, at)
        self._staff.append(Actor.collaborator(collaborator_id))

    def _register_by_hand(self, dossier: Dossier, at: datetime) -> None:
        self._register(dossier, self._collaborator(dossier), at, active=self._happens(_NEW_CLIENT_AT_ONCE))

    def _register(self, dossier: Dossier, actor: Actor, at: datetime, *, active: bool) -> None:
        new = NewClient(client_id=dossier.client_id, identity=dossier.identity, active=active)
        known = dossier.addresses[:1] if self._happens(0.9) else []
        free = tuple(address for address in known if not self._owners(address))
        self._decide(RegisterClient(client=new, email_addresses=free), actor, at)
        if dossier.household is not None:
            self._associate(dossier, dossier.household, "share", actor, at)
        self._is_known(dossier, at, active=active)

    def _is_known(self, dossier: Dossier, at: datetime, *, active: bool) -> None:
        """From now on the dossier is the office's, and things come to happen to it."""
        dossier.registered = True
        self._clients.append(dossier)
        self._weights.append(dossier.weight + (self._weights[-1] if self._weights else 0.0))
        if not active and self._happens(_PROSPECTS_ACTIVATED):
            self._later(at, timedelta(days=self._dice.uniform(1, 60)), partial(self._activate, dossier))
        for how_often, event in (
            (_CHANGES_ADDRESS, self._change_address),
            (_ADDRESS_PASSED_ON, self._pass_address_on),
            (_ADDRESS_SHARED, self._share_address),
        ):
            if self._happens(how_often):
                day = self._calendar.some_day_after(at.date())
                self._plan(self._calendar.working_time(self._calendar.some_time_on(day)), partial(event, dossier))

    # --- mail -------------------------------------------------------------------------------------

    def _some_mail(self, at: datetime) -> None:
        drawn = self._dice.random()
        for how_often, write in (
            (_SPAM, self._spam),
            (_WITHOUT_SENDER, self._without_sender),
            (_FROM_STRANGERS, self._from_a_stranger),
            (_FROM_CORRESPONDENTS, self._from_a_correspondent),
        ):
            if drawn < how_often:
                write(at)
                return
            drawn -= how_often
        self._from_a_client(at)

    def _from_a_client(self, at: datetime) -> None:
        dossier = self._some_client()
        if not (dossier.addresses or dossier.household):
            self._from_a_correspondent(at)
            return
        if dossier.household and (not dossier.addresses or self._happens(_FROM_HOUSEHOLD_ADDRESS)):
            self._receive(_Mail(dossier.writer(dossier.household), "household", dossier), at)
            return
        first = len(dossier.addresses) == 1 or self._happens(_FROM_FIRST_ADDRESS)
        writer = dossier.writer(dossier.addresses[0] if first else self._dice.choice(dossier.addresses[1:]))
        if self._happens(_AUTOMATIC):
            self._receive(_Mail(writer, "automatic", dossier, automatic=True), at)
        elif dossier.last_message and self._happens(_REPLIES):
            self._receive(_Mail(writer, "reply", dossier, answers=dossier.last_message.message_id), at)
        else:
            says: LetterKind = "company" if isinstance(dossier.identity, Company) else "person"
            self._receive(_Mail(writer, says, dossier), at)

    def _from_a_correspondent(self, at: datetime) -> None:
        writer, says = self._dice.choices(self._correspondents, cum_weights=self._correspondent_weights)[0]
        self._receive(_Mail(writer, says, self._some_client()), at)

    def _from_a_stranger(self, at: datetime) -> None:
        self._receive(_Mail(self._people.stranger(), "neighbour", self._some_client()), at)

    def _spam(self, at: datetime) -> None:
        self._receive(_Mail(self._people.stranger(), "spam", None), at)

    def _without_sender(self, at: datetime) -> None:
        self._receive(_Mail(None, "without_sender", self._some_client()), at)

    def _first_message(self, dossier: Dossier, at: datetime) -> None:
        """Someone whom the office doesn't know yet."""
        if not dossier.addresses:
            dossier.addresses.append(self._people.new_address(dossier.name))
        self._receive(_Mail(dossier.writer(dossier.addresses[0]), "prospect", dossier), at)

    def _receive(self, mail: _Mail, at: datetime) -> None:
        serial = next(self._serial)
        message_id = mail.message_id or self._message_id(serial, mail.writer)
        command = self._message(mail, message_id, f"{self._extent.seed}/{serial}", at)
        answer = self._decide(command, MAIL_IMPORT, at)
        self._streams.keep(answer.ticket_id)
        message = Remembered(message_id or "", message_stream_id(self._streams, command.identity), answer.ticket_id)
        if mail.about and message_id and not mail.automatic:
            self._may_be_answered(mail.about, message)
        if message_id and not mail.message_id:
            if self._happens(_DELIVERED_TWICE):
                self._come_again(message, partial(self._receive_again, command), at)
            elif self._happens(_MESSAGE_ID_COPIED):
                copy = _Mail(self._people.stranger(), "spam", None, message_id=message_id)
                self._come_again(message, partial(self._receive, copy), at)
        if answer.outcome == "ticket":
            self._take_up(answer.ticket_id, mail, at)
        else:
            self._streams.release(answer.ticket_id)

    def _may_be_answered(self, dossier: Dossier, message: Remembered) -> None:
        """The last message about a dossier is the one that is answered."""
        self._keep(message)
        if dossier.last_message:
            self._release(dossier.last_message)
        dossier.last_message = message

    def _come_again(self, message: Remembered, again: _Action, at: datetime) -> None:
        """Another message comes under the same Message-ID: what is known of this one is still needed then."""
        self._keep(message)

        def come(at: datetime) -> None:
            again(at)
            self._release(message)

        self._plan(at + timedelta(minutes=self._dice.uniform(1, 600)), come)

    def _keep(self, message: Remembered) -> None:
        self._streams.keep(message.stream_id)
        self._streams.keep(message.ticket_id)

    def _release(self, message: Remembered) -> None:
        self._streams.release(message.stream_id)
        self._streams.release(message.ticket_id)

    def _receive_again(self, command: ReceiveMessage, at: datetime) -> None:
        self._decide(command, MAIL_IMPORT, at)

    def _message(self, mail: _Mail, message_id: str | None, content: str, at: datetime) -> ReceiveMessage:
        to: tuple[str, ...] = (_OFFICE_ADDRESS,)
        if self._happens(_TO_A_COLLABORATOR_TOO):
            to = (_OFFICE_ADDRESS, self._dice.choice(self._people.staff).email_address)
        says = self._dice.choice(self._letters[mail.says]).model_copy(
            update={
                "from_address": mail.writer and mail.writer.address,
                "from_name": mail.writer.name if mail.writer else "",
                "to": to,
                "message_id": message_id,
                "in_reply_to": mail.answers,
                "references": (mail.answers,) if mail.answers else (),
            }
        )
        sent = at - timedelta(seconds=self._dice.randrange(2, 240))
        return ReceiveMessage(
            identity=MessageIdentity(
                message_id=message_id, content_digest=hashlib.sha256(content.encode()).hexdigest()
            ),
            content=says,
            sent_at=None if self._happens(_UNDATED) else sent.replace(microsecond=0),
            automatic=mail.automatic,
        )

    def _message_id(self, serial: int, writer: Writer | None) -> str | None:
        if writer is None or self._happens(_WITHOUT_MESSAGE_ID):
            return None
        return f"<{self._dice.getrandbits(48):012x}.{serial}@{writer.address.rpartition('@')[2]}>"

    # --- tickets ------------------------------------------------------------------------------------

    def _take_up(self, ticket_id: UUID, mail: _Mail, at: datetime) -> None:
        """What becomes of a new ticket: most need nobody, or are sorted soon; spam waits for ever."""
        filed_on = self._ticket(ticket_id).filed_on
        right = filed_on is not None and (mail.about is None or filed_on == self._target(mail.about))
        if filed_on and self._happens(_CORRECTED if right else _MISTAKE_SEEN):
            self._later(at, timedelta(hours=self._dice.expovariate(0.2)), partial(self._correct, ticket_id, mail))
        elif not filed_on and mail.about and (not mail.about.registered or self._happens(_SORTED)):
            self._later(at, timedelta(hours=self._dice.expovariate(0.5)), partial(self._sort, ticket_id, mail))
        else:
            self._streams.release(ticket_id)

    def _sort(self, ticket_id: UUID, mail: _Mail, at: datetime) -> None:
        """Someone reads a ticket that waits, and files it."""
        dossier = mail.about
        assert dossier is not None  # noqa: S101  # nobody sorts spam
        if not dossier.registered:
            self._create_from(ticket_id, dossier, at)
            self._streams.release(ticket_id)
            return
        misfiled = self._happens(_MISFILED)
        if misfiled:
            self._classify(ticket_id, self._some_client(), None, at)
        else:
            self._classify(ticket_id, dossier, self._address_of_sorted(mail, at), at)
        if self._happens(_MISTAKE_SEEN if misfiled else _CORRECTED):
            self._later(at, timedelta(hours=self._dice.expovariate(0.2)), partial(self._correct, ticket_id, mail))
        else:
            self._streams.release(ticket_id)

    def _create_from(self, ticket_id: UUID, dossier: Dossier, at: datetime) -> None:
        active = self._happens(_NEW_CLIENT_AT_ONCE)
        new = ClientToCreate(client_id=dossier.client_id, identity=dossier.identity, active=active)
        self._decide(ClassifyTicket(ticket_id=ticket_id, on=new, address="associate"), self._collaborator(dossier), at)
        self._is_known(dossier, at, active=active)

    def _address_of_sorted(self, mail: _Mail, at: datetime) -> Ownership | None:
        """Whether whoever files a ticket gives the sender's address to that file."""
        dossier = mail.about
        if mail.writer is None or dossier is None:
            return None
        address = mail.writer.address
        if address == dossier.household:
            return "move" if self._happens(_MOVED_FROM_HOUSEHOLD) else None
        if address in dossier.addresses:
            return "associate" if not self._owners(address) and self._happens(_ADDRESS_ASSOCIATED) else None
        if not self._owners(address) and self._happens(_ASSOCIATED_BY_MISTAKE):
            self._later(at, timedelta(days=self._dice.uniform(0.1, 12)), partial(self._remove, dossier, address))
            return "associate"
        return None

    def _correct(self, ticket_id: UUID, mail: _Mail, at: datetime) -> None:
        """Someone sees that a ticket is on the wrong file: it goes to the right one, or back to the inbox."""
        ticket = self._ticket(ticket_id)
        dossier = mail.about
        if dossier and dossier.registered and ticket.filed_on != self._target(dossier):
            self._classify(ticket_id, dossier, None, at)
        elif self._happens(_TAKEN_OFF):
            self._decide(UnclassifyTicket(ticket_id=ticket_id), self._collaborator(dossier), at)
            if dossier and dossier.registered and self._happens(_SORTED_AGAIN):
                self._later(at, timedelta(hours=self._dice.uniform(1, 40)), partial(self._sort, ticket_id, mail))
                return
        else:
            how: Ownership | None = None
            if ticket.sender_address and self._happens(_OWNERSHIP_CORRECTED):
                how = self._dice.choice(("share", "move"))
            self._classify(ticket_id, self._some_client(), how, at)
        self._streams.release(ticket_id)

    def _classify(self, ticket_id: UUID, dossier: Dossier, address: Ownership | None, at: datetime) -> None:
        command = ClassifyTicket(ticket_id=ticket_id, on=Target(kind="client", id=dossier.client_id), address=address)
        self._decide(command, self._collaborator(dossier), at)

    # --- clients and their addresses ----------------------------------------------------------------

    def _activate(self, dossier: Dossier, at: datetime) -> None:
        self._decide(ActivateClient(client_id=dossier.client_id), self._collaborator(dossier), at)

    def _change_address(self, dossier: Dossier, at: datetime) -> None:
        """Someone writes from another address from now on, and mostly says so."""
        former = dossier.addresses[:1]
        address = self._people.new_address(dossier.name)
        dossier.addresses[:1] = [address]
        if self._happens(_CHANGE_TOLD):
            self._associate(dossier, address, "associate", self._collaborator(dossier), at)
        if former and self._happens(_FORMER_ADDRESS_REMOVED):
            self._later(at, timedelta(days=self._dice.uniform(0, 30)), partial(self._remove, dossier, former[0]))

    def _pass_address_on(self, dossier: Dossier, at: datetime) -> None:
        """An address becomes another client's alone: a business was sold, an assistant changed employers."""
        heir = self._some_client()
        if dossier.addresses and heir is not dossier:
            address = dossier.addresses.pop()
            heir.addresses.append(address)
            self._associate(heir, address, "move", self._collaborator(heir), at)

    def _share_address(self, dossier: Dossier, at: datetime) -> None:
        """An address is another client's too: one accountant for two companies."""
        other = self._some_client()
        if dossier.addresses and other is not dossier:
            other.addresses.append(dossier.addresses[-1])
            self._associate(other, dossier.addresses[-1], "share", self._collaborator(other), at)

    def _associate(self, dossier: Dossier, address: str, how: Ownership, actor: Actor, at: datetime) -> None:
        self._decide(
            AssociateEmailAddress(owner=Target(kind="client", id=dossier.client_id), address=address, how=how),
            actor,
            at,
        )

    def _remove(self, dossier: Dossier, address: str, at: datetime) -> None:
        if self._target(dossier) in self._owners(address):
            address_id = email_address_id(self._streams, address)
            command = RemoveEmailAddress(owner=Target(kind="client", id=dossier.client_id), address_id=address_id)
            self._decide(command, self._collaborator(dossier), at)

    # --- who, when, and what is known -------------------------------------------------------------

    def _decide(self, command: Command, actor: Actor, at: datetime) -> Any:
        return self._streams.decide(command, Context(actor=actor, at=at, command_id=self._new_id()))

    def _plan(self, at: datetime, action: _Action) -> None:
        heappush(self._agenda, (at, next(self._serial), action))

    def _later(self, at: datetime, delay: timedelta, action: _Action) -> None:
        """Once someone at the office gets to it."""
        self._plan(self._calendar.working_time(at + delay + timedelta(minutes=2)), action)

    def _some_client(self) -> Dossier:
        """A few write nearly every day, most once in a while."""
        return self._dice.choices(self._clients, cum_weights=self._weights)[0]

    def _collaborator(self, dossier: Dossier | None) -> Actor:
        if dossier and dossier.manager < len(self._staff) and self._happens(_BY_MANAGER):
            return self._staff[dossier.manager]
        return self._dice.choice(self._staff)

    def _owners(self, address: str) -> Sequence[Target]:
        return self._streams.find(EmailAddress, email_address_id(self._streams, address)).owners

    def _ticket(self, ticket_id: UUID) -> Ticket:
        return self._streams.load(Ticket, ticket_id)

    @staticmethod
    def _target(dossier: Dossier) -> Target:
        return Target(kind="client", id=dossier.client_id)

    def _happens(self, how_often: float) -> bool:
        return self._dice.random() < how_often

    def _new_id(self) -> UUID:
        return UUID(int=self._dice.getrandbits(128), version=4)
