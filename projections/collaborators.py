"""The office's collaborators, by name."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from uuid import UUID

from sqlalchemy import Column, String, Table, Uuid, select

from domain.events import Recorded, Value, unsealed
from domain.office import CollaboratorJoined
from projections.projection import Projection, Row, views
from projections.reading import Reading

_collaborators: Final = Table(
    "collaborators",
    views,
    Column("collaborator_id", Uuid, primary_key=True),
    Column("display_name", String, nullable=False),
)

collaborators: Final = Projection("collaborators", version=2, table=_collaborators)


@collaborators.begins(CollaboratorJoined, key=lambda recorded: recorded.event.collaborator_id)
def joined(recorded: Recorded[CollaboratorJoined]) -> Row:
    identity = unsealed(recorded.event.identity)
    return {"display_name": f"{identity.first_name} {identity.last_name}".strip()}


class CollaboratorLine(Value):
    collaborator_id: UUID
    display_name: str


def everyone(session: Reading) -> list[CollaboratorLine]:
    """All of the staff, in alphabetical order of their names as they are shown."""
    listing = select(_collaborators).order_by(_collaborators.c.display_name, _collaborators.c.collaborator_id)
    return [CollaboratorLine.model_validate(dict(row)) for row in session.execute(listing).mappings()]


def names(session: Reading, collaborator_ids: Collection[UUID]) -> dict[UUID, str]:
    """The display name of each, of those known."""
    listing = select(_collaborators.c.collaborator_id, _collaborators.c.display_name)
    found = session.execute(listing.where(_collaborators.c.collaborator_id.in_(collaborator_ids)))
    return dict(found.all())
