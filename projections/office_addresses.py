"""The office's own e-mail addresses: mail from them is the office's."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Column, Connection, String, Table, Uuid, select

from domain.access import Viewer
from domain.email_address import EmailAddressReleased, EmailAddressReserved
from domain.events import Erased, Recorded, Value
from projections.projection import Projection, Row, Utc, stream, views

_addresses: Final = Table(
    "office_addresses",
    views,
    Column("address_id", Uuid, primary_key=True),
    Column("address", String, nullable=False),
    Column("since", Utc, nullable=False),
)

office_addresses: Final = Projection("office_addresses", version=1, table=_addresses)


@office_addresses.on(EmailAddressReserved, key=stream)
def reserved(row: Row | None, recorded: Recorded[EmailAddressReserved]) -> Row | None:
    written = recorded.event.written
    return None if isinstance(written, Erased) else {"address": written.address, "since": recorded.at}


@office_addresses.on(EmailAddressReleased, key=stream)
def released(row: Row | None, recorded: Recorded[EmailAddressReleased]) -> Row | None:
    return None


class OfficeAddress(Value):
    address_id: UUID
    address: str
    since: datetime


def every(session: Connection, viewer: Viewer) -> list[OfficeAddress]:
    """The office's own addresses, in alphabetical order: those that clients write to, and its collaborators'."""
    found = session.execute(select(_addresses).order_by(_addresses.c.address)).mappings()
    return [OfficeAddress.model_validate(dict(row)) for row in found]
