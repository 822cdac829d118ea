"""Claims: opened under a contract, closed, reopened, and the tickets filed on them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from api.operations import AtPosition, Call, Listing, Operations, Reply, found
from api.routes.contracts import ContractPath
from api.routes.files import offer_documents, offer_tickets
from domain.aggregates import NotFound
from domain.claim import Claim, CloseClaim, OpenClaim, ReopenClaim
from domain.commands import Answer
from domain.contract import Contract
from domain.values import ShortLine
from projections import claims
from projections.claims import ClaimDetails, ClaimLine
from projections.paging import Page
from projections.reading import views_of

operation: Final = Operations("claims")


class ClaimPath(BaseModel):
    claim_id: UUID


class NewClaim(BaseModel):
    """A claim to open; its number is given by the office."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"insurer_reference": "SIN-88-20417", "occurred_on": "2026-03-09"}, {}]},
    )

    insurer_reference: Annotated[ShortLine, Field(description="The insurer's, where it has given one")] = ""
    occurred_on: Annotated[date | None, Field(description="The day of the loss")] = None


class ClaimChanged(BaseModel):
    """The claim as the command left it; read it with this `position` as `min_position`."""

    claim_id: UUID
    version: int
    position: int


@operation(
    "POST",
    "/contracts/{contract_id}/claims",
    "Open a claim",
    "manage_dossiers",
    path_model=ContractPath,
    body=NewClaim,
    answers={201: ClaimChanged},
    refuses=(NotFound,),
    is_command=True,
    versioned=True,
)
def open_claim(call: Call) -> Reply:
    """Opens a claim under a contract, in force or terminated: tickets can be filed on it from now on."""
    body: NewClaim = call.body
    claim_id = call.new_id("claim")
    command = OpenClaim(
        claim_id=claim_id,
        contract_id=call.path.contract_id,
        occurred_on=body.occurred_on,
        insurer_reference=body.insurer_reference,
    )
    return replace(_changed(claim_id, call.execute(command, claim_id)), status=201, location=f"/claims/{claim_id}")


@operation(
    "GET",
    "/contracts/{contract_id}/claims",
    "A contract's claims",
    "read",
    path_model=ContractPath,
    query_model=Listing,
    answers={200: Page[ClaimLine]},
    refuses=(NotFound,),
)
def list_claims(call: Call) -> Reply:
    """A contract's claims, the latest number first."""
    contract_id: UUID = call.path.contract_id
    with call.reading(*views_of(claims.of_contract)) as session:
        return Reply(found(Contract.kind, contract_id, claims.of_contract(session, contract_id, call.query)))


@operation(
    "GET",
    "/claims/{claim_id}",
    "One claim",
    "read",
    path_model=ClaimPath,
    query_model=AtPosition,
    answers={200: ClaimDetails},
    refuses=(NotFound,),
    versioned=True,
)
def show_claim(call: Call) -> Reply:
    """The claim and its contract."""
    claim_id: UUID = call.path.claim_id
    with call.reading(claims.claims) as session:
        claim = found(Claim.kind, claim_id, claims.claim(session, claim_id))
    return Reply(claim, version=claim.version)


_CHANGE: Final[dict[str, Any]] = {
    "path_model": ClaimPath,
    "answers": {200: ClaimChanged},
    "refuses": (NotFound,),
    "is_command": True,
    "conditional": True,
    "versioned": True,
}


@operation("POST", "/claims/{claim_id}/close", "Close a claim", "manage_dossiers", **_CHANGE)
def close_claim(call: Call) -> Reply:
    """Records that nothing is left to do. Tickets can still be filed on it."""
    claim_id: UUID = call.path.claim_id
    return _changed(claim_id, call.execute(CloseClaim(claim_id=claim_id), claim_id))


@operation("POST", "/claims/{claim_id}/reopen", "Reopen a claim", "manage_dossiers", **_CHANGE)
def reopen_claim(call: Call) -> Reply:
    """Records that there is something left to do after all."""
    claim_id: UUID = call.path.claim_id
    return _changed(claim_id, call.execute(ReopenClaim(claim_id=claim_id), claim_id))


offer_tickets(operation, "claim", "/claims/{claim_id}", ClaimPath)
offer_documents(operation, "claim", "/claims/{claim_id}", ClaimPath)


def _changed(claim_id: UUID, answer: Answer) -> Reply:
    version = answer.version or 0
    return Reply(ClaimChanged(claim_id=claim_id, version=version, position=answer.position), version=version)
