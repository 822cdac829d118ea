"""A client or prospect: one dossier, a person's or a company's, from its registration to its activation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field

from domain.aggregates import Aggregate
from domain.commands import Command, Streams, handles
from domain.email_addresses.email_address import AddressBelongsToAnother, AddressIsOffices, give_address
from domain.events import Event, Sealed, Value
from domain.values import ClientId, EmailAddressText, Name, ShortLine, Target, Title

ClientStatus = Literal["prospect", "active"]


class Person(Value):
    kind: Annotated[Literal["person"], Field(description="A person's dossier")] = "person"
    title: Annotated[Title | None, Field(description="How the person is addressed")] = None
    first_name: Annotated[ShortLine, Field(description="Empty, where it isn't known")] = ""
    last_name: Annotated[Name, Field(description="The family name")]


class Company(Value):
    kind: Annotated[Literal["company"], Field(description="A company's dossier")] = "company"
    company_name: Annotated[Name, Field(description="What the company is called")]


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

    client_id: ClientId
    identity: Annotated[Identity, Field(description="Whose dossier it is")]
    active: Annotated[bool, Field(description="Whether it is a client's already; a prospect's otherwise")] = False


class RegisterClient(NewClient, Command):
    """Opens a prospect's or client's dossier, with the addresses that are its own (each of them free)."""

    refuses = (AddressBelongsToAnother, AddressIsOffices)

    email_addresses: Annotated[
        tuple[EmailAddressText, ...], Field(max_length=20, description="Its own: messages from them are filed on it")
    ] = ()


class ActivateClient(Command):
    """Makes the prospect a client of the office."""

    client_id: ClientId


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
    client = open_dossier(command, streams)
    for address in command.email_addresses:
        give_address(address, client.target, "associate", streams)
    return client


handles(ActivateClient, by=Client.activate)
