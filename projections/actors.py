"""Who acted, by name: collaborators, and the rules of the office. In French, as the office reads it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from uuid import UUID

from domain.events import Actor
from projections import collaborators
from projections.queries.reading import Reading

_RULES: Final = {"mail_import": "Import du courrier", "command_line": "Ligne de commande"}


def labels(session: Reading, actors: Collection[Actor]) -> dict[Actor, str]:
    """How to name each, also one that nobody knows any more."""
    staff = collaborators.labels(session, {UUID(actor.id) for actor in actors if actor.kind == "collaborator"})
    return {actor: _named(actor, staff) for actor in actors}


def _named(actor: Actor, staff: dict[UUID, str]) -> str:
    if actor.kind == "rule":
        return _RULES.get(actor.id, actor.id)
    return staff.get(UUID(actor.id), "un collaborateur inconnu")
