"""The demonstration office: invented people and a month of their mail, through the real commands and importer."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

from adapters.demo_office import DemoContract, DemoDossier, DemoOffice, demo_messages, demo_office, write_mbox
from api.bootstrap import Greffier
from api.staff import COMMAND_LINE, welcome
from domain.claim import OpenClaim
from domain.client import Company, Identity, Person, RegisterClient
from domain.company import RegisterCompany
from domain.contact import ContactIdentity, RegisterContact
from domain.contract import RegisterContract
from domain.events import Actor
from domain.files import AssociateEmailAddress
from domain.office import OFFICE_ID, CollaboratorIdentity, Office, OfficeOpened, OpenOffice, ReserveOfficeAddress
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
    greffier.log.execute(ReserveOfficeAddress(address=office.email), COMMAND_LINE)
    for dossier in office.dossiers:
        _open(greffier, office, dossier, Actor.collaborator(staff[0]))
    insurer_id = _register_insurer(greffier, office, Actor.collaborator(staff[0]))
    for contract in office.contracts:
        _register(greffier, contract, insurer_id, Actor.collaborator(staff[0]))
    mailbox = greffier.settings.data / MAILBOX
    write_mbox(demo_messages(office, last_day=_opening_day(greffier) - timedelta(days=1)), mailbox)
    return mailbox


def _open(greffier: Greffier, office: DemoOffice, dossier: DemoDossier, actor: Actor) -> None:
    client_id = _dossier_id(greffier, dossier.display_name)
    own = tuple(address for address in dossier.emails if address not in office.shared_emails)
    register = RegisterClient(
        client_id=client_id, identity=_identity(dossier), active=dossier.status == "client", email_addresses=own
    )
    greffier.log.execute(register, actor)
    for address in set(dossier.emails) - set(own):
        greffier.log.execute(
            AssociateEmailAddress(owner=Target(kind="client", id=client_id), address=address, how="share"), actor
        )


def _register_insurer(greffier: Greffier, office: DemoOffice, actor: Actor) -> UUID:
    insurer = office.insurer
    company_id = greffier.log.keyed_id("demo_company", insurer.name)
    greffier.log.execute(RegisterCompany(company_id=company_id, role="insurer", name=insurer.name), actor)
    contact = RegisterContact(
        contact_id=greffier.log.keyed_id("demo_contact", insurer.last_name),
        company_id=company_id,
        identity=ContactIdentity(first_name=insurer.first_name, last_name=insurer.last_name, function=insurer.function),
    )
    greffier.log.execute(contact, actor)
    return company_id


def _register(greffier: Greffier, contract: DemoContract, insurer_id: UUID, actor: Actor) -> None:
    contract_id = greffier.log.keyed_id("demo_contract", contract.policy_number)
    register = RegisterContract(
        contract_id=contract_id,
        client_id=_dossier_id(greffier, contract.dossier),
        company_id=insurer_id,
        policy_number=contract.policy_number,
        product=contract.product,
    )
    greffier.log.execute(register, actor)
    for reference in contract.claims:
        claim = OpenClaim(
            claim_id=greffier.log.keyed_id("demo_claim", reference),
            contract_id=contract_id,
            insurer_reference=reference,
        )
        greffier.log.execute(claim, actor)


def _dossier_id(greffier: Greffier, display_name: str) -> UUID:
    return greffier.log.keyed_id("demo_dossier", display_name)


def _identity(dossier: DemoDossier) -> Identity:
    if dossier.kind == "company":
        return Company(company_name=dossier.company_name)
    return Person(first_name=dossier.first_name, last_name=dossier.last_name)


def _opening_day(greffier: Greffier) -> date:
    opened = next(r for r in greffier.log.stream(OFFICE_ID) if isinstance(r.event, OfficeOpened))
    return opened.at.date()
