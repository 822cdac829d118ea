"""The office's own e-mail addresses: mail from them is the office's."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Column, String, Table, Uuid, select

from domain.email_addresses.email_address import EmailAddressReleased, EmailAddressReserved
from domain.events import Recorded, unsealed
from projections.engine.projection import Projection, Row, Utc, views
from projections.queries.paging import Page, Window, paged
from projections.queries.reading import Reading, Shown, reads

_addresses: Final = Table(
    "office_addresses",
    views,
    Column("address_id", Uuid, primary_key=True),
    Column("address", String, nullable=False),
    Column("since", Utc, nullable=False),
)

office_addresses: Final = Projection("office_addresses", version=2, table=_addresses)


@office_addresses.begins(EmailAddressReserved)
def reserved(recorded: Recorded[EmailAddressReserved]) -> Row:
    return {"address": unsealed(recorded.event.written).address, "since": recorded.at}


office_addresses.ends(EmailAddressReleased)


class OfficeAddress(Shown):
    """An address of the office itself."""

    address_id: UUID
    """For `/office/addresses/{address_id}`."""
    address: str
    """As it was given, normalised."""
    since: datetime
    """When it became the office's."""


@reads(office_addresses)
def every(session: Reading, window: Window) -> Page[OfficeAddress]:
    """The office's own addresses, in alphabetical order: those that clients write to, and its collaborators'.

    Raises `BadCursor`.
    """
    order = (_addresses.c.address, _addresses.c.address_id)
    return paged(session, select(_addresses), window, *order, items=OfficeAddress.each)
