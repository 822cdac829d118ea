"""The claims, under the contract that they concern."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Column, Index, Integer, Select, String, Table, Uuid, cast, func

from domain.claims.claim import ClaimClosed, ClaimEvent, ClaimOpened, ClaimReopened, ClaimStatus
from domain.events import Recorded, unsealed
from domain.values import Target
from projections import contracts
from projections.engine.projection import Projection, Row, Utc, views
from projections.queries import name_search
from projections.queries.name_search import number_in
from projections.queries.paging import Page, Window, paged
from projections.queries.placed import Placed
from projections.queries.reading import Reading, Shown, reads

_claims: Final = Table(
    "claims",
    views,
    Column("claim_id", Uuid, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("contract_id", Uuid, nullable=False),
    Column("dossier_id", Uuid, nullable=False),
    Column("insurer_reference", String, nullable=False),
    Column("status", String, nullable=False),
    Column("occurred_on", String),  # ISO 8601
    Column("opened_at", Utc, nullable=False),
    Column("closed_at", Utc),
    Index("claims_by_contract", "contract_id", "number"),
    Index("claims_by_dossier", "dossier_id", "number"),
)

claims: Final = Projection("claims", version=3, table=_claims, of=ClaimEvent)


# --- folds ------------------------------------------------------------------------------------


@claims.begins(ClaimOpened)
def opened(recorded: Recorded[ClaimOpened]) -> Row:
    event = recorded.event
    return {
        "number": event.number,
        "contract_id": event.contract_id,
        "dossier_id": event.dossier_id,
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


class ClaimLine(Shown):
    """A claim in a list."""

    claim_id: UUID
    """For `/claims/{claim_id}`."""
    number: int
    """The office's own, never given again."""
    contract_id: UUID
    """The contract under which it was opened."""
    dossier_id: UUID
    """The client whose contract that is."""
    insurer_reference: str
    """How the insurer names it; empty until it has."""
    status: ClaimStatus
    """`closed` while nothing is left to do for it."""
    occurred_on: date | None
    """The day of the loss; null where the office doesn't know it."""


class ClaimDetails(ClaimLine):
    """A claim."""

    version: int
    """How many events it has had: for `If-Match`."""
    opened_at: datetime
    """When the office opened it."""
    closed_at: datetime | None
    """Null while it is open."""


@reads(contracts.contracts, claims)
def of_contract(session: Reading, contract_id: UUID, window: Window) -> Page[ClaimLine] | None:
    """A contract's claims, the latest number first. Raises `BadCursor`."""
    if not contracts.exists(session, contract_id):
        return None
    listing = session.rows(_claims).where(_claims.c.contract_id == contract_id)
    return paged(session, listing, window, _claims.c.number.desc(), items=ClaimLine.each)


@reads(claims)
def claim(session: Reading, claim_id: UUID) -> ClaimDetails | None:
    """The claim and its contract."""
    row = session.row(_claims, claim_id)
    return None if row is None else ClaimDetails.of(row)


class _Place(Shown):
    number: int
    contract_id: UUID


def placed(session: Reading, claim_ids: Collection[UUID]) -> dict[UUID, Placed]:
    """What each is called, under its contract, of those known."""
    return {
        claim_id: Placed(f"sinistre n° {place.number}", Target(kind="contract", id=place.contract_id))
        for claim_id, place in session.known(_claims, _Place, claim_ids).items()
    }


def ids_under(session: Reading, contract_id: UUID) -> list[UUID]:
    return session.keys(_claims, _claims.c.contract_id == contract_id)


def called(session: Reading, name: str) -> Select[Any]:
    """The one of this number, and those to which the insurer's reference gives it (see `name_search.called`)."""
    sorted_by = cast(_claims.c.number, String)
    by_reference = func.lower(_claims.c.insurer_reference).startswith(name.lower(), autoescape=True)
    exactly = _claims.c.number == number_in(name)
    return name_search.called(session, "claim", _claims, name, sorted_by, exactly, by_reference)
