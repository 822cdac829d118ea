from uuid import UUID

from domain.events import ERASED
from domain.office.office import OFFICE_ID, CollaboratorJoined, OfficeOpened
from projections import collaborators
from tests.projections.facts import joined

ANNE, MARC = UUID(int=20), UUID(int=21)


def test_the_staff_by_name(telling):
    views = telling(collaborators.collaborators)
    views.happened(OFFICE_ID, OfficeOpened(name="Cabinet", time_zone="Europe/Paris"))
    views.happened(OFFICE_ID, joined(MARC, "", "Petit"), joined(ANNE, "Anne", "Roy"))
    views.happened(OFFICE_ID, CollaboratorJoined(collaborator_id=UUID(int=22), identity=ERASED))
    assert views.asked(collaborators.labels, {ANNE, MARC, UUID(int=22)}) == {ANNE: "Anne Roy", MARC: "Petit"}
    assert views.asked(collaborators.labels, {MARC}) == {MARC: "Petit"}
    assert views.equal_to_replay()
