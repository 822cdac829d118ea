"""An e-mail address: the only truth about whose it is, in a stream whose id derives from the address (keyed)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self
from uuid import UUID

from domain.aggregates import Aggregate, NotFound, Refusal
from domain.commands import KeyedIds, Streams
from domain.events import Event, Sealed, Value
from domain.values import Target, address_key, dossier_among


class Address(Value):
    """The address itself: personal, and so sealed."""

    address: str


class EmailAddressEvent(Event):
    """A fact in the life of an e-mail address."""


class EmailAddressAssociated(EmailAddressEvent):
    """The address became that file's: its first owner, or one more where it is shared on purpose."""

    owner: Target
    dossier_id: UUID | None
    """The owner, where it is a client."""
    shared_with: tuple[Target, ...] = ()
    ticket_id: UUID | None = None
    """The ticket from which it was associated, if it was from one."""
    written: Sealed[Address]


class EmailAddressMoved(EmailAddressEvent):
    """The address passed from its former owners to another one."""

    owner: Target
    dossier_id: UUID | None
    """The owner, where it is a client."""
    former_owners: tuple[Target, ...]
    former_dossier_ids: tuple[UUID, ...]
    """The clients among the former owners."""
    ticket_id: UUID | None = None
    written: Sealed[Address]


class EmailAddressRemoved(EmailAddressEvent):
    """The address was taken off a file: later messages no longer follow it; filed ones stay (T10)."""

    owner: Target
    former_dossier_id: UUID | None
    """The file, where it is a client's."""
    remaining: tuple[Target, ...] = ()


class EmailAddressReserved(EmailAddressEvent):
    """The address is one of the office's own: mail from it is the office's, and no file has it (T21)."""

    written: Sealed[Address]


class EmailAddressReleased(EmailAddressEvent):
    """The address is no longer one of the office's own."""


class EmailAddress(Aggregate):
    kind = "e-mail address"
    event_type = EmailAddressEvent

    owners: tuple[Target, ...] = ()
    is_offices: bool = False

    def associate(self, address: str, owner: Target, ticket_id: UUID | None = None) -> Sequence[EmailAddressEvent]:
        """Gives a free address its owner; raises `AddressBelongsToAnother` where it has one already (T9), and
        `AddressIsOffices`.
        """
        self._refuse_offices(address)
        if owner in self.owners:
            return []
        if self.owners:
            raise AddressBelongsToAnother(address=address, address_id=self.id, owners=self.owners)
        return [self._associated(address, owner, ticket_id)]

    def share(self, address: str, owner: Target, ticket_id: UUID | None = None) -> Sequence[EmailAddressEvent]:
        """Gives the address one more owner: its messages wait from now on (X2)."""
        self._refuse_offices(address)
        if owner in self.owners:
            return []
        return [self._associated(address, owner, ticket_id)]

    def _associated(self, address: str, owner: Target, ticket_id: UUID | None) -> EmailAddressAssociated:
        return EmailAddressAssociated(
            owner=owner,
            dossier_id=dossier_among([owner]),
            shared_with=self.owners,
            ticket_id=ticket_id,
            written=Address(address=address),
        )

    def move(self, address: str, owner: Target, ticket_id: UUID | None = None) -> Sequence[EmailAddressEvent]:
        """Gives the address this one owner in place of those it had."""
        self._refuse_offices(address)
        former = tuple(other for other in self.owners if other != owner)
        if not former:
            return self.associate(address, owner, ticket_id)
        return [
            EmailAddressMoved(
                owner=owner,
                dossier_id=dossier_among([owner]),
                former_owners=former,
                former_dossier_ids=tuple(other.id for other in former if other.kind == "client"),
                ticket_id=ticket_id,
                written=Address(address=address),
            )
        ]

    def remove(self, owner: Target) -> Sequence[EmailAddressEvent]:
        """Takes the address off a file; raises `AddressNotOnFile`."""
        if owner not in self.owners:
            raise AddressNotOnFile(address_id=self.id, owner=owner)
        remaining = tuple(other for other in self.owners if other != owner)
        return [EmailAddressRemoved(owner=owner, former_dossier_id=dossier_among([owner]), remaining=remaining)]

    def reserve(self, address: str) -> Sequence[EmailAddressEvent]:
        """Makes the address one of the office's own; raises `AddressBelongsToAnother` where a file has it."""
        if self.owners:
            raise AddressBelongsToAnother(address=address, address_id=self.id, owners=self.owners)
        return [] if self.is_offices else [EmailAddressReserved(written=Address(address=address))]

    def release(self) -> Sequence[EmailAddressEvent]:
        """Gives the address up, if it isn't given up already. Raises `NotFound` for one that a file has now."""
        if self.owners:
            raise NotFound(kind="office's address", id=self.id)
        return [EmailAddressReleased()] if self.is_offices else []

    def _refuse_offices(self, address: str) -> None:
        if self.is_offices:
            raise AddressIsOffices(address=address, address_id=self.id)

    def evolve(self, event: Event) -> Self:
        match event:
            case EmailAddressReserved():
                return self.having(is_offices=True)
            case EmailAddressReleased():
                return self.having(is_offices=False)
            case EmailAddressAssociated():
                return self.having(owners=(*self.owners, event.owner))
            case EmailAddressMoved():
                return self.having(owners=(event.owner,))
            case EmailAddressRemoved():
                return self.having(owners=event.remaining)
            case _:
                return self


class AddressBelongsToAnother(Refusal):
    """The address has another owner; sharing or moving it must be asked for by name."""

    sentence = "{address} belongs to another file: share it or move it, explicitly"

    address: str
    address_id: UUID
    owners: tuple[Target, ...]


class AddressIsOffices(Refusal):
    """The address is one of the office's own: it can't be a file's."""

    sentence = "{address} is one of the office's own addresses: it can't be given to a file"

    address: str
    address_id: UUID


class AddressNotOnFile(Refusal):
    """The address is not one of that file's."""

    sentence = "the address {address_id} is not on this {owner.kind}"

    address_id: UUID
    owner: Target


def email_address_id(ids: KeyedIds, address: str) -> UUID:
    """The id of an address's stream, however the address is spelt."""
    return ids.keyed_id("email_address", address_key(address))


Ownership = Literal["associate", "share", "move"]
"""How an address is given to a file: free addresses only, as one more owner, or in place of its owners."""


def give_address(
    address: str, owner: Target, how: Ownership, streams: Streams, ticket_id: UUID | None = None
) -> EmailAddress:
    """Gives an address to a file, as asked; raises `AddressBelongsToAnother`."""
    known = streams.find(EmailAddress, email_address_id(streams, address))
    decide = {"associate": known.associate, "share": known.share, "move": known.move}[how]
    return streams.save(known, decide(address, owner, ticket_id))
