"""Contacts: the people whom the office writes to, at companies or elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from api.operations import AtPosition, Call, Listing, Operations, Reply, found
from api.routes.files import offer_addresses, offer_tickets
from domain.aggregates import NotFound
from domain.contact import Contact, ContactIdentity, RegisterContact
from projections import contacts, email_addresses
from projections.contacts import ContactDetails, ContactLine
from projections.paging import Page

operation: Final = Operations("contacts")


class ContactPath(BaseModel):
    contact_id: UUID


class ContactAddressPath(ContactPath):
    address_id: UUID


class ContactSearch(Listing):
    name: Annotated[str, Field(max_length=200, description="Words of the name, in any order, case or accents")] = ""
    company_id: UUID | None = None


class NewContact(BaseModel):
    """A contact to enter: at a company, or of their own."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"identity": {"title": "Mme", "first_name": "Odile", "last_name": "Ferrand", "function": "Sinistres"}}
            ]
        },
    )

    identity: ContactIdentity
    company_id: UUID | None = None


class ContactChanged(BaseModel):
    """The contact as the command left it; read it with this `position` as `min_position`."""

    contact_id: UUID
    version: int
    position: int


@operation(
    "POST",
    "/contacts",
    "Enter a contact",
    "manage_dossiers",
    body=NewContact,
    answers={201: ContactChanged},
    is_command=True,
    versioned=True,
)
def register_contact(call: Call) -> Reply:
    """Enters a contact: tickets can be filed on them, and addresses given to them, from now on."""
    body: NewContact = call.body
    contact_id = call.new_id("contact")
    command = RegisterContact(contact_id=contact_id, company_id=body.company_id, identity=body.identity)
    answer = call.execute(command, contact_id)
    version = answer.version or 0
    changed = ContactChanged(contact_id=contact_id, version=version, position=answer.position)
    return replace(Reply(changed, version=version), status=201, location=f"/contacts/{contact_id}")


@operation(
    "GET", "/contacts", "Search contacts by name", "read", query_model=ContactSearch, answers={200: Page[ContactLine]}
)
def search_contacts(call: Call) -> Reply:
    """Contacts whose name holds every word, in alphabetical order: all, or those of one company."""
    query: ContactSearch = call.query
    with call.reading(contacts.contacts) as session:
        return Reply(contacts.search(session, query, name=query.name, company_id=query.company_id))


@operation(
    "GET",
    "/contacts/{contact_id}",
    "One contact",
    "read",
    path_model=ContactPath,
    query_model=AtPosition,
    answers={200: ContactDetails},
    refuses=(NotFound,),
    versioned=True,
)
def show_contact(call: Call) -> Reply:
    """The contact, their company and their addresses."""
    contact_id: UUID = call.path.contact_id
    with call.reading(contacts.contacts, email_addresses.email_addresses) as session:
        contact = found(Contact.kind, contact_id, contacts.contact(session, contact_id))
    return Reply(contact, version=contact.version)


offer_tickets(operation, "contact", "/contacts/{contact_id}", ContactPath)
offer_addresses(operation, "contact", "/contacts/{contact_id}", ContactPath, ContactAddressPath)
