"""The messages: what each says, and the ticket on which it stands now."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    FromClause,
    Index,
    RowMapping,
    Select,
    String,
    Table,
    Uuid,
    func,
    literal_column,
    select,
)

from domain.events import Recorded, unsealed
from domain.messages.message import Direction, MessageTakenIn
from domain.tickets.events import (
    Attachment,
    Correspondent,
    MessageContent,
    TicketContinued,
    TicketMerged,
    TicketReceived,
    TicketSplitOff,
)
from projections.engine.projection import Projection, Row, Utc, views
from projections.queries.excerpts import excerpt_of
from projections.queries.full_text import FullText, among, searchable
from projections.queries.paging import Page, Window, paged
from projections.queries.reading import Reading, Shown, reads
from projections.tickets import ticket

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
    Column("searched", String, nullable=False),
    Index("messages_by_ticket", "ticket_id", "received_position"),
    Index("messages_by_identity", "identity_id"),
    Index("messages_by_reception", "received_at", "received_position"),
)
_words: Final = FullText(_messages, "searched", newest="received_position")

messages: Final = Projection("messages", version=3, table=_messages)

_CLOCKS_DIFFER: Final = timedelta(hours=1)
"""By no more than this: a message's position follows the log, its time the clock of whichever process took it in."""


# --- folds ------------------------------------------------------------------------------------


def _mail(recorded: Recorded[Any]) -> UUID:
    mail_id: UUID = recorded.event.mail_id
    return mail_id


@messages.begins(TicketReceived, TicketContinued, key=_mail)
def came(recorded: Recorded[TicketReceived | TicketContinued]) -> Row:
    event, content = recorded.event, unsealed(recorded.event.content)
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
        "searched": _searched(content),
    }


def _searched(content: MessageContent) -> str:
    """The words of the subject, of who wrote to whom, of the attachments' names and of the body, the longest last."""
    names = (attachment.name for attachment in content.attachments)
    written_by = content.from_name, content.from_address or ""
    return searchable(content.subject, *written_by, *content.to, *content.cc, *names, content.text)


@messages.changes(MessageTakenIn, key=_mail)
def taken_in(recorded: Recorded[MessageTakenIn]) -> Row:
    return {"identity_id": recorded.stream_id}


@messages.changes(TicketSplitOff, key=_mail)
def split_off(recorded: Recorded[TicketSplitOff]) -> Row:
    return {"ticket_id": recorded.stream_id}


@messages.changes(TicketMerged, keys=lambda recorded: [(mail_id,) for mail_id in recorded.event.mail_ids])
def merged(recorded: Recorded[TicketMerged]) -> Row:
    return {"ticket_id": recorded.event.into}


# --- queries ----------------------------------------------------------------------------------


class MessageLine(Shown):
    """A message of a ticket, but for its body."""

    mail_id: UUID
    """What the message goes by, on whatever ticket it stands."""
    ticket_id: UUID
    """The ticket on which it stands now."""
    received_at: datetime
    """When it came in."""
    sent_at: datetime | None
    """When it was written, as it says; null where it says nothing that is a date."""
    direction: Direction
    """Who wrote it: a correspondent (`incoming`), the office (`outgoing`), or a collaborator who passed on a message."""
    automatic: bool
    """Whether it is an automatic reply or a delivery report."""
    same_message_id: bool
    """Whether another message with another content came under the same Message-ID."""
    from_address: str | None
    """Null where it has no usable address."""
    from_name: str
    """The name that stands with the address; empty without one."""
    to: list[str]
    """The addresses to which it was written."""
    cc: list[str]
    """Those that got a copy."""
    subject: str
    """« (sans objet) » where there is none."""
    excerpt: str
    """How its body begins, on one line: 240 characters at most."""
    message_id: str | None
    """Its Message-ID, without brackets; null where it has none."""
    attachments: list[Attachment]
    """In their order in the message."""
    notes: list[str]
    """What was irregular in it, a sentence each."""
    forwarded: Correspondent | None
    """Whose message it passes on; null where it passes on none."""


@reads(ticket.tickets, messages)
def of_ticket(session: Reading, ticket_id: UUID, window: Window) -> Page[MessageLine] | None:
    """The messages of a ticket, in the order in which they came. Raises `BadCursor`."""
    if not ticket.exists(session, ticket_id):
        return None
    listing = select(_messages).where(_messages.c.ticket_id == ticket_id)
    return paged(
        session, listing, window, _messages.c.received_position, items=lambda rows: [_line(row) for row in rows]
    )


def ids_on(session: Reading, ticket_id: UUID) -> list[UUID]:
    """The messages that are on a ticket."""
    return session.keys(_messages, _messages.c.ticket_id == ticket_id)


