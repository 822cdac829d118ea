"""The e-mail addresses of clients, companies and contacts on the command line."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from api.cli.naming import ClientOption, CompanyOption, ContactOption, find_the_one
from api.cli.session import (
    AsOption,
    CommandFailed,
    JsonOption,
    execute,
    print_changed,
    print_json,
    print_table,
    up_to_date_office,
)
from domain.email_address import AddressNotOnFile, Ownership, email_address_id
from domain.files import AssociateEmailAddress, RemoveEmailAddress
from domain.values import storable
from projections import email_addresses

addresses = typer.Typer(help="The e-mail addresses of a client, a company or a contact.", no_args_is_help=True)

AddressArgument = Annotated[str, typer.Argument(metavar="ADDRESS", help="An e-mail address.")]


@addresses.command("list")
def list_addresses(
    client: ClientOption = None,
    company: CompanyOption = None,
    contact: ContactOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the addresses of one file, those that it has had longest first."""
    with up_to_date_office() as greffier, greffier.views.reading() as session:
        owner = find_the_one(session, {"client": client, "company": company, "contact": contact})
        owned = email_addresses.of_owner(session, owner.id)
    if as_json:
        print_json(owned)
        return
    print_table(
        ("address", "since", ""),
        [(one.address, f"{one.since:%Y-%m-%d}", "shared: its messages wait" if one.shared else None) for one in owned],
    )


@addresses.command("add")
def add_address(
    address: AddressArgument,
    client: ClientOption = None,
    company: CompanyOption = None,
    contact: ContactOption = None,
    how: Annotated[
        Ownership, typer.Option(help="Associate a free address, share it with its owners, or move it from them.")
    ] = "associate",
    collaborator: AsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give an address to a file: later messages from it are filed there, or wait where it is shared."""
    with up_to_date_office() as greffier:
        with greffier.views.reading() as session:
            owner = find_the_one(session, {"client": client, "company": company, "contact": contact})
        command = AssociateEmailAddress(owner=owner, address=address, how=how)
        answer = execute(greffier, command, collaborator)
    sentence = f"{command.address} is on the {owner.kind}."
    print_changed(answer, UUID(answer.result["address_id"]), sentence, as_json=as_json)


@addresses.command("remove")
def remove_address(
    address: AddressArgument,
    client: ClientOption = None,
    company: CompanyOption = None,
    contact: ContactOption = None,
    collaborator: AsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take an address off a file: later messages no longer follow it, those that came stay."""
    with up_to_date_office() as greffier:
        with greffier.views.reading() as session:
            owner = find_the_one(session, {"client": client, "company": company, "contact": contact})
        address_id = email_address_id(greffier.log, storable(address))
        try:
            answer = execute(greffier, RemoveEmailAddress(owner=owner, address_id=address_id), collaborator)
        except AddressNotOnFile:
            raise CommandFailed(f"ADDRESS: {address!r} is not on this {owner.kind}") from None
    print_changed(answer, address_id, f"{address} is no longer on the {owner.kind}.", as_json=as_json)
