"""The demonstration office: invented people and a month of their mail, through the real commands and importer."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Final

from adapters.demo_office import DemoDossier, DemoOffice, demo_messages, demo_office, write_mbox
from api.bootstrap import Greffier
from api.staff import COMMAND_LINE, welcome
from domain.client import Company, Identity, NewClient, Person, RegisterClient
from domain.events import Actor
from domain.files import AssociateEmailAddress
from domain.office import OFFICE_ID, CollaboratorIdentity, Office, OfficeOpened, OpenOffice
from domain.values import Target

MAILBOX: Final = "demo-mail.mbox"


class AnotherOffice(Exception):
    def __init__(self, folder: Path, name: str | None) -> None:
        super().__init__(f"{folder} holds another office ({name}): the demonstration needs a folder of its own")


def furnish(greffier: Greffier) -> Path:
    """Opens the demonstration office with its staff and dossiers, and gives its mailbox. Done again, adds nothing.

    Raises `AnotherOffice`: nobody's real office is furnished with invented people.
    """
    office = demo_office()
    greffier.log.execute(OpenOffice(name=office.name), COMMAND_LINE)
    if (name := greffier.log.state(Office, OFFICE_ID).name) != office.name:
        raise AnotherOffice(greffier.settings.data, name)
    staff = [
        welcome(greffier, CollaboratorIdentity(first_name=c.first_name, last_name=c.last_name, email_address=c.email))
        for c in office.collaborators
    ]
    for dossier in office.dossiers:
        _open(greffier, office, dossier, Actor.collaborator(staff[0]))
    mailbox = greffier.settings.data / MAILBOX
    write_mbox(demo_messages(office, last_day=_opening_day(greffier) - timedelta(days=1)), mailbox)
    return mailbox


def _open(greffier: Greffier, office: DemoOffice, dossier: DemoDossier, actor: Actor) -> None:
    new = NewClient(
        client_id=greffier.log.keyed_id("demo_dossier", dossier.display_name),
        identity=_identity(dossier),
        active=dossier.status == "client",
    )
    own = tuple(address for address in dossier.emails if address not in office.shared_emails)
    greffier.log.execute(RegisterClient(client=new, email_addresses=own), actor)
    for address in set(dossier.emails) - set(own):
        greffier.log.execute(
            AssociateEmailAddress(owner=Target(kind="client", id=new.client_id), address=address, how="share"), actor
        )


def _identity(dossier: DemoDossier) -> Identity:
    if dossier.kind == "company":
        return Company(company_name=dossier.company_name)
    return Person(first_name=dossier.first_name, last_name=dossier.last_name)


def _opening_day(greffier: Greffier) -> date:
    opened = next(r for r in greffier.log.stream(OFFICE_ID) if isinstance(r.event, OfficeOpened))
    return opened.at.date()
