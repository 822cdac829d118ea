"""Clients and prospects, found by name, with the addresses that are theirs."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import (
    Column,
    Connection,
    Index,
    Integer,
    String,
    Table,
    Uuid,
    and_,
    bindparam,
    false,
    func,
    or_,
    select,
    true,
)

from domain.access import Viewer
from domain.client import ClientActivated, ClientStatus, Identity, Person, ProspectRegistered
from domain.email_address import EmailAddressAssociated, EmailAddressMoved, EmailAddressRemoved
from domain.events import Erased, Recorded, Value
from domain.values import Target
from projections.paging import Page, decode_cursor, encode_cursor, page_of
from projections.projection import Projection, Row, Utc, stream, views

_clients: Final = Table(
    "clients",
    views,
    Column("client_id", Uuid, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("kind", String, nullable=False),
    Column("status", String, nullable=False),
    Column("title", String),
    Column("first_name", String),
    Column("last_name", String),
    Column("company_name", String),
    Column("display_name", String, nullable=False),
    Column("searched_name", String, nullable=False),
    Column("registered_at", Utc, nullable=False),
    Column("activated_at", Utc),
    Index("clients_by_name", "searched_name", "number"),
)
_addresses: Final = Table(
    "client_email_addresses",
    views,
    Column("address_id", Uuid, primary_key=True),
    Column("client_id", Uuid, primary_key=True),
    Column("address", String, nullable=False),
    Column("since", Utc, nullable=False),
    Index("client_email_addresses_by_client", "client_id"),
)

clients: Final = Projection("clients", version=2, table=_clients)
client_email_addresses: Final = Projection("client_email_addresses", version=1, table=_addresses)


# --- folds ------------------------------------------------------------------------------------


@clients.on(ProspectRegistered, key=stream)
def registered(row: Row | None, recorded: Recorded[ProspectRegistered]) -> Row | None:
    identity = recorded.event.identity
    if isinstance(identity, Erased):
        return None
    return {
        "number": recorded.event.number,
        "version": recorded.version,
        "status": "prospect",
        **identity.model_dump(),
        "display_name": display_name(identity),
        "searched_name": searched(_sorted_name(identity)),
        "registered_at": recorded.at,
    }


@clients.on(ClientActivated, key=stream)
def activated(row: Row | None, recorded: Recorded[ClientActivated]) -> Row | None:
    return row and {**row, "status": "active", "version": recorded.version, "activated_at": recorded.at}


def _owner_key(owner: Target, recorded: Recorded[Any]) -> tuple[tuple[UUID, UUID], ...]:
    return ((recorded.stream_id, owner.id),)


@client_email_addresses.on_each(EmailAddressAssociated, keys=lambda r: _owner_key(r.event.owner, r))
@client_email_addresses.on_each(EmailAddressMoved, keys=lambda r: _owner_key(r.event.owner, r))
def given(row: Row | None, recorded: Recorded[EmailAddressAssociated | EmailAddressMoved]) -> Row | None:
    written = recorded.event.written
    if isinstance(written, Erased):
        return None
    return row or {"address": written.address, "since": recorded.at}


@client_email_addresses.on_each(
    EmailAddressMoved, keys=lambda r: [key for owner in r.event.former_owners for key in _owner_key(owner, r)]
)
@client_email_addresses.on_each(EmailAddressRemoved, keys=lambda r: _owner_key(r.event.owner, r))
def taken_away(row: Row | None, recorded: Recorded[EmailAddressMoved | EmailAddressRemoved]) -> Row | None:
    return None


def display_name(identity: Identity) -> str:
    """The name that screens show: `Mme Claire Dupont`, or the company's."""
    if isinstance(identity, Person):
        return " ".join(filter(None, (identity.title, identity.first_name, identity.last_name)))
    return identity.company_name


def _sorted_name(identity: Identity) -> str:
    """The name as lists sort it: `Dupont Claire Mme`."""
    if isinstance(identity, Person):
        return " ".join(filter(None, (identity.last_name, identity.first_name, identity.title)))
    return identity.company_name


