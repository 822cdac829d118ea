"""The office itself: its name, and the collaborators who act in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Self
from uuid import UUID
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field

from domain.aggregates import Aggregate, Refusal
from domain.commands import Command, Streams, handles
from domain.email_addresses.email_address import AddressBelongsToAnother, EmailAddress, email_address_id
from domain.events import Event, Sealed, Value
from domain.values import AddressId, CollaboratorId, EmailAddressText, Name, ShortLine

OFFICE_ID: Final = UUID("0ff1ce00-0000-8000-8000-000000000001")
"""One log is one office's: its stream has one fixed id."""


def _time_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("not a time zone of the IANA database, such as Europe/Paris")
    return name


class OfficeEvent(Event):
    """A fact in the life of an office."""


class OfficeOpened(OfficeEvent):
    name: str
    time_zone: str


class CollaboratorIdentity(Value):
    first_name: Annotated[ShortLine, Field(description="Empty, where it isn't known")] = ""
    last_name: Annotated[Name, Field(description="The family name")]
    email_address: Annotated[EmailAddressText, Field(description="The address from which they write for the office")]


class CollaboratorJoined(OfficeEvent):
    """Someone joined the office's staff, and may act in its name."""

    collaborator_id: UUID
    identity: Sealed[CollaboratorIdentity]


class Office(Aggregate):
    kind = "office"
    event_type = OfficeEvent

    name: str | None = None
    collaborators: frozenset[UUID] = frozenset()

    def open(self, name: str, time_zone: str) -> Sequence[OfficeEvent]:
        return [] if self.name else [OfficeOpened(name=name, time_zone=time_zone)]

    def welcome(self, collaborator_id: UUID, identity: CollaboratorIdentity) -> Sequence[OfficeEvent]:
        if self.name is None:
            raise OfficeNotOpen
        if collaborator_id in self.collaborators:
            return []
        return [CollaboratorJoined(collaborator_id=collaborator_id, identity=identity)]

    def evolve(self, event: Event) -> Self:
        match event:
            case OfficeOpened():
                return self.having(name=event.name)
            case CollaboratorJoined():
                return self.having(collaborators=self.collaborators | {event.collaborator_id})
            case _:
                return self


class OfficeNotOpen(Refusal):
    """The office has no name yet: nobody can join it."""

    sentence = "the office is not open yet: open it under its name first"


class OpenOffice(Command):
    """Opens the office under its name; one that is open stays as it is."""

    name: Annotated[Name, Field(description="What the office is called")]
    time_zone: Annotated[
        str, AfterValidator(_time_zone), Field(max_length=100, description="Where it is, by the IANA database")
    ] = "Europe/Paris"


class WelcomeCollaborator(Command):
    """Takes someone on the office's staff: their address, which no file may have, is one of the office's own from now on."""

    refuses = (OfficeNotOpen, AddressBelongsToAnother)

    collaborator_id: CollaboratorId
    identity: Annotated[CollaboratorIdentity, Field(description="Who the collaborator is")]


class ReserveOfficeAddress(Command):
    """Makes an address one of the office's own, such as the one that clients write to: what comes from it is the office's.

    No file can have it from now on. One that a file has is refused: take it off first.
    """

    refuses = (OfficeNotOpen, AddressBelongsToAnother)

    address: Annotated[EmailAddressText, Field(description="The address")]


class ReleaseOfficeAddress(Command):
    """Gives up an address of the office: mail from it is treated as anybody's from now on."""

    address_id: AddressId


@handles(OpenOffice)
def open_office(command: OpenOffice, streams: Streams) -> Office:
    office = streams.find(Office, OFFICE_ID)
    return streams.save(office, office.open(command.name, command.time_zone))


@handles(WelcomeCollaborator)
def welcome_collaborator(command: WelcomeCollaborator, streams: Streams) -> Office:
    office = streams.find(Office, OFFICE_ID)
    if welcomed := office.welcome(command.collaborator_id, command.identity):
        office = streams.save(office, welcomed)
        _reserve(command.identity.email_address, streams)
    return office


@handles(ReserveOfficeAddress)
def reserve_office_address(command: ReserveOfficeAddress, streams: Streams) -> EmailAddress:
    if streams.find(Office, OFFICE_ID).name is None:
        raise OfficeNotOpen
    return _reserve(command.address, streams)


@handles(ReleaseOfficeAddress)
def release_office_address(command: ReleaseOfficeAddress, streams: Streams) -> EmailAddress:
    address = streams.load(EmailAddress, command.address_id)
    return streams.save(address, address.release())


def _reserve(address: str, streams: Streams) -> EmailAddress:
    known = streams.find(EmailAddress, email_address_id(streams, address))
    return streams.save(known, known.reserve(address))
