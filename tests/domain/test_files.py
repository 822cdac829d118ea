"""Contracts, claims, companies and contacts: what filing needs of them, and whose addresses are whose."""

from datetime import date
from typing import get_args
from uuid import UUID

import pytest
from pydantic import ValidationError

from domain.aggregates import NotFound
from domain.claims.claim import (
    ClaimClosed,
    ClaimOpened,
    ClaimReference,
    ClaimReopened,
    CloseClaim,
    OpenClaim,
    ReopenClaim,
)
from domain.commands import Warned, WarningCode
from domain.companies.company import CompanyName, CompanyRegistered, RegisterCompany
from domain.contacts.contact import ContactIdentity, ContactRegistered, RegisterContact
from domain.contracts.contract import (
    ContractRegistered,
    ContractTerminated,
    Policy,
    RegisterContract,
    TerminateContract,
)
from domain.email_addresses.email_address import Address, EmailAddressAssociated
from domain.quoted_numbers.quoted_number import NumberGiven
from domain.targets import AssociateEmailAddress
from domain.tickets.events import TicketClassified
from domain.tickets.filing import CollaboratorChoice
from domain.tickets.filing_by_hand import ClassifyTicket
from domain.values import Target
from tests.given_when_then import given, keyed_id

CONTRACT, CLAIM, COMPANY, CONTACT = (UUID(int=number) for number in range(21, 25))
JANUARY, JUNE, DECEMBER = date(2026, 1, 1), date(2026, 6, 30), date(2026, 12, 31)
POLICY = Policy(number="MRH-2201457", product="Multirisque habitation")
INSURER = CompanyRegistered(role="insurer", identity=CompanyName(name="Mutuelle des Deux Rives"))
FERRAND = ContactRegistered(number=1, company_id=COMPANY, identity=ContactIdentity(last_name="Ferrand"))


@pytest.fixture
def files(office):
    """A client with a contract and a claim, an insurer with a contact, and a ticket."""

    def made():
        return (
            given(office.claire, office.registered())
            .and_given(CONTRACT, ContractRegistered(dossier_id=office.claire, policy=POLICY))
            .and_given(
                CLAIM, ClaimOpened(number=1, contract_id=CONTRACT, dossier_id=office.claire, reference=ClaimReference())
            )
            .and_given(COMPANY, INSURER)
            .and_given(CONTACT, FERRAND)
            .and_given(office.ticket_id, office.received())
        )

    return made


def dossier_of(office, target):
    """The contract and the claim are Claire's."""
    return office.claire if target.kind in {"contract", "claim"} else None


def filed(office, target):
    return TicketClassified(filed_on=target, dossier_id=dossier_of(office, target), evidence=CollaboratorChoice())


def number_id(plain):
    """The stream of a number that people quote."""
    return keyed_id("quoted_number", plain)


def test_a_contract_is_registered_under_its_client_with_its_insurer(office):
    facts = {"company_id": COMPANY, "starts_on": JANUARY}
    given(office.claire, office.registered()).and_given(COMPANY, INSURER).when(
        RegisterContract(
            contract_id=CONTRACT,
            client_id=office.claire,
            policy_number=POLICY.number,
            product=POLICY.product,
            **facts,
        )
    ).then(
        {
            CONTRACT: [ContractRegistered(dossier_id=office.claire, policy=POLICY, **facts)],
            number_id("MRH2201457"): [NumberGiven(file=Target(kind="contract", id=CONTRACT), dossier_id=office.claire)],
        }
    )


def test_who_registers_a_contract_is_warned_of_others_under_its_number(office, files):
    other, of_claim = Target(kind="contract", id=UUID(int=31)), Target(kind="claim", id=CLAIM)
    number = number_id("MRH2201457")
    command = RegisterContract(contract_id=UUID(int=32), client_id=office.claire, policy_number="mrh 2201457")
    registered = ContractRegistered(dossier_id=office.claire, policy=Policy(number="mrh 2201457"))
    given_too = {
        number: [NumberGiven(file=Target(kind="contract", id=UUID(int=32)), dossier_id=office.claire)],
        UUID(int=32): [registered],
    }
    contract = Target(kind="contract", id=CONTRACT)
    files().and_given(
        number, *(NumberGiven(file=file, dossier_id=office.claire) for file in (contract, of_claim, other))
    ).when(command).then(given_too, Warned(code="policy_number_taken", field="policy_number", ids=(CONTRACT, other.id)))
    files().and_given(number, NumberGiven(file=of_claim, dossier_id=office.claire)).when(command).then(given_too)


def test_what_was_warned_of_is_told_in_a_sentence():
    for code in get_args(WarningCode):
        assert Warned(code=code).message


@pytest.mark.parametrize(
    ("client", "company", "missing"),
    [
        (UUID(int=77), None, {"kind": "client", "id": UUID(int=77)}),
        (None, COMPANY, {"kind": "company", "id": COMPANY, "field": "company_id"}),
    ],
)
def test_a_contract_needs_its_client_and_the_insurer_that_is_named(office, client, company, missing):
    command = RegisterContract(
        contract_id=CONTRACT, client_id=client or office.claire, company_id=company, policy_number=POLICY.number
    )
    given(office.claire, office.registered()).when(command).then_raises(NotFound, **missing)


