"""Tickets as they are answered: what the views tell, what their viewer may do with them, and where they could go (T15)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Annotated, Final

from pydantic import Field

from api.operations import Method, Offers
from domain.access import Viewer, may
from projections import suggestions
from projections.queries.paging import Page
from projections.queries.reading import Reading, reads
from projections.suggestions import Suggestion
from projections.tickets.inbox import TicketDetails, TicketLine

_TICKET: Final = "/tickets/{ticket_id}/"


@dataclass(frozen=True, slots=True)
class ActionLink:
    """Something that the viewer may do with the ticket, and where."""

    action: Annotated[
        str,
        Field(
            description="A stable name of what is done, such as `close`",
            json_schema_extra=lambda schema: schema.update(enum=list(dict.fromkeys(name for _, name, _ in _offered()))),
        ),
    ]
    method: Annotated[Method, Field(description="The method to ask `href` with")]
    href: Annotated[str, Field(description="The path to ask")]
    templated: Annotated[bool, Field(description="Whether `href` has `{mail_id}`, or `{part}` too, to be filled in")]


class TicketRow(TicketLine):
    """A ticket in a list, with what its viewer may do. `suggestions` say where one that is on no file could go."""

    actions: list[ActionLink] = Field(description="All that the viewer may do with it as it stands now")
    suggestions: list[Suggestion] = Field(description="Where it could go, the strongest first; none once it is filed")


class TicketCard(TicketDetails):
    """A ticket whole, but for its bodies, with what its viewer may do, and the files that it could go to."""

    actions: list[ActionLink] = Field(description="All that the viewer may do with it as it stands now")
    suggestions: list[Suggestion] = Field(description="Where else it could go, the strongest first")


@reads(*suggestions.VIEWS)
def rows(session: Reading, page: Page[TicketLine]) -> Page[TicketRow]:
    """A page of tickets with their actions and suggestions."""
    unfiled = [line.ticket_id for line in page.items if line.filed_on is None and not line.dismissed]
    suggested = suggestions.suggestions(session, unfiled)
    items = [
        TicketRow(**dict(line), actions=_actions(session.viewer, line), suggestions=suggested.get(line.ticket_id, []))
        for line in page.items
    ]
    return Page(items=items, next_cursor=page.next_cursor, total=page.total)


@reads(*suggestions.VIEWS)
def card(session: Reading, ticket: TicketDetails) -> TicketCard:
    suggested = suggestions.suggestions(session, [ticket.ticket_id])
    return TicketCard(
        **dict(ticket), actions=_actions(session.viewer, ticket), suggestions=suggested.get(ticket.ticket_id, [])
    )


def _actions(viewer: Viewer, ticket: TicketLine) -> list[ActionLink]:
    """What the operations on a ticket offer as it stands, of what the viewer may do."""
    here = _TICKET.format(ticket_id=ticket.ticket_id)
    return [
        ActionLink(action, operation.method, here + below, "{" in below)
        for operation, action, is_open_to in _offered()
        if is_open_to(ticket) and may(viewer, operation.action)
        for below in (operation.path.removeprefix(_TICKET),)
    ]


@cache
def _offered() -> Offers:
    from api.routes import offered_under  # which imports what imports this

    return offered_under(_TICKET)
