"""How tickets are seen to: their state, who sees to them, what is put aside, and comments."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from api.operations import Call, Listing, Operations, Reply, found
from api.routes.tickets import NOT_IN_HAND, TicketPath, change
from api.runs import TicketChanged
from domain.aggregates import NotFound
from domain.ticket import Ticket
from domain.ticket_events import DismissalReason
from domain.ticket_handling import (
    AssignTicket,
    BringBackTicket,
    CloseTicket,
    CommentOnTicket,
    DismissTicket,
    PutTicketOnHold,
    ReopenTicket,
)
from domain.ticket_refusals import TicketIsClosed, TicketWasMerged
from domain.values import CommentText
from projections import ticket_comments
from projections.paging import Page
from projections.reading import views_of
from projections.ticket_comments import TicketComment

operation: Final = Operations("tickets")


class Assignee(BaseModel):
    """Who sees to the ticket from now on: a collaborator of the office, or nobody."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"collaborator_id": "33333333-3333-4333-8333-333333333333"}, {"collaborator_id": None}]
        },
    )

    collaborator_id: UUID | None


class Dismissal(BaseModel):
    """Why the ticket is nothing for the office to see to."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"reason": "advertising"}, {"reason": "other", "note": "Erreur de destinataire"}]
        },
    )

    reason: DismissalReason
    note: CommentText | None = Field(None, description="More about it, in one's own words")


class Comment(BaseModel):
    """What to note on the ticket, for the office alone."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"text": "Rappeler après 18 h."}]})

    text: CommentText


class CommentAdded(BaseModel):
    """The comment, and the ticket as it left it; read it with this `position` as `min_position`."""

    ticket_id: UUID
    comment_id: UUID
    version: int
    position: int


_COMMAND: Final[dict[str, Any]] = {
    "path_model": TicketPath,
    "is_command": True,
    "conditional": True,
    "versioned": True,
}
_CHANGE: Final[dict[str, Any]] = {"answers": {200: TicketChanged}, **_COMMAND}


@operation(
    "POST",
    "/tickets/{ticket_id}/wait",
    "Put a ticket on hold",
    "handle",
    refuses=(NotFound, TicketIsClosed, *NOT_IN_HAND),
    **_CHANGE,
)
def put_ticket_on_hold(call: Call) -> Reply:
    """Someone sees to the ticket: it waits until that is done."""
    return change(call, PutTicketOnHold(ticket_id=call.path.ticket_id))


@operation(
    "POST",
    "/tickets/{ticket_id}/close",
    "Close a ticket",
    "handle",
    refuses=(NotFound, *NOT_IN_HAND),
    **_CHANGE,
)
def close_ticket(call: Call) -> Reply:
    """The ticket was dealt with, whether it waited or not."""
    return change(call, CloseTicket(ticket_id=call.path.ticket_id))


@operation(
    "POST",
    "/tickets/{ticket_id}/reopen",
    "Reopen a ticket",
    "handle",
    refuses=(NotFound, *NOT_IN_HAND),
    **_CHANGE,
)
def reopen_ticket(call: Call) -> Reply:
    """There is more to do: a closed ticket is open again. One that isn't closed stays as it is."""
    return change(call, ReopenTicket(ticket_id=call.path.ticket_id))


@operation(
    "POST",
    "/tickets/{ticket_id}/assign",
    "Assign a ticket",
    "handle",
    body=Assignee,
    refuses=(NotFound, TicketIsClosed, *NOT_IN_HAND),
    **_CHANGE,
)
def assign_ticket(call: Call) -> Reply:
    """Entrusts the ticket to a collaborator of the office, or to nobody."""
    body: Assignee = call.body
    return change(call, AssignTicket(ticket_id=call.path.ticket_id, collaborator_id=body.collaborator_id))


@operation(
    "POST",
    "/tickets/{ticket_id}/dismiss",
    "Dismiss a ticket",
    "handle",
    body=Dismissal,
    refuses=(NotFound, *NOT_IN_HAND),
    **_CHANGE,
)
def dismiss_ticket(call: Call) -> Reply:
    """Puts the ticket aside: it leaves the inbox, and nothing but a comment is done with it until it is brought back."""
    body: Dismissal = call.body
    return change(call, DismissTicket(ticket_id=call.path.ticket_id, reason=body.reason, note=body.note))


@operation(
    "POST",
    "/tickets/{ticket_id}/bring-back",
    "Bring a ticket back",
    "handle",
    refuses=(NotFound, TicketWasMerged),
    **_CHANGE,
)
def bring_back_ticket(call: Call) -> Reply:
    """Takes a dismissed ticket among the others again, in the state that it had."""
    return change(call, BringBackTicket(ticket_id=call.path.ticket_id))


@operation(
    "POST",
    "/tickets/{ticket_id}/comments",
    "Comment on a ticket",
    "handle",
    body=Comment,
    answers={201: CommentAdded},
    refuses=(NotFound, TicketWasMerged),
    **_COMMAND,
)
def comment_on_ticket(call: Call) -> Reply:
    """Notes something on the ticket for the office alone, also on one that is closed or dismissed."""
    ticket_id: UUID = call.path.ticket_id
    body: Comment = call.body
    comment_id = call.new_id("comment")
    answer = call.execute(CommentOnTicket(ticket_id=ticket_id, comment_id=comment_id, text=body.text), ticket_id)
    version = answer.version or 0
    added = CommentAdded(ticket_id=ticket_id, comment_id=comment_id, version=version, position=answer.position)
    return Reply(added, status=201, version=version, location=f"/tickets/{ticket_id}/comments")


@operation(
    "GET",
    "/tickets/{ticket_id}/comments",
    "A ticket's comments",
    "read",
    path_model=TicketPath,
    query_model=Listing,
    answers={200: Page[TicketComment]},
    refuses=(NotFound,),
)
def show_comments(call: Call) -> Reply:
    """What collaborators noted on the ticket, and who did when, oldest first."""
    ticket_id: UUID = call.path.ticket_id
    with call.reading(*views_of(ticket_comments.of_ticket)) as session:
        return Reply(found(Ticket.kind, ticket_id, ticket_comments.of_ticket(session, ticket_id, call.query)))
