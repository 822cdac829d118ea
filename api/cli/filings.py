"""Filing on the command line beyond one ticket on one file: suggestions, undoing, many at once, merging and splitting."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from functools import partial
from typing import Annotated
from uuid import UUID, uuid4

import typer

from api import runs
from api.bootstrap import Greffier
from api.cli.naming import (
    ClaimOption,
    ClientOption,
    CompanyOption,
    ContactOption,
    ContractOption,
    TicketArgument,
    by_kind,
    find_file,
    find_the_one,
    find_ticket,
)
from api.cli.session import (
    AsOption,
    CommandFailed,
    CursorOption,
    JsonOption,
    LimitOption,
    as_shown,
    bring_up_to_date,
    console,
    execute,
    notices,
    print_changed,
    print_json,
    print_page,
    print_table,
    up_to_date_office,
    viewer,
)
from api.cli.tickets import handle
from api.runs import RunDone, Step
from domain.access import Viewer
from domain.aggregates import NotFound
from domain.conversation import MergeTickets, SplitMessageOff
from domain.email_address import email_address_id
from domain.events import Actor
from domain.ticket_filing import UnclassifyTicket, UndoFiling
from domain.values import FileKind, normalised_address
from projections import messages as messages_view
from projections import suggestions as suggestions_view
from projections import tickets as read_model
from projections.files import Files
from projections.paging import DEFAULT_LIMIT, MAX_LIMIT, Page
from projections.tickets import TicketLine

filings = typer.Typer()
"""More of `greffier tickets`."""


@filings.command()
def unfile(ticket: TicketArgument, collaborator: AsOption = None, as_json: JsonOption = False) -> None:
    """Take a ticket off its file."""
    handle(ticket, lambda ticket_id: UnclassifyTicket(ticket_id=ticket_id), "is on no file", collaborator, as_json)


@filings.command()
def undo(ticket: TicketArgument, collaborator: AsOption = None, as_json: JsonOption = False) -> None:
    """Undo a ticket's last filing: it goes back where it was before."""
    handle(ticket, lambda ticket_id: UndoFiling(ticket_id=ticket_id), "is where it was before", collaborator, as_json)


@filings.command()
def suggestions(ticket: TicketArgument, as_json: JsonOption = False) -> None:
    """Show the files that a ticket could go to, the strongest first, and what speaks for each."""
    with up_to_date_office() as greffier, greffier.views.reading() as session:
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


