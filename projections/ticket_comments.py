"""What collaborators noted on a ticket, for the office alone."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Column, String, Table, Uuid, select

from domain.events import Actor, Recorded, Value, unsealed
from domain.ticket_events import TicketCommented
from projections import actors
from projections.projection import Key, Projection, Row, Utc, views
from projections.reading import Reading

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


class TicketComment(Value):
    """A comment, and who wrote it when: `who` by name, `author` by id."""

    comment_id: UUID
    at: datetime
    author: Actor
    who: str
    text: str


def comments(session: Reading, *ticket_ids: UUID) -> list[TicketComment]:
    """The comments on a ticket and on those that were merged into it, oldest first."""
    listing = select(_comments).where(_comments.c.ticket_id.in_(ticket_ids)).order_by(_comments.c.position)
    rows = session.execute(listing).all()
    authors = [Actor.model_validate(row.author) for row in rows]
    names = actors.names(session, set(authors))
    return [
        TicketComment(comment_id=row.comment_id, at=row.at, author=author, who=names[author], text=row.text)
        for row, author in zip(rows, authors, strict=True)
    ]
