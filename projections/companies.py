"""The companies that the office works with, found by name."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Uuid, select

from domain.company import CompanyEvent, CompanyRegistered, CompanyRole
from domain.events import Recorded, Value, unsealed
from domain.values import Target
from projections import email_addresses, name_search
from projections.email_addresses import OwnedAddress
from projections.name_search import found_by_name, name_key, searched
from projections.paging import Page
from projections.projection import Projection, Row, Utc, views
from projections.reading import Reading

_companies: Final = Table(
    "companies",
    views,
    Column("company_id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("role", String, nullable=False),
    Column("name", String, nullable=False),
    Column("searched_name", String, nullable=False),
    Column("name_key", String, nullable=False),
    Column("registered_position", BigInteger, nullable=False),
    Column("registered_at", Utc, nullable=False),
    Index("companies_by_name_key", "name_key"),
    Index("companies_by_name", "searched_name", "registered_position"),
)

companies: Final = Projection("companies", version=3, table=_companies, of=CompanyEvent)


@companies.begins(CompanyRegistered)
def registered(recorded: Recorded[CompanyRegistered]) -> Row:
    name = unsealed(recorded.event.identity).name
    return {
        "role": recorded.event.role,
        "name": name,
        "searched_name": searched(name),
        "name_key": name_key(name),
        "registered_position": recorded.position,
        "registered_at": recorded.at,
    }


# --- queries ----------------------------------------------------------------------------------


class CompanyLine(Value):
    """A company in a list."""

    company_id: UUID
    role: CompanyRole
    name: str


class CompanyDetails(CompanyLine):
    version: int
    registered_at: datetime
    email_addresses: list[OwnedAddress]


def search(
    session: Reading,
    *,
    name: str = "",
    role: CompanyRole | None = None,
    cursor: str | None = None,
    limit: int,
    with_total: bool = False,
) -> Page[CompanyLine]:
    """The companies whose name holds every word of `name`, in alphabetical order. Raises `BadCursor`."""
    return found_by_name(
        session,
        CompanyLine,
        _companies,
        name,
        *([] if role is None else [_companies.c.role == role]),
        unique=_companies.c.registered_position,
        cursor=cursor,
        limit=limit,
        with_total=with_total,
    )


def company(session: Reading, company_id: UUID) -> CompanyDetails | None:
    row = session.execute(select(_companies).where(_companies.c.company_id == company_id)).mappings().one_or_none()
    if row is None:
        return None
    known = {name: row[name] for name in CompanyDetails.model_fields.keys() & row.keys()}
    return CompanyDetails.model_validate(known | {"email_addresses": email_addresses.of_owner(session, company_id)})


def ids_of_name(session: Reading, name: str) -> list[UUID]:
    """Those of this whole name, whatever its case and accents."""
    return list(session.scalars(select(_companies.c.company_id).where(_companies.c.searched_name == searched(name))))


def names(session: Reading, company_ids: Collection[UUID]) -> dict[UUID, str]:
    """The name of each, of those known."""
    listing = select(_companies.c.company_id, _companies.c.name).where(_companies.c.company_id.in_(company_ids))
    return dict(session.execute(listing).all())


def of_name_keys(session: Reading, keys: Collection[str]) -> list[tuple[str, Target]]:
    """Those who go by these names (see `name_search.name_key`), and by which."""
    return name_search.of_name_keys(session, _companies, "company", keys)
