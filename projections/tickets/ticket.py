"""The tickets: the inbox, those of a file, and one ticket with what it says of itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeVar
from uuid import UUID

from pydantic import Field
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Index,
    Integer,
    RowMapping,
    Select,
    String,
    Table,
    Uuid,
    bindparam,
    case,
    func,
    or_,
    select,
    union_all,
)

from domain.events import Erased, Recorded, Value, unsealed
from domain.messages.message import Direction
from domain.tickets.events import (
    Attachment,
    Correspondent,
    DismissalReason,
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
    TicketState,
    TicketUnclassified,
)
from domain.tickets.filing import Candidate, CollaboratorChoice, Evidence, UnfiledReason
from domain.values import Target
from projections import files
from projections.engine.projection import Projection, Row, Utc, views
from projections.files import FileLine, Files
from projections.queries.excerpts import excerpt_of
from projections.queries.paging import Page, Window, paged
from projections.queries.reading import Reading, Shown, reads

_SHOWN_SUBJECT: Final = 200
_LATEST: Final = 100
"""How many tickets of a sender are looked at to tell where its messages go."""

T = TypeVar("T")
L = TypeVar("L", bound="TicketLine")

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


Filed = Annotated[bool | None, Field(description="Only those on a file (true), or those on none (false)")]
InState = Annotated[TicketState | None, Field(description="Only those in this state")]
Assigned = Annotated[bool | None, Field(description="Only somebody's (true), or nobody's (false)")]
AssignedTo = Annotated[UUID | None, Field(description="Only this collaborator's")]


class TicketLine(Shown):
    """A ticket in a list, as its first message has it."""

    ticket_id: UUID
    """For `/tickets/{ticket_id}`."""
    number: int
    """The office's own, never given again."""
    received_at: datetime
    """When its first message came."""
    latest_at: datetime
    """When its last message came."""
    message_count: int
    """How many messages stand on it: none, once it was merged into another."""
    direction: Direction
    """Who wrote first: a correspondent (`incoming`), the office (`outgoing`), or a collaborator who passed on a message."""
    sent_at: datetime | None
    """When the first message was written, as it says; null where it says nothing that is a date."""
    from_address: str | None
    """Who wrote it; null where it has no usable address."""
    from_name: str
    """The name that stands with the address; empty without one."""
    subject: str
    """« (sans objet) » where there is none; in lists, 200 characters at most."""
    excerpt: str
    """How its body begins, on one line: 240 characters at most."""
    automatic: bool
    """Whether it is an automatic reply or a delivery report."""
    attachment_count: int
    """Of the first message."""
    filed_on: Target | None
    """The file that the ticket is on; null while it is on none."""
    filed_under: list[FileLine]
    """That file and everything above it: a claim, its contract, that one's client. Empty while it is on none."""
    dossier_id: UUID | None
    """The client whose file that is; null on a company's, a contact's or none."""
    undoable: bool
    """Whether its last filing, or unfiling, can be undone."""
    unfiled_reason: UnfiledReason | None
    """Why it waits for someone to file it; null once it was filed."""
    state: TicketState
    """Of a dismissed one: what it is brought back to."""
    assigned_to: UUID | None
    """The collaborator who sees to it; null while nobody does."""
    dismissed: DismissalReason | None
    """Why it was put aside; null if it wasn't."""
    merged_into: UUID | None
    """The ticket where its messages stand now; null if they stand here."""
    version: int
    """How many events it has had: for `If-Match`."""


class TicketDetails(TicketLine):
    """A ticket whole, but for its bodies."""

    to: list[str]
    """The addresses to which the first message was written."""
    cc: list[str]
    """Those that got a copy."""
    message_id: str | None
    """Its Message-ID, without brackets; null where it has none."""
    same_message_id: bool
    """Whether another message with another content came under the same Message-ID."""
    attachments: list[Attachment]
    """Of the first message, in their order in it."""
    notes: list[str]
    """What was irregular in the message, a sentence each."""
    evidence: Evidence | None
    """Why the ticket is on its file; null while it is on none."""
    candidates: list[Candidate]
    """The other files that it could concern, as they were found when it was filed or left unfiled."""
    dismissal_note: str | None
    """What was noted when it was put aside; null without a note."""
    forwarded: Correspondent | None
    """Whose message the first one passes on; null where it passes on none."""


