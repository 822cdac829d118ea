"""Tickets on the command line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

import typer
from rich.text import Text

from api import periods
from api.cli.naming import (
    ClaimOption,
    ClientOption,
    CompanyOption,
    ContactOption,
    ContractOption,
    TicketArgument,
    by_kind,
    exactly_one,
    find_the_one,
    find_ticket,
)
from api.cli.session import (
    AsOption,
    CursorOption,
    JsonOption,
    LimitOption,
    as_shown,
    bring_up_to_date,
    console,
    print_json,
    print_table,
    reading,
    up_to_date_office,
)
from api.runs import changed
from api.staff import find_collaborator
from domain.aggregates import NotFound
from domain.client import Company, Identity, Person
from domain.email_address import Ownership
from domain.events import Actor
from domain.message import Direction
from domain.ticket_events import TicketState
from domain.ticket_filing import ClassifyTicket, ClientToCreate
from domain.values import FileKind, Target
from projections import suggestions as suggestions_view
from projections import ticket_history, ticket_search
from projections import tickets as read_model
from projections.full_text import words_of
from projections.paging import DEFAULT_LIMIT, MAX_LIMIT, Following, Window
from projections.reading import Reading
from projections.ticket_history import HistoryLine
from projections.ticket_search import Found

tickets = typer.Typer(
    help="The inbox, the search, one ticket with its history and suggestions; filing it.",
    no_args_is_help=True,
)


@tickets.command("list")
def list_tickets(
    filed: Annotated[bool | None, typer.Option("--filed/--unfiled", help="Only these.")] = None,
    state: Annotated[TicketState | None, typer.Option(help="Only those in this state.")] = None,
    assigned: Annotated[bool | None, typer.Option("--assigned/--unassigned", help="Only these.")] = None,
    assigned_to: Annotated[str | None, typer.Option(help="Only those of the collaborator of this address.")] = None,
    dismissed: Annotated[bool, typer.Option("--dismissed", help="Those that were put aside, and no others.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 50,
    cursor: Annotated[str | None, typer.Option(help="`next_cursor` of the page before.")] = None,
    collaborator: AsOption = None,
    as_json: JsonOption = False,
) -> None:
    """List tickets, newest first; those that were dismissed only where they are asked for."""
    with up_to_date_office() as greffier, reading(greffier, collaborator) as session:
        page = read_model.inbox(
            session,
            Window(cursor=cursor, limit=limit, total=True),
            filed=filed,
            state=state,
            assigned=assigned,
            assigned_to=None if assigned_to is None else find_collaborator(greffier, assigned_to),
            dismissed=dismissed,
        )
    if as_json:
        print_json(page)
        return
    print_table(
        ("n°", "received", "from", "subject", "filed on", "state"),
        [
            (
                line.number,
                f"{line.sent_at or line.received_at:%Y-%m-%d %H:%M}",
                line.from_name or line.from_address,
                line.subject[:60],
                ", ".join(file.label for file in line.filed_under)
                if line.filed_on
                else f"({line.unfiled_reason or 'unfiled'})",
                line.dismissed or line.state,
            )
            for line in page.items
        ],
    )
    console.print(f"{len(page.items)} of {page.total}" + (f", next: {page.next_cursor}" if page.next_cursor else ""))


def _day_or_moment(text: str) -> date | datetime:
    """Raises `BadParameter`."""
    try:
        return periods.day_or_moment(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


@tickets.command()
def search(
    text: Annotated[
        str | None, typer.Argument(help="Words that a message holds, all of them; `résil*` is any that begins so.")
    ] = None,
    since: Annotated[
        Any, typer.Option(parser=_day_or_moment, metavar="DAY", help="Received from this day, or moment, on.")
    ] = None,
    until: Annotated[
        Any,
        typer.Option(parser=_day_or_moment, metavar="DAY", help="Received by the end of this day, or before a moment."),
    ] = None,
    direction: Annotated[Direction | None, typer.Option(help="Only messages that go this way.")] = None,
    filed: Annotated[bool | None, typer.Option("--filed/--unfiled", help="Only these.")] = None,
    state: Annotated[TicketState | None, typer.Option(help="Only those in this state.")] = None,
    assigned: Annotated[bool | None, typer.Option("--assigned/--unassigned", help="Only these.")] = None,
    assigned_to: Annotated[str | None, typer.Option(help="Only those of the collaborator of this address.")] = None,
    client: ClientOption = None,
    contract: ContractOption = None,
    claim: ClaimOption = None,
    company: CompanyOption = None,
    contact: ContactOption = None,
    with_dismissed: Annotated[bool, typer.Option("--with-dismissed", help="Those that were put aside, too.")] = False,
    limit: LimitOption = DEFAULT_LIMIT,
    cursor: CursorOption = None,
    collaborator: AsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search tickets by what their messages say, on a file and what stands under it: the newest message first."""
    if text is not None and not words_of(text):
        raise typer.BadParameter("TEXT: has nothing that can be searched: give words or numbers")
    named = by_kind(client, contract, claim, company, contact)
    with up_to_date_office() as greffier, reading(greffier, collaborator) as session:
        zone = periods.time_zone(greffier)
        page = ticket_search.search(
            session,
            Following(cursor=cursor, limit=limit),
            text=text,
            since=since and periods.begin(since, zone),
            before=until and periods.end(until, zone),
            direction=direction,
            filed=filed,
            state=state,
            assigned=assigned,
            assigned_to=None if assigned_to is None else find_collaborator(greffier, assigned_to),
            on=_file_named(session, named),
            with_dismissed=with_dismissed,
        )
    if as_json:
        print_json(page)
        return
    for found in page.items:
        console.print(_as_found(found), soft_wrap=True)
    console.print(f"{len(page.items)} found" + (f", next: {page.next_cursor}" if page.next_cursor else ""))


