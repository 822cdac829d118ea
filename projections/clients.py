"""Clients and prospects, found by name."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Any, Final, Literal, cast
from uuid import UUID

from pydantic import Field
from sqlalchemy import Column, Index, Integer, Select, String, Table, Uuid

from domain.clients.client import ClientActivated, ClientEvent, ClientStatus, Identity, Person, ProspectRegistered
from domain.events import Recorded, unsealed
from domain.values import Target
from projections import email_addresses
from projections.email_addresses import OwnedAddress
from projections.engine.projection import Projection, Row, Utc, views
from projections.queries import name_search
from projections.queries.name_search import NameSought, found_by_name, name_key, searched
from projections.queries.paging import Page, Window
from projections.queries.placed import Placed
from projections.queries.reading import DOSSIER, Reading, Shown, reads

_clients: Final = Table(
    "clients",
    views,
    Column("client_id", Uuid, primary_key=True, info=DOSSIER),
    Column("number", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("kind", String, nullable=False),
    Column("status", String, nullable=False),
    Column("title", String),
    Column("first_name", String),
    Column("last_name", String),
    Column("company_name", String),
    Column("label", String, nullable=False),
    Column("searched_name", String, nullable=False),
    Column("name_key", String, nullable=False),
    Column("registered_at", Utc, nullable=False),
    Column("activated_at", Utc),
    Index("clients_by_name_key", "name_key"),
    Index("clients_by_name", "searched_name", "number"),
)
clients: Final = Projection("clients", version=4, table=_clients, of=ClientEvent)


# --- folds ------------------------------------------------------------------------------------


@clients.begins(ProspectRegistered)
def registered(recorded: Recorded[ProspectRegistered]) -> Row:
    identity = cast("Identity", unsealed(recorded.event.identity))  # mypy joins what it should unite
    return {
        "number": recorded.event.number,
        "status": "prospect",
        **identity.model_dump(),
        "label": _label(identity),
        "searched_name": searched(_sorted_name(identity)),
        "name_key": name_key(_sorted_name(identity)),
        "registered_at": recorded.at,
    }


@clients.changes(ClientActivated)
def activated(recorded: Recorded[ClientActivated]) -> Row:
    return {"status": "active", "activated_at": recorded.at}


def _label(identity: Identity) -> str:
    """The name that screens show: `Mme Claire Dupont`, or the company's."""
    if isinstance(identity, Person):
        return " ".join(filter(None, (identity.title, identity.first_name, identity.last_name)))
    return identity.company_name


def _sorted_name(identity: Identity) -> str:
    """The name as lists sort it: `Dupont Claire Mme`."""
    if isinstance(identity, Person):
        return " ".join(filter(None, (identity.last_name, identity.first_name, identity.title)))
    return identity.company_name


# --- queries ----------------------------------------------------------------------------------


class ClientLine(Shown):
    """A dossier in a list."""

    client_id: UUID
    """For `/clients/{client_id}`."""
    number: int
    """The office's own, never given again."""
    kind: Literal["person", "company"]
    """Whose dossier it is."""
    status: ClientStatus
    """A `prospect`, until the office says that it is a client (`active`)."""
    label: str
    """The name that screens show: « Mme Claire Dupont », or the company's."""


class ClientDetails(ClientLine):
    """A dossier with its identity and its addresses."""

    version: int
    """How many events it has had: for `If-Match`."""
    title: str | None
    """Null where the office doesn't know it, and for a company."""
    first_name: str | None
    """Empty where the office doesn't know it; null for a company."""
    last_name: str | None
    """Null for a company."""
    company_name: str | None
    """Null for a person."""
    registered_at: datetime
    """When the dossier was opened."""
    activated_at: datetime | None
    """When the prospect became a client; null for a prospect."""
    email_addresses: list[OwnedAddress]
    """Those that bring its messages to it, the one that it has had longest first."""


@reads(clients)
def search(
    session: Reading,
    window: Window,
    *,
    name: NameSought = "",
    status: Annotated[ClientStatus | None, Field(description="Only prospects, or only clients")] = None,
) -> Page[ClientLine]:
    """Clients and prospects whose name holds every word, in alphabetical order (T4). Raises `BadCursor`."""
    wanted = [] if status is None else [_clients.c.status == status]
    return found_by_name(session, window, ClientLine, _clients.c.number, name, *wanted)


@reads(clients, email_addresses.email_addresses)
def client(session: Reading, client_id: UUID) -> ClientDetails | None:
    """The dossier's identity and addresses."""
    row = session.row(_clients, client_id)
    if row is None:
        return None
    return ClientDetails.of(row, email_addresses=email_addresses.of_owner(session, client_id))


def exists(session: Reading, client_id: UUID) -> bool:
    return session.has(_clients, client_id)


def called(session: Reading, name: str) -> Select[Any]:
    """Those of this number or name (see `name_search.called`)."""
    return name_search.called_by_name(session, "client", _clients, name, _clients.c.number)


def placed(session: Reading, client_ids: Collection[UUID]) -> dict[UUID, Placed]:
    """What each is called, of those known."""
    return {client_id: Placed(label) for client_id, label in session.values(_clients.c.label, client_ids).items()}


def of_name_keys(session: Reading, keys: Collection[str]) -> list[tuple[str, Target]]:
    """Those who go by these names (see `name_search.name_key`), and by which."""
    return name_search.of_name_keys(session, _clients, "client", keys)
