"""Clients and prospects on the command line."""

from __future__ import annotations

from typing import Annotated
from uuid import uuid4

import typer

from api.cli.naming import find_file
from api.cli.session import (
    AsOption,
    CursorOption,
    JsonOption,
    LimitOption,
    execute,
    print_changed,
    print_page,
    up_to_date_office,
    viewer,
)
from domain.client import ActivateClient, ClientStatus, Company, Identity, NewClient, Person, RegisterClient
from domain.values import Title
from projections import clients as read_model
from projections.paging import DEFAULT_LIMIT

clients = typer.Typer(help="Clients and prospects: list, add, activate.", no_args_is_help=True)


@clients.command("list")
def list_clients(
    name: Annotated[str, typer.Argument(help="Words of the name, in any order, case or accents.")] = "",
    status: Annotated[ClientStatus | None, typer.Option(help="Only these.")] = None,
    limit: LimitOption = DEFAULT_LIMIT,
    cursor: CursorOption = None,
    collaborator: AsOption = None,
    as_json: JsonOption = False,
) -> None:
    """List clients and prospects, in alphabetical order."""
    with up_to_date_office() as greffier, greffier.views.reading() as session:
        page = read_model.search(
            session,
            viewer(greffier, collaborator),
            name=name,
            status=status,
            cursor=cursor,
            limit=limit,
            with_total=True,
        )
    columns = ("n°", "name", "status")
    print_page(page, columns, lambda line: (line.number, line.display_name, line.status), as_json=as_json)


@clients.command("add")
def add_client(
    last_name: Annotated[str | None, typer.Option(help="A person's.")] = None,
    first_name: Annotated[str, typer.Option(help="A person's.")] = "",
    title: Annotated[Title | None, typer.Option(help="A person's.")] = None,
    company_name: Annotated[str | None, typer.Option(help="A company's.")] = None,
    active: Annotated[bool, typer.Option("--active", help="It is a client already, no prospect.")] = False,
    address: Annotated[list[str] | None, typer.Option(help="An e-mail address of its own; may be repeated.")] = None,
    collaborator: AsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open a prospect's or client's dossier, with the addresses that are its own."""
    identity = _identity(last_name, first_name, title, company_name)
    new = NewClient(client_id=uuid4(), identity=identity, active=active)
    command = RegisterClient(client=new, email_addresses=tuple(address or ()))
    with up_to_date_office() as greffier:
        answer = execute(greffier, command, collaborator)
        with greffier.views.reading() as session:
            added = read_model.client(session, viewer(greffier, collaborator), new.client_id)
    assert added is not None  # noqa: S101  # it was added, and the views have it
    sentence = f"The {'client' if active else 'prospect'} n° {added.number}, {added.display_name}, is registered."
    print_changed(answer, new.client_id, sentence, as_json=as_json, number=added.number)


def _identity(last_name: str | None, first_name: str, title: Title | None, company_name: str | None) -> Identity:
    if (last_name is None) == (company_name is None):
        raise typer.BadParameter("give exactly one of --last-name, --company-name")
    if company_name is None:
        return Person(title=title, first_name=first_name, last_name=last_name or "")
    if first_name or title:
        raise typer.BadParameter("--first-name and --title go with --last-name")
    return Company(company_name=company_name)


@clients.command()
def activate(
    client: Annotated[str, typer.Argument(metavar="CLIENT", help="A prospect's number or id.")],
    collaborator: AsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a prospect a client of the office."""
    with up_to_date_office() as greffier:
        with greffier.views.reading() as session:
            client_id = find_file(session, "client", client, "CLIENT").id
        answer = execute(greffier, ActivateClient(client_id=client_id), collaborator)
    print_changed(answer, client_id, "The dossier is a client's.", as_json=as_json)
