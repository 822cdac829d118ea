"""The companies that the office works with, found by name."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import Field
from sqlalchemy import BigInteger, Column, Index, Integer, Select, String, Table, Uuid

from domain.companies.company import CompanyEvent, CompanyRegistered, CompanyRole
from domain.events import Recorded, unsealed
from domain.values import Target
from projections import email_addresses
from projections.email_addresses import OwnedAddress
from projections.engine.projection import Projection, Row, Utc, views
from projections.queries import name_search
from projections.queries.name_search import NameSought, found_by_name, name_key, searched
from projections.queries.paging import Page, Window
from projections.queries.placed import Placed
from projections.queries.reading import Reading, Shown, reads

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


class CompanyLine(Shown):
    """A company in a list."""

    company_id: UUID
    """For `/companies/{company_id}`."""
    role: CompanyRole
    """What it is to the office."""
    name: str
    """As it was registered; a referrer’s may be a person’s."""


class CompanyDetails(CompanyLine):
    """A company with its addresses."""

    version: int
    """How many events it has had: for `If-Match`."""
    registered_at: datetime
    """When the office registered it."""
    email_addresses: list[OwnedAddress]
    """Those that bring its messages to it, the one that it has had longest first."""


@reads(companies)
def search(
    session: Reading,
    window: Window,
    *,
    name: NameSought = "",
    role: Annotated[CompanyRole | None, Field(description="Only companies of this role")] = None,
) -> Page[CompanyLine]:
    """Companies whose name holds every word, in alphabetical order. Raises `BadCursor`."""
    wanted = [] if role is None else [_companies.c.role == role]
    return found_by_name(session, window, CompanyLine, _companies.c.registered_position, name, *wanted)


@reads(companies, email_addresses.email_addresses)
def company(session: Reading, company_id: UUID) -> CompanyDetails | None:
    """The company and its addresses."""
    row = session.row(_companies, company_id)
    if row is None:
        return None
    return CompanyDetails.of(row, email_addresses=email_addresses.of_owner(session, company_id))


def called(session: Reading, name: str) -> Select[Any]:
    """Those of this name (see `name_search.called`)."""
    return name_search.called_by_name(session, "company", _companies, name)


def placed(session: Reading, company_ids: Collection[UUID]) -> dict[UUID, Placed]:
    """What each is called, of those known."""
    return {company_id: Placed(name) for company_id, name in session.values(_companies.c.name, company_ids).items()}


def of_name_keys(session: Reading, keys: Collection[str]) -> list[tuple[str, Target]]:
    """Those who go by these names (see `name_search.name_key`), and by which."""
    return name_search.of_name_keys(session, _companies, "company", keys)