def searched(text: str) -> str:
    """A name as it is searched: without case, accents, ligatures or punctuation."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)).casefold()
    plain = plain.replace("œ", "oe").replace("æ", "ae")
    return " ".join("".join(c if c.isalnum() else " " for c in plain).split())


# --- queries ----------------------------------------------------------------------------------


class ClientLine(Value):
    """A dossier in a list."""

    client_id: UUID
    number: int
    kind: Literal["person", "company"]
    status: ClientStatus
    display_name: str


class OwnedAddress(Value):
    """An address of a dossier. One that other files own too is shared: its messages wait (X2)."""

    address_id: UUID
    address: str
    since: datetime
    shared: bool


class ClientDetails(ClientLine):
    version: int
    title: str | None
    first_name: str | None
    last_name: str | None
    company_name: str | None
    registered_at: datetime
    activated_at: datetime | None
    email_addresses: list[OwnedAddress]


def search(
    session: Connection,
    viewer: Viewer,
    *,
    name: str = "",
    status: ClientStatus | None = None,
    cursor: str | None = None,
    limit: int,
    with_total: bool = False,
) -> Page[ClientLine]:
    """The dossiers whose name holds every word of `name`, in alphabetical order (T4). Raises `BadCursor`."""
    words = searched(name).split()
    # A name without anything that can be searched finds nobody; no name at all finds everyone.
    wanted = and_(false() if name and not words else true(), *(_clients.c.searched_name.contains(w) for w in words))
    if status is not None:
        wanted = and_(wanted, _clients.c.status == status)
    listing = select(_clients).where(wanted).order_by(_clients.c.searched_name, _clients.c.number).limit(limit + 1)
    if cursor is not None:
        after_name, after_number = decode_cursor(cursor, str, int)
        listing = listing.where(
            or_(
                _clients.c.searched_name > after_name,
                and_(_clients.c.searched_name == after_name, _clients.c.number > after_number),
            )
        )
    rows, next_cursor = page_of(
        session.execute(listing).all(), limit, lambda row: encode_cursor(row.searched_name, row.number)
    )
    total = session.scalar(select(func.count()).select_from(_clients).where(wanted)) if with_total else None
    return Page(items=[_line(row) for row in rows], next_cursor=next_cursor, total=total)


_one_client: Final = select(_clients).where(_clients.c.client_id == bindparam("client_id"))


def client(session: Connection, viewer: Viewer, client_id: UUID) -> ClientDetails | None:
    row = session.execute(_one_client, {"client_id": client_id}).mappings().one_or_none()
    if row is None:
        return None
    known = ClientDetails.model_fields.keys() & row.keys()
    return ClientDetails.model_validate(
        {name: row[name] for name in known} | {"email_addresses": _addresses_of(session, client_id)}
    )


def names(session: Connection, client_ids: Collection[UUID]) -> dict[UUID, str]:
    """The display name of each, of those known."""
    listing = select(_clients.c.client_id, _clients.c.display_name).where(_clients.c.client_id.in_(client_ids))
    return dict(session.execute(listing).all())


_others: Final = _addresses.alias()
_owners: Final = (
    select(func.count()).select_from(_others).where(_others.c.address_id == _addresses.c.address_id).scalar_subquery()
)
_addresses_of_one: Final = (
    select(_addresses.c.address_id, _addresses.c.address, _addresses.c.since, (_owners > 1).label("shared"))
    .where(_addresses.c.client_id == bindparam("client_id"))
    .order_by(_addresses.c.since, _addresses.c.address)
)


def _addresses_of(session: Connection, client_id: UUID) -> list[OwnedAddress]:
    found = session.execute(_addresses_of_one, {"client_id": client_id}).mappings()
    return [OwnedAddress.model_validate(dict(row)) for row in found]


def _line(row: Any) -> ClientLine:
    return ClientLine.model_validate({name: getattr(row, name) for name in ClientLine.model_fields})
