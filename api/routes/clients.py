"""Clients and prospects: found by name, registered, activated, and the addresses that are theirs."""

from typing import Final

from api.operations import Operations
from api.routes.targets import offer_addresses, offer_documents, offer_tickets
from domain.clients.client import ActivateClient, Client, RegisterClient
from projections import clients

operation: Final = Operations("clients", Client, "manage_dossiers")

operation.lists("/clients", "Search dossiers by name", clients.search)
operation.creates(
    "/clients",
    "Open a dossier",
    RegisterClient,
    examples=[
        {
            "identity": {"kind": "person", "title": "Mme", "first_name": "Claire", "last_name": "Bonnet"},
            "email_addresses": ["claire.bonnet@courriel.example"],
        },
        {"identity": {"kind": "company", "company_name": "Boulangerie Petitjean"}, "active": True},
    ],
)
operation.shows("/clients/{client_id}", "One dossier", clients.client)
operation.changes("/clients/{client_id}/activate", "Activate a dossier", ActivateClient)

offer_tickets(operation, "client")
offer_documents(operation, "client")
offer_addresses(operation, "client")