@filings.command()
def messages(
    ticket: TicketArgument,
    limit: LimitOption = DEFAULT_LIMIT,
    cursor: CursorOption = None,
    collaborator: AsOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the messages of a ticket, in the order in which they came."""
    with up_to_date_office() as greffier, greffier.views.reading() as session:
        ticket_id, acting = find_ticket(session, ticket), viewer(greffier, collaborator)
        if not read_model.exists(session, ticket_id):
            raise NotFound(kind="ticket", id=ticket_id)
        page = messages_view.of_ticket(session, acting, ticket_id, cursor=cursor, limit=limit, with_total=True)
    print_page(
        page,
        ("received", "from", "subject", "", "id"),
        lambda line: (
            f"{line.received_at:%Y-%m-%d %H:%M}",
            line.from_name or line.from_address,
            line.subject[:60],
            line.direction,
            line.mail_id,
        ),
        as_json=as_json,
    )


@filings.command()
def merge(
    ticket: TicketArgument,
    other: Annotated[str, typer.Argument(metavar="OTHER", help="The ticket whose messages come to it.")],
    collaborator: AsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Merge another ticket into this one: its messages stand here from now on."""
    with up_to_date_office() as greffier:
        with greffier.views.reading() as session:
            ticket_id, other_id = find_ticket(session, ticket), find_ticket(session, other)
        answer = execute(greffier, MergeTickets(ticket_id=ticket_id, other_id=other_id), collaborator)
    print_changed(answer, ticket_id, "The tickets are one.", as_json=as_json)


@filings.command()
def split(
    ticket: TicketArgument,
    message: Annotated[UUID, typer.Argument(metavar="MESSAGE", help="The id of a message, as `messages` lists it.")],
    collaborator: AsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Split a message off its ticket: it gets one of its own, on the same file."""
    with up_to_date_office() as greffier:
        with greffier.views.reading() as session:
            ticket_id = find_ticket(session, ticket)
        answer = execute(greffier, SplitMessageOff(ticket_id=ticket_id, mail_id=message), collaborator)
    sentence = f"The message has a ticket of its own: {answer.result['new_ticket_id']}."
    print_changed(answer, ticket_id, sentence, as_json=as_json)


@filings.command()
def refile(
    wrong: Annotated[str, typer.Option("--from", help="The file that they are on, by its number, name or id.")],
    kind: Annotated[FileKind, typer.Option("--from-kind", help="Of which kind that file is.")] = "client",
    client: ClientOption = None,
    contract: ContractOption = None,
    claim: ClaimOption = None,
    company: CompanyOption = None,
    contact: ContactOption = None,
    nowhere: Annotated[
        bool, typer.Option("--nowhere", help="Take them off that file, and leave them unfiled.")
    ] = False,
    sender: Annotated[str | None, typer.Option(help="Only those from this address.")] = None,
    by_rule: Annotated[bool, typer.Option("--by-rule", help="Only those that nobody filed by hand.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, what would change is shown.")] = False,
    collaborator: AsOption = None,
    as_json: JsonOption = False,
) -> None:
    """File elsewhere what went to a wrong file: each change is shown first, and made by a command of its own."""
    named = by_kind(client, contract, claim, company, contact)
    if nowhere == any(name is not None for name in named.values()):
        raise typer.BadParameter(f"give exactly one of --nowhere, --{', --'.join(named)}")
    if sender is not None and normalised_address(sender) is None:
        raise typer.BadParameter(f"--sender: {sender!r} is not an e-mail address")
    with up_to_date_office() as greffier:
        acting = viewer(greffier, collaborator)
        with greffier.views.reading() as session:
            on = None if nowhere else find_the_one(session, named)
            chosen = partial(
                read_model.selected,
                session,
                acting,
                filed_on=find_file(session, kind, wrong, "--from"),
                sender_id=None if sender is None else email_address_id(greffier.log, sender),
                by_rule=by_rule,
            )
            lines = [line for line in _every(chosen) if line.filed_on != on]
            goes_to = "no file" if on is None else " / ".join(one.label for one in Files(session, [on]).line(on))
        steps = [runs.filing(line.ticket_id, on, line.version) for line in lines]
        done = _run(greffier, acting, steps) if yes else None
    if done is not None:
        undone_by = f"; `greffier tickets undo-run {done.run_id}` undoes it" if done.changed else ""
        _print_run(done, lines, f"moved{undone_by}", as_json=as_json)
        return
    if as_json:
        print_json([{"ticket": line, "to": on, "changes": runs.moves(line, on)} for line in lines])
        return
    print_table(
        ("n°", "from", "subject", "is on", "goes to"),
        [
            (
                line.number,
                line.from_name or line.from_address,
                line.subject[:60],
                " / ".join(one.label for one in line.filed_under),
                goes_to if runs.moves(line, on) else "stays: dismissed",
            )
            for line in lines
        ],
    )
    moving = [line for line in lines if runs.moves(line, on)]
    console.print(f"{_tickets(moving)} would move; --yes does it.", markup=False, highlight=False)


@filings.command()
def undo_run(
    run_id: Annotated[UUID, typer.Argument(metavar="RUN", help="What the run went by.")],
    collaborator: AsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Undo a run: each ticket goes back where it was before, but for those that were filed again since."""
    with up_to_date_office() as greffier:
        acting = viewer(greffier, collaborator)
        with greffier.views.reading() as session:
            lines = list(_every(partial(read_model.of_run, session, acting, run_id)))
        if not lines:
            raise CommandFailed(f"RUN: no ticket is where the run {run_id} put it")
        done = _run(greffier, acting, map(runs.undoing, lines))
    _print_run(done, lines, "went back", as_json=as_json)


def _every(query: Callable[..., Page[TicketLine]]) -> Iterator[TicketLine]:
    """Every ticket of a list, page by page."""
    cursor = None
    while True:
        page = query(cursor=cursor, limit=MAX_LIMIT)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return


def _run(greffier: Greffier, acting: Viewer, steps: Iterable[Step]) -> RunDone:
    done = runs.run(greffier.log, Actor.collaborator(acting.collaborator_id), steps, uuid4())
    bring_up_to_date(greffier)
    return done


def _print_run(done: RunDone, lines: Iterable[TicketLine], outcome: str, *, as_json: bool) -> None:
    """Raises `CommandFailed` where a ticket could not be changed; the others are."""
    if as_json:
        print_json(done)
    else:
        console.print(f"{_tickets(done.changed)} {outcome}.", markup=False, highlight=False, soft_wrap=True)
        numbers = {line.ticket_id: line.number for line in lines}
        for one in done.failed:
            why = as_shown(f"ticket {numbers[one.ticket_id]}: {one.problem.detail}")
            notices.print(why, markup=False, highlight=False, soft_wrap=True)
    if done.failed:
        raise CommandFailed(f"{_tickets(done.failed)} could not be moved")


def _tickets(counted: Sized) -> str:
    return "1 ticket" if len(counted) == 1 else f"{len(counted)} tickets"
