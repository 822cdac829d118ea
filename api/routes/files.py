"""What a ticket can be filed on: found by what people call it; its tickets, its documents, the addresses that are its own."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from api import ticket_cards
from api.operations import Operations
from domain.files import AssociateEmailAddress, RemoveEmailAddress
from domain.values import FileKind, Target
from projections import documents, targets, tickets
from projections.documents import DocumentLine
from projections.paging import Page, Window
from projections.reading import Reading, reads, views_of
from projections.tickets import TicketLine

operation: Final = Operations("targets")

operation.lists("/targets", "Find what a ticket can be filed on", targets.called)

_COLLECTIONS: Final[dict[FileKind, str]] = {
    "client": "clients",
    "contract": "contracts",
    "claim": "claims",
    "company": "companies",
    "contact": "contacts",
}


def offer_tickets(operation: Operations, kind: FileKind) -> None:
    """Adds the list of a file's tickets: those filed on it, and on the files under it."""

    @reads(*views_of(tickets.of_file))
    def of_file(session: Reading, file_id: UUID, window: Window) -> Page[TicketLine] | None:
        """The tickets filed on it or on what stands under it, newest first."""
        return tickets.of_file(session, Target(kind=kind, id=file_id), window)

    operation.lists(f"{_path(kind)}/tickets", f"The tickets of {_in_words(kind)}", of_file, shown=ticket_cards.rows)


def offer_documents(operation: Operations, kind: FileKind) -> None:
    """Adds the list of a file's documents: its own, and those of the files under it."""

    @reads(*views_of(documents.of_file))
    def of_file(session: Reading, file_id: UUID, window: Window) -> Page[DocumentLine] | None:
        """Its documents and those of what stands under it, the latest indexed first."""
        return documents.of_file(session, Target(kind=kind, id=file_id), window)

    operation.lists(f"{_path(kind)}/documents", f"The documents of {_in_words(kind)}", of_file)


def offer_addresses(operation: Operations, kind: FileKind) -> None:
    """Adds giving an address to a file, and taking it off."""

    def owner(path: Any) -> Target:
        return Target(kind=kind, id=getattr(path, f"{kind}_id"))

    operation.changes(
        f"{_path(kind)}/email-addresses",
        f"Put an address on {_in_words(kind)}",
        AssociateEmailAddress,
        given={"owner": owner},
        name=f"give_{kind}_address",
        examples=[{"address": "claire.bonnet@courriel.example", "how": "share"}],
    )
    operation.changes(
        f"{_path(kind)}/email-addresses/{{address_id}}",
        f"Take an address off {_in_words(kind)}",
        RemoveEmailAddress,
        method="DELETE",
        given={"owner": owner},
        name=f"remove_{kind}_address",
    )


def _path(kind: FileKind) -> str:
    return f"/{_COLLECTIONS[kind]}/{{{kind}_id}}"


def _in_words(kind: FileKind) -> str:
    return "a dossier" if kind == "client" else f"a {kind}"
