"""A client or prospect: one dossier, a person's or a company's, from its registration to its activation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field

from domain.aggregates import Aggregate
from domain.commands import Command, Streams, handles
from domain.email_address import AddressBelongsToAnother, AddressIsOffices, give_address
from domain.events import Event, Sealed, Value
from domain.values import EmailAddressText, Name, ShortLine, Target, Title

ClientStatus = Literal["prospect", "active"]


class Person(Value):
    kind: Literal["person"] = "person"
    title: Title | None = None
    first_name: ShortLine = ""
    last_name: Name


class Company(Value):
    kind: Literal["company"] = "company"
    company_name: Name


Identity = Annotated[Person | Company, Field(discriminator="kind")]


class ClientEvent(Event):
    """A fact in the life of a client."""


class ProspectRegistered(ClientEvent):
    """A dossier was opened, under a number that is never given again."""

    number: int
    ticket_id: UUID | None = None
    """The ticket from which it was created, if it was from one (T5)."""
    identity: Sealed[Identity]


class ClientActivated(ClientEvent):
    """The prospect became a client of the office (explicit; its date stands in the envelope)."""


class Client(Aggregate):
    kind = "client"
    event_type = ClientEvent

    status: ClientStatus | None = None

    def register(self, number: int, identity: Identity, ticket_id: UUID | None = None) -> Sequence[ClientEvent]:
        """Opens the dossier; one that is open already stays as it is."""
        if self.status is not None:
            return []
        return [ProspectRegistered(number=number, identity=identity, ticket_id=ticket_id)]

    def activate(self) -> Sequence[ClientEvent]:
        return [] if self.status == "active" else [ClientActivated()]

    def evolve(self, event: Event) -> Self:
        match event:
            case ProspectRegistered():
                return self.having(status="prospect")
            case ClientActivated():
                return self.having(status="active")
            case _:
                return self

    @property
    def target(self) -> Target:
        return Target(kind="client", id=self.id)


class NewClient(Value):
    """A dossier to create: a prospect unless `active` says that the office has it as a client already."""

    client_id: UUID
    identity: Identity
    active: bool = False


class RegisterClient(Command):
    """Opens a dossier, with the addresses that are its own (each of them free)."""

    refuses = (AddressBelongsToAnother, AddressIsOffices)

    client: NewClient
    email_addresses: tuple[EmailAddressText, ...] = ()


class ActivateClient(Command):
    """Makes the prospect a client of the office."""

    client_id: UUID


def open_dossier(new: NewClient, streams: Streams, ticket_id: UUID | None = None) -> Client:
    """Registers a dossier, and activates it where asked: one of the steps of the commands that may create one."""
    client = streams.find(Client, new.client_id)
    if client.status is None:
        client = streams.save(client, client.register(streams.next_number("client"), new.identity, ticket_id))
    if new.active:
        client = streams.save(client, client.activate())
    return client


@handles(RegisterClient)
def register_client(command: RegisterClient, streams: Streams) -> Client:
    client = open_dossier(command.client, streams)
    for address in command.email_addresses:
        give_address(address, client.target, "associate", streams)
    return client


handles(ActivateClient, by=Client.activate)
