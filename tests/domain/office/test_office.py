from uuid import UUID

import pytest
from pydantic import ValidationError

from domain.access import Viewer, may
from domain.aggregates import NotFound
from domain.email_addresses.email_address import (
    Address,
    AddressBelongsToAnother,
    EmailAddressReleased,
    EmailAddressReserved,
)
from domain.office.office import (
    OFFICE_ID,
    CollaboratorIdentity,
    CollaboratorJoined,
    Office,
    OfficeNotOpen,
    OfficeOpened,
    OpenOffice,
    ReleaseOfficeAddress,
    ReserveOfficeAddress,
    WelcomeCollaborator,
)
from tests.given_when_then import given, keyed_id

ANNE = UUID(int=20)
IDENTITY = CollaboratorIdentity(first_name="Anne", last_name="Petit", email_address="anne@cabinet.example.fr")
OPENED = OfficeOpened(name="Cabinet Petit", time_zone="Europe/Paris")
JOINED = CollaboratorJoined(collaborator_id=ANNE, identity=IDENTITY)
ADDRESS = keyed_id("email_address", IDENTITY.email_address)
RESERVED = EmailAddressReserved(written=Address(address=IDENTITY.email_address))


def test_an_office_opens_under_its_name():
    given().when(OpenOffice(name="Cabinet  Petit")).then({OFFICE_ID: [OPENED]})


def test_an_office_opens_once():
    given(OFFICE_ID, OPENED).when(OpenOffice(name="Another", time_zone="Indian/Reunion")).then_nothing()


def test_a_collaborator_joins():
    answer = (
        given(OFFICE_ID, OPENED)
        .when(WelcomeCollaborator(collaborator_id=ANNE, identity=IDENTITY))
        .then({OFFICE_ID: [JOINED], ADDRESS: [RESERVED]})
    )
    assert answer.collaborators == {ANNE}


def test_a_collaborator_joins_once():
    given(OFFICE_ID, OPENED, JOINED).when(WelcomeCollaborator(collaborator_id=ANNE, identity=IDENTITY)).then_nothing()


def test_another_collaborator_joins_too_and_may_have_the_same_address():
    other = UUID(int=21)
    given(OFFICE_ID, OPENED, JOINED).and_given(ADDRESS, RESERVED).when(
        WelcomeCollaborator(collaborator_id=other, identity=IDENTITY)
    ).then({OFFICE_ID: [CollaboratorJoined(collaborator_id=other, identity=IDENTITY)]})


def test_a_collaborator_does_not_join_under_a_clients_address(office):
    associated = office.associated(office.claire)
    given(OFFICE_ID, OPENED).and_given(ADDRESS, associated).when(
        WelcomeCollaborator(collaborator_id=ANNE, identity=IDENTITY)
    ).then_raises(
        AddressBelongsToAnother,
        address=IDENTITY.email_address,
        address_id=ADDRESS,
        owners=(office.target(office.claire),),
    )


def test_an_address_is_made_the_offices_own_and_given_up():
    reserve = ReserveOfficeAddress(address=IDENTITY.email_address)
    given(OFFICE_ID, OPENED).when(reserve).then({ADDRESS: [RESERVED]})
    given(OFFICE_ID, OPENED).and_given(ADDRESS, RESERVED).when(reserve).then_nothing()
    given().when(reserve).then_raises(OfficeNotOpen)
    release = ReleaseOfficeAddress(address_id=ADDRESS)
    given(ADDRESS, RESERVED).when(release).then({ADDRESS: [EmailAddressReleased()]})
    given(ADDRESS, RESERVED, EmailAddressReleased()).when(release).then_nothing()
    given().when(release).then_raises(NotFound, kind="e-mail address", id=ADDRESS)


def test_a_file_s_address_is_not_the_office_s_to_give_up(office):
    release = ReleaseOfficeAddress(address_id=ADDRESS)
    associated = office.associated(office.claire)
    given(ADDRESS, associated).when(release).then_raises(NotFound, kind="office's address", id=ADDRESS)


def test_nobody_joins_an_office_that_is_not_open():
    given().when(WelcomeCollaborator(collaborator_id=ANNE, identity=IDENTITY)).then_raises(OfficeNotOpen)


@pytest.mark.parametrize(("field", "value"), [("time_zone", "Europe/Lutèce"), ("time_zone", ""), ("name", "  ")])
def test_what_is_wrong_with_an_office_is_named(field, value):
    with pytest.raises(ValidationError) as refused:
        OpenOffice(**{"name": "Cabinet Petit", field: value})
    assert [error["loc"] for error in refused.value.errors()] == [(field,)]


def test_a_fact_that_decisions_do_not_need_changes_no_state(office):
    state = Office(id=OFFICE_ID).after([OPENED])
    assert state.evolve(office.registered()) == state


def test_every_collaborator_may_do_what_exists_today():
    assert may(Viewer(collaborator_id=ANNE), "file")
    assert not may(None, "read")
