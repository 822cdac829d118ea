"""What a ticket can be filed on: found by what people call it; its tickets, its documents, the addresses that are its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from api import ticket_cards
from api.operations import Operations
from domain.targets import AssociateEmailAddress, RemoveEmailAddress
from domain.values import Target, TargetKind
from projections import documents, target_search
from projections.tickets import inbox

operation: Final = Operations("targets")

operation.lists("/targets", "Find what a ticket can be filed on", target_search.called)


def offer_tickets(operation: Operations, kind: TargetKind) -> None:
    """Adds the list of a file's tickets: those filed on it, and on the files under it."""
    summary = f"The tickets of {_in_words(kind)}"
    operation.lists(
        f"{_path(operation, kind)}/tickets", summary, inbox.of_file, given=_the(kind), shown=ticket_cards.rows
    )


def offer_documents(operation: Operations, kind: TargetKind) -> None:
    """Adds the list of a file's documents: its own, and those of the files under it."""
    summary = f"The documents of {_in_words(kind)}"
    operation.lists(f"{_path(operation, kind)}/documents", summary, documents.of_file, given=_the(kind))


def offer_addresses(operation: Operations, kind: TargetKind) -> None:
    """Adds giving an address to a file, and taking it off."""
    operation.changes(
        f"{_path(operation, kind)}/email-addresses",
        f"Put an address on {_in_words(kind)}",
        AssociateEmailAddress,
        given={"owner": _the(kind)},
        name=f"give_{kind}_address",
        examples=[{"address": "claire.bonnet@courriel.example", "how": "share"}],
    )
    operation.changes(
        f"{_path(operation, kind)}/email-addresses/{{address_id}}",
        f"Take an address off {_in_words(kind)}",
        RemoveEmailAddress,
        method="DELETE",
        given={"owner": _the(kind)},
        name=f"remove_{kind}_address",
    )


def _the(kind: TargetKind) -> Callable[[Any], Target]:
    """The file that a path names."""
    return lambda path: Target(kind=kind, id=getattr(path, f"{kind}_id"))


def _path(operation: Operations, kind: TargetKind) -> str:
    return f"/{operation.tag}/{{{kind}_id}}"


def _in_words(kind: TargetKind) -> str:
    return "a dossier" if kind == "client" else f"a {kind}"
