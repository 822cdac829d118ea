"""Who may do what: the one place where that is decided."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from domain.events import Value

Action = Literal["read", "take_in", "file", "handle", "manage_dossiers", "manage_quarantine", "operate"]


class Viewer(Value):
    """The collaborator on whose behalf something is read or done."""

    collaborator_id: UUID


def may(viewer: Viewer, action: Action) -> bool:
    """Whether the viewer may act so. Every collaborator of the office may do everything that exists today."""
    return isinstance(viewer, Viewer)
