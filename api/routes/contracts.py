"""Contracts: registered under their client, terminated, and what is filed on them."""

from typing import Final

from api.operations import Operations
from api.routes.targets import offer_documents, offer_tickets
from domain.contracts.contract import Contract, RegisterContract, TerminateContract
from projections import contracts

operation: Final = Operations("contracts", Contract, "manage_dossiers")

operation.creates(
    "/clients/{client_id}/contracts",
    "Register a contract",
    RegisterContract,
    examples=[{"policy_number": "MRH-2201457", "product": "Multirisque habitation", "starts_on": "2026-01-01"}],
)
operation.lists("/clients/{client_id}/contracts", "A dossier's contracts", contracts.of_client)
operation.shows("/contracts/{contract_id}", "One contract", contracts.contract)
operation.changes(
    "/contracts/{contract_id}/terminate",
    "Terminate a contract",
    TerminateContract,
    examples=[{"effective_on": "2026-12-31"}],
)

offer_tickets(operation, "contract")
offer_documents(operation, "contract")