@reads(tickets, *files.VIEWS)
def inbox(
    session: Reading,
    window: Window,
    *,
    filed: Filed = None,
    state: InState = None,
    assigned: Assigned = None,
    assigned_to: AssignedTo = None,
    dismissed: Annotated[bool, Field(description="The dismissed ones alone (true), or all others (false)")] = False,
    sent: Annotated[bool, Field(description="Only what the office wrote first and nobody answered")] = False,
) -> Page[TicketLine]:
    """Tickets, the last written first; those that were dismissed only where they are asked for. Raises `BadCursor`."""
    left_out: LeftOut | None = "sent" if sent else "dismissed" if dismissed else None
    shown = _tickets.c.left_out == left_out if left_out else _tickets.c.left_out.is_(None)
    wanted = _standing(filed=filed, state=state, assigned=assigned, assigned_to=assigned_to)
    return _page(session, window, shown, *wanted)


def ids_where(
    session: Reading,
    *,
    filed: bool | None = None,
    state: TicketState | None = None,
    assigned: bool | None = None,
    assigned_to: UUID | None = None,
    on: Target | None = None,
    with_dismissed: bool = False,
) -> Select[UUID]:
    """The ids of the tickets that have messages and stand so, on this file or under it; what the office wrote is among them."""
    left_out: list[LeftOut] = ["merged"] if with_dismissed else ["merged", "dismissed"]
    shown = func.coalesce(_tickets.c.left_out, "").not_in(left_out)
    wanted = _standing(filed=filed, state=state, assigned=assigned, assigned_to=assigned_to)
    if on is not None:
        wanted.append(_under(session, on))
    return session.rows(_tickets, _tickets.c.ticket_id).where(shown, *wanted)


def _standing(
    *, filed: bool | None, state: TicketState | None, assigned: bool | None, assigned_to: UUID | None
) -> list[ColumnElement[bool]]:
    wanted = []
    if filed is not None:
        wanted.append(_holds(_tickets.c.filed_id, something=filed))
    if state is not None:
        wanted.append(_tickets.c.state == state)
    if assigned is not None:
        wanted.append(_holds(_tickets.c.assigned_to, something=assigned))
    if assigned_to is not None:
        wanted.append(_tickets.c.assigned_to == assigned_to)
    return wanted


def _holds(column: Column[Any], *, something: bool) -> ColumnElement[bool]:
    return column.is_not(None) if something else column.is_(None)


_NOT_MERGED: Final = _tickets.c.left_out.is_distinct_from("merged")


@reads(tickets, *files.VIEWS)
def of_file(session: Reading, file: Target, window: Window) -> Page[TicketLine] | None:
    """The tickets filed on it or on what stands under it, newest first (T17). Raises `BadCursor`."""
    if not files.exists(session, file):
        return None
    return _page(session, window, _under(session, file), _NOT_MERGED)


def _under(session: Reading, file: Target) -> ColumnElement[bool]:
    """That a ticket is on a file, or on one under it (T11, T12, T17)."""
    return files.under(session, file, on=_tickets.c.filed_id, dossier=_tickets.c.dossier_id)


@reads(tickets, *files.VIEWS)
def selected(
    session: Reading,
    window: Window,
    *,
    ticket_ids: Collection[UUID] | None = None,
    filed_on: Target | None = None,
    sender_id: UUID | None = None,
    by_rule: bool = False,
) -> Page[TicketLine]:
    """These tickets; or those that are filed on this very file, of this sender, by a rule. Raises `BadCursor`."""
    wanted = [_NOT_MERGED]
    if ticket_ids is not None:
        wanted.append(_tickets.c.ticket_id.in_(ticket_ids))
    if filed_on is not None:
        wanted.append(_tickets.c.filed_id == filed_on.id)
    if sender_id is not None:
        wanted.append(_tickets.c.sender_id == sender_id)
    if by_rule:
        wanted.append(_tickets.c.evidence["kind"].as_string() != CHOSEN["kind"])
    return _page(session, window, *wanted)


@reads(tickets, *files.VIEWS)
def of_run(session: Reading, run_id: UUID, window: Window) -> Page[TicketLine]:
    """The tickets that are where the run put them: not those that were filed again since. Raises `BadCursor`."""
    return _page(session, window, _tickets.c.filed_run == run_id, _NOT_MERGED)


@reads(tickets, *files.VIEWS)
def unfiled_of_sender(session: Reading, sender_id: UUID, window: Window, *, but: UUID) -> Page[TicketLine]:
    """The tickets from this address that are on no file and to be seen to, but for that one. Raises `BadCursor`."""
    unfiled = (_tickets.c.filed_id.is_(None), _tickets.c.left_out.is_(None))
    return _page(session, window, _tickets.c.sender_id == sender_id, *unfiled, _tickets.c.ticket_id != but)


@reads(tickets, *files.VIEWS)
def ticket(session: Reading, ticket_id: UUID) -> TicketDetails | None:
    """What the ticket says of its first message, where it is filed, on what evidence, and where else it could go."""
    row = session.row(_tickets, ticket_id)
    return None if row is None else _shown(row, TicketDetails, _files(session, [row]))


