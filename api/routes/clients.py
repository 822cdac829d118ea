"""Clients and prospects: found by name, registered, activated, and the addresses that are theirs."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from api.operations import AtPosition, Call, Listing, Operations, Reply, found
from api.routes.files import TypedAddress, offer_addresses, offer_documents, offer_tickets
from domain.aggregates import NotFound
from domain.client import ActivateClient, Client, ClientStatus, Identity, RegisterClient
from domain.commands import Answer
from domain.email_address import AddressBelongsToAnother
from domain.values import EmailAddressText
from projections import clients, email_addresses
from projections.clients import ClientDetails, ClientLine
from projections.paging import Page

operation: Final = Operations("clients")


class ClientPath(BaseModel):
    client_id: UUID


class AddressPath(ClientPath):
    address_id: UUID


class ClientSearch(Listing):
    name: Annotated[str, Field(max_length=200, description="Words of the name, in any order, case or accents")] = ""
    status: ClientStatus | None = None


class Registration(BaseModel):
    """A dossier to open: a prospect, or a client where `active`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "identity": {"kind": "person", "title": "Mme", "first_name": "Claire", "last_name": "Bonnet"},
                    "email_addresses": ["claire.bonnet@courriel.example"],
                },
                {"identity": {"kind": "company", "company_name": "Boulangerie Petitjean"}, "active": True},
            ]
        },
    )

    identity: Identity
    active: bool = False
    email_addresses: Annotated[tuple[EmailAddressText, ...], Field(max_length=20)] = ()


class ClientChanged(BaseModel):
    """The dossier as the command left it; read it with this `position` as `min_position`."""

    client_id: UUID
    version: int
    position: int


@operation(
    "GET", "/clients", "Search dossiers by name", "read", query_model=ClientSearch, answers={200: Page[ClientLine]}
)
def search_clients(call: Call) -> Reply:
    """Clients and prospects whose name holds every word, in alphabetical order."""
    query: ClientSearch = call.query
    with call.reading(clients.clients) as session:
        return Reply(clients.search(session, query, name=query.name, status=query.status))


@operation(
    "POST",
    "/clients",
    "Open a dossier",
    "manage_dossiers",
    body=Registration,
    answers={201: ClientChanged},
    refuses=(AddressBelongsToAnother,),
    is_command=True,
    versioned=True,
)
def register_client(call: Call) -> Reply:
    """Opens a prospect's or client's dossier, with the addresses that are its own."""
    body: Registration = call.body
    client_id = call.new_id("client")
    command = RegisterClient(
        client_id=client_id, identity=body.identity, active=body.active, email_addresses=body.email_addresses
    )
    answer = call.execute(command, client_id)
    return replace(_client_changed(client_id, answer), status=201, location=f"/clients/{client_id}")


@operation(
    "GET",
    "/clients/{client_id}",
    "One dossier",
    "read",
    path_model=ClientPath,
    query_model=AtPosition,
    answers={200: ClientDetails},
    refuses=(NotFound,),
    versioned=True,
)
def show_client(call: Call) -> Reply:
    """The dossier's identity and addresses."""
    with call.reading(clients.clients, email_addresses.email_addresses) as session:
        client = found(Client.kind, call.path.client_id, clients.client(session, call.path.client_id))
    return Reply(client, version=client.version)


@operation(
    "POST",
    "/clients/{client_id}/activate",
    "Activate a dossier",
    "manage_dossiers",
    path_model=ClientPath,
    answers={200: ClientChanged},
    refuses=(NotFound,),
    is_command=True,
    conditional=True,
    versioned=True,
)
def activate_client(call: Call) -> Reply:
    """Makes the prospect a client of the office."""
    client_id: UUID = call.path.client_id
    return _client_changed(client_id, call.execute(ActivateClient(client_id=client_id), client_id))


offer_tickets(operation, "client", "/clients/{client_id}", ClientPath)
offer_documents(operation, "client", "/clients/{client_id}", ClientPath)
offer_addresses(operation, "client", "/clients/{client_id}", ClientPath, AddressPath)


def _client_changed(client_id: UUID, answer: Answer) -> Reply:
    version = answer.version or 0
    return Reply(ClientChanged(client_id=client_id, version=version, position=answer.position), version=version)
