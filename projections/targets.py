"""The files of every kind, put together from their read models: what each is called, what stands above it and below."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement

from domain.values import FILE_KINDS, FileKind, Target
from projections import claims, clients, companies, contacts, contracts
from projections.engine.projection import Projection
from projections.queries.reading import Reading, Shown, reads

VIEWS: Final[tuple[Projection, ...]] = (
    clients.clients,
    contracts.contracts,
    claims.claims,
    companies.companies,
    contacts.contacts,
)
"""What these queries read."""

UNKNOWN: Final = "fiche inconnue"
"""What a file is called that was erased, or never was."""


class FileLine(Shown):
    """A file by its kind, its id, and what it is called."""

    kind: FileKind
    """What it is."""
    id: UUID
    """For its own path: `/clients/{id}` for a client, `/contracts/{id}` for a contract, and so on."""
    label: str
    """For people to read, in French: a name, « contrat MRH-1 », « sinistre n° 7 »; « fiche inconnue » once it was erased."""


class Files:
    """What some files are called, and what stands above them."""

    def __init__(self, session: Reading, targets: Iterable[Target]) -> None:
        wanted: dict[FileKind, set[UUID]] = {kind: set() for kind in FILE_KINDS}
        for target in targets:
            wanted[target.kind].add(target.id)
        self._claims = claims.numbered(session, wanted["claim"]) if wanted["claim"] else {}
        wanted["contract"].update(claim.contract_id for claim in self._claims.values())
        self._contracts = contracts.placed(session, wanted["contract"]) if wanted["contract"] else {}
        wanted["client"].update(contract.dossier_id for contract in self._contracts.values())
        self._clients = clients.names(session, wanted["client"]) if wanted["client"] else {}
        self._contacts = contacts.placed(session, wanted["contact"]) if wanted["contact"] else {}
        wanted["company"].update(contact.company_id for contact in self._contacts.values() if contact.company_id)
        self._companies = companies.names(session, wanted["company"]) if wanted["company"] else {}

    def knows(self, target: Target) -> bool:
        return self._name(target) is not None

    def label(self, target: Target) -> str:
        """What it is called, for whoever reads it."""
        return self._name(target) or UNKNOWN

    def _name(self, target: Target) -> str | None:
        id_ = target.id
        match target.kind:
            case "client":
                return self._clients.get(id_)
            case "contract":
                contract = self._contracts.get(id_)
                return f"contrat {contract.policy_number}" if contract else None
            case "claim":
                claim = self._claims.get(id_)
                return f"sinistre n° {claim.number}" if claim else None
            case "company":
                return self._companies.get(id_)
            case "contact":
                contact = self._contacts.get(id_)
                return contact.label if contact else None

    def line(self, target: Target) -> list[FileLine]:
        """The file and everything above it: a claim, its contract, that one's client (T11, T12); a contact, its company."""
        return [FileLine(kind=one.kind, id=one.id, label=self.label(one)) for one in self.lineage(target)]

    def lineage(self, target: Target) -> list[Target]:
        """The same, without what each is called."""
        above = self._above(target)
        return [target] if above is None else [target, *self.lineage(above)]

    def _above(self, target: Target) -> Target | None:
        if target.kind == "claim" and (claim := self._claims.get(target.id)):
            return Target(kind="contract", id=claim.contract_id)
        if target.kind == "contract" and (contract := self._contracts.get(target.id)):
            return Target(kind="client", id=contract.dossier_id)
        if target.kind == "contact" and (contact := self._contacts.get(target.id)) and contact.company_id:
            return Target(kind="company", id=contact.company_id)
        return None


def under(
    session: Reading, file: Target, *, on: ColumnElement[UUID], dossier: ColumnElement[UUID | None]
) -> ColumnElement[bool]:
    """That a row, by the columns that say on which file it is and of which client, is on a file or on one under it."""
    match file.kind:
        case "client":
            return dossier == file.id
        case "contract":
            return on.in_([file.id, *claims.ids_under(session, file.id)])
        case "company":
            return on.in_([file.id, *contacts.ids_of_company(session, file.id)])
        case _:
            return on == file.id


@reads(*VIEWS)
def exists(session: Reading, file: Target) -> bool:
    return Files(session, [file]).knows(file)
