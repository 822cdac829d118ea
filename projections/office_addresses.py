"""The office's own e-mail addresses: mail from them is the office's."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Column, String, Table, Uuid, select

from domain.email_address import EmailAddressReleased, EmailAddressReserved
from domain.events import Recorded, Value, unsealed
from projections.projection import Projection, Row, Utc, views
from projections.reading import Reading

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


class OfficeAddress(Value):
    address_id: UUID
    address: str
    since: datetime


def every(session: Reading) -> list[OfficeAddress]:
    """The office's own addresses, in alphabetical order: those that clients write to, and its collaborators'."""
    found = session.execute(select(_addresses).order_by(_addresses.c.address)).mappings()
    return [OfficeAddress.model_validate(dict(row)) for row in found]
