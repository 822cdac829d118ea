"""Contacts: the people whom the office writes to, at companies or elsewhere."""

from typing import Final

from api.operations import Operations
from api.routes.targets import offer_addresses, offer_tickets
from domain.contacts.contact import Contact, RegisterContact
from projections import contacts

operation: Final = Operations("contacts", Contact, "manage_dossiers")

operation.creates(
    "/contacts",
    "Enter a contact",
    RegisterContact,
    examples=[{"identity": {"title": "Mme", "first_name": "Odile", "last_name": "Ferrand", "function": "Sinistres"}}],
)
operation.lists("/contacts", "Search contacts by name", contacts.search)
operation.shows("/contacts/{contact_id}", "One contact", contacts.contact)

offer_tickets(operation, "contact")
offer_addresses(operation, "contact")
