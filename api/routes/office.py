"""The office's own e-mail addresses."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from api.operations import Call, Listing, Operations, Reply
from api.routes.files import TypedAddress
from domain.aggregates import NotFound
from domain.commands import Answer
from domain.email_address import AddressBelongsToAnother
from domain.office import OfficeNotOpen, ReleaseOfficeAddress, ReserveOfficeAddress
from domain.values import EmailAddressText
from projections import office_addresses
from projections.office_addresses import OfficeAddress
from projections.paging import Page

operation: Final = Operations("office")


class AddressPath(BaseModel):
    address_id: UUID


class OwnAddress(BaseModel):
    """An address of the office itself, such as the one that clients write to."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"address": "contact@cabinet.example"}]})

    address: EmailAddressText


class OwnAddressChanged(BaseModel):
    """The address as the command left it; read them with this `position` as `min_position`."""

    address_id: UUID
    version: int
    position: int


@operation(
    "GET",
    "/office/addresses",
    "The office's addresses",
    "read",
    query_model=Listing,
    answers={200: Page[OfficeAddress]},
)
def list_office_addresses(call: Call) -> Reply:
    """What comes from these is the office's: it joins its thread, or is filed on its recipient. Collaborators' are there."""
    with call.reading(office_addresses.office_addresses) as session:
        return Reply(office_addresses.every(session, call.query))


@operation(
    "POST",
    "/office/addresses",
    "Make an address the office's",
    "operate",
    body=OwnAddress,
    answers={200: OwnAddressChanged},
    refuses=(OfficeNotOpen, AddressBelongsToAnother),
    is_command=True,
)
def reserve_office_address(call: Call) -> Reply:
    """No file can have it from now on. One that a file has answers 409: take it off first."""
    body: OwnAddress = call.body
    command = ReserveOfficeAddress(address=body.address)
    return _changed(call.greffier.log.execute(command, call.actor, command_id=call.command_id))


@operation(
    "DELETE",
    "/office/addresses/{address_id}",
    "Give up an address of the office",
    "operate",
    path_model=AddressPath,
    answers={200: OwnAddressChanged},
    refuses=(NotFound,),
    is_command=True,
)
def release_office_address(call: Call) -> Reply:
    """Mail from it is treated as anybody's from now on."""
    address_id: UUID = call.path.address_id
    return _changed(call.execute(ReleaseOfficeAddress(address_id=address_id), address_id))


def _changed(answer: Answer) -> Reply:
    assert answer.id is not None  # noqa: S101  # the address
    return Reply(OwnAddressChanged(address_id=answer.id, version=answer.version or 0, position=answer.position))