def tickets_of(session: Reading, mail_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """The ticket on which each of these messages is, of those known."""
    listing = select(_messages.c.mail_id, _messages.c.ticket_id).where(_messages.c.mail_id.in_(mail_ids))
    return {row.mail_id: row.ticket_id for row in session.execute(listing)}


class FirstMessage(Shown):
    """What a ticket's first message tells of who wrote it, and of the conversation it is part of."""

    ticket_id: UUID
    from_address: str | None
    from_name: str
    subject: str
    text: str
    references: list[UUID]
    forwarded: Correspondent | None


def first_of(session: Reading, ticket_ids: Iterable[UUID]) -> dict[UUID, FirstMessage]:
    """The message that opened each of these tickets."""
    listing = (
        select(*(_messages.c[name] for name in FirstMessage.model_fields))
        .where(_messages.c.ticket_id.in_(list(ticket_ids)))
        .order_by(_messages.c.received_position.desc())
    )
    return {row["ticket_id"]: FirstMessage.of(row) for row in session.execute(listing).mappings()}


def tickets_under(session: Reading, identity_ids: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """The tickets of the messages that came under these Message-IDs (their streams)."""
    listing = select(_messages.c.identity_id, _messages.c.ticket_id).where(_messages.c.identity_id.in_(identity_ids))
    found: dict[UUID, list[UUID]] = {}
    for identity_id, ticket_id in session.execute(listing):
        found.setdefault(identity_id, []).append(ticket_id)
    return found


@dataclass(frozen=True, slots=True)
class Sought:
    """What a message must be to be a hit: hold every word of `text`, have come `since` a moment and `before` another, go
    in this direction. What is None leaves it open.
    """

    text: str | None = None
    since: datetime | None = None
    before: datetime | None = None
    direction: Direction | None = None


class Hit(Shown):
    """A message that was sought."""

    mail_id: UUID
    ticket_id: UUID
    received_position: int
    received_at: datetime
    direction: Direction
    from_address: str | None
    from_name: str
    to: list[str]
    cc: list[str]
    subject: str
    text: str
    attachments: list[Attachment]


def newest_hits(
    session: Reading,
    sought: Sought,
    ticket_ids: Select[Any],
    *,
    upto: int | None = None,
    before: int | None = None,
    limit: int,
) -> list[Hit]:
    """The newest hit of each ticket of these, the last that came first: looked for by its words, or by when it came.

    Of those at positions `before` one; what came after `upto` counts for nothing. It is quick where the tickets are many.
    """
    since, until = _places(session, sought)
    before = min((place for place in (before, until) if place is not None), default=None)
    columns = [_messages.c[name] for name in Hit.model_fields]
    wanted = [
        *_conditions(sought, _messages),
        among(_messages.c.ticket_id, ticket_ids),
        _newest_of_ticket(sought, upto),
    ]
    if sought.text is not None:
        rows = _words.newest(session, sought.text, columns, *wanted, since=since, before=before, limit=limit)
    else:
        place = _messages.c.received_position
        listing = select(*columns).where(place >= since, *wanted).order_by(place.desc()).limit(limit)
        rows = list(session.execute(listing if before is None else listing.where(place < before)).mappings())
    return Hit.each(rows)


def newest_hits_on(
    session: Reading,
    sought: Sought,
    ticket_ids: Collection[UUID],
    *,
    upto: int | None = None,
    before: int | None = None,
    limit: int,
) -> list[Hit]:
    """The same, by a look into every message of these tickets: quick where they are few."""
    place = _messages.c.received_position
    listing = (
        select(*(_messages.c[name] for name in Hit.model_fields))
        .where(_messages.c.ticket_id.in_(ticket_ids), *_conditions(sought, _messages), *_holds(sought, _messages))
        .where(_newest_of_ticket(sought, upto))
        .order_by((place + literal_column("0")).desc())  # so no other message is looked into, in the order of places
        .limit(limit)
    )
    found = session.execute(listing if before is None else listing.where(place < before))
    return Hit.each(found.mappings())


def _conditions(sought: Sought, rows: FromClause) -> list[ColumnElement[bool]]:
    """All but the words."""
    wanted = []
    if sought.since is not None:
        wanted.append(rows.c.received_at >= sought.since)
    if sought.before is not None:
        wanted.append(rows.c.received_at < sought.before)
    if sought.direction is not None:
        wanted.append(rows.c.direction == sought.direction)
    return wanted


def _holds(sought: Sought, rows: FromClause) -> list[ColumnElement[bool]]:
    return [] if sought.text is None else [_words.holds(sought.text, rows)]


def _newest_of_ticket(sought: Sought, upto: int | None) -> ColumnElement[bool]:
    """That no hit on the same ticket came later, up to a position: so a ticket shows once, on one page of all."""
    of_ticket = _messages.alias("of_ticket")
    place = of_ticket.c.received_position
    newest = (
        select(place)
        .where(
            of_ticket.c.ticket_id == _messages.c.ticket_id, *_conditions(sought, of_ticket), *_holds(sought, of_ticket)
        )
        .order_by(place.desc())
        .limit(1)
    )
    if upto is not None:
        newest = newest.where(place <= upto)
    return _messages.c.received_position == newest.correlate(_messages).scalar_subquery()


def _places(session: Reading, sought: Sought) -> tuple[int, int | None]:
    """Positions between which all that came in the period lies: the first, and one after the last."""
    since, until = 0, None
    if sought.since is not None:
        since = _place_after(session, sought.since - _CLOCKS_DIFFER)
    if sought.before is not None:
        until = _place_after(session, sought.before + _CLOCKS_DIFFER)
    return since, until


def _place_after(session: Reading, moment: datetime) -> int:
    """Where the first message came after a moment; where the next one will, if none did."""
    after = (
        select(_messages.c.received_position)
        .where(_messages.c.received_at >= moment)
        .order_by(_messages.c.received_at, _messages.c.received_position)
        .limit(1)
    )
    found: int | None = session.scalar(after)
    return (session.scalar(select(func.max(_messages.c.received_position))) or 0) + 1 if found is None else found


def _line(row: RowMapping) -> MessageLine:
    return MessageLine.of(row, excerpt=excerpt_of(row["text"]), subject=row["subject"] or "(sans objet)")
