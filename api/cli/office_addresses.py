"""The office's own e-mail addresses on the command line."""

from __future__ import annotations

from uuid import UUID

import typer

from api.cli.addresses import AddressArgument
from api.cli.session import (
    AsOption,
    CommandFailed,
    JsonOption,
    execute,
    print_changed,
    print_json,
    print_table,
    up_to_date_office,
    viewer,
)
from domain.email_address import AddressBelongsToAnother, email_address_id
from domain.office import ReleaseOfficeAddress, ReserveOfficeAddress
from domain.values import storable
from projections import office_addresses as read_model

office_addresses = typer.Typer(help="The office's own e-mail addresses.", no_args_is_help=True)


@office_addresses.command("list")
def list_addresses(collaborator: AsOption = None, as_json: JsonOption = False) -> None:
    """List the addresses from which mail is the office's: its own, and its collaborators'."""
    with up_to_date_office() as greffier, greffier.views.reading() as session:
        found = read_model.every(session, viewer(greffier, collaborator))
    if as_json:
        print_json(found)
    else:
        print_table(("address", "since"), [(one.address, f"{one.since:%Y-%m-%d}") for one in found])


@office_addresses.command("add")
def add_address(address: AddressArgument, collaborator: AsOption = None, as_json: JsonOption = False) -> None:
    """Make an address the office's own, such as the one that clients write to: no file can have it from now on."""
    with up_to_date_office() as greffier:
        command = ReserveOfficeAddress(address=address)
        try:
            answer = execute(greffier, command, collaborator)
        except AddressBelongsToAnother:
            raise CommandFailed(f"ADDRESS: {address!r} is on a file: take it off first") from None
    address_id = UUID(answer.result["address_id"])
    print_changed(answer, address_id, f"{command.address} is one of the office's own.", as_json=as_json)


@office_addresses.command("remove")
def remove_address(address: AddressArgument, collaborator: AsOption = None, as_json: JsonOption = False) -> None:
    """Give up an address of the office: mail from it is treated as anybody's from now on."""
    with up_to_date_office() as greffier:
        address_id = email_address_id(greffier.log, storable(address))
        with greffier.views.reading() as session:
            own = {one.address_id for one in read_model.every(session, viewer(greffier, collaborator))}
        if address_id not in own:
            raise CommandFailed(f"ADDRESS: {address!r} is not one of the office's own")
        answer = execute(greffier, ReleaseOfficeAddress(address_id=address_id), collaborator)
    print_changed(answer, address_id, f"{address} is no longer the office's.", as_json=as_json)
