from uuid import UUID

import pytest
from pydantic import ValidationError

from domain.aggregates import NotFound
from domain.email_addresses.email_address import (
    Address,
    AddressBelongsToAnother,
    AddressNotOnFile,
    EmailAddress,
    EmailAddressMoved,
    EmailAddressRemoved,
)
from domain.targets import AssociateEmailAddress, RemoveEmailAddress
from domain.values import Target
from tests.given_when_then import given


@pytest.fixture
def two_clients(office):
    """Claire and Bruno, and what became of Claire's address before."""

    def with_address(*events):
        return (
            given(office.claire, office.registered())
            .and_given(office.bruno, office.registered("Martin", 2))
            .and_given(office.address_id, *events)
        )

    return with_address


def giving(office, client_id, how="associate", address=None):
    return AssociateEmailAddress(owner=Target(kind="client", id=client_id), address=address or office.address, how=how)


@pytest.mark.parametrize("how", ["associate", "share", "move"])
def test_a_free_address_gets_its_first_owner(office, two_clients, how):
    answer = (
        two_clients()
        .when(giving(office, office.claire, how))
        .then({office.address_id: [office.associated(office.claire)]})
    )
    assert answer.id == office.address_id


@pytest.mark.parametrize("how", ["associate", "share", "move"])
def test_giving_an_address_to_its_only_owner_changes_nothing(office, two_clients, how):
    two_clients(office.associated(office.claire)).when(giving(office, office.claire, how)).then_nothing()


@pytest.mark.parametrize("how", ["associate", "share"])
def test_giving_a_shared_address_to_one_of_its_owners_changes_nothing(office, two_clients, how):
    two_clients(office.associated(office.claire), office.associated(office.bruno, shared_with=[office.claire])).when(
        giving(office, office.claire, how)
    ).then_nothing()


def test_an_address_of_another_is_not_taken_silently(office, two_clients):
    two_clients(office.associated(office.bruno)).when(giving(office, office.claire)).then_raises(
        AddressBelongsToAnother,
        address=office.address,
        address_id=office.address_id,
        owners=(office.target(office.bruno),),
    )


def test_sharing_an_address_adds_an_owner_and_names_the_others(office, two_clients):
    two_clients(office.associated(office.bruno)).when(giving(office, office.claire, "share")).then(
        {office.address_id: [office.associated(office.claire, shared_with=[office.bruno])]}
    )


def test_moving_an_address_replaces_its_owner(office, two_clients):
    two_clients(office.associated(office.bruno)).when(giving(office, office.claire, "move")).then(
        {
            office.address_id: [
                EmailAddressMoved(
                    owner=office.target(office.claire),
                    dossier_id=office.claire,
                    former_owners=(office.target(office.bruno),),
                    former_dossier_ids=(office.bruno,),
                    written=Address(address=office.address),
                )
            ]
        }
    )


def test_moving_a_shared_address_to_one_of_its_owners_leaves_it_alone(office, two_clients):
    shared = [office.associated(office.bruno), office.associated(office.claire, shared_with=[office.bruno])]
    moved = EmailAddressMoved(
        owner=office.target(office.claire),
        dossier_id=office.claire,
        former_owners=(office.target(office.bruno),),
        former_dossier_ids=(office.bruno,),
        written=Address(address=office.address),
    )
    two_clients(*shared).when(giving(office, office.claire, "move")).then({office.address_id: [moved]})
    two_clients(*shared, moved).when(giving(office, office.bruno)).then_raises(
        AddressBelongsToAnother,
        address=office.address,
        address_id=office.address_id,
        owners=(office.target(office.claire),),
    )


def test_an_address_is_taken_off_a_file(office, two_clients):
    answer = (
        two_clients(office.associated(office.claire))
        .when(RemoveEmailAddress(owner=Target(kind="client", id=office.claire), address_id=office.address_id))
        .then(
            {
                office.address_id: [
                    EmailAddressRemoved(owner=office.target(office.claire), former_dossier_id=office.claire)
                ]
            }
        )
    )
    assert answer.id == office.address_id


def test_taking_a_shared_address_off_one_file_leaves_it_on_the_other(office, two_clients):
    two_clients(office.associated(office.claire), office.associated(office.bruno, shared_with=[office.claire])).when(
        RemoveEmailAddress(owner=Target(kind="client", id=office.claire), address_id=office.address_id)
    ).then(
        {
            office.address_id: [
                EmailAddressRemoved(
                    owner=office.target(office.claire),
                    former_dossier_id=office.claire,
                    remaining=(office.target(office.bruno),),
                )
            ]
        }
    )


def test_an_address_removed_is_free_again(office, two_clients):
    two_clients(
        office.associated(office.claire),
        EmailAddressRemoved(owner=office.target(office.claire), former_dossier_id=office.claire),
    ).when(giving(office, office.bruno)).then({office.address_id: [office.associated(office.bruno)]})


@pytest.mark.parametrize("events", [[], ["bruno"]])
def test_an_address_that_is_not_on_the_file_can_not_be_taken_off(office, two_clients, events):
    two_clients(*[office.associated(getattr(office, name)) for name in events]).when(
        RemoveEmailAddress(owner=Target(kind="client", id=office.claire), address_id=office.address_id)
    ).then_raises(AddressNotOnFile, address_id=office.address_id, owner=office.target(office.claire))


@pytest.mark.parametrize(
    "command",
    [
        lambda office: giving(office, office.claire),
        lambda office: RemoveEmailAddress(owner=Target(kind="client", id=office.claire), address_id=office.address_id),
    ],
)
def test_addresses_belong_to_dossiers_that_exist(office, command):
    given(office.bruno, office.registered()).when(command(office)).then_raises(
        NotFound, kind="client", id=office.claire
    )


@pytest.mark.parametrize("spelling", ["CLAIRE@Example.FR", " claire@example.fr", '"claire"@example.fr'])
def test_an_address_is_one_however_it_is_spelt(office, spelling):
    given(office.claire, office.registered()).and_given(office.address_id, office.associated(office.bruno)).when(
        AssociateEmailAddress.model_construct(owner=office.target(office.claire), address=spelling, how="associate")
    ).then_raises(
        AddressBelongsToAnother,
        address=spelling,
        address_id=office.address_id,
        owners=(office.target(office.bruno),),
    )


@pytest.mark.parametrize(
    "address", ["", "claire", "claire@", "claire@example", "a b@example.fr", "x" * 330, "a@b@c.fr"]
)
def test_a_wrong_address_is_refused_by_name(office, address):
    with pytest.raises(ValidationError) as refused:
        giving(office, office.claire, address=address or " ")
    assert [error["loc"] for error in refused.value.errors()] == [("address",)]


def test_an_unknown_way_of_giving_is_refused(office):
    with pytest.raises(ValidationError) as refused:
        giving(office, office.claire, "steal")
    assert [error["loc"] for error in refused.value.errors()] == [("how",)]


def test_a_fact_that_decisions_do_not_need_changes_no_state(office):
    state = EmailAddress(id=UUID(int=5)).after([office.associated(office.claire)])
    assert state.evolve(office.registered()) == state
