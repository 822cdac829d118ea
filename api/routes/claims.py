"""Claims: opened under a contract, closed, reopened, and what is filed on them."""

from typing import Final

from api.operations import Operations
from api.routes.targets import offer_documents, offer_tickets
from domain.claims.claim import Claim, CloseClaim, OpenClaim, ReopenClaim
from projections import claims

operation: Final = Operations("claims", Claim, "manage_dossiers")

operation.creates(
    "/contracts/{contract_id}/claims",
    "Open a claim",
    OpenClaim,
    examples=[{"insurer_reference": "SIN-88-20417", "occurred_on": "2026-03-09"}, {}],
)
operation.lists("/contracts/{contract_id}/claims", "A contract's claims", claims.of_contract)
operation.shows("/claims/{claim_id}", "One claim", claims.claim)
operation.changes("/claims/{claim_id}/close", "Close a claim", CloseClaim)
operation.changes("/claims/{claim_id}/reopen", "Reopen a claim", ReopenClaim)

offer_tickets(operation, "claim")
offer_documents(operation, "claim")
