"""The targets: what a ticket can be filed on (T1), whose addresses they have, and giving and taking those (T14)."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from pydantic import AfterValidator, Field

from domain.aggregates import Aggregate
from domain.claims.claim import Claim
from domain.clients.client import Client
from domain.commands import Command, Streams, handles
from domain.companies.company import Company
from domain.contacts.contact import Contact
from domain.contracts.contract import Contract
from domain.email_addresses.email_address import (
    AddressBelongsToAnother,
    AddressIsOffices,
    AddressNotOnFile,
    EmailAddress,
    Ownership,
    give_address,
)
from domain.values import AddressId, EmailAddressText, Target, TargetKind

AGGREGATES: Final[dict[str, type[Aggregate]]] = {
    file.kind: file for file in (Client, Contract, Claim, Company, Contact)
}
OWNERS: Final[tuple[TargetKind, ...]] = ("client", "company", "contact")
"""Who has addresses. A contract's or a claim's correspondents are its client's."""


def existing(file: Target, streams: Streams) -> Target:
    """The file, which is there. Raises `NotFound`."""
    streams.load(AGGREGATES[file.kind], file.id)
    return file


def dossier_of(file: Target, streams: Streams, *, field: str | None = None) -> UUID | None:
    """The client in whose dossier the file is; none, where it is a company or a contact. Raises `NotFound`."""
    match streams.load(AGGREGATES[file.kind], file.id, field=field):
        case Client(id=dossier_id) | Contract(dossier_id=dossier_id) | Claim(dossier_id=dossier_id):
            return dossier_id
        case _:
            return None


def lineage(file: Target, streams: Streams) -> tuple[Target, ...]:
    """The file and what it belongs to: a claim, its contract, that one's client; a contact, its company."""
    match file.kind:
        case "contract":
            return file, streams.load(Contract, file.id).client
        case "claim":
            return file, *lineage(streams.load(Claim, file.id).contract, streams)
        case "contact":
            company_id = streams.load(Contact, file.id).company_id
            return (file, Target(kind="company", id=company_id)) if company_id else (file,)
        case _:
            return (file,)


def _has_addresses(owner: Target) -> Target:
    if owner.kind not in OWNERS:
        raise ValueError(f"an address belongs to a {', a '.join(OWNERS)}, not to a {owner.kind}")
    return owner


AddressOwner = Annotated[
    Target,
    AfterValidator(_has_addresses),
    Field(description="Whose address it is: a client's, a company's, a contact's"),
]


class AssociateEmailAddress(Command):
    """Gives an address to a client, a company or a contact: later messages from it are filed there.

    From one that is shared they wait, with every owner as candidate. One that belongs to another is refused, with its
    owners: share it or move it, explicitly.
    """

    refuses = (AddressBelongsToAnother, AddressIsOffices)

    owner: AddressOwner
    address: Annotated[EmailAddressText, Field(description="The address")]
    how: Annotated[
        Ownership, Field(description="`associate` a free address, `share` it with its owners, or `move` it from them")
    ] = "associate"


class RemoveEmailAddress(Command):
    """Takes an address off a file: later messages no longer follow it; those that came meanwhile stay where they are."""

    refuses = (AddressNotOnFile,)

    owner: AddressOwner
    address_id: AddressId


@handles(AssociateEmailAddress)
def associate_email_address(command: AssociateEmailAddress, streams: Streams) -> EmailAddress:
    owner = existing(command.owner, streams)
    return give_address(command.address, owner, command.how, streams)


@handles(RemoveEmailAddress)
def remove_email_address(command: RemoveEmailAddress, streams: Streams) -> EmailAddress:
    owner = existing(command.owner, streams)
    address = streams.find(EmailAddress, command.address_id)
    return streams.save(address, address.remove(owner))
