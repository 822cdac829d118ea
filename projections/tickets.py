"""The tickets: the inbox, those of a file, and one ticket with what it says of itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    RowMapping,
    String,
    Table,
    Uuid,
    case,
    func,
    select,
    true,
)

from domain.access import Viewer
from domain.events import Erased, Recorded, Value
from domain.filing import Candidate, Evidence, UnfiledReason
from domain.ticket import Attachment, TicketClassified, TicketLeftUnfiled, TicketReceived, TicketUnclassified
from domain.values import Target
from projections.files import FileLine, Files
from projections.paging import Page, decode_cursor, encode_cursor, page_of
from projections.projection import Projection, Row, Utc, stream, views

_EXCERPT: Final = 240
_SHOWN_SUBJECT: Final = 200

_tickets: Final = Table(
    "tickets",
    views,
    Column("ticket_id", Uuid, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("received_position", BigInteger, nullable=False),
    Column("received_at", Utc, nullable=False),
    Column("sent_at", Utc),
    Column("from_address", String),
    Column("from_name", String, nullable=False),
    Column("to", JSON, nullable=False),
    Column("cc", JSON, nullable=False),
    Column("subject", String, nullable=False),
    Column("excerpt", String, nullable=False),
    Column("automatic", Boolean, nullable=False),
    Column("same_message_id", Boolean, nullable=False),
    Column("message_id", String),
    Column("attachments", JSON, nullable=False),
    Column("notes", JSON, nullable=False),
    Column("filed_kind", String),
    Column("filed_id", Uuid),
    Column("evidence", JSON),
    Column("unfiled_reason", String),
    Column("candidates", JSON, nullable=False),
    Index("tickets_by_arrival", "received_position"),
    Index("tickets_by_file", "filed_id", "received_position"),
    Index("tickets_by_number", "number"),
)

tickets: Final = Projection("tickets", version=1, table=_tickets)


# --- folds ------------------------------------------------------------------------------------


@tickets.on(TicketReceived, key=stream)
def received(row: Row | None, recorded: Recorded[TicketReceived]) -> Row | None:
    event = recorded.event
    if isinstance(event.content, Erased):
        return None
    content = event.content
    return {
        "number": event.number,
        "version": recorded.version,
        "received_position": recorded.position,
        "received_at": recorded.at,
        "sent_at": event.sent_at,
        "from_address": content.from_address,
        "from_name": content.from_name,
        "to": list(content.to),
        "cc": list(content.cc),
        "subject": content.subject,
        "excerpt": _excerpt(content.text),
        "automatic": event.automatic,
        "same_message_id": event.same_message_id,
        "message_id": content.message_id,
        "attachments": [attachment.model_dump() for attachment in content.attachments],
        "notes": list(content.notes),
        "candidates": [],
    }


def _excerpt(text: str) -> str:
    """How the text begins, on one line."""
    begins = " ".join(text[: _EXCERPT + 60].split())
    if len(begins) <= _EXCERPT < len(text):  # there was more white space than words need
        begins = " ".join(text[: 4 * _EXCERPT].split())
    return begins[:_EXCERPT]


@tickets.on(TicketClassified, key=stream)
def classified(row: Row | None, recorded: Recorded[TicketClassified]) -> Row | None:
    event = recorded.event
    return row and {
        **row,
        "version": recorded.version,
        "filed_kind": event.filed_on.kind,
        "filed_id": event.filed_on.id,
        "evidence": recorded.open_facts["evidence"],
        "unfiled_reason": None,
        "candidates": recorded.open_facts["candidates"],
    }


@tickets.on(TicketLeftUnfiled, key=stream)
def left_unfiled(row: Row | None, recorded: Recorded[TicketLeftUnfiled]) -> Row | None:
    return row and {
        **row,
        "version": recorded.version,
        "unfiled_reason": recorded.event.reason,
        "candidates": recorded.open_facts["candidates"],
    }


@tickets.on(TicketUnclassified, key=stream)
def unclassified(row: Row | None, recorded: Recorded[TicketUnclassified]) -> Row | None:
    return row and {**row, "version": recorded.version, "filed_kind": None, "filed_id": None, "evidence": None}


# --- queries ----------------------------------------------------------------------------------


class TicketLine(Value):
    """A ticket in a list. `subject` is shortened; a message without one shows as « (sans objet) ».

    `filed_under` names the file that it is on, and everything above: a claim, its contract, that one's client.
    """

    ticket_id: UUID
    number: int
    received_at: datetime
    sent_at: datetime | None
    from_address: str | None
    from_name: str
    subject: str
    excerpt: str
    automatic: bool
    attachment_count: int
    filed_on: Target | None
    filed_under: list[FileLine]
    unfiled_reason: UnfiledReason | None


class TicketDetails(TicketLine):
    """A ticket whole, but for its body. `evidence` says why it is filed there, `candidates` where else it could be."""

    version: int
    to: list[str]
    cc: list[str]
    message_id: str | None
    same_message_id: bool
    attachments: list[Attachment]
    notes: list[str]
    evidence: Evidence | None
    candidates: list[Candidate]


def inbox(
    session: Connection,
    viewer: Viewer,
    *,
    filed: bool | None = None,
    cursor: str | None = None,
    limit: int,
    with_total: bool = False,
) -> Page[TicketLine]:
    """The tickets, newest first: all, those that wait (`filed=False`) or those on a file. Raises `BadCursor`."""
    wanted: ColumnElement[bool] = true()
    if filed is not None:
        wanted = _tickets.c.filed_id.is_not(None) if filed else _tickets.c.filed_id.is_(None)
    return _page(session, wanted, cursor, limit, with_total=with_total)


def of_targets(
    session: Connection,
    viewer: Viewer,
    targets: Collection[UUID],
    *,
    cursor: str | None = None,
    limit: int,
    with_total: bool = False,
) -> Page[TicketLine]:
    """The tickets filed on any of these files, newest first (T17). Raises `BadCursor`."""
    return _page(session, _tickets.c.filed_id.in_(targets), cursor, limit, with_total=with_total)


def ticket(session: Connection, viewer: Viewer, ticket_id: UUID) -> TicketDetails | None:
    row = session.execute(select(_tickets).where(_tickets.c.ticket_id == ticket_id)).mappings().one_or_none()
    return None if row is None else TicketDetails.model_validate(_shown(row, TicketDetails, _files(session, [row])))


def numbered(session: Connection, number: int) -> UUID | None:
    """The ticket of this number."""
    return session.scalar(select(_tickets.c.ticket_id).where(_tickets.c.number == number))


def counts(session: Connection, viewer: Viewer) -> dict[UnfiledReason | Literal["filed", "unfiled"], int]:
    """How many tickets are filed, how many wait for each reason, and how many were taken off their file."""
    standing = case(
        (_tickets.c.filed_id.is_not(None), "filed"), else_=func.coalesce(_tickets.c.unfiled_reason, "unfiled")
    )
    return dict(session.execute(select(standing, func.count()).group_by(standing)).all())


def _page(
    session: Connection, wanted: ColumnElement[bool], cursor: str | None, limit: int, *, with_total: bool
) -> Page[TicketLine]:
    listing = select(_tickets).where(wanted).order_by(_tickets.c.received_position.desc()).limit(limit + 1)
    if cursor is not None:
        (before,) = decode_cursor(cursor, int)
        listing = listing.where(_tickets.c.received_position < before)
    found = session.execute(listing).mappings().all()
    rows, next_cursor = page_of(found, limit, lambda row: encode_cursor(row["received_position"]))
    total = session.scalar(select(func.count()).select_from(_tickets).where(wanted)) if with_total else None
    files = _files(session, rows)
    return Page(items=[_line(row, files) for row in rows], next_cursor=next_cursor, total=total)


def _files(session: Connection, rows: Iterable[RowMapping]) -> Files:
    return Files(session, (target for row in rows if (target := _filed_on(row))))


def _filed_on(row: RowMapping) -> Target | None:
    return None if row["filed_id"] is None else Target(kind=row["filed_kind"], id=row["filed_id"])


def _line(row: RowMapping, files: Files) -> TicketLine:
    line = _shown(row, TicketLine, files)
    if len(line["subject"]) > _SHOWN_SUBJECT:
        line["subject"] = line["subject"][: _SHOWN_SUBJECT - 1] + "…"
    return TicketLine.model_validate(line)


def _shown(row: RowMapping, model: type[TicketLine], files: Files) -> dict[str, Any]:
    filed_on = _filed_on(row)
    derived = {
        "filed_on": filed_on,
        "filed_under": files.line(filed_on) if filed_on else [],
        "attachment_count": len(row["attachments"]),
        "subject": row["subject"] or "(sans objet)",
    }
    return {name: row[name] for name in model.model_fields if name not in derived} | derived
