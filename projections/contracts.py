"""The contracts, under the client whose they are."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, Column, Index, Integer, Select, String, Table, Uuid, func

from domain.contracts.contract import ContractEvent, ContractRegistered, ContractStatus, ContractTerminated
from domain.events import Recorded, unsealed
from domain.values import Target
from projections import clients
from projections.engine.projection import Projection, Row, Utc, views
from projections.queries import name_search
from projections.queries.paging import Page, Window, paged
from projections.queries.placed import Placed
from projections.queries.reading import Reading, Shown, reads

_contracts: Final = Table(
    "contracts",
    views,
    Column("contract_id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("dossier_id", Uuid, nullable=False),
    Column("company_id", Uuid),
    Column("policy_number", String, nullable=False),
    Column("product", String, nullable=False),
    Column("status", String, nullable=False),
    Column("starts_on", String),  # ISO 8601
    Column("ends_on", String),
    Column("registered_position", BigInteger, nullable=False),
    Column("registered_at", Utc, nullable=False),
    Column("terminated_at", Utc),
    Index("contracts_by_dossier", "dossier_id", "registered_position"),
)

contracts: Final = Projection("contracts", version=3, table=_contracts, of=ContractEvent)


# --- folds ------------------------------------------------------------------------------------


@contracts.begins(ContractRegistered)
def registered(recorded: Recorded[ContractRegistered]) -> Row:
    event, policy = recorded.event, unsealed(recorded.event.policy)
    return {
        "dossier_id": event.dossier_id,
        "company_id": event.company_id,
        "policy_number": policy.number,
        "product": policy.product,
        "status": "in_force",
        "starts_on": event.starts_on and event.starts_on.isoformat(),
        "registered_position": recorded.position,
        "registered_at": recorded.at,
    }


@contracts.changes(ContractTerminated)
def terminated(recorded: Recorded[ContractTerminated]) -> Row:
    return {
        "status": "terminated",
        "ends_on": recorded.event.effective_on.isoformat(),
        "terminated_at": recorded.at,
    }


# --- queries ----------------------------------------------------------------------------------


class ContractLine(Shown):
    """A contract in a list."""

    contract_id: UUID
    """For `/contracts/{contract_id}`."""
    dossier_id: UUID
    """Whose it is: a contract never changes client."""
    company_id: UUID | None
    """The insurer, or the wholesale broker through whom it is placed; null where the office hasn't said."""
    policy_number: str
    """The insurer's, as it stands on its papers."""
    product: str
    """What is insured, in the insurer's words; empty where the office hasn't said."""
    status: ContractStatus
    """`terminated` once the office knows its end, even one to come."""
    starts_on: date | None
    """The first day of its cover; null where the office doesn't know it."""
    ends_on: date | None
    """The day on which its cover ends; null as long as it goes on."""


class ContractDetails(ContractLine):
    """A contract."""

    version: int
    """How many events it has had: for `If-Match`."""
    registered_at: datetime
    """When the office registered it."""
    terminated_at: datetime | None
    """When the office learned of its end, last; null while it is in force."""


@reads(clients.clients, contracts)
def of_client(session: Reading, client_id: UUID, window: Window) -> Page[ContractLine] | None:
    """A client's contracts, the latest registered first. Raises `BadCursor`."""
    if not clients.exists(session, client_id):
        return None
    listing = session.rows(_contracts).where(_contracts.c.dossier_id == client_id)
    return paged(session, listing, window, _contracts.c.registered_position.desc(), items=ContractLine.each)


@reads(contracts)
def contract(session: Reading, contract_id: UUID) -> ContractDetails | None:
    """The contract, its cover and its client."""
    row = session.row(_contracts, contract_id)
    return None if row is None else ContractDetails.of(row)


def exists(session: Reading, contract_id: UUID) -> bool:
    return session.has(_contracts, contract_id)


class _Place(Shown):
    policy_number: str
    dossier_id: UUID


def placed(session: Reading, contract_ids: Collection[UUID]) -> dict[UUID, Placed]:
    """What each is called, under its client, of those known."""
    return {
        contract_id: Placed(f"contrat {place.policy_number}", Target(kind="client", id=place.dossier_id))
        for contract_id, place in session.known(_contracts, _Place, contract_ids).items()
    }


def called(session: Reading, name: str) -> Select[Any]:
    """Those whose policy number is this, or begins so (see `name_search.called`)."""
    number = _contracts.c.policy_number
    begins = func.lower(number).startswith(name.lower(), autoescape=True)
    return name_search.called(session, "contract", _contracts, name, number, number == name, begins)
