"""A contact: a person whom the office writes to, at a company (T13) or elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field

from domain.aggregates import Aggregate
from domain.commands import Command, Streams, handles
from domain.companies.company import Company
from domain.events import Event, Sealed, Value
from domain.values import ContactId, Name, ShortLine, Title


class ContactIdentity(Value):
    """Who the contact is, and their function at the company."""

    title: Annotated[Title | None, Field(description="How the contact is addressed")] = None
    first_name: Annotated[ShortLine, Field(description="Empty, where it isn't known")] = ""
    last_name: Annotated[Name, Field(description="The family name")]
    function: Annotated[ShortLine, Field(description="What they do at the company")] = ""


class ContactEvent(Event):
    """A fact in the life of a contact."""


class ContactRegistered(ContactEvent):
    """A contact was entered, under a number that is never given again."""

    number: int
    company_id: UUID | None = None
    identity: Sealed[ContactIdentity]


class Contact(Aggregate):
    kind = "contact"
    event_type = ContactEvent

    is_registered: bool = False
    company_id: UUID | None = None

    def register(self, number: int, company_id: UUID | None, identity: ContactIdentity) -> Sequence[ContactEvent]:
        return [ContactRegistered(number=number, company_id=company_id, identity=identity)]

    def evolve(self, event: Event) -> Self:
        match event:
            case ContactRegistered():
                return self.having(is_registered=True, company_id=event.company_id)
            case _:
                return self


class RegisterContact(Command):
    """Enters a contact, at a company or of their own: tickets can be filed on them, and addresses given to them, from now on."""

    contact_id: ContactId
    identity: Annotated[ContactIdentity, Field(description="Who the contact is")]
    company_id: Annotated[UUID | None, Field(description="The company that they are at, if at any")] = None


@handles(RegisterContact)
def register_contact(command: RegisterContact, streams: Streams) -> Contact:
    if command.company_id is not None:
        streams.load(Company, command.company_id, field="company_id")
    contact = streams.find(Contact, command.contact_id)
    if contact.is_registered:
        return contact
    number = streams.next_number("contact")
    return streams.save(contact, contact.register(number, command.company_id, command.identity))
