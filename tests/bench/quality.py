"""How well mail files itself: in generated offices, which tell what each message is really about."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from adapters.generated_office import Extent, Truth, generate
from api.bootstrap import Greffier, create_office, open_greffier
from api.settings import Settings
from domain.claim import ClaimOpened
from domain.contract import ContractRegistered
from domain.ticket import Ticket, TicketContinued, TicketEvent, TicketReceived
from domain.values import Target
from tests.bench.bare_library import every_topic
from tests.bench.measuring import fresh_folder

CLIENTS = 300
QUICK_CLIENTS = 10
_SEEDS = (3, 7, 11)


class Arrival(NamedTuple):
    """What a message is about, and where it was once it had come."""

    truth: Truth
    client: Target | None
    """Whose file it is, where the message is about a contract or a claim."""
    ticket: Ticket
    misled: bool
    """An address had been given to the wrong file: of this message, or of one before it on the ticket."""

    @property
    def filed_itself(self) -> bool:
        return self.ticket.filed_on is not None and not self.ticket.filed_by_hand

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
    return [*_filing(came)]  # the rank of the right file, in what is suggested for those that wait, belongs here


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
    events = office.log.events(every_topic())
    for _, of_one_command in groupby(events, lambda recorded: recorded.context.command_id):
        came = None
        for recorded in of_one_command:
            event = recorded.event
            match event:
                case ContractRegistered():
                    clients[recorded.stream_id] = event.client_id
                case ClaimOpened():
                    clients[recorded.stream_id] = clients[event.contract_id]
                case TicketReceived() | TicketContinued():
                    came = recorded
            if isinstance(event, TicketEvent):
                ticket = tickets.get(recorded.stream_id) or Ticket(id=recorded.stream_id)
                tickets[ticket.id] = ticket.after([event])
        if came:
            ticket, truth = tickets[came.stream_id], truths[came.event.mail_id]
            client = truth.file and clients.get(truth.file.id)
            yield Arrival(
                truth=truth,
                client=client and Target(kind="client", id=client),
                ticket=ticket,
                misled=any(truths[mail.mail_id].misled for mail in ticket.mails),
            )
