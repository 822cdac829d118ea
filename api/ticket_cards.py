"""Tickets as they are answered: what the views tell, what their viewer may do with them, and where they could go (T15)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple
from uuid import UUID

from pydantic import BaseModel

from domain.access import Action, Viewer, may
from projections import suggestions
from projections.paging import Page
from projections.projection import Projection
from projections.reading import Reading
from projections.suggestions import Suggestion
from projections.tickets import TicketDetails, TicketLine

VIEWS: Final[tuple[Projection, ...]] = suggestions.VIEWS
"""What tickets are answered from."""

ActionName = Literal[
    "file",
    "refile",
    "unfile",
    "wait",
    "close",
    "reopen",
    "assign",
    "dismiss",
    "bring_back",
    "comment",
    "merge",
]


class ActionLink(BaseModel):
    """Something that the viewer may do with the ticket, and where: a POST to `href`."""

    action: ActionName
    href: str


class TicketRow(TicketLine):
    """A ticket in a list, with what its viewer may do. `suggestions` say where one that is on no file could go."""

    actions: list[ActionLink]
    suggestions: list[Suggestion]


class TicketCard(TicketDetails):
    """A ticket whole, but for its bodies, with what its viewer may do, and the files that it could go to."""

    actions: list[ActionLink]
    suggestions: list[Suggestion]


def rows(session: Reading, page: Page[TicketLine]) -> Page[TicketRow]:
    """A page of tickets with their actions and suggestions."""
    unfiled = [line.ticket_id for line in page.items if line.filed_on is None and not line.dismissed]
    suggested = suggestions.suggestions(session, unfiled)
    items = [
        TicketRow(
            **dict(line), actions=list(_actions(session.viewer, line)), suggestions=suggested.get(line.ticket_id, [])
        )
        for line in page.items
    ]
    return Page(items=items, next_cursor=page.next_cursor, total=page.total)


def card(session: Reading, ticket: TicketDetails) -> TicketCard:
    suggested = suggestions.suggestions(session, [ticket.ticket_id])
    return TicketCard(
        **dict(ticket), actions=list(_actions(session.viewer, ticket)), suggestions=suggested.get(ticket.ticket_id, [])
    )


class _Offer(NamedTuple):
    action: ActionName
    path: str
    may: Action
    is_open_to: bool


def _actions(viewer: Viewer, ticket: TicketLine) -> Iterator[ActionLink]:
    """What the ticket's own decisions would not refuse, of what the viewer may do."""
    here = ticket.merged_into is None
    in_hand = here and ticket.dismissed is None
    filed = ticket.filed_on is not None
    offers = (
        _Offer("file", "file", "file", in_hand and not filed),
        _Offer("refile", "file", "file", in_hand and filed),
        _Offer("unfile", "unfile", "file", in_hand and filed),
        _Offer("wait", "wait", "handle", in_hand and ticket.state == "open"),
        _Offer("close", "close", "handle", in_hand and ticket.state != "closed"),
        _Offer("reopen", "reopen", "handle", in_hand and ticket.state != "open"),
        _Offer("assign", "assign", "handle", in_hand and ticket.state != "closed"),
        _Offer("dismiss", "dismiss", "handle", in_hand),
        _Offer("bring_back", "bring-back", "handle", here and not in_hand),
        _Offer("comment", "comments", "handle", here),
        _Offer("merge", "merge", "handle", in_hand),
    )
    for offer in offers:
        if offer.is_open_to and may(viewer, offer.may):
            yield ActionLink(action=offer.action, href=_href(ticket.ticket_id, offer.path))


def _href(ticket_id: UUID, path: str) -> str:
    return f"/tickets/{ticket_id}/{path}"
