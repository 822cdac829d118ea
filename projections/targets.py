"""Whatever a ticket can be filed on, put together from the read models: what each is called, what stands above and below."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement

from domain.values import TARGET_KINDS, Target, TargetKind
from projections import claims, clients, companies, contacts, contracts
from projections.engine.projection import Projection
from projections.queries.placed import Placed
from projections.queries.reading import Reading, Shown, reads

VIEWS: Final[tuple[Projection, ...]] = (
    clients.clients,
    contracts.contracts,
    claims.claims,
    companies.companies,
    contacts.contacts,
)
"""What these queries read."""

_FROM_BELOW: Final[dict[TargetKind, Callable[[Reading, Collection[UUID]], dict[UUID, Placed]]]] = {
    "claim": claims.placed,
    "contract": contracts.placed,
    "client": clients.placed,
    "contact": contacts.placed,
    "company": companies.placed,
}
"""What tells of each kind where they stand: nothing stands above a kind that comes later."""

UNKNOWN: Final = "fiche inconnue"
"""What a target is called that was erased, or never was."""


class TargetLine(Shown):
    """A target by its kind, its id, and what it is called."""

    kind: TargetKind
    """What it is."""
    id: UUID
    """For its own path: `/clients/{id}` for a client, `/contracts/{id}` for a contract, and so on."""
    label: str
    """For people to read, in French: a name, « contrat MRH-1 », « sinistre n° 7 »; « fiche inconnue » once it was erased."""


class Targets:
    """What some targets are called, and what stands above them."""

    def __init__(self, session: Reading, targets: Iterable[Target]) -> None:
        wanted: dict[TargetKind, set[UUID]] = {kind: set() for kind in TARGET_KINDS}
        for target in targets:
            wanted[target.kind].add(target.id)
        self._placed: dict[UUID, Placed] = {}
        for kind, placed in _FROM_BELOW.items():
            found = placed(session, wanted[kind]) if wanted[kind] else {}
            self._placed |= found
            for place in found.values():
                if place.above:
                    wanted[place.above.kind].add(place.above.id)

    def knows(self, target: Target) -> bool:
        return target.id in self._placed

    def label(self, target: Target) -> str:
        """What it is called, for whoever reads it."""
        return self._placed[target.id].label if self.knows(target) else UNKNOWN

    def line(self, target: Target) -> list[TargetLine]:
        """The target and everything above it: a claim, its contract, that one's client (T11, T12); a contact, its company."""
        return [TargetLine(kind=one.kind, id=one.id, label=self.label(one)) for one in self.lineage(target)]

    def lineage(self, target: Target) -> list[Target]:
        """The same, without what each is called."""
        above = self._placed[target.id].above if self.knows(target) else None
        return [target, *(self.lineage(above) if above else ())]


def under(
    session: Reading, target: Target, *, on: ColumnElement[UUID], dossier: ColumnElement[UUID | None]
) -> ColumnElement[bool]:
    """That a row, by the columns that say on which target it is and of which client, is on a target or on one under it."""
    match target.kind:
        case "client":
            return dossier == target.id
        case "contract":
            return on.in_([target.id, *claims.ids_under(session, target.id)])
        case "company":
            return on.in_([target.id, *contacts.ids_of_company(session, target.id)])
        case _:
            return on == target.id


@reads(*VIEWS)
def exists(session: Reading, target: Target) -> bool:
    return Targets(session, [target]).knows(target)
