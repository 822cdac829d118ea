"""The contacts, found by name, alone or of one company."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Column, Index, Integer, String, Table, Uuid, select

from domain.contact import ContactEvent, ContactRegistered
from domain.events import Recorded, Value, unsealed
from domain.values import Target
from projections import email_addresses, name_search
from projections.email_addresses import OwnedAddress
from projections.name_search import found_by_name, name_key, searched
from projections.paging import Page
from projections.projection import Projection, Row, Utc, views
from projections.reading import Reading

_contacts: Final = Table(
    "contacts",
    views,
    Column("contact_id", Uuid, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("company_id", Uuid),
    Column("title", String),
    Column("first_name", String, nullable=False),
    Column("last_name", String, nullable=False),
    Column("function", String, nullable=False),
    Column("display_name", String, nullable=False),
    Column("searched_name", String, nullable=False),
    Column("name_key", String, nullable=False),
    Column("registered_at", Utc, nullable=False),
    Index("contacts_by_name_key", "name_key"),
    Index("contacts_by_name", "searched_name", "number"),
    Index("contacts_by_number", "number"),
    Index("contacts_by_company", "company_id", "searched_name", "number"),
)

contacts: Final = Projection("contacts", version=3, table=_contacts, of=ContactEvent)


@contacts.begins(ContactRegistered)
def registered(recorded: Recorded[ContactRegistered]) -> Row:
    event, identity = recorded.event, unsealed(recorded.event.identity)
    shown = (identity.title, identity.first_name, identity.last_name)
    sorted_ = (identity.last_name, identity.first_name, identity.title)
    return {
        "number": event.number,
        "company_id": event.company_id,
        **identity.model_dump(),
        "display_name": " ".join(filter(None, shown)),
        "searched_name": searched(" ".join(filter(None, sorted_))),
        "name_key": name_key(" ".join(filter(None, sorted_))),
        "registered_at": recorded.at,
    }


# --- queries ----------------------------------------------------------------------------------


class ContactLine(Value):
    """A contact in a list."""

    contact_id: UUID
    number: int
    company_id: UUID | None
    display_name: str
    function: str


class ContactDetails(ContactLine):
    version: int
    title: str | None
    first_name: str
    last_name: str
    registered_at: datetime
    email_addresses: list[OwnedAddress]


def search(
    session: Reading,
    *,
    name: str = "",
    company_id: UUID | None = None,
    cursor: str | None = None,
    limit: int,
    with_total: bool = False,
) -> Page[ContactLine]:
    """The contacts whose name holds every word of `name`, in alphabetical order. Raises `BadCursor`."""
    return found_by_name(
        session,
        ContactLine,
        _contacts,
        name,
        *([] if company_id is None else [_contacts.c.company_id == company_id]),
        unique=_contacts.c.number,
        cursor=cursor,
        limit=limit,
        with_total=with_total,
    )


def contact(session: Reading, contact_id: UUID) -> ContactDetails | None:
    row = session.execute(select(_contacts).where(_contacts.c.contact_id == contact_id)).mappings().one_or_none()
    if row is None:
        return None
    known = {name: row[name] for name in ContactDetails.model_fields.keys() & row.keys()}
    return ContactDetails.model_validate(known | {"email_addresses": email_addresses.of_owner(session, contact_id)})


class Placed(Value):
    """A contact's name, and their company."""

    display_name: str
    company_id: UUID | None


def placed(session: Reading, contact_ids: Collection[UUID]) -> dict[UUID, Placed]:
    """The name and the company of each, of those known."""
    listing = select(_contacts.c.contact_id, _contacts.c.display_name, _contacts.c.company_id)
    rows = session.execute(listing.where(_contacts.c.contact_id.in_(contact_ids)))
    return {row.contact_id: Placed(display_name=row.display_name, company_id=row.company_id) for row in rows}


def ids_of_number(session: Reading, number: int) -> list[UUID]:
    return list(session.scalars(select(_contacts.c.contact_id).where(_contacts.c.number == number)))


def ids_of_company(session: Reading, company_id: UUID) -> list[UUID]:
    return list(session.scalars(select(_contacts.c.contact_id).where(_contacts.c.company_id == company_id)))


def of_name_keys(session: Reading, keys: Collection[str]) -> list[tuple[str, Target]]:
    """Those who go by these names (see `name_search.name_key`), and by which."""
    return name_search.of_name_keys(session, _contacts, "contact", keys)
