"""The office's collaborators: who acts, and to whom tickets are assigned."""

from __future__ import annotations

from typing import Final

from api.operations import Call, Listing, Operations, Reply
from projections import collaborators
from projections.collaborators import CollaboratorLine
from projections.paging import Page

operation: Final = Operations("collaborators")


@operation(
    "GET", "/collaborators", "The collaborators", "read", query_model=Listing, answers={200: Page[CollaboratorLine]}
)
def list_collaborators(call: Call) -> Reply:
    """Everyone on the office's staff, in alphabetical order: whom a ticket can be assigned to."""
    with call.reading(collaborators.collaborators) as session:
        return Reply(collaborators.everyone(session, call.query))
