"""The demonstration office: invented people and a month of their mail, through the real commands and importer."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

from adapters.demo_office.mailbox import demo_messages, write_mbox
from adapters.demo_office.people import DemoContract, DemoDossier, DemoOffice, demo_office
from adapters.event_store.log import EventLog
from adapters.staff import COMMAND_LINE, welcome
from domain.claims.claim import OpenClaim
from domain.clients.client import Company, Identity, Person, RegisterClient
from domain.companies.company import RegisterCompany
from domain.contacts.contact import ContactIdentity, RegisterContact
from domain.contracts.contract import RegisterContract
from domain.events import Actor
from domain.office.office import OFFICE_ID, CollaboratorIdentity, Office, OfficeOpened, OpenOffice, ReserveOfficeAddress
from domain.targets import AssociateEmailAddress
from domain.values import Target

MAILBOX: Final = "demo-mail.mbox"


class AnotherOffice(Exception):
    def __init__(self, folder: Path, name: str | None) -> None:
        super().__init__(f"{folder} holds another office ({name}): the demonstration needs a folder of its own")


def furnish(log: EventLog, folder: Path) -> Path:
    """Opens the demonstration office with its staff and dossiers, and gives its mailbox in this folder. Done again, adds nothing.

    Raises `AnotherOffice`: nobody's real office is furnished with invented people.
    """
    office = demo_office()
    log.execute(OpenOffice(name=office.name), COMMAND_LINE)
    if (name := log.state(Office, OFFICE_ID).name) != office.name:
        raise AnotherOffice(folder, name)
    staff = [
        welcome(log, CollaboratorIdentity(first_name=c.first_name, last_name=c.last_name, email_address=c.email))
        for c in office.collaborators
    ]
    log.execute(ReserveOfficeAddress(address=office.email), COMMAND_LINE)
    for dossier in office.dossiers:
        _open(log, office, dossier, Actor.collaborator(staff[0]))
    insurer_id = _register_insurer(log, office, Actor.collaborator(staff[0]))
    for contract in office.contracts:
        _register(log, contract, insurer_id, Actor.collaborator(staff[0]))
    mailbox = folder / MAILBOX
    write_mbox(demo_messages(office, last_day=_opening_day(log) - timedelta(days=1)), mailbox)
    return mailbox


def _open(log: EventLog, office: DemoOffice, dossier: DemoDossier, actor: Actor) -> None:
    client_id = _dossier_id(log, dossier.display_name)
    own = tuple(address for address in dossier.emails if address not in office.shared_emails)
    register = RegisterClient(
        client_id=client_id, identity=_identity(dossier), active=dossier.status == "client", email_addresses=own
    )
    log.execute(register, actor)
    for address in set(dossier.emails) - set(own):
        log.execute(
            AssociateEmailAddress(owner=Target(kind="client", id=client_id), address=address, how="share"), actor
        )


def _register_insurer(log: EventLog, office: DemoOffice, actor: Actor) -> UUID:
    insurer = office.insurer
    company_id = log.keyed_id("demo_company", insurer.name)
    log.execute(RegisterCompany(company_id=company_id, role="insurer", name=insurer.name), actor)
    contact = RegisterContact(
        contact_id=log.keyed_id("demo_contact", insurer.last_name),
        company_id=company_id,
        identity=ContactIdentity(first_name=insurer.first_name, last_name=insurer.last_name, function=insurer.function),
    )
    log.execute(contact, actor)
    return company_id


def _register(log: EventLog, contract: DemoContract, insurer_id: UUID, actor: Actor) -> None:
    contract_id = log.keyed_id("demo_contract", contract.policy_number)
    register = RegisterContract(
        contract_id=contract_id,
        client_id=_dossier_id(log, contract.dossier),
        company_id=insurer_id,
        policy_number=contract.policy_number,
        product=contract.product,
    )
    log.execute(register, actor)
    for reference in contract.claims:
        claim = OpenClaim(
            claim_id=log.keyed_id("demo_claim", reference),
            contract_id=contract_id,
            insurer_reference=reference,
        )
        log.execute(claim, actor)


def _dossier_id(log: EventLog, display_name: str) -> UUID:
    return log.keyed_id("demo_dossier", display_name)


def _identity(dossier: DemoDossier) -> Identity:
    if dossier.kind == "company":
        return Company(company_name=dossier.company_name)
    return Person(first_name=dossier.first_name, last_name=dossier.last_name)


def _opening_day(log: EventLog) -> date:
    opened = next(r for r in log.stream(OFFICE_ID) if isinstance(r.event, OfficeOpened))
    return opened.at.date()
