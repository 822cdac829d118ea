"""Commands a second: addresses associated and tickets filed by hand, through the log."""

import io
from pathlib import Path
from uuid import uuid4

from adapters.staff import COMMAND_LINE
from api.bootstrap import Greffier, create_office, open_greffier
from api.settings import Settings
from domain.clients.client import Company, RegisterClient
from domain.commands import Command
from domain.office.office import OpenOffice
from domain.targets import AssociateEmailAddress
from domain.tickets.filing_by_hand import ClassifyTicket
from domain.values import Target
from tests.bench.bare_library import bare_store, save_all, saves_of
from tests.bench.measuring import Measurement, Pair, seconds
from tests.end_to_end.mailboxes import letters

_CLIENTS = 20


def _commands(office: Greffier, size: int) -> list[Command]:
    office.log.execute(OpenOffice(name="Banc d'essai"), COMMAND_LINE)
    clients = [uuid4() for _ in range(_CLIENTS)]
    for number, client in enumerate(clients):
        office.log.execute(
            RegisterClient(client_id=client, identity=Company(company_name=f"Essai {number}"), active=True),
            COMMAND_LINE,
        )
    commands: list[Command] = []
    for number, message in enumerate(letters((size + 1) // 2)):
        ticket = office.intake.take_in("bench", len(message), io.BytesIO(message)).ticket_id
        assert ticket is not None
        client = clients[number % _CLIENTS]
        commands += [
            AssociateEmailAddress(owner=Target(kind="client", id=client), address=f"adresse.{number}@courriel.example"),
            ClassifyTicket(ticket_id=ticket, on=Target(kind="client", id=client)),
        ]
    return commands[:size]


def _execute(office: Greffier, commands: list[Command]) -> None:
    for command in commands:
        office.log.execute(command, COMMAND_LINE)


def _beside(folder: Path, size: int) -> Pair:
    settings = Settings(data=folder / "office")
    create_office(settings)
    with open_greffier(settings) as office, bare_store(folder) as store:
        commands = _commands(office, size)
        before = office.log.head()
        ours = seconds(lambda: _execute(office, commands))
        saves = saves_of(office.log, before)
        assert len(saves) == size
        return Pair(ours, seconds(lambda: save_all(store, saves)))


EXECUTED = Measurement("commands executed per second", "the same events, stored by the bare library", _beside, size=300)
