"""Contracts on the command line."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import uuid4

import typer

from api.cli.naming import CompanyOption, find_file
from api.cli.session import (
    AsOption,
    CursorOption,
    JsonOption,
    LimitOption,
    day,
    execute,
    print_changed,
    print_page,
    up_to_date_office,
    viewer,
)
from domain.contract import Policy, RegisterContract, TerminateContract
from projections import companies
from projections import contracts as read_model
from projections.paging import DEFAULT_LIMIT

contracts = typer.Typer(help="Contracts: list, add, terminate.", no_args_is_help=True)


@contracts.command("list")
def list_contracts(
    client: Annotated[str, typer.Option(help="The number or id of the client whose they are.")],
    limit: LimitOption = DEFAULT_LIMIT,
    cursor: CursorOption = None,
    collaborator: AsOption = None,
    as_json: JsonOption = False,
) -> None:
    """List a client's contracts, the latest registered first."""
    with up_to_date_office() as greffier, greffier.views.reading() as session:
        client_id = find_file(session, "client", client, "--client").id
        page = read_model.of_client(
            session, viewer(greffier, collaborator), client_id, cursor=cursor, limit=limit, with_total=True
        )
        insurers = companies.names(session, {line.company_id for line in page.items if line.company_id})
    print_page(
        page,
        ("number", "product", "with", "from", "to", "status"),
        lambda line: (
            line.policy_number,
            line.product,
            line.company_id and insurers.get(line.company_id),
            line.starts_on,
            line.ends_on,
            line.status,
        ),
        as_json=as_json,
    )


@contracts.command("add")
def add_contract(
    client: Annotated[str, typer.Option(help="The number or id of the client whose it is.")],
    number: Annotated[str, typer.Option(help="The number that its insurer gave it.")],
    product: Annotated[str, typer.Option(help="What it is called.")] = "",
    company: CompanyOption = None,
    starts_on: Annotated[
        date | None, typer.Option(parser=day, metavar="DAY", help="The first day of its cover.")
    ] = None,
    collaborator: AsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Register a client's contract, with its insurer or the wholesale broker through whom it is placed."""
    policy = Policy(number=number, product=product)
    with up_to_date_office() as greffier:
        with greffier.views.reading() as session:
            command = RegisterContract(
                contract_id=uuid4(),
                client_id=find_file(session, "client", client, "--client").id,
                company_id=None if company is None else find_file(session, "company", company, "--company").id,
                starts_on=starts_on,
                policy=policy,
            )
        answer = execute(greffier, command, collaborator)
    print_changed(answer, command.contract_id, f"The contract {policy.number} is registered.", as_json=as_json)


@contracts.command("terminate")
def terminate_contract(
    contract: Annotated[str, typer.Argument(metavar="CONTRACT", help="A contract's policy number or id.")],
    effective_on: Annotated[date, typer.Option(parser=day, metavar="DAY", help="The day on which its cover ends.")],
    collaborator: AsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Record on which day a contract's cover ends; done again with another day, it corrects that."""
    with up_to_date_office() as greffier:
        with greffier.views.reading() as session:
            contract_id = find_file(session, "contract", contract, "CONTRACT").id
        answer = execute(greffier, TerminateContract(contract_id=contract_id, effective_on=effective_on), collaborator)
    print_changed(answer, contract_id, f"The contract ends on {effective_on}.", as_json=as_json)
