"""The inbox and the other lists of tickets, and one ticket with what it says of itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeVar
from uuid import UUID

from pydantic import Field
from sqlalchemy import Column, ColumnElement, RowMapping, Select, case, func

from domain.messages.message import Direction
from domain.tickets.events import Attachment, Correspondent, DismissalReason, TicketState
from domain.tickets.filing import Candidate, Evidence, UnfiledReason
from domain.values import Target
from projections import targets
from projections.queries.paging import Page, Window, paged
from projections.queries.reading import Reading, Shown, reads
from projections.targets import TargetLine, Targets
from projections.tickets.ticket import CHOSEN, LeftOut, file_of, tickets

_SHOWN_SUBJECT: Final = 200

L = TypeVar("L", bound="TicketLine")

_tickets: Final = tickets.table

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
    filed_under: list[TargetLine]
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


@reads(tickets, *targets.VIEWS)
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


@reads(tickets, *targets.VIEWS)
def of_file(session: Reading, file: Target, window: Window) -> Page[TicketLine] | None:
    """The tickets filed on it or on what stands under it, newest first (T17). Raises `BadCursor`."""
    if not targets.exists(session, file):
        return None
    return _page(session, window, _under(session, file), _NOT_MERGED)


def _under(session: Reading, file: Target) -> ColumnElement[bool]:
    """That a ticket is on a file, or on one under it (T11, T12, T17)."""
    return targets.under(session, file, on=_tickets.c.filed_id, dossier=_tickets.c.dossier_id)


@reads(tickets, *targets.VIEWS)
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


@reads(tickets, *targets.VIEWS)
def of_run(session: Reading, run_id: UUID, window: Window) -> Page[TicketLine]:
    """The tickets that are where the run put them: not those that were filed again since. Raises `BadCursor`."""
    return _page(session, window, _tickets.c.filed_run == run_id, _NOT_MERGED)


@reads(tickets, *targets.VIEWS)
def unfiled_of_sender(session: Reading, sender_id: UUID, window: Window, *, but: UUID) -> Page[TicketLine]:
    """The tickets from this address that are on no file and to be seen to, but for that one (X4). Raises `BadCursor`."""
    unfiled = (_tickets.c.filed_id.is_(None), _tickets.c.left_out.is_(None))
    return _page(session, window, _tickets.c.sender_id == sender_id, *unfiled, _tickets.c.ticket_id != but)


@reads(tickets, *targets.VIEWS)
def ticket(session: Reading, ticket_id: UUID) -> TicketDetails | None:
    """What the ticket says of its first message, where it is filed, on what evidence, and where else it could go."""
    row = session.row(_tickets, ticket_id)
    return None if row is None else _shown(row, TicketDetails, _files(session, [row]))


def lines(session: Reading, ticket_ids: Collection[UUID]) -> dict[UUID, TicketLine]:
    """These tickets, each as lists show it."""
    rows = session.execute(session.rows(_tickets).where(_tickets.c.ticket_id.in_(ticket_ids))).mappings().all()
    return {line.ticket_id: line for line in _lines(session, rows)}


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


def _files(session: Reading, rows: Iterable[RowMapping]) -> Targets:
    return Targets(session, (target for row in rows if (target := file_of(row))))


def _lines(session: Reading, rows: Sequence[RowMapping]) -> list[TicketLine]:
    named = _files(session, rows)
    return [_shown(row, TicketLine, named, longest_subject=_SHOWN_SUBJECT) for row in rows]


def _shown(row: RowMapping, model: type[L], named: Targets, longest_subject: int | None = None) -> L:
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
