"""Tickets found by what their messages say, by when these came, and by how the tickets stand.

A hit is a message, and each ticket is shown once, with the newest of its hits, the last that came first. Pages follow each
other by the hits' positions in the log, which never change; and a cursor remembers the first of all, so that what came since
hides nothing: whoever goes through the pages sees each ticket that had a hit at first, once, though mail arrives meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import Field

from domain.messages.message import Direction
from domain.values import Target
from projections import messages, targets
from projections.messages import Hit
from projections.queries.paging import Following, Page, decode_cursor, encode_cursor, page_of
from projections.queries.reading import Reading, Shown, reads
from projections.queries.snippets import Snippet, snippet
from projections.tickets import inbox
from projections.tickets.inbox import Assigned, AssignedTo, Filed, InState, TicketLine
from projections.tickets.ticket import tickets

_FEW: Final = 1000
"""So many tickets' messages are all looked into, however often the words occur elsewhere."""

Part = Literal["body", "subject", "from", "to", "attachments"]


TextSought = Annotated[
    str | None,
    Field(
        max_length=1000,
        description="Words that a message holds, all of them, in its subject, its body, the names and addresses of who "
        "wrote it and to whom, or the names of its attachments. Case and accents don't count; `*` after a word asks for "
        "all that begin so",
        examples=["bonnet résil*", "sinistre"],
    ),
]
DirectionSought = Annotated[
    Direction | None, Field(description="Only messages that came in, went out, or were passed on")
]
WithDismissed = Annotated[bool, Field(description="The dismissed ones, too")]


class Found(Shown):
    """A ticket, and the newest of its messages that was sought."""

    ticket: TicketLine
    """As lists show it."""
    mail_id: UUID
    """The message that was found."""
    received_at: datetime
    """When the message came."""
    direction: Direction
    """Who wrote it: a correspondent (`incoming`), the office (`outgoing`), or a collaborator who passed on a message."""
    from_address: str | None
    """Null where it has no usable address."""
    from_name: str
    """The name that stands with the address; empty without one."""
    subject: str
    """« (sans objet) » where there is none."""
    part: Part
    """Where in the message the words of `snippet` stand: in the body, if any do there."""
    snippet: Snippet
    """A piece of that part in which words stand; without words, how the body begins."""


@reads(messages.messages, tickets, *targets.VIEWS)
def search(
    session: Reading,
    window: Following,
    *,
    text: TextSought = None,
    since: Annotated[datetime | None, Field(description="Only messages received at this moment or later")] = None,
    before: Annotated[datetime | None, Field(description="Only messages received before this moment")] = None,
    direction: DirectionSought = None,
    filed: Filed = None,
    state: InState = None,
    assigned: Assigned = None,
    assigned_to: AssignedTo = None,
    on: Annotated[Target | None, Field(description="Only tickets on this file, or on one under it")] = None,
    with_dismissed: WithDismissed = False,
) -> Page[Found]:
    """The tickets with a message that holds every word of `text`, came in the period and goes in that direction.

    Of them, those that stand so, and are `on` a file or on one under it. Raises `BadCursor`.
    """
    upto, last = decode_cursor(window.cursor, int, int) if window.cursor is not None else (None, None)
    sought = messages.Sought(text=text, since=since, before=before, direction=direction)
    ids = inbox.ids_where(
        session,
        filed=filed,
        state=state,
        assigned=assigned,
        assigned_to=assigned_to,
        on=on,
        with_dismissed=with_dismissed,
    )
    few = list(session.scalars(ids.limit(_FEW + 1)))
    if len(few) > _FEW:
        found = messages.newest_hits(session, sought, ids, upto=upto, before=last, limit=window.limit + 1)
    else:
        found = messages.newest_hits_on(session, sought, few, upto=upto, before=last, limit=window.limit + 1)
    first = found[0].received_position if upto is None and found else upto
    hits, next_cursor = page_of(found, window.limit, lambda hit: encode_cursor(first, hit.received_position))
    lines = inbox.lines(session, [hit.ticket_id for hit in hits])
    return Page(items=[_found(hit, lines[hit.ticket_id], text or "") for hit in hits], next_cursor=next_cursor)


def _found(hit: Hit, ticket: TicketLine, text: str) -> Found:
    part, shown = _shown(hit, text)
    return Found(
        ticket=ticket,
        mail_id=hit.mail_id,
        received_at=hit.received_at,
        direction=hit.direction,
        from_address=hit.from_address,
        from_name=hit.from_name,
        subject=hit.subject or "(sans objet)",
        part=part,
        snippet=shown,
    )


def _shown(hit: Hit, text: str) -> tuple[Part, Snippet]:
    """The first part of the message in which a word stands, and the piece of it."""
    of_body = snippet(hit.text, text)
    if not of_body.hits and text:
        for part, said in _other_parts(hit):
            if (piece := snippet(said, text)).hits:
                return part, piece
    return "body", of_body


def _other_parts(hit: Hit) -> Iterator[tuple[Part, str]]:
    yield "subject", hit.subject
    yield "from", f"{hit.from_name} <{hit.from_address}>" if hit.from_address else hit.from_name
    yield "to", ", ".join([*hit.to, *hit.cc])
    yield "attachments", ", ".join(attachment.name for attachment in hit.attachments)