def test_a_contract_is_terminated_once_for_a_day(files):
    terminate = TerminateContract(contract_id=CONTRACT, effective_on=JUNE)
    by_june, by_december = ContractTerminated(effective_on=JUNE), ContractTerminated(effective_on=DECEMBER)
    files().when(terminate).then({CONTRACT: [by_june]})
    files().and_given(CONTRACT, by_june).when(terminate).then_nothing()
    files().and_given(CONTRACT, by_december).when(terminate).then({CONTRACT: [by_june]})


def test_a_claim_is_opened_under_a_contract_even_a_terminated_one(office, files):
    facts = {"contract_id": CONTRACT, "occurred_on": JUNE}
    opened = ClaimOpened(
        number=1, dossier_id=office.claire, reference=ClaimReference(insurer_reference="SIN-880"), **facts
    )
    command = OpenClaim(claim_id=UUID(int=31), insurer_reference="SIN-880", **facts)
    given_to = [NumberGiven(file=Target(kind="claim", id=UUID(int=31)), dossier_id=office.claire)]
    files().and_given(CONTRACT, ContractTerminated(effective_on=JUNE)).when(command).then(
        {UUID(int=31): [opened], number_id("sinistre 1"): given_to, number_id("SIN880"): given_to}
    )
    given().when(command).then_raises(NotFound, kind="contract", id=CONTRACT)


def test_a_claim_is_closed_and_reopened(files):
    files().when(CloseClaim(claim_id=CLAIM)).then({CLAIM: [ClaimClosed()]})
    files().when(ReopenClaim(claim_id=CLAIM)).then_nothing()
    files().and_given(CLAIM, ClaimClosed()).when(CloseClaim(claim_id=CLAIM)).then_nothing()
    files().and_given(CLAIM, ClaimClosed()).when(ReopenClaim(claim_id=CLAIM)).then({CLAIM: [ClaimReopened()]})


def test_companies_and_contacts_are_registered(files):
    given().when(RegisterCompany(company_id=COMPANY, role="insurer", name=INSURER.identity.name)).then(
        {COMPANY: [INSURER]}
    )
    contact = RegisterContact(contact_id=CONTACT, company_id=COMPANY, identity=FERRAND.identity)
    given(COMPANY, INSURER).when(contact).then({CONTACT: [FERRAND]})
    given().when(contact).then_raises(NotFound, kind="company", id=COMPANY, field="company_id")


@pytest.mark.parametrize(
    "again",
    [
        lambda office: RegisterContract(contract_id=CONTRACT, client_id=office.claire, policy_number=POLICY.number),
        lambda _: OpenClaim(claim_id=CLAIM, contract_id=CONTRACT),
        lambda _: RegisterCompany(company_id=COMPANY, role="partner", name="Autre"),
        lambda _: RegisterContact(contact_id=CONTACT, identity=ContactIdentity(last_name="Autre")),
    ],
)
def test_what_is_registered_already_stays_as_it_is(office, files, again):
    files().when(again(office)).then_nothing()


@pytest.mark.parametrize(
    ("kind", "file_id"), [("contract", CONTRACT), ("claim", CLAIM), ("company", COMPANY), ("contact", CONTACT)]
)
def test_a_ticket_is_filed_on_any_file(office, files, kind, file_id):
    target = Target(kind=kind, id=file_id)
    answer = (
        files()
        .when(ClassifyTicket(ticket_id=office.ticket_id, on=target))
        .then({office.ticket_id: [filed(office, target)]})
    )
    assert answer.filed_on == target


@pytest.mark.parametrize("kind", ["client", "contract", "claim", "company", "contact"])
def test_a_file_of_another_kind_is_not_there(office, files, kind):
    target = Target(kind=kind, id=office.ticket_id)
    files().when(ClassifyTicket(ticket_id=office.ticket_id, on=target)).then_raises(
        NotFound, kind=kind, id=office.ticket_id, field="on.id"
    )


@pytest.mark.parametrize(
    ("kind", "file_id", "owner"),
    [
        ("contract", CONTRACT, ("client", UUID(int=1))),
        ("claim", CLAIM, ("client", UUID(int=1))),
        ("company", COMPANY, ("company", COMPANY)),
        ("contact", CONTACT, ("contact", CONTACT)),
    ],
)
def test_an_address_associated_with_a_contract_or_a_claim_is_its_client_s(office, files, kind, file_id, owner):
    target, owner = Target(kind=kind, id=file_id), Target(kind=owner[0], id=owner[1])
    files().when(ClassifyTicket(ticket_id=office.ticket_id, on=target, address="associate")).then(
        {
            office.address_id: [
                EmailAddressAssociated(
                    owner=owner,
                    dossier_id=dossier_of(office, target),
                    ticket_id=office.ticket_id,
                    written=Address(address=office.address),
                )
            ],
            office.ticket_id: [filed(office, target)],
        }
    )


def test_an_address_is_given_to_a_contact_who_is_there(files):
    owner = Target(kind="contact", id=CONTACT)
    written = Address(address="o.ferrand@deux-rives.example")
    files().when(AssociateEmailAddress(owner=owner, address=written.address)).then(
        {
            keyed_id("email_address", written.address): [
                EmailAddressAssociated(owner=owner, dossier_id=None, written=written)
            ]
        }
    )
    given().when(AssociateEmailAddress(owner=owner, address=written.address)).then_raises(
        NotFound, kind="contact", id=CONTACT
    )


@pytest.mark.parametrize("kind", ["contract", "claim"])
def test_an_address_is_no_contract_s_and_no_claim_s(kind):
    with pytest.raises(ValidationError, match=f"not to a {kind}"):
        AssociateEmailAddress(owner=Target(kind=kind, id=CONTRACT), address="a@b.example")
