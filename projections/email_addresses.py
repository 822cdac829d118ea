"""The e-mail addresses of clients, companies and contacts: what brings their messages to them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Column, Index, String, Table, Uuid, bindparam, func, select

from domain.email_addresses.email_address import EmailAddressAssociated, EmailAddressMoved, EmailAddressRemoved
from domain.events import Recorded, unsealed
from domain.values import Target
from projections.engine.projection import Key, Projection, Row, Utc, views
from projections.queries.reading import Reading, Shown

_addresses: Final = Table(
    "email_addresses",
    views,
    Column("address_id", Uuid, primary_key=True),
    Column("owner_id", Uuid, primary_key=True),
    Column("owner_kind", String, nullable=False),
    Column("dossier_id", Uuid),
    Column("address", String, nullable=False),
    Column("since", Utc, nullable=False),
    Index("email_addresses_by_owner", "owner_id"),
    Index("email_addresses_by_dossier", "dossier_id", "since"),
)

email_addresses: Final = Projection("email_addresses", version=3, table=_addresses)


# --- folds ------------------------------------------------------------------------------------


def _owner(recorded: Recorded[Any]) -> Key:
    return recorded.stream_id, recorded.event.owner.id


@email_addresses.begins(EmailAddressAssociated, EmailAddressMoved, key=_owner)
def given(recorded: Recorded[EmailAddressAssociated | EmailAddressMoved]) -> Row:
    event = recorded.event
    return {
        "owner_kind": event.owner.kind,
        "dossier_id": event.dossier_id,
        "address": unsealed(event.written).address,
        "since": recorded.at,
    }


email_addresses.ends(EmailAddressMoved, keys=lambda r: [(r.stream_id, owner.id) for owner in r.event.former_owners])
email_addresses.ends(EmailAddressRemoved, key=_owner)


# --- queries ----------------------------------------------------------------------------------


class OwnedAddress(Shown):
    """An address of a file."""

    address_id: UUID
    """For `…/email-addresses/{address_id}` of its file."""
    address: str
    """As it was given, normalised."""
    since: datetime
    """When it became this file's."""
    shared: bool
    """Whether other files own it too: then its messages wait for someone to file them (X2)."""


_others: Final = _addresses.alias()
_owners: Final = (
    select(func.count()).select_from(_others).where(_others.c.address_id == _addresses.c.address_id).scalar_subquery()
)
_of_one: Final = (
    select(_addresses.c.address_id, _addresses.c.address, _addresses.c.since, (_owners > 1).label("shared"))
    .where(_addresses.c.owner_id == bindparam("owner_id"))
    .order_by(_addresses.c.since, _addresses.c.address)
)


def of_owner(session: Reading, owner_id: UUID) -> list[OwnedAddress]:
    """A file's addresses, those that it has had longest first."""
    found = session.execute(session.visible(_of_one, _addresses.c.dossier_id), {"owner_id": owner_id}).mappings()
    return OwnedAddress.each(found)


def owners_of(session: Reading, address_ids: Collection[UUID]) -> dict[UUID, list[Target]]:
    """Whose these addresses are; those of nobody are left out."""
    columns = (_addresses.c.address_id, _addresses.c.owner_kind, _addresses.c.owner_id)
    listing = (
        session.rows(_addresses, *columns).where(_addresses.c.address_id.in_(address_ids)).order_by(_addresses.c.since)
    )
    found: dict[UUID, list[Target]] = {}
    for address_id, kind, owner_id in session.execute(listing):
        found.setdefault(address_id, []).append(Target(kind=kind, id=owner_id))
    return found
