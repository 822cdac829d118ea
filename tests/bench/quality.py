"""How well mail files itself: in generated offices, which tell what each message is really about."""

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from adapters.event_store.log import EventLog
from adapters.generated_office import Extent, Truth, generate
from api.bootstrap import Greffier, create_office, open_greffier
from api.settings import Settings
from domain.access import Viewer
from domain.claims.claim import ClaimOpened
from domain.clients.client import ProspectRegistered
from domain.companies.company import CompanyRegistered
from domain.contacts.contact import ContactRegistered
from domain.contracts.contract import ContractRegistered
from domain.tickets.events import TicketContinued, TicketEvent, TicketReceived
from domain.tickets.ticket import Ticket
from domain.values import Target
from projections import suggestions
from projections.engine.engine import Engine
from projections.engine.log import EventReader, LogBatch
from projections.queries.reading import Reading
from tests.bench.bare_library import every_topic
from tests.bench.measuring import fresh_folder

CLIENTS = 300
QUICK_CLIENTS = 10
_SEEDS = (3, 7, 11)
_ANYBODY = Viewer(collaborator_id=UUID(int=1))


class AsItStood(EventReader):
    """The log up to a position, as somebody saw it who looked then."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self.position = 0

    def head(self) -> int:
        return self.position

    def scan(self, after: int, upto: int, topics: Collection[str]) -> Generator[LogBatch]:
        return self._log.scan(after, upto, topics)

    def recorded_at(self, position: int) -> datetime | None:
        return self._log.recorded_at(position)

    def wait(self, after: int, timeout: float) -> int:  # noqa: ARG002  # nothing comes while one waits
        return self.position


class Arrival(NamedTuple):
    """What a message is about, and where it was once it had come."""

    truth: Truth
    client: Target | None
    """Whose file it is, where the message is about a contract or a claim."""
    ticket: Ticket
    misled: bool
    """An address had been given to the wrong file: of this message, or of one before it on the ticket."""
    suggested: Sequence[Target] = ()
    """Where it could go, in what was suggested while it waited; nothing for one that doesn't wait."""
    known: bool = False
    """Whether the office has the file that it is about."""

    @property
    def filed_itself(self) -> bool:
        return self.ticket.filed_on is not None and not self.ticket.filed_by_hand

    @property
    def waits(self) -> bool:
        return self.ticket.filed_on is None and not self.ticket.sent_only

    @property
    def is_right(self) -> bool:
        return self.ticket.filed_on == self.truth.file

    @property
    def is_wrong(self) -> bool:
        return self.filed_itself and self.ticket.filed_on not in {self.truth.file, self.client}


@dataclass(frozen=True)
class Row:
    """So many messages, of so many; `none` says that there must be none."""

    what: str
    messages: int
    of: int
    none: bool = False

    @property
    def reached(self) -> bool | None:
        return self.messages == 0 if self.none else None


def measured(clients: int) -> list[Row]:
    came = [arrival for seed in _SEEDS for arrival in _history(Extent(clients, seed))]
    return [*_filing(came), *_suggesting(came)]


def _filing(came: Sequence[Arrival]) -> Iterator[Row]:
    themselves = [arrival for arrival in came if arrival.filed_itself]
    wrong = [arrival for arrival in themselves if arrival.is_wrong]
    right = [arrival for arrival in themselves if arrival.is_right]
    misled = [arrival for arrival in wrong if arrival.misled]
    by_hand = [arrival for arrival in came if arrival.ticket.filed_on and arrival.ticket.filed_by_hand]
    coarse = len(themselves) - len(wrong) - len(right)
    yield Row("messages that filed themselves", len(themselves), len(came))
    yield Row("on the file that they are about", len(right), len(themselves))
    yield Row("on the client whose contract or claim they name", coarse, len(themselves))
    yield Row("on a wrong file, carried along by an address that a person gave to it", len(misled), len(themselves))
    yield Row("on a wrong file, by the policy", len(wrong) - len(misled), len(themselves), none=True)
    yield Row("messages that followed a ticket which a person had filed", len(by_hand), len(came))
    yield Row("messages that wait for someone", len(came) - len(themselves) - len(by_hand), len(came))


def _suggesting(came: Sequence[Arrival]) -> Iterator[Row]:
    """Of the messages that wait: those whose file, or its client, stands first or among the first three."""
    waiting = [arrival for arrival in came if arrival.waits and arrival.known]
    for rank in (1, 3):
        right = [arrival for arrival in waiting if {arrival.truth.file, arrival.client} & {*arrival.suggested[:rank]}]
        among = "first" if rank == 1 else f"among the first {rank}"
        yield Row(f"messages that wait about a known file, and its suggestion is {among}", len(right), len(waiting))


def _history(extent: Extent) -> Iterator[Arrival]:
    truths: dict[UUID, Truth] = {}
    with fresh_folder() as folder:
        settings = Settings(data=folder / "office")
        create_office(settings)
        with open_greffier(settings) as office:
            generate(office.log, office.files, extent, tell=lambda truth: truths.update({truth.mail_id: truth}))
            yield from _arrivals(office, truths)


def _arrivals(office: Greffier, truths: Mapping[UUID, Truth]) -> Iterator[Arrival]:
    tickets: dict[UUID, Ticket] = {}
    clients: dict[UUID, UUID] = {}
    files: set[UUID] = set()
    log = AsItStood(office.log)
    engine = Engine(log, office.views, suggestions.VIEWS)
    events = office.log.events(every_topic())
    for _, of_one_command in groupby(events, lambda recorded: recorded.context.command_id):
        came = None
        for recorded in of_one_command:
            event = recorded.event
            match event:
                case ContractRegistered() | ClaimOpened():
                    files.add(recorded.stream_id)
                    clients[recorded.stream_id] = event.dossier_id
                case ProspectRegistered() | CompanyRegistered() | ContactRegistered():
                    files.add(recorded.stream_id)
                case TicketReceived() | TicketContinued():
                    came = recorded
            if isinstance(event, TicketEvent):
                ticket = tickets.get(recorded.stream_id) or Ticket(id=recorded.stream_id)
                tickets[ticket.id] = ticket.after([event])
        if came:
            ticket, truth = tickets[came.stream_id], truths[came.event.mail_id]
            client = truth.file and clients.get(truth.file.id)
            arrival = Arrival(
                truth=truth,
                client=client and Target(kind="client", id=client),
                ticket=ticket,
                known=truth.file is not None and truth.file.id in files,
                misled=any(truths[mail.mail_id].misled for mail in ticket.mails),
            )
            if arrival.waits:
                log.position = recorded.position
                engine.catch_up()
                with office.views.reading() as connection:
                    found = suggestions.suggestions(Reading(connection, _ANYBODY), [ticket.id])[ticket.id]
                arrival = arrival._replace(suggested=[one.file for one in found])
            yield arrival
