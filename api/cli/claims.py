"""Claims on the command line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Annotated
from uuid import UUID, uuid4

import typer

from api.cli.naming import find_file
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
from domain.claim import ClaimReference, CloseClaim, OpenClaim, ReopenClaim
from domain.commands import Command
from projections import claims as read_model
from projections.paging import DEFAULT_LIMIT

claims = typer.Typer(help="Claims: list, open, close, reopen.", no_args_is_help=True)

ClaimArgument = Annotated[str, typer.Argument(metavar="CLAIM", help="A claim's number or id.")]


@claims.command("list")
def list_claims(
    contract: Annotated[str, typer.Option(help="The policy number or id of the contract under which they are.")],
    limit: LimitOption = DEFAULT_LIMIT,
    cursor: CursorOption = None,
    collaborator: AsOption = None,
    as_json: JsonOption = False,
) -> None:
    """List a contract's claims, the latest first."""
    with up_to_date_office() as greffier, greffier.views.reading() as session:
        contract_id = find_file(session, "contract", contract, "--contract").id
        page = read_model.of_contract(
            session, viewer(greffier, collaborator), contract_id, cursor=cursor, limit=limit, with_total=True
        )
    print_page(
        page,
        ("n°", "insurer's reference", "occurred on", "status"),
        lambda line: (line.number, line.insurer_reference, line.occurred_on, line.status),
        as_json=as_json,
    )


@claims.command("open")
def open_claim(
    contract: Annotated[str, typer.Option(help="The policy number or id of the contract, in force or not.")],
    reference: Annotated[str, typer.Option(help="The insurer's, where it has given one.")] = "",
    occurred_on: Annotated[date | None, typer.Option(parser=day, metavar="DAY", help="The day of the loss.")] = None,
    collaborator: AsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open a claim under a contract; its number is given by the office."""
    named = ClaimReference(insurer_reference=reference)
    with up_to_date_office() as greffier:
        with greffier.views.reading() as session:
            contract_id = find_file(session, "contract", contract, "--contract").id
        command = OpenClaim(claim_id=uuid4(), contract_id=contract_id, occurred_on=occurred_on, reference=named)
        answer = execute(greffier, command, collaborator)
        with greffier.views.reading() as session:
            number = read_model.numbered(session, [command.claim_id])[command.claim_id].number
    print_changed(answer, command.claim_id, f"The claim n° {number} is open.", as_json=as_json, number=number)


@claims.command()
def close(claim: ClaimArgument, collaborator: AsOption = None, as_json: JsonOption = False) -> None:
    """Close a claim: nothing is left to do for it."""
    _change(claim, lambda claim_id: CloseClaim(claim_id=claim_id), "is closed", collaborator, as_json=as_json)


@claims.command()
def reopen(claim: ClaimArgument, collaborator: AsOption = None, as_json: JsonOption = False) -> None:
    """Open a closed claim again."""
    _change(claim, lambda claim_id: ReopenClaim(claim_id=claim_id), "is open", collaborator, as_json=as_json)


def _change(
    claim: str, command: Callable[[UUID], Command], outcome: str, collaborator: str | None, *, as_json: bool
) -> None:
    with up_to_date_office() as greffier:
        with greffier.views.reading() as session:
            claim_id = find_file(session, "claim", claim, "CLAIM").id
        answer = execute(greffier, command(claim_id), collaborator)
    print_changed(answer, claim_id, f"The claim {outcome}.", as_json=as_json)
