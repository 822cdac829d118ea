"""What happened in a generated office, in the order in which it did: mail comes, and collaborators see to it.

People write as they do; the office knows only what came to it. Each step is a real command, decided by the domain on
what was decided before, so that the history is one that the office could have written itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import partial
from random import Random
from typing import Final

from adapters.event_store.mapper import Draft
from adapters.generated_office.calendar import FIRST_DAY
from adapters.generated_office.clerks import Clerks
from adapters.generated_office.correspondents import Correspondents, Tell
from adapters.generated_office.dossiers import Dossiers
from adapters.generated_office.letters import Letters
from adapters.generated_office.office import OFFICE, GeneratedOffice
from adapters.generated_office.people import OFFICE_NAME, Partner, Writer
from adapters.generated_office.streams import StreamsInMemory
from domain.companies.company import RegisterCompany
from domain.contacts.contact import RegisterContact
from domain.events import Actor
from domain.office.office import OpenOffice, ReserveOfficeAddress, WelcomeCollaborator
from domain.values import address_key

_COMMAND_LINE: Final = Actor.rule("command_line")

_EVENTS_A_CLIENT: Final = 60
"""In five years: about ten messages, and what is done about them; the contracts and claims that they speak of."""
_LEAST_EVENTS_A_CLIENT: Final = 14
_LEAST_EVENTS: Final = 60
_EVENTS_A_MESSAGE: Final = 7.5
"""And with the answers to it."""


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
