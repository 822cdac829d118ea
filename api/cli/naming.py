"""How files and tickets are named on the command line: by their ids, or by what people call them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any, Final
from uuid import UUID

import typer

from api.cli.session import CommandFailed
from domain.values import FileKind, Target, storable
from projections import files, tickets
from projections.reading import Reading

ClientOption = Annotated[str | None, typer.Option("--client", help="A client's or prospect's number or id.")]
ContractOption = Annotated[str | None, typer.Option("--contract", help="A contract's policy number or id.")]
ClaimOption = Annotated[str | None, typer.Option("--claim", help="A claim's number or id.")]
CompanyOption = Annotated[str | None, typer.Option("--company", help="A company's name or id.")]
ContactOption = Annotated[str | None, typer.Option("--contact", help="A contact's number or id.")]
TicketArgument = Annotated[str, typer.Argument(metavar="TICKET", help="A ticket's number or id.")]

_LONGEST_NUMBER: Final = 30


def find_file(session: Reading, kind: FileKind, name: str, where: str) -> Target:
    """The one file of this kind that `name` is the id of, or what people call it by. Raises `CommandFailed`.

    `where` is the option or argument that gave the name.
    """
    name = storable(name)
    with suppress(ValueError):
        file = Target(kind=kind, id=UUID(name))
        if files.exists(session, file):
            return file
    ids = files.ids_of(session, kind, name)
    called_by = files.NAMED_BY[kind]
    if not ids:
        raise CommandFailed(f"{where}: no {kind} has the {called_by} or id {name!r}")
    if len(ids) > 1:
        which = ", ".join(sorted(map(str, ids)))
        raise CommandFailed(f"{where}: several have the {called_by} {name!r}: give the id of one ({which})")
    return Target(kind=kind, id=ids[0])


def by_kind(
    client: str | None, contract: str | None, claim: str | None, company: str | None, contact: str | None
) -> dict[FileKind, str | None]:
    """The options that name a file of any kind."""
    return {"client": client, "contract": contract, "claim": claim, "company": company, "contact": contact}


def exactly_one(options: Mapping[Any, object]) -> None:
    """Raises `BadParameter` unless one of the options was given: the others are None."""
    if sum(value is not None for value in options.values()) != 1:
        raise typer.BadParameter(f"give exactly one of --{', --'.join(options)}")


def find_the_one(session: Reading, named: Mapping[FileKind, str | None]) -> Target:
    """The file that the one option given names. Raises `BadParameter` and `CommandFailed`."""
    exactly_one(named)
    ((kind, name),) = ((kind, name) for kind, name in named.items() if name is not None)
    return find_file(session, kind, name, f"--{kind}")


def find_ticket(session: Reading, ticket: str, where: str = "TICKET") -> UUID:
    """The ticket of this id or number. Raises `CommandFailed`."""
    if ticket.isdecimal() and len(ticket) <= _LONGEST_NUMBER:
        number = int(ticket)
        found = tickets.numbered(session, number) if number < 1 << 31 else None  # no column holds a larger one
        if found is None:
            raise CommandFailed(f"there is no ticket number {ticket}")
        return found
    try:
        return UUID(ticket)
    except ValueError:
        raise CommandFailed(f"{where}: {ticket!r} is neither a ticket's number nor its id") from None
