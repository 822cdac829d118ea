"""Each ticket as it stands: the table with its folds, and what other read models ask of it."""

from __future__ import annotations

from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    RowMapping,
    String,
    Table,
    Uuid,
    bindparam,
    or_,
    select,
)

from domain.events import Erased, Recorded, unsealed
from domain.tickets.events import (
    TicketAbsorbed,
    TicketAssigned,
    TicketBroughtBack,
    TicketClassified,
    TicketClosed,
    TicketContinued,
    TicketDismissed,
    TicketEvent,
    TicketFilingUndone,
    TicketLeftUnfiled,
    TicketMerged,
    TicketMessageTakenOff,
    TicketPutOnHold,
    TicketReceived,
    TicketReopened,
    TicketSplitOff,
    TicketUnclassified,
)
from domain.tickets.filing import CollaboratorChoice
from domain.values import Target
from projections.engine.projection import Projection, Row, Utc, views
from projections.queries.excerpts import excerpt_of
from projections.queries.reading import Reading, reads

_tickets: Final = Table(
    "tickets",
    views,
    Column("ticket_id", Uuid, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("received_position", BigInteger, nullable=False),
    Column("received_at", Utc, nullable=False),
    Column("latest_position", BigInteger, nullable=False),
    Column("latest_at", Utc, nullable=False),
    Column("message_count", Integer, nullable=False),
    Column("direction", String, nullable=False),
    Column("sender_id", Uuid),
    Column("sender_domain", String),
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
    Column("forwarded", JSON),
    Column("filed_kind", String),
    Column("filed_id", Uuid),
    Column("dossier_id", Uuid),
    Column("filed_run", Uuid),
    Column("undoable", Boolean, nullable=False),
    Column("evidence", JSON),
    Column("unfiled_reason", String),
    Column("candidates", JSON, nullable=False),
    Column("state", String, nullable=False),
    Column("assigned_to", Uuid),
    Column("dismissed", String),
    Column("dismissal_note", String),
    Column("merged_into", Uuid),
    Column("sent_only", Boolean, nullable=False),
    Column("left_out", String),
    # They end with what the inbox leaves out, so that it is neither looked up nor counted in the rows.
    Index("tickets_by_arrival", "latest_position", "left_out"),
    Index("tickets_by_file", "filed_id", "latest_position", "left_out"),
    Index("tickets_by_dossier", "dossier_id", "latest_position", "left_out"),
    Index("tickets_by_state", "state", "latest_position", "left_out"),
    Index("tickets_by_assignee", "assigned_to", "latest_position", "left_out"),
    Index("tickets_by_sender", "sender_id", "latest_position", "left_out"),
    Index("tickets_by_domain", "sender_domain", "latest_position", "filed_id"),
    Index("tickets_by_run", "filed_run"),
    Index("tickets_by_number", "number"),
    Index("tickets_by_survivor", "merged_into"),
)


def _index_of_some(name: str, column: Column[Any]) -> None:
    """Of the tickets that have a value there: where they are few, an index of all would be walked to its end."""
    has = column.is_not(None)
    Index(name, _tickets.c.left_out, _tickets.c.latest_position, sqlite_where=has, postgresql_where=has)


_index_of_some("tickets_assigned", _tickets.c.assigned_to)
_index_of_some("tickets_filed", _tickets.c.filed_id)
_index_of_some("tickets_left_out", _tickets.c.left_out)

tickets: Final = Projection("tickets", version=5, table=_tickets, of=TicketEvent)

LeftOut = Literal["merged", "dismissed", "sent"]
"""Why the inbox leaves a ticket out: its messages stand on another; it was put aside; or the office wrote, and nobody
answered yet.
"""

CHOSEN: Final = CollaboratorChoice().model_dump()
"""The evidence of a ticket that somebody filed."""


# --- folds ------------------------------------------------------------------------------------


@tickets.begins(TicketReceived, TicketSplitOff)
def received(recorded: Recorded[TicketReceived | TicketSplitOff]) -> Row:
    event, content = recorded.event, unsealed(recorded.event.content)
    sent = event.direction == "outgoing"
    return {
        "number": event.number,
        "received_position": recorded.position,
        "received_at": recorded.at,
        "latest_position": recorded.position,
        "latest_at": recorded.at,
        "message_count": 1,
        "direction": event.direction,
        "sender_id": event.sender_id,
        "sender_domain": content.from_address and content.from_address.rpartition("@")[2],
        "sent_at": event.sent_at,
        "from_address": content.from_address,
        "from_name": content.from_name,
        "to": list(content.to),
        "cc": list(content.cc),
        "subject": content.subject,
        "excerpt": excerpt_of(content.text),
        "automatic": event.automatic,
        "same_message_id": event.same_message_id,
        "message_id": content.message_id,
        "attachments": [attachment.model_dump() for attachment in content.attachments],
        "notes": list(content.notes),
        "forwarded": content.forwarded and content.forwarded.model_dump(),
        "undoable": False,
        "candidates": [],
        "state": "closed" if sent else "open",
        "sent_only": sent,
        "left_out": "sent" if sent else None,
    }


@tickets.adjusts(TicketContinued, TicketAbsorbed)
def messages_came(row: Row, recorded: Recorded[TicketContinued | TicketAbsorbed]) -> Row:
    """An answer takes what the office wrote into the inbox."""
    event = recorded.event
    came = [event.direction] if isinstance(event, TicketContinued) else [mail.direction for mail in event.mails]
    sent_only = row["sent_only"] and all(direction == "outgoing" for direction in came)
    return {
        "latest_position": recorded.position,
        "latest_at": recorded.at,
        "message_count": row["message_count"] + len(came),
        "sent_only": sent_only,
        "left_out": None if row["left_out"] == "sent" and not sent_only else row["left_out"],
    }


@tickets.adjusts(TicketMessageTakenOff)
def message_taken_off(row: Row, recorded: Recorded[TicketMessageTakenOff]) -> Row:
    return {"message_count": row["message_count"] - 1}


# A merged ticket stays on its file, and in its dossier, for whoever reads it; no list shows it.
@tickets.changes(TicketMerged)
def merged(recorded: Recorded[TicketMerged]) -> Row:
    return {"message_count": 0, "merged_into": recorded.event.into, "left_out": "merged"}


@tickets.changes(TicketClassified)
def classified(recorded: Recorded[TicketClassified]) -> Row:
    event = recorded.event
    return {
        "filed_kind": event.filed_on.kind,
        "filed_id": event.filed_on.id,
        "dossier_id": event.dossier_id,
        "filed_run": recorded.correlation_id,
        "undoable": True,
        "evidence": recorded.open_facts["evidence"],
        "unfiled_reason": None,
        "candidates": recorded.open_facts["candidates"],
    }


@tickets.changes(TicketLeftUnfiled)
def left_unfiled(recorded: Recorded[TicketLeftUnfiled]) -> Row:
    return {"unfiled_reason": recorded.event.reason, "candidates": recorded.open_facts["candidates"]}


@tickets.changes(TicketUnclassified)
def unclassified(recorded: Recorded[TicketUnclassified]) -> Row:
    return {
        "filed_kind": None,
        "filed_id": None,
        "dossier_id": None,
        "filed_run": recorded.correlation_id,
        "undoable": True,
        "evidence": None,
    }


@tickets.changes(TicketFilingUndone)
def filing_undone(recorded: Recorded[TicketFilingUndone]) -> Row:
    on = recorded.event.filed_on
    return {
        "filed_kind": on and on.kind,
        "filed_id": on and on.id,
        "dossier_id": recorded.event.dossier_id,
        "filed_run": None,
        "undoable": False,
        "evidence": CHOSEN if on else None,
        "unfiled_reason": None,
        "candidates": [],
    }


@tickets.changes(TicketPutOnHold)
def put_on_hold(recorded: Recorded[TicketPutOnHold]) -> Row:
    return {"state": "waiting"}


@tickets.changes(TicketClosed)
def closed(recorded: Recorded[TicketClosed]) -> Row:
    return {"state": "closed"}


@tickets.changes(TicketReopened)
def reopened(recorded: Recorded[TicketReopened]) -> Row:
    return {"state": "open"}


@tickets.changes(TicketAssigned)
def assigned(recorded: Recorded[TicketAssigned]) -> Row:
    return {"assigned_to": recorded.event.collaborator_id}


@tickets.changes(TicketDismissed)
def dismissed(recorded: Recorded[TicketDismissed]) -> Row:
    reason, note = recorded.event.reason, recorded.event.note
    kept = None if isinstance(note, Erased) else note
    return {"dismissed": reason, "dismissal_note": kept, "left_out": "dismissed"}


@tickets.adjusts(TicketBroughtBack)
def brought_back(row: Row, recorded: Recorded[TicketBroughtBack]) -> Row:
    return {"dismissed": None, "dismissal_note": None, "left_out": "sent" if row["sent_only"] else None}


# --- queries ----------------------------------------------------------------------------------


def file_of(row: RowMapping) -> Target | None:
    """The file that a ticket is on."""
    return None if row["filed_id"] is None else Target(kind=row["filed_kind"], id=row["filed_id"])


@reads(tickets)
def exists(session: Reading, ticket_id: UUID) -> bool:
    return session.has(_tickets, ticket_id)


_STANDING_ON: Final = select(_tickets.c.ticket_id).where(
    or_(_tickets.c.ticket_id == bindparam("survivor"), _tickets.c.merged_into == bindparam("survivor"))
)


def with_absorbed(session: Reading, ticket_id: UUID) -> list[UUID]:
    """This ticket, those that were merged into it, and into those: none, where the viewer may not see this one.

    One that was erased hides nothing any more, and is given, too.
    """
    together = [ticket_id]
    for survivor in together:  # which grows meanwhile
        seen = session.scalars(session.visible(_STANDING_ON, _tickets.c.dossier_id), {"survivor": survivor}).all()
        if survivor not in seen and _is_there(session, survivor):
            return []
        together += [one for one in seen if one not in together]
    return together


def _is_there(session: Reading, ticket_id: UUID) -> bool:
    """Whether there is such a ticket at all: to whomever it may be hidden."""
    return session.scalar(select(_tickets.c.ticket_id).where(_tickets.c.ticket_id == ticket_id)) is not None


@reads(tickets)
def numbered(session: Reading, number: int) -> UUID | None:
    """The ticket of this number."""
    return next(iter(session.keys(_tickets, _tickets.c.number == number)), None)