def lines(session: Reading, ticket_ids: Collection[UUID]) -> dict[UUID, TicketLine]:
    """These tickets, each as lists show it."""
    rows = session.execute(session.rows(_tickets).where(_tickets.c.ticket_id.in_(ticket_ids))).mappings().all()
    return {line.ticket_id: line for line in _lines(session, rows)}


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


class Traces(Value):
    """What a ticket tells of where it could go."""

    ticket_id: UUID
    sender_id: UUID | None
    sender_domain: str | None
    filed_on: Target | None
    candidates: list[Candidate]


def traces(session: Reading, ticket_ids: Iterable[UUID]) -> dict[UUID, Traces]:
    rows = session.execute(session.rows(_tickets).where(_tickets.c.ticket_id.in_(list(ticket_ids)))).mappings()
    return {
        row["ticket_id"]: Traces(
            ticket_id=row["ticket_id"],
            sender_id=row["sender_id"],
            sender_domain=row["sender_domain"],
            filed_on=file_of(row),
            candidates=row["candidates"],
        )
        for row in rows
    }


def filed_on(session: Reading, ticket_ids: Collection[UUID]) -> dict[UUID, Target]:
    """The files of these tickets, of those that are on one."""
    rows = session.execute(
        session.rows(_tickets, _tickets.c.ticket_id, _tickets.c.filed_kind, _tickets.c.filed_id).where(
            _tickets.c.ticket_id.in_(ticket_ids), _tickets.c.filed_id.is_not(None)
        )
    )
    return {ticket_id: Target(kind=kind, id=file_id) for ticket_id, kind, file_id in rows}


def filed_for_senders(session: Reading, sender_ids: Collection[UUID]) -> dict[UUID, Counter[Target]]:
    """Where the latest messages from these addresses were filed, and how many there."""
    return _filed_for(session, _tickets.c.sender_id, sender_ids)


def filed_for_domains(session: Reading, domains: Collection[str]) -> dict[str, Counter[Target]]:
    """Where the latest messages from addresses of these domains were filed, and how many there."""
    return _filed_for(session, _tickets.c.sender_domain, domains)


def _filed_for(session: Reading, column: Column[T], values: Collection[T]) -> dict[T, Counter[Target]]:
    if not values:
        return {}
    latest = [
        session.rows(_tickets, column.label("of"), _tickets.c.filed_kind, _tickets.c.filed_id)
        .where(column == value)
        .order_by(_tickets.c.latest_position.desc())
        .limit(_LATEST)
        .subquery()
        for value in values
    ]
    found: dict[T, Counter[Target]] = {}
    for of, kind, file_id in session.execute(union_all(*(select(one) for one in latest))):
        if file_id is not None:
            found.setdefault(of, Counter())[Target(kind=kind, id=file_id)] += 1
    return found


@reads(tickets)
def numbered(session: Reading, number: int) -> UUID | None:
    """The ticket of this number."""
    return next(iter(session.keys(_tickets, _tickets.c.number == number)), None)


@reads(tickets)
def counts(session: Reading) -> dict[UnfiledReason | Literal["filed", "unfiled"], int]:
    """How many tickets are filed, how many wait for each reason, and how many were taken off their file.

    What the inbox leaves out doesn't count: nobody is asked to see to it.
    """
    standing = case(
        (_tickets.c.filed_id.is_not(None), "filed"), else_=func.coalesce(_tickets.c.unfiled_reason, "unfiled")
    )
    kept = _holds(_tickets.c.left_out, something=False)
    counted = session.rows(_tickets, standing, func.count()).where(kept).group_by(standing)
    return dict(session.execute(counted).all())


def _page(session: Reading, window: Window, *wanted: ColumnElement[bool]) -> Page[TicketLine]:
    listing = session.rows(_tickets).where(*wanted)
    return paged(session, listing, window, _tickets.c.latest_position.desc(), items=lambda rows: _lines(session, rows))


def _files(session: Reading, rows: Iterable[RowMapping]) -> Files:
    return Files(session, (target for row in rows if (target := file_of(row))))


def _lines(session: Reading, rows: Sequence[RowMapping]) -> list[TicketLine]:
    named = _files(session, rows)
    return [_shown(row, TicketLine, named, longest_subject=_SHOWN_SUBJECT) for row in rows]


def _shown(row: RowMapping, model: type[L], named: Files, longest_subject: int | None = None) -> L:
    filed_on = file_of(row)
    subject: str = row["subject"] or "(sans objet)"
    if longest_subject and len(subject) > longest_subject:
        subject = subject[: longest_subject - 1] + "…"
    return model.of(
        row,
        filed_on=filed_on,
        filed_under=named.line(filed_on) if filed_on else [],
        attachment_count=len(row["attachments"]),
        subject=subject,
    )
