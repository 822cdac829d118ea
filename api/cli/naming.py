"""How files and tickets are named on the command line: by their ids, or by what people call them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final
from uuid import UUID

import typer

from api.cli.asking import Asking
from api.cli.session import CommandFailed
from domain.values import TARGET_KINDS, TargetKind
from projections.queries.reading import Reading
from projections.tickets.ticket import numbered

ClientOption = Annotated[str | None, typer.Option("--client", help="A client's or prospect's number, name or id.")]
ContractOption = Annotated[str | None, typer.Option("--contract", help="A contract's policy number or id.")]
ClaimOption = Annotated[str | None, typer.Option("--claim", help="A claim's number or id.")]
CompanyOption = Annotated[str | None, typer.Option("--company", help="A company's name or id.")]
ContactOption = Annotated[str | None, typer.Option("--contact", help="A contact's number, name or id.")]
TicketArgument = Annotated[str, typer.Argument(metavar="TICKET", help="A ticket's number or id.")]

_LONGEST_NUMBER: Final = 30


def by_kind(
    client: str | None, contract: str | None, claim: str | None, company: str | None, contact: str | None
) -> dict[TargetKind, str]:
    """The options given that name a file, of whichever kind."""
    options = zip(TARGET_KINDS, (client, contract, claim, company, contact), strict=True)
    return {kind: name for kind, name in options if name is not None}


def find_file(office: Asking, named: Mapping[TargetKind, str]) -> dict[str, Any] | None:
    """The kind and id of the file that an option names; None where none does. Raises `BadParameter`, `CommandFailed`."""
    if len(named) > 1:
        raise typer.BadParameter(f"give one of --{', --'.join(named)}")
    for kind, name in named.items():
        called = office.get("/targets", kind=kind, name=name, limit=2)["items"]
        found = [one for one in called if one["exact"]]  # they come first
        if not found:
            raise CommandFailed(f"--{kind}: no {kind} is called, or has the id, {name!r}")
        if len(found) > 1:
            raise CommandFailed(
                f"--{kind}: several are called {name!r}: give the id of one "
                f"(`greffier api GET /targets kind={kind} name=…` lists them)"
            )
        return {"kind": kind, "id": found[0]["id"]}
    return None


def find_ticket(office: Asking, ticket: str) -> UUID:
    """The ticket of this id or number. Raises `CommandFailed`."""
    if ticket.isdecimal() and len(ticket) <= _LONGEST_NUMBER:
        number = int(ticket)
        with office.greffier.views.reading() as connection:
            known = Reading(connection, office.viewer)
            found = numbered(known, number) if number < 1 << 31 else None  # no column holds a larger one
        if found is None:
            raise CommandFailed(f"there is no ticket number {ticket}")
        return found
    try:
        return UUID(ticket)
    except ValueError:
        raise CommandFailed(f"TICKET: {ticket!r} is neither a ticket's number nor its id") from None
