"""What files of several kinds offer alike: their tickets, their documents, and the addresses that are theirs."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from api import ticket_cards
from api.operations import Call, Listing, Operations, Reply, found
from api.ticket_cards import TicketRow
from domain.aggregates import NotFound
from domain.commands import Answer
from domain.email_address import AddressBelongsToAnother, AddressIsOffices, AddressNotOnFile, Ownership
from domain.files import AssociateEmailAddress, RemoveEmailAddress
from domain.values import EmailAddressText, FileKind, Target
from projections import documents, tickets
from projections.documents import DocumentLine
from projections.paging import Page
from projections.reading import views_of


class AddressToGive(BaseModel):
    """An address to put on a file."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"address": "claire.bonnet@courriel.example", "how": "share"}]}
    )

    address: EmailAddressText
    how: Annotated[
        Ownership,
        Field(description="`associate` a free address, `share` it with its owners, or `move` it from them"),
    ] = "associate"


class AddressChanged(BaseModel):
    """The address as the command left it; read its owner with this `position` as `min_position`."""

    owner: Target
    address_id: UUID
    version: int
    position: int


def offer_tickets(operation: Operations, kind: FileKind, path: str, path_model: type[BaseModel]) -> None:
    """Adds the list of a file's tickets: those filed on it, and on the files under it."""

    def list_tickets(call: Call) -> Reply:
        """The tickets filed on it or on what stands under it, newest first."""
        file = Target(kind=kind, id=_id_in(call, kind))
        with call.reading(*ticket_cards.VIEWS) as session:
            return Reply(ticket_cards.rows(session, found(kind, file.id, tickets.of_file(session, file, call.query))))

    list_tickets.__name__ = f"list_{kind}_tickets"
    operation(
        "GET",
        f"{path}/tickets",
        f"The tickets of {_in_words(kind)}",
        "read",
        path_model=path_model,
        query_model=Listing,
        answers={200: Page[TicketRow]},
        refuses=(NotFound,),
    )(list_tickets)


def offer_documents(operation: Operations, kind: FileKind, path: str, path_model: type[BaseModel]) -> None:
    """Adds the list of a file's documents: its own, and those of the files under it."""

    def list_documents(call: Call) -> Reply:
        """Its documents and those of what stands under it, the latest indexed first."""
        file = Target(kind=kind, id=_id_in(call, kind))
        with call.reading(*views_of(documents.of_file)) as session:
            return Reply(found(kind, file.id, documents.of_file(session, file, call.query)))

    list_documents.__name__ = f"list_{kind}_documents"
    operation(
        "GET",
        f"{path}/documents",
        f"The documents of {_in_words(kind)}",
        "read",
        path_model=path_model,
        query_model=Listing,
        answers={200: Page[DocumentLine]},
        refuses=(NotFound,),
    )(list_documents)


def offer_addresses(
    operation: Operations, kind: FileKind, path: str, path_model: type[BaseModel], address_path_model: type[BaseModel]
) -> None:
    """Adds giving an address to a file, and taking it off."""

    def give_address(call: Call) -> Reply:
        """Later messages from the address are filed here; from a shared one they wait, with every owner as candidate.

        An address that belongs to another answers 409 with its owners: share it or move it, explicitly.
        """
        body: AddressToGive = call.body
        owner = Target(kind=kind, id=_id_in(call, kind))
        command = AssociateEmailAddress(owner=owner, address=body.address, how=body.how)
        return _address_changed(owner, call.execute(command, owner.id))

    def remove_address(call: Call) -> Reply:
        """Later messages no longer follow it; those that came meanwhile stay where they are."""
        owner = Target(kind=kind, id=_id_in(call, kind))
        command = RemoveEmailAddress(owner=owner, address_id=call.path.address_id)
        return _address_changed(owner, call.execute(command, owner.id))

    both: dict[str, Any] = {"answers": {200: AddressChanged}, "is_command": True}
    give_address.__name__ = f"give_{kind}_address"
    operation(
        "POST",
        f"{path}/email-addresses",
        f"Put an address on {_in_words(kind)}",
        "manage_dossiers",
        body=AddressToGive,
        path_model=path_model,
        refuses=(NotFound, AddressBelongsToAnother, AddressIsOffices),
        **both,
    )(give_address)
    remove_address.__name__ = f"remove_{kind}_address"
    operation(
        "DELETE",
        f"{path}/email-addresses/{{address_id}}",
        f"Take an address off {_in_words(kind)}",
        "manage_dossiers",
        path_model=address_path_model,
        refuses=(NotFound, AddressNotOnFile),
        **both,
    )(remove_address)


def _in_words(kind: FileKind) -> str:
    return "a dossier" if kind == "client" else f"a {kind}"


def _id_in(call: Call, kind: FileKind) -> UUID:
    file_id: UUID = getattr(call.path, f"{kind}_id")
    return file_id


def _address_changed(owner: Target, answer: Answer) -> Reply:
    assert answer.id is not None  # noqa: S101  # the address
    changed = AddressChanged(owner=owner, address_id=answer.id, version=answer.version or 0, position=answer.position)
    return Reply(changed)
