"""Companies on the command line."""

from __future__ import annotations

from typing import Annotated
from uuid import uuid4

import typer

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
from domain.company import CompanyRole, RegisterCompany
from projections import companies as read_model
from projections.paging import DEFAULT_LIMIT

companies = typer.Typer(help="Insurers, wholesale brokers, referrers, partners: list, add.", no_args_is_help=True)


@companies.command("list")
def list_companies(
    name: Annotated[str, typer.Argument(help="Words of the name, in any order, case or accents.")] = "",
    role: Annotated[CompanyRole | None, typer.Option(help="Only these.")] = None,
    limit: LimitOption = DEFAULT_LIMIT,
    cursor: CursorOption = None,
    collaborator: AsOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the companies that the office works with, in alphabetical order."""
    with up_to_date_office() as greffier, greffier.views.reading() as session:
        page = read_model.search(
            session,
            viewer(greffier, collaborator),
            name=name,
            role=role,
            cursor=cursor,
            limit=limit,
            with_total=True,
        )
    print_page(page, ("name", "role"), lambda line: (line.name, line.role), as_json=as_json)


@companies.command("add")
def add_company(
    name: Annotated[str, typer.Argument(help="Its name.")],
    role: Annotated[CompanyRole, typer.Option(help="What it is to the office.")],
    collaborator: AsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Register a company: an insurer, a wholesale broker, a referrer or a partner."""
    command = RegisterCompany(company_id=uuid4(), role=role, name=name)
    with up_to_date_office() as greffier:
        answer = execute(greffier, command, collaborator)
    print_changed(answer, command.company_id, f"{command.name} is registered.", as_json=as_json)
