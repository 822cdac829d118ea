"""The claims, under the contract that they concern."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Column, Index, Integer, String, Table, Uuid, func, select

from domain.claim import ClaimClosed, ClaimEvent, ClaimOpened, ClaimReopened, ClaimStatus
from domain.events import Recorded, Value, unsealed
from projections.paging import Page, decode_cursor, encode_cursor, page_of
from projections.projection import Projection, Row, Utc, views
from projections.reading import Reading

_claims: Final = Table(
    "claims",
    views,
    Column("claim_id", Uuid, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("contract_id", Uuid, nullable=False),
    Column("insurer_reference", String, nullable=False),
    Column("status", String, nullable=False),
    Column("occurred_on", String),  # ISO 8601
    Column("opened_at", Utc, nullable=False),
    Column("closed_at", Utc),
    Index("claims_by_contract", "contract_id", "number"),
    Index("claims_by_number", "number"),
)

claims: Final = Projection("claims", version=3, table=_claims, of=ClaimEvent)


# --- folds ------------------------------------------------------------------------------------


@claims.begins(ClaimOpened)
def opened(recorded: Recorded[ClaimOpened]) -> Row:
    event = recorded.event
    return {
        "number": event.number,
        "contract_id": event.contract_id,
        "insurer_reference": unsealed(event.reference).insurer_reference,
        "status": "open",
        "occurred_on": event.occurred_on and event.occurred_on.isoformat(),
        "opened_at": recorded.at,
    }


@claims.changes(ClaimClosed)
def closed(recorded: Recorded[ClaimClosed]) -> Row:
    return {"status": "closed", "closed_at": recorded.at}


@claims.changes(ClaimReopened)
def reopened(recorded: Recorded[ClaimReopened]) -> Row:
    return {"status": "open", "closed_at": None}


# --- queries ----------------------------------------------------------------------------------


class ClaimLine(Value):
    """A claim in a list. `number` is the office's, `insurer_reference` the insurer's, `occurred_on` the day of the loss."""

    claim_id: UUID
    number: int
    contract_id: UUID
    insurer_reference: str
    status: ClaimStatus
    occurred_on: date | None


class ClaimDetails(ClaimLine):
    version: int
    opened_at: datetime
    closed_at: datetime | None


def of_contract(
    session: Reading, contract_id: UUID, *, cursor: str | None = None, limit: int, with_total: bool
) -> Page[ClaimLine]:
    """A contract's claims, the latest number first. Raises `BadCursor`."""
    listing = select(_claims).where(_claims.c.contract_id == contract_id)
    total = session.scalar(select(func.count()).select_from(listing.subquery())) if with_total else None
    if cursor is not None:
        (before,) = decode_cursor(cursor, int)
        listing = listing.where(_claims.c.number < before)
    found = session.execute(listing.order_by(_claims.c.number.desc()).limit(limit + 1)).mappings().all()
    rows, next_cursor = page_of(found, limit, lambda row: encode_cursor(row["number"]))
    lines = [ClaimLine.model_validate({name: row[name] for name in ClaimLine.model_fields}) for row in rows]
    return Page(items=lines, next_cursor=next_cursor, total=total)


def claim(session: Reading, claim_id: UUID) -> ClaimDetails | None:
    row = session.execute(select(_claims).where(_claims.c.claim_id == claim_id)).mappings().one_or_none()
    return None if row is None else ClaimDetails.model_validate({name: row[name] for name in ClaimDetails.model_fields})


class Numbered(Value):
    """A claim's number, and its contract."""

    number: int
    contract_id: UUID


def numbered(session: Reading, claim_ids: Collection[UUID]) -> dict[UUID, Numbered]:
    """The number and the contract of each, of those known."""
    listing = select(_claims.c.claim_id, _claims.c.number, _claims.c.contract_id)
    rows = session.execute(listing.where(_claims.c.claim_id.in_(claim_ids)))
    return {row.claim_id: Numbered(number=row.number, contract_id=row.contract_id) for row in rows}


def ids_of_number(session: Reading, number: int) -> list[UUID]:
    return list(session.scalars(select(_claims.c.claim_id).where(_claims.c.number == number)))


def ids_of_contracts(session: Reading, contract_ids: Collection[UUID]) -> list[UUID]:
    return list(session.scalars(select(_claims.c.claim_id).where(_claims.c.contract_id.in_(contract_ids))))
