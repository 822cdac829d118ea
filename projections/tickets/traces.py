"""What tickets tell of where they, and others like them, could go: for the suggestions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Final, TypeVar
from uuid import UUID

from sqlalchemy import Column, select, union_all

from domain.events import Value
from domain.tickets.filing import Candidate
from domain.values import Target
from projections.queries.reading import Reading
from projections.tickets.ticket import file_of, tickets

_LATEST: Final = 100
"""How many tickets of a sender are looked at to tell where its messages go."""

T = TypeVar("T")

_tickets: Final = tickets.table


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
