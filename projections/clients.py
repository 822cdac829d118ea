"""Clients and prospects, found by name."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final, Literal, cast
from uuid import UUID

from sqlalchemy import Column, Index, Integer, String, Table, Uuid, bindparam, select

from domain.client import ClientActivated, ClientEvent, ClientStatus, Identity, Person, ProspectRegistered
from domain.events import Recorded, Value, unsealed
from domain.values import Target
from projections import email_addresses, name_search
from projections.email_addresses import OwnedAddress
from projections.name_search import found_by_name, name_key, searched
from projections.paging import Page
from projections.projection import Projection, Row, Utc, views
from projections.reading import Reading

_clients: Final = Table(
    "clients",
    views,
    Column("client_id", Uuid, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("kind", String, nullable=False),
    Column("status", String, nullable=False),
    Column("title", String),
    Column("first_name", String),
    Column("last_name", String),
    Column("company_name", String),
    Column("display_name", String, nullable=False),
    Column("searched_name", String, nullable=False),
    Column("name_key", String, nullable=False),
    Column("registered_at", Utc, nullable=False),
    Column("activated_at", Utc),
    Index("clients_by_name_key", "name_key"),
    Index("clients_by_name", "searched_name", "number"),
    Index("clients_by_number", "number"),
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
        "display_name": display_name(identity),
        "searched_name": searched(_sorted_name(identity)),
        "name_key": name_key(_sorted_name(identity)),
        "registered_at": recorded.at,
    }


@clients.changes(ClientActivated)
def activated(recorded: Recorded[ClientActivated]) -> Row:
    return {"status": "active", "activated_at": recorded.at}


def display_name(identity: Identity) -> str:
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


class ClientLine(Value):
    """A dossier in a list."""

    client_id: UUID
    number: int
    kind: Literal["person", "company"]
    status: ClientStatus
    display_name: str


class ClientDetails(ClientLine):
    version: int
    title: str | None
    first_name: str | None
    last_name: str | None
    company_name: str | None
    registered_at: datetime
    activated_at: datetime | None
    email_addresses: list[OwnedAddress]


def search(
    session: Reading,
    *,
    name: str = "",
    status: ClientStatus | None = None,
    cursor: str | None = None,
    limit: int,
    with_total: bool = False,
) -> Page[ClientLine]:
    """The dossiers whose name holds every word of `name`, in alphabetical order (T4). Raises `BadCursor`."""
    return found_by_name(
        session,
        ClientLine,
        _clients,
        name,
        *([] if status is None else [_clients.c.status == status]),
        unique=_clients.c.number,
        cursor=cursor,
        limit=limit,
        with_total=with_total,
    )


_one_client: Final = select(_clients).where(_clients.c.client_id == bindparam("client_id"))


def client(session: Reading, client_id: UUID) -> ClientDetails | None:
    row = session.execute(_one_client, {"client_id": client_id}).mappings().one_or_none()
    if row is None:
        return None
    known = ClientDetails.model_fields.keys() & row.keys()
    return ClientDetails.model_validate(
        {name: row[name] for name in known} | {"email_addresses": email_addresses.of_owner(session, client_id)}
    )


def ids_of_number(session: Reading, number: int) -> list[UUID]:
    return list(session.scalars(select(_clients.c.client_id).where(_clients.c.number == number)))


def names(session: Reading, client_ids: Collection[UUID]) -> dict[UUID, str]:
    """The display name of each, of those known."""
    listing = select(_clients.c.client_id, _clients.c.display_name).where(_clients.c.client_id.in_(client_ids))
    return dict(session.execute(listing).all())


def of_name_keys(session: Reading, keys: Collection[str]) -> list[tuple[str, Target]]:
    """Those who go by these names (see `name_search.name_key`), and by which."""
    return name_search.of_name_keys(session, _clients, "client", keys)
