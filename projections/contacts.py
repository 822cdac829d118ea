"""The contacts, found by name, alone or of one company."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import Field
from sqlalchemy import Column, Index, Integer, Select, String, Table, Uuid

from domain.contacts.contact import ContactEvent, ContactRegistered
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
    Column("label", String, nullable=False),
    Column("searched_name", String, nullable=False),
    Column("name_key", String, nullable=False),
    Column("registered_at", Utc, nullable=False),
    Index("contacts_by_name_key", "name_key"),
    Index("contacts_by_name", "searched_name", "number"),
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
        "label": " ".join(filter(None, shown)),
        "searched_name": searched(" ".join(filter(None, sorted_))),
        "name_key": name_key(" ".join(filter(None, sorted_))),
        "registered_at": recorded.at,
    }


# --- queries ----------------------------------------------------------------------------------


class ContactLine(Shown):
    """A contact in a list."""

    contact_id: UUID
    """For `/contacts/{contact_id}`."""
    number: int
    """The office's own, never given again."""
    company_id: UUID | None
    """The company where they work; null for one of their own."""
    label: str
    """The name that screens show: « M. Bruno Martin »."""
    function: str
    """What they do at the company; empty where the office doesn't know it."""


class ContactDetails(ContactLine):
    """A contact with their addresses."""

    version: int
    """How many events it has had: for `If-Match`."""
    title: str | None
    """Null where the office doesn't know it."""
    first_name: str
    """Empty where the office doesn't know it."""
    last_name: str
    """Never empty."""
    registered_at: datetime
    """When the office entered it."""
    email_addresses: list[OwnedAddress]
    """Those that bring their messages to them, the one that they have had longest first."""


@reads(contacts)
def search(
    session: Reading,
    window: Window,
    *,
    name: NameSought = "",
    company_id: Annotated[UUID | None, Field(description="Only contacts at this company")] = None,
) -> Page[ContactLine]:
    """Contacts whose name holds every word, in alphabetical order. Raises `BadCursor`."""
    wanted = [] if company_id is None else [_contacts.c.company_id == company_id]
    return found_by_name(session, window, ContactLine, _contacts.c.number, name, *wanted)


@reads(contacts, email_addresses.email_addresses)
def contact(session: Reading, contact_id: UUID) -> ContactDetails | None:
    """The contact, their company and their addresses."""
    row = session.row(_contacts, contact_id)
    if row is None:
        return None
    return ContactDetails.of(row, email_addresses=email_addresses.of_owner(session, contact_id))


class _Place(Shown):
    label: str
    company_id: UUID | None


def placed(session: Reading, contact_ids: Collection[UUID]) -> dict[UUID, Placed]:
    """What each is called, under their company if they have one, of those known."""
    return {
        contact_id: Placed(place.label, Target(kind="company", id=place.company_id) if place.company_id else None)
        for contact_id, place in session.known(_contacts, _Place, contact_ids).items()
    }


def called(session: Reading, name: str) -> Select[Any]:
    """Those of this number or name (see `name_search.called`)."""
    return name_search.called_by_name(session, "contact", _contacts, name, _contacts.c.number)


def ids_of_company(session: Reading, company_id: UUID) -> list[UUID]:
    return session.keys(_contacts, _contacts.c.company_id == company_id)


def of_name_keys(session: Reading, keys: Collection[str]) -> list[tuple[str, Target]]:
    """Those who go by these names (see `name_search.name_key`), and by which."""
    return name_search.of_name_keys(session, _contacts, "contact", keys)
