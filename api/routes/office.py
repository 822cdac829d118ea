"""The office's own e-mail addresses."""

from typing import Final

from api.operations import Operations
from domain.office.office import ReleaseOfficeAddress, ReserveOfficeAddress
from projections import office_addresses

operation: Final = Operations("office", action="operate")

operation.lists("/office/addresses", "The office's addresses", office_addresses.every)
operation.changes(
    "/office/addresses",
    "Make an address the office's",
    ReserveOfficeAddress,
    examples=[{"address": "contact@cabinet.example"}],
)
operation.changes(
    "/office/addresses/{address_id}", "Give up an address of the office", ReleaseOfficeAddress, method="DELETE"
)
