"""What collaborators noted on a ticket, for the office alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Column, RowMapping, String, Table, Uuid, select

from domain.events import Actor, Recorded, unsealed
from domain.tickets.events import TicketCommented
from projections import actors, collaborators
from projections.engine.projection import Key, Projection, Row, Utc, views
from projections.queries.paging import Page, Window, paged
from projections.queries.reading import Reading, Shown, reads
from projections.tickets import ticket

_comments: Final = Table(
    "ticket_comments",
    views,
    Column("ticket_id", Uuid, primary_key=True),
    Column("comment_id", Uuid, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("at", Utc, nullable=False),
    Column("author", JSON, nullable=False),
    Column("text", String, nullable=False),
)

ticket_comments: Final = Projection("ticket_comments", version=2, table=_comments)


# --- folds ------------------------------------------------------------------------------------


def _comment(recorded: Recorded[TicketCommented]) -> Key:
    return (recorded.stream_id, recorded.event.comment_id)


@ticket_comments.begins(TicketCommented, key=_comment)
def commented(recorded: Recorded[TicketCommented]) -> Row:
    return {
        "position": recorded.position,
        "at": recorded.at,
        "author": {"kind": recorded.actor.kind, "id": recorded.actor.id},
        "text": unsealed(recorded.event.text),
    }


# --- queries ----------------------------------------------------------------------------------


class TicketComment(Shown):
    """A comment, and who wrote it."""

    comment_id: UUID
    """The same at each reading."""
    at: datetime
    """When it was written."""
    author: Actor
    """Who wrote it."""
    who: str
    """The author, by name."""
    text: str
    """On several lines, where it was written so."""


@reads(ticket.tickets, ticket_comments, collaborators.collaborators)
def of_ticket(session: Reading, ticket_id: UUID, window: Window) -> Page[TicketComment] | None:
    """What collaborators noted on the ticket and on those that were merged into it, oldest first. Raises `BadCursor`."""
    if not ticket.exists(session, ticket_id):
        return None

    def told(rows: Sequence[RowMapping]) -> list[TicketComment]:
        authors = [Actor.model_validate(row["author"]) for row in rows]
        names = actors.labels(session, set(authors))
        return [TicketComment.of(row, who=names[author]) for row, author in zip(rows, authors, strict=True)]

    listing = select(_comments).where(_comments.c.ticket_id.in_(ticket.with_absorbed(session, ticket_id)))
    return paged(session, listing, window, _comments.c.position, items=told)
