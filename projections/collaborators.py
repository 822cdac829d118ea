"""The office's collaborators, by name."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from uuid import UUID

from sqlalchemy import Column, String, Table, Uuid, select

from domain.events import Recorded, unsealed
from domain.office.office import CollaboratorJoined
from projections.engine.projection import Projection, Row, views
from projections.queries.paging import Page, Window, paged
from projections.queries.reading import Reading, Shown, reads

_collaborators: Final = Table(
    "collaborators",
    views,
    Column("collaborator_id", Uuid, primary_key=True),
    Column("label", String, nullable=False),
)

collaborators: Final = Projection("collaborators", version=2, table=_collaborators)


@collaborators.begins(CollaboratorJoined, key=lambda recorded: recorded.event.collaborator_id)
def joined(recorded: Recorded[CollaboratorJoined]) -> Row:
    identity = unsealed(recorded.event.identity)
    return {"label": f"{identity.first_name} {identity.last_name}".strip()}


class CollaboratorLine(Shown):
    """Someone on the office's staff."""

    collaborator_id: UUID
    """For what names a collaborator, such as `assigned_to`."""
    label: str
    """First name, last name."""


@reads(collaborators)
def everyone(session: Reading, window: Window) -> Page[CollaboratorLine]:
    """All of the staff, in alphabetical order of their names as they are shown. Raises `BadCursor`."""
    order = (_collaborators.c.label, _collaborators.c.collaborator_id)
    return paged(session, select(_collaborators), window, *order, items=CollaboratorLine.each)


def labels(session: Reading, collaborator_ids: Collection[UUID]) -> dict[UUID, str]:
    """What each is called, of those known."""
    return session.values(_collaborators.c.label, collaborator_ids)
