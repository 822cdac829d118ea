"""A generated office at a moment: who works there, whose clients it knows, what is planned, and the dice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any, Final
from uuid import UUID

from adapters.generated_office.calendar import Calendar
from adapters.generated_office.people import OFFICE_DOMAIN, OFFICE_NAME, Dossier, People, Writer
from adapters.generated_office.streams import StreamsInMemory
from domain.commands import Command
from domain.email_addresses.email_address import EmailAddress, Ownership, email_address_id
from domain.events import Actor, Context
from domain.targets import AssociateEmailAddress
from domain.tickets.ticket import Ticket
from domain.values import Target

OFFICE: Final = Writer(OFFICE_NAME, f"contact@{OFFICE_DOMAIN}")
_ANSWERED_BY_OFFICE_ADDRESS: Final = 0.3
_BY_MANAGER: Final = 0.8

Action = Callable[[datetime], None]


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
