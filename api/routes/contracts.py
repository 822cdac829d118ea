"""Contracts: registered under their client, terminated, and the tickets filed on them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Annotated, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from api.operations import AtPosition, Call, Listing, Operations, Reply, found
from api.routes.files import offer_documents, offer_tickets
from domain.aggregates import NotFound
from domain.client import Client
from domain.commands import Answer
from domain.contract import Contract, RegisterContract, TerminateContract
from domain.values import Name, ShortLine
from projections import contracts
from projections.contracts import ContractDetails, ContractLine
from projections.paging import Page
from projections.reading import views_of

operation: Final = Operations("contracts")


class ContractPath(BaseModel):
    contract_id: UUID


class OfClient(BaseModel):
    client_id: UUID


class NewContract(BaseModel):
    """A contract to register, under the number that its insurer gave it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"policy_number": "MRH-2201457", "product": "Multirisque habitation", "starts_on": "2026-01-01"}
            ],
        },
    )

    policy_number: Name
    product: ShortLine = ""
    company_id: Annotated[
        UUID | None, Field(description="The insurer, or the wholesale broker through whom it is placed")
    ] = None
    starts_on: Annotated[date | None, Field(description="The first day of its cover")] = None


class Termination(BaseModel):
    """When a contract's cover ends."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"effective_on": "2026-12-31"}]})

    effective_on: Annotated[date, Field(description="The day on which the cover ends")]


class ContractChanged(BaseModel):
    """The contract as the command left it; read it with this `position` as `min_position`."""

    contract_id: UUID
    version: int
    position: int


@operation(
    "POST",
    "/clients/{client_id}/contracts",
    "Register a contract",
    "manage_dossiers",
    path_model=OfClient,
    body=NewContract,
    answers={201: ContractChanged},
    refuses=(NotFound,),
    is_command=True,
    versioned=True,
)
def register_contract(call: Call) -> Reply:
    """Registers a client's contract: tickets can be filed on it from now on."""
    body: NewContract = call.body
    contract_id = call.new_id("contract")
    command = RegisterContract(
        contract_id=contract_id,
        client_id=call.path.client_id,
        company_id=body.company_id,
        starts_on=body.starts_on,
        policy_number=body.policy_number,
        product=body.product,
    )
    changed = _changed(contract_id, call.execute(command, contract_id))
    return replace(changed, status=201, location=f"/contracts/{contract_id}")


@operation(
    "GET",
    "/clients/{client_id}/contracts",
    "A dossier's contracts",
    "read",
    path_model=OfClient,
    query_model=Listing,
    answers={200: Page[ContractLine]},
    refuses=(NotFound,),
)
def list_contracts(call: Call) -> Reply:
    """A client's contracts, the latest registered first."""
    client_id: UUID = call.path.client_id
    with call.reading(*views_of(contracts.of_client)) as session:
        return Reply(found(Client.kind, client_id, contracts.of_client(session, client_id, call.query)))


@operation(
    "GET",
    "/contracts/{contract_id}",
    "One contract",
    "read",
    path_model=ContractPath,
    query_model=AtPosition,
    answers={200: ContractDetails},
    refuses=(NotFound,),
    versioned=True,
)
def show_contract(call: Call) -> Reply:
    """The contract, its client and its insurer."""
    contract_id: UUID = call.path.contract_id
    with call.reading(contracts.contracts) as session:
        contract = found(Contract.kind, contract_id, contracts.contract(session, contract_id))
    return Reply(contract, version=contract.version)


@operation(
    "POST",
    "/contracts/{contract_id}/terminate",
    "Terminate a contract",
    "manage_dossiers",
    path_model=ContractPath,
    body=Termination,
    answers={200: ContractChanged},
    refuses=(NotFound,),
    is_command=True,
    conditional=True,
    versioned=True,
)
def terminate_contract(call: Call) -> Reply:
    """Records on which day the contract's cover ends; again with another day corrects it. Tickets can still be filed on it."""
    contract_id: UUID = call.path.contract_id
    body: Termination = call.body
    command = TerminateContract(contract_id=contract_id, effective_on=body.effective_on)
    return _changed(contract_id, call.execute(command, contract_id))


offer_tickets(operation, "contract", "/contracts/{contract_id}", ContractPath)
offer_documents(operation, "contract", "/contracts/{contract_id}", ContractPath)


def _changed(contract_id: UUID, answer: Answer) -> Reply:
    version = answer.version or 0
    return Reply(ContractChanged(contract_id=contract_id, version=version, position=answer.position), version=version)
