"""The e-mail addresses of clients, companies and contacts: what brings their messages to them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Column, Connection, Index, String, Table, Uuid, bindparam, func, select

from domain.email_address import EmailAddressAssociated, EmailAddressMoved, EmailAddressRemoved
from domain.events import Erased, Recorded, Value
from domain.values import Target
from projections.projection import Projection, Row, Utc, views

_addresses: Final = Table(
    "email_addresses",
    views,
    Column("address_id", Uuid, primary_key=True),
    Column("owner_id", Uuid, primary_key=True),
    Column("owner_kind", String, nullable=False),
    Column("address", String, nullable=False),
    Column("since", Utc, nullable=False),
    Index("email_addresses_by_owner", "owner_id"),
)

email_addresses: Final = Projection("email_addresses", version=2, table=_addresses)


# --- folds ------------------------------------------------------------------------------------


def _owner_key(owner: Target, recorded: Recorded[Any]) -> tuple[tuple[UUID, UUID], ...]:
    return ((recorded.stream_id, owner.id),)


@email_addresses.on_each(EmailAddressAssociated, keys=lambda r: _owner_key(r.event.owner, r))
@email_addresses.on_each(EmailAddressMoved, keys=lambda r: _owner_key(r.event.owner, r))
def given(row: Row | None, recorded: Recorded[EmailAddressAssociated | EmailAddressMoved]) -> Row | None:
    written = recorded.event.written
    if isinstance(written, Erased):
        return None
    return row or {"owner_kind": recorded.event.owner.kind, "address": written.address, "since": recorded.at}


@email_addresses.on_each(
    EmailAddressMoved, keys=lambda r: [key for owner in r.event.former_owners for key in _owner_key(owner, r)]
)
@email_addresses.on_each(EmailAddressRemoved, keys=lambda r: _owner_key(r.event.owner, r))
def taken_away(row: Row | None, recorded: Recorded[EmailAddressMoved | EmailAddressRemoved]) -> Row | None:
    return None


# --- queries ----------------------------------------------------------------------------------


class OwnedAddress(Value):
    """An address of a file. One that other files own too is shared: its messages wait (X2)."""

    address_id: UUID
    address: str
    since: datetime
    shared: bool


_others: Final = _addresses.alias()
_owners: Final = (
    select(func.count()).select_from(_others).where(_others.c.address_id == _addresses.c.address_id).scalar_subquery()
)
_of_one: Final = (
    select(_addresses.c.address_id, _addresses.c.address, _addresses.c.since, (_owners > 1).label("shared"))
    .where(_addresses.c.owner_id == bindparam("owner_id"))
    .order_by(_addresses.c.since, _addresses.c.address)
)


def of_owner(session: Connection, owner_id: UUID) -> list[OwnedAddress]:
    """A file's addresses, those that it has had longest first."""
    found = session.execute(_of_one, {"owner_id": owner_id}).mappings()
    return [OwnedAddress.model_validate(dict(row)) for row in found]


def owners_of(session: Connection, address_ids: Collection[UUID]) -> dict[UUID, list[Target]]:
    """Whose these addresses are; those of nobody are left out."""
    columns = (_addresses.c.address_id, _addresses.c.owner_kind, _addresses.c.owner_id)
    listing = select(*columns).where(_addresses.c.address_id.in_(address_ids)).order_by(_addresses.c.since)
    found: dict[UUID, list[Target]] = {}
    for address_id, kind, owner_id in session.execute(listing):
        found.setdefault(address_id, []).append(Target(kind=kind, id=owner_id))
    return found
