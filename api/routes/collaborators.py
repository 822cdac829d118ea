"""The office's collaborators: who acts, and to whom tickets are assigned."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel

from api.operations import AtPosition, Call, Operations, Reply
from projections import collaborators
from projections.collaborators import CollaboratorLine

operation: Final = Operations("collaborators")


class Collaborators(BaseModel):
    """Everyone on the office's staff, by name."""

    items: list[CollaboratorLine]


@operation("GET", "/collaborators", "The collaborators", "read", query_model=AtPosition, answers={200: Collaborators})
def list_collaborators(call: Call) -> Reply:
    """Everyone on the office's staff, in alphabetical order: whom a ticket can be assigned to."""
    with call.reading(collaborators.collaborators) as session:
        return Reply(Collaborators(items=collaborators.everyone(session)))
