"""The contracts, under the client whose they are."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Uuid, func, select

from domain.contract import ContractEvent, ContractRegistered, ContractStatus, ContractTerminated
from domain.events import Recorded, Value, unsealed
from projections.paging import Page, decode_cursor, encode_cursor, page_of
from projections.projection import Projection, Row, Utc, views
from projections.reading import Reading

_contracts: Final = Table(
    "contracts",
    views,
    Column("contract_id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("client_id", Uuid, nullable=False),
    Column("company_id", Uuid),
    Column("policy_number", String, nullable=False),
    Column("product", String, nullable=False),
    Column("status", String, nullable=False),
    Column("starts_on", String),  # ISO 8601
    Column("ends_on", String),
    Column("registered_position", BigInteger, nullable=False),
    Column("registered_at", Utc, nullable=False),
    Column("terminated_at", Utc),
    Index("contracts_by_client", "client_id", "registered_position"),
    Index("contracts_by_policy_number", "policy_number"),
)

contracts: Final = Projection("contracts", version=3, table=_contracts, of=ContractEvent)


# --- folds ------------------------------------------------------------------------------------


@contracts.begins(ContractRegistered)
def registered(recorded: Recorded[ContractRegistered]) -> Row:
    event, policy = recorded.event, unsealed(recorded.event.policy)
    return {
        "client_id": event.client_id,
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


class ContractLine(Value):
    """A contract in a list. `policy_number` is the insurer's; its cover goes from `starts_on` to `ends_on`, where known."""

    contract_id: UUID
    client_id: UUID
    company_id: UUID | None
    policy_number: str
    product: str
    status: ContractStatus
    starts_on: date | None
    ends_on: date | None


class ContractDetails(ContractLine):
    version: int
    registered_at: datetime
    terminated_at: datetime | None


def of_client(
    session: Reading, client_id: UUID, *, cursor: str | None = None, limit: int, with_total: bool
) -> Page[ContractLine]:
    """A client's contracts, the latest registered first. Raises `BadCursor`."""
    listing = select(_contracts).where(_contracts.c.client_id == client_id)
    total = session.scalar(select(func.count()).select_from(listing.subquery())) if with_total else None
    if cursor is not None:
        (before,) = decode_cursor(cursor, int)
        listing = listing.where(_contracts.c.registered_position < before)
    listing = listing.order_by(_contracts.c.registered_position.desc()).limit(limit + 1)
    rows, next_cursor = page_of(
        session.execute(listing).mappings().all(), limit, lambda row: encode_cursor(row["registered_position"])
    )
    lines = [ContractLine.model_validate({name: row[name] for name in ContractLine.model_fields}) for row in rows]
    return Page(items=lines, next_cursor=next_cursor, total=total)


def contract(session: Reading, contract_id: UUID) -> ContractDetails | None:
    row = session.execute(select(_contracts).where(_contracts.c.contract_id == contract_id)).mappings().one_or_none()
    if row is None:
        return None
    return ContractDetails.model_validate({name: row[name] for name in ContractDetails.model_fields})


class Placed(Value):
    """A contract's policy number, and its client."""

    policy_number: str
    client_id: UUID


def placed(session: Reading, contract_ids: Collection[UUID]) -> dict[UUID, Placed]:
    """The number and the client of each, of those known."""
    listing = select(_contracts.c.contract_id, _contracts.c.policy_number, _contracts.c.client_id)
    rows = session.execute(listing.where(_contracts.c.contract_id.in_(contract_ids)))
    return {row.contract_id: Placed(policy_number=row.policy_number, client_id=row.client_id) for row in rows}


def ids_of_policy_number(session: Reading, policy_number: str) -> list[UUID]:
    """Several, where insurers gave the same number."""
    return list(session.scalars(select(_contracts.c.contract_id).where(_contracts.c.policy_number == policy_number)))


def ids_of_client(session: Reading, client_id: UUID) -> list[UUID]:
    return list(session.scalars(select(_contracts.c.contract_id).where(_contracts.c.client_id == client_id)))
