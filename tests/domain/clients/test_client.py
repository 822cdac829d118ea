from uuid import UUID

import pytest
from pydantic import ValidationError

from domain.aggregates import NotFound
from domain.clients.client import (
    ActivateClient,
    Client,
    ClientActivated,
    Company,
    Person,
    ProspectRegistered,
    RegisterClient,
)
from domain.email_addresses.email_address import Address, AddressBelongsToAnother, EmailAddressAssociated
from tests.given_when_then import given, keyed_id

PAUL = UUID(int=77)
MARTIN = Person(title="M.", first_name="Paul", last_name="Martin")


def registering(*addresses, active=False, client_id=PAUL):
    return RegisterClient(client_id=client_id, identity=MARTIN, active=active, email_addresses=addresses)


def test_a_dossier_opens_as_a_prospect_under_the_next_number():
    answer = given().when(registering()).then({PAUL: [ProspectRegistered(number=1, identity=MARTIN)]})
    assert answer.id == PAUL


def test_a_dossier_may_open_as_a_client_already():
    given().when(registering(active=True)).then(
        {PAUL: [ProspectRegistered(number=1, identity=MARTIN), ClientActivated()]}
    )


def test_a_company_has_a_dossier_too():
    company = Company(company_name="Garage Martin SARL")
    given().when(RegisterClient(client_id=PAUL, identity=company)).then(
        {PAUL: [ProspectRegistered(number=1, identity=company)]}
    )


def test_a_dossier_opens_with_the_addresses_that_are_its_own(office):
    paul = keyed_id("email_address", "paul@example.fr")
    given().when(registering("paul@example.fr")).then(
        {
            PAUL: [ProspectRegistered(number=1, identity=MARTIN)],
            paul: [
                EmailAddressAssociated(
                    owner=office.target(PAUL), dossier_id=PAUL, written=Address(address="paul@example.fr")
                )
            ],
        }
    )


def test_one_address_twice_is_one(office):
    given().when(registering("claire@example.fr", "CLAIRE@example.fr")).then(
        {PAUL: [ProspectRegistered(number=1, identity=MARTIN)], office.address_id: [office.associated(PAUL)]}
    )


def test_a_dossier_does_not_open_with_an_address_of_another(office):
    given(office.address_id, office.associated(office.bruno)).when(registering(office.address)).then_raises(
        AddressBelongsToAnother,
        address=office.address,
        address_id=office.address_id,
        owners=(office.target(office.bruno),),
    )


def test_opening_a_dossier_twice_changes_nothing(office):
    given(office.claire, office.registered()).when(registering(client_id=office.claire)).then_nothing()


def test_a_dossier_is_registered_once(office):
    assert Client(id=office.claire).after([office.registered()]).register(2, MARTIN) == []


def test_opening_an_open_dossier_as_active_activates_it(office):
    given(office.claire, office.registered()).when(registering(client_id=office.claire, active=True)).then(
        {office.claire: [ClientActivated()]}
    )


def test_a_prospect_becomes_a_client(office):
    answer = (
        given(office.claire, office.registered())
        .when(ActivateClient(client_id=office.claire))
        .then({office.claire: [ClientActivated()]})
    )
    assert answer.id == office.claire


def test_activating_a_client_changes_nothing(office):
    given(office.claire, office.registered(), office.activated()).when(
        ActivateClient(client_id=office.claire)
    ).then_nothing()


def test_nobody_can_be_activated_who_was_never_registered(office):
    given(office.bruno, office.registered()).when(ActivateClient(client_id=office.claire)).then_raises(
        NotFound, kind="client", id=office.claire
    )


def test_a_ticket_is_not_a_client(office):
    given(office.ticket_id, office.received()).when(ActivateClient(client_id=office.ticket_id)).then_raises(
        NotFound, kind="client", id=office.ticket_id
    )


def test_a_fact_that_decisions_do_not_need_changes_no_state(office):
    state = Client(id=office.claire).after([office.registered()])
    assert state.evolve(office.received()) == state


@pytest.mark.parametrize("name", ["", "  ", "\n\t", "\u2028"])
def test_a_name_is_not_blank(name):
    with pytest.raises(ValidationError) as refused:
        RegisterClient(client_id=PAUL, identity={"kind": "person", "last_name": name})
    assert [error["loc"] for error in refused.value.errors()] == [("identity", "person", "last_name")]


@pytest.mark.parametrize(
    ("identity", "field"),
    [
        ({"kind": "person", "last_name": "x" * 201}, ("identity", "person", "last_name")),
        ({"kind": "person", "last_name": "Dupont", "first_name": "x" * 201}, ("identity", "person", "first_name")),
        ({"kind": "person", "last_name": "Dupont", "title": "Dr"}, ("identity", "person", "title")),
        ({"kind": "person", "last_name": "Dupont", "age": 4}, ("identity", "person", "age")),
        ({"kind": "company", "company_name": "x" * 201}, ("identity", "company", "company_name")),
        ({"kind": "trust", "last_name": "Dupont"}, ("identity",)),
    ],
)
def test_what_is_wrong_with_an_identity_is_named(identity, field):
    with pytest.raises(ValidationError) as refused:
        RegisterClient(client_id=PAUL, identity=identity)
    assert [error["loc"] for error in refused.value.errors()] == [field]


def test_a_wrong_address_is_named():
    with pytest.raises(ValidationError) as refused:
        registering("paul@example.fr", "not an address")
    assert [error["loc"] for error in refused.value.errors()] == [("email_addresses", 1)]


def test_a_name_is_written_on_one_line_and_storable():
    assert Person(last_name=" Du\r\npont\t\x00 ", first_name="\ud800").model_dump() == {
        "kind": "person",
        "title": None,
        "first_name": "\ufffd",
        "last_name": "Du pont \ufffd",
    }
