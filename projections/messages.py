"""The messages: what each says, and the ticket on which it stands now."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    RowMapping,
    String,
    Table,
    Uuid,
    func,
    select,
)

from domain.access import Viewer
from domain.events import Erased, Recorded, Value
from domain.message import Direction, MessageTakenIn
from domain.ticket import (
    Attachment,
    Correspondent,
    TicketContinued,
    TicketMerged,
    TicketReceived,
    TicketSplitOff,
)
from projections.excerpts import excerpt_of
from projections.paging import Page, decode_cursor, encode_cursor, page_of
from projections.projection import Key, Projection, Row, Utc, views

_messages: Final = Table(
    "messages",
    views,
    Column("mail_id", Uuid, primary_key=True),
    Column("ticket_id", Uuid, nullable=False),
    Column("kept_in", Uuid, nullable=False),
    Column("received_position", BigInteger, nullable=False),
    Column("received_at", Utc, nullable=False),
    Column("sent_at", Utc),
    Column("direction", String, nullable=False),
    Column("automatic", Boolean, nullable=False),
    Column("same_message_id", Boolean, nullable=False),
    Column("from_address", String),
    Column("from_name", String, nullable=False),
    Column("to", JSON, nullable=False),
    Column("cc", JSON, nullable=False),
    Column("subject", String, nullable=False),
    Column("text", String, nullable=False),
    Column("message_id", String),
    Column("identity_id", Uuid),
    Column("references", JSON, nullable=False),
    Column("attachments", JSON, nullable=False),
    Column("notes", JSON, nullable=False),
    Column("forwarded", JSON),
    Index("messages_by_ticket", "ticket_id", "received_position"),
    Index("messages_by_identity", "identity_id"),
)

messages: Final = Projection("messages", version=1, table=_messages)


# --- folds ------------------------------------------------------------------------------------


def _mail(recorded: Recorded[Any]) -> UUID:
    mail_id: UUID = recorded.event.mail_id
    return mail_id


@messages.on(TicketReceived, key=_mail)
@messages.on(TicketContinued, key=_mail)
def came(row: Row | None, recorded: Recorded[TicketReceived | TicketContinued]) -> Row | None:
    event = recorded.event
    if isinstance(event.content, Erased):
        return None
    content = event.content
    return {
        "ticket_id": recorded.stream_id,
        "kept_in": recorded.stream_id,
        "received_position": recorded.position,
        "received_at": recorded.at,
        "sent_at": event.sent_at,
        "direction": event.direction,
        "automatic": event.automatic,
        "same_message_id": event.same_message_id,
        "from_address": content.from_address,
        "from_name": content.from_name,
        "to": list(content.to),
        "cc": list(content.cc),
        "subject": content.subject,
        "text": content.text,
        "message_id": content.message_id,
        "references": recorded.open_facts.get("references", []),
        "attachments": [attachment.model_dump() for attachment in content.attachments],
        "notes": list(content.notes),
        "forwarded": content.forwarded and content.forwarded.model_dump(),
    }


@messages.on(MessageTakenIn, key=_mail)
def taken_in(row: Row | None, recorded: Recorded[MessageTakenIn]) -> Row | None:
    return row and {**row, "identity_id": recorded.stream_id}


@messages.on(TicketSplitOff, key=_mail)
def split_off(row: Row | None, recorded: Recorded[TicketSplitOff]) -> Row | None:
    return row and {**row, "ticket_id": recorded.stream_id}


def _mails(recorded: Recorded[TicketMerged]) -> list[Key]:
    return [(mail_id,) for mail_id in recorded.event.mail_ids]


@messages.on_each(TicketMerged, keys=_mails)
def merged(row: Row | None, recorded: Recorded[TicketMerged]) -> Row | None:
    return row and {**row, "ticket_id": recorded.event.into}


# --- queries ----------------------------------------------------------------------------------


class MessageLine(Value):
    """A message of a ticket, but for its body. `forwarded` is whose message it passes on."""

    mail_id: UUID
    ticket_id: UUID
    received_at: datetime
    sent_at: datetime | None
    direction: Direction
    automatic: bool
    same_message_id: bool
    from_address: str | None
    from_name: str
    to: list[str]
    cc: list[str]
    subject: str
    excerpt: str
    message_id: str | None
    attachments: list[Attachment]
    notes: list[str]
    forwarded: Correspondent | None


def of_ticket(
    session: Connection,
    viewer: Viewer,
    ticket_id: UUID,
    *,
    cursor: str | None = None,
    limit: int,
    with_total: bool = False,
) -> Page[MessageLine]:
    """The messages of a ticket, in the order in which they came. Raises `BadCursor`."""
    on_ticket = _messages.c.ticket_id == ticket_id
    listing = select(_messages).where(on_ticket)
    if cursor is not None:
        (after,) = decode_cursor(cursor, int)
        listing = listing.where(_messages.c.received_position > after)
    found = session.execute(listing.order_by(_messages.c.received_position).limit(limit + 1)).mappings().all()
    rows, next_cursor = page_of(found, limit, lambda row: encode_cursor(row["received_position"]))
    total = session.scalar(select(func.count()).select_from(_messages).where(on_ticket)) if with_total else None
    return Page(items=[_line(row) for row in rows], next_cursor=next_cursor, total=total)


class FirstMessage(Value):
    """What a ticket's first message tells of who wrote it, and of the conversation it is part of."""

    ticket_id: UUID
    from_address: str | None
    from_name: str
    subject: str
    text: str
    references: list[UUID]
    forwarded: Correspondent | None


def first_of(session: Connection, ticket_ids: Iterable[UUID]) -> dict[UUID, FirstMessage]:
    """The message that opened each of these tickets."""
    listing = (
        select(*(_messages.c[name] for name in FirstMessage.model_fields))
        .where(_messages.c.ticket_id.in_(list(ticket_ids)))
        .order_by(_messages.c.received_position.desc())
    )
    return {row["ticket_id"]: FirstMessage.model_validate(dict(row)) for row in session.execute(listing).mappings()}


def tickets_under(session: Connection, identity_ids: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """The tickets of the messages that came under these Message-IDs (their streams)."""
    listing = select(_messages.c.identity_id, _messages.c.ticket_id).where(_messages.c.identity_id.in_(identity_ids))
    found: dict[UUID, list[UUID]] = {}
    for identity_id, ticket_id in session.execute(listing):
        found.setdefault(identity_id, []).append(ticket_id)
    return found


def _line(row: RowMapping) -> MessageLine:
    derived = {"excerpt": excerpt_of(row["text"]), "subject": row["subject"] or "(sans objet)"}
    return MessageLine.model_validate(
        {name: row[name] for name in MessageLine.model_fields if name not in derived} | derived
    )