def _file_named(session: Reading, named: Mapping[FileKind, str | None]) -> Target | None:
    return find_the_one(session, named) if any(name is not None for name in named.values()) else None


def _as_found(found: Found) -> Text:
    """A ticket that was found: its head, and the piece of its message, the words in bold."""
    ticket = found.ticket
    where = ", ".join(file.label for file in ticket.filed_under) or f"({ticket.unfiled_reason or 'unfiled'})"
    head = f"{ticket.number}  {found.received_at:%Y-%m-%d %H:%M}  {found.from_name or found.from_address}"
    shown = Text(as_shown(f"{head}  {found.subject}  {where}".replace("\n", " ")), style="bold cyan")
    piece = Text(as_shown(found.snippet.text))
    for start, end in found.snippet.hits:
        piece.stylize("bold yellow", start, end)
    part = "" if found.part == "body" else f"{found.part}: "
    return Text.assemble(shown, f"\n    {part}", piece)


@tickets.command()
def show(ticket: TicketArgument, collaborator: AsOption = None, as_json: JsonOption = False) -> None:
    """Show one ticket, without its body."""
    with up_to_date_office() as greffier, reading(greffier, collaborator) as session:
        ticket_id = find_ticket(session, ticket)
        found = read_model.ticket(session, ticket_id)
    if found is None:
        raise NotFound(kind="ticket", id=ticket_id)
    if as_json:
        print_json(found)
        return
    print_table(("", f"ticket {found.number}"), [(n, v) for n, v in found.model_dump(mode="json").items() if v])


@tickets.command()
def history(ticket: TicketArgument, collaborator: AsOption = None, as_json: JsonOption = False) -> None:
    """Tell what happened to a ticket: who, when, what and why."""
    with up_to_date_office() as greffier, reading(greffier, collaborator) as session:
        ticket_id = find_ticket(session, ticket)
        lines = list(_history(session, ticket_id))
    if not lines:
        raise NotFound(kind="ticket", id=ticket_id)
    if as_json:
        print_json(lines)
        return
    for line in lines:
        console.print(f"{line.at:%Y-%m-%d %H:%M:%S}  {line.sentence}", markup=False, highlight=False)


@tickets.command("file")
def file_ticket(
    ticket: TicketArgument,
    client: ClientOption = None,
    contract: ContractOption = None,
    claim: ClaimOption = None,
    company: CompanyOption = None,
    contact: ContactOption = None,
    new_person: Annotated[str | None, typer.Option(help="File it on a new prospect: LAST NAME, First name.")] = None,
    new_company: Annotated[str | None, typer.Option(help="File it on a new prospect: a company's name.")] = None,
    active: Annotated[bool, typer.Option("--active", help="The new dossier is a client already.")] = False,
    address: Annotated[Ownership | None, typer.Option(help="What becomes of the sender's address.")] = None,
    collaborator: AsOption = None,
    as_json: JsonOption = False,
) -> None:
    """File a ticket by hand, or file it elsewhere."""
    named = by_kind(client, contract, claim, company, contact)
    is_new = new_person is not None or new_company is not None
    exactly_one({**named, "new-person": new_person, "new-company": new_company})
    with up_to_date_office() as greffier:
        with reading(greffier, collaborator) as session:
            ticket_id = find_ticket(session, ticket)
            on: Any = _new_client(new_person, new_company, active=active) if is_new else find_the_one(session, named)
        command = ClassifyTicket(ticket_id=ticket_id, on=on, address=address)
        actor = Actor.collaborator(find_collaborator(greffier, collaborator))
        answer = greffier.log.execute(command, actor)
        bring_up_to_date(greffier)
        filed = changed(greffier.log, ticket_id, answer)
    if as_json:
        print_json(filed)
    elif filed.filed_on:
        console.print(f"The ticket is filed on the {filed.filed_on.kind} {filed.filed_on.id}.")


@tickets.command()
def suggestions(ticket: TicketArgument, collaborator: AsOption = None, as_json: JsonOption = False) -> None:
    """Show the files that a ticket could go to, the strongest first, and what speaks for each."""
    with up_to_date_office() as greffier, reading(greffier, collaborator) as session:
        ticket_id = find_ticket(session, ticket)
        found = suggestions_view.suggestions(session, [ticket_id]).get(ticket_id)
    if found is None:
        raise NotFound(kind="ticket", id=ticket_id)
    if as_json:
        print_json(found)
        return
    print_table(
        ("strength", "file", "why", "kind", "id"),
        [
            (
                f"{one.strength:.2f}",
                ", ".join(line.label for line in one.filed_under),
                ", ".join(f"{why.reason.replace('_', ' ')} {why.strength:.2f}" for why in one.reasons),
                one.file.kind,
                one.file.id,
            )
            for one in found
        ],
    )


def _history(session: Reading, ticket_id: UUID) -> Iterator[HistoryLine]:
    """All of it."""
    window = Window(limit=MAX_LIMIT)
    while page := ticket_history.of_ticket(session, ticket_id, window):
        yield from page.items
        if page.next_cursor is None:
            return
        window = Window(limit=MAX_LIMIT, cursor=page.next_cursor)


def _new_client(person: str | None, company: str | None, *, active: bool) -> ClientToCreate:
    identity: Identity
    if company is not None:
        identity = Company(company_name=company)
    else:
        last_name, _, first_name = (person or "").partition(",")
        identity = Person(last_name=last_name, first_name=first_name)
    return ClientToCreate(client_id=uuid4(), identity=identity, active=active)
