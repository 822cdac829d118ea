"""Tickets on the command line, as people read them; all else about them is asked by `greffier api`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import typer
from rich.text import Text

from adapters.staff import find_collaborator
from api.cli.asking import asking
from api.cli.naming import (
    ClaimOption,
    ClientOption,
    CompanyOption,
    ContactOption,
    ContractOption,
    TicketArgument,
    by_kind,
    find_file,
    find_ticket,
)
from api.cli.session import AsOption, JsonOption, as_shown, console, print_json, print_table

tickets = typer.Typer(
    help="List, search, show and file tickets, and tell their history. All else: `greffier api`.",
    no_args_is_help=True,
)

State = Literal["open", "waiting", "closed"]
FiledOption = Annotated[bool | None, typer.Option("--filed/--unfiled", help="Only these.")]
StateOption = Annotated[State | None, typer.Option(help="Only those in this state.")]
AssignedOption = Annotated[bool | None, typer.Option("--assigned/--unassigned", help="Only these.")]
AssignedToOption = Annotated[str | None, typer.Option(help="Only those of the collaborator of this address.")]
LimitOption = Annotated[int, typer.Option(min=1, max=200, help="How many at most.")]
CursorOption = Annotated[str | None, typer.Option(help="`next_cursor` of the page before.")]


@tickets.command("list")
def list_tickets(
    filed: FiledOption = None,
    state: StateOption = None,
    assigned: AssignedOption = None,
    assigned_to: AssignedToOption = None,
    dismissed: Annotated[bool, typer.Option("--dismissed", help="Those that were put aside, and no others.")] = False,
    limit: LimitOption = 50,
    cursor: CursorOption = None,
    collaborator: AsOption = None,
    as_json: JsonOption = False,
) -> None:
    """List tickets, newest first; those that were dismissed only where they are asked for."""
    with asking(collaborator) as office:
        page = office.get(
            "/tickets",
            filed=filed,
            state=state,
            assigned=assigned,
            assigned_to=assigned_to and find_collaborator(office.greffier.log, assigned_to),
            dismissed=dismissed,
            limit=limit,
            cursor=cursor,
            total=True,
        )
    if as_json:
        print_json(page)
        return
    rows = [
        (
            line["number"],
            _minute(line["sent_at"] or line["received_at"]),
            line["from_name"] or line["from_address"],
            line["subject"][:60],
            _place(line),
            "dismissed" if line["dismissed"] else line["state"],
        )
        for line in page["items"]
    ]
    print_table(("n°", "received", "from", "subject", "filed on", "state"), rows)
    _print_end(page, f"{len(rows)} of {page['total']}")


@tickets.command()
def search(
    text: Annotated[
        str | None, typer.Argument(help="Words that a message holds, all of them; `résil*` is any that begins so.")
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="DAY", help="Received from this day, or moment, on.")] = None,
    until: Annotated[
        str | None, typer.Option(metavar="DAY", help="Received by the end of this day, or before a moment.")
    ] = None,
    direction: Annotated[
        Literal["incoming", "outgoing", "forwarded"] | None, typer.Option(help="Only messages that go this way.")
    ] = None,
    filed: FiledOption = None,
    state: StateOption = None,
    assigned: AssignedOption = None,
    assigned_to: AssignedToOption = None,
    client: ClientOption = None,
    contract: ContractOption = None,
    claim: ClaimOption = None,
    company: CompanyOption = None,
    contact: ContactOption = None,
    with_dismissed: Annotated[bool, typer.Option("--with-dismissed", help="The dismissed ones, too.")] = False,
    limit: LimitOption = 50,
    cursor: CursorOption = None,
    collaborator: AsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find tickets by what their messages say, on a file and what stands under it: the newest message first."""
    named = by_kind(client, contract, claim, company, contact)
    with asking(collaborator) as office:
        on = find_file(office, named) or {}
        page = office.get(
            "/tickets/search",
            text=text,
            since=since,
            until=until,
            direction=direction,
            filed=filed,
            state=state,
            assigned=assigned,
            assigned_to=assigned_to and find_collaborator(office.greffier.log, assigned_to),
            on_kind=on.get("kind"),
            on_id=on.get("id"),
            with_dismissed=with_dismissed,
            limit=limit,
            cursor=cursor,
        )
    if as_json:
        print_json(page)
        return
    for found in page["items"]:
        console.print(as_found(found), soft_wrap=True)
    _print_end(page, f"{len(page['items'])} found")


def as_found(found: Mapping[str, Any]) -> Text:
    """A ticket that was found: its head, and the piece of its message, the words in bold."""
    ticket, snippet = found["ticket"], found["snippet"]
    who = found["from_name"] or found["from_address"]
    head = f"{ticket['number']}  {_minute(found['received_at'])}  {who}  {found['subject']}  {_place(ticket)}"
    piece = Text(as_shown(snippet["text"]))
    for start, end in snippet["hits"]:
        piece.stylize("bold yellow", start, end)
    part = "" if found["part"] == "body" else f"{found['part']}: "
    return Text.assemble(Text(as_shown(head.replace("\n", " ")), style="bold cyan"), f"\n    {part}", piece)


@tickets.command()
def show(ticket: TicketArgument, collaborator: AsOption = None, as_json: JsonOption = False) -> None:
    """Show one ticket: who wrote what, where it is filed and why, and what can be done with it."""
    with asking(collaborator) as office:
        found = office.get(f"/tickets/{find_ticket(office, ticket)}")
        staff = {} if as_json else {one["collaborator_id"]: one for one in office.every("/collaborators")}
    if as_json:
        print_json(found)
        return
    for name, told in _card(found, staff):
        console.print(Text.assemble((f"{name:<12}", "bold"), as_shown(told)), soft_wrap=True)
    console.print(Text(f"\n{as_shown(found['excerpt'])}"), soft_wrap=True)


_EVIDENCE: Final = {
    "address_owned": "its sender's address is that file's alone",
    "number_quoted": "its subject quotes a number of the sender's file",
    "recipient_owned": "its recipient's address is that file's alone",
    "collaborator_choice": "a collaborator chose",
}
WAITS: Final = {
    "no_sender_address": "the message has no usable sender's address",
    "unknown_address": "the sender's address is on no file",
    "shared_address": "the sender's address is shared by several files, all candidates",
    "another_clients_number": "the subject quotes another client's number",
    "forwarded": "a collaborator forwarded it, the original sender's file is suggested",
    "unknown_recipient": "the office wrote to an address that is on no file",
    "several_recipients": "the office wrote to several files at once",
    "unfiled": "taken off its file",
}
"""Why a ticket waits, by its `unfiled_reason`."""
_DISMISSED: Final = {
    "advertising": "as advertising",
    "junk": "as junk",
    "not_for_us": "as not for the office",
    "other": "for another reason",
}


def _card(ticket: Mapping[str, Any], staff: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What there is to tell of a ticket, line by line."""
    yield (
        f"Ticket {ticket['number']}",
        f"{'dismissed' if ticket['dismissed'] else ticket['state']}, {_messages(ticket)}",
    )
    yield from _letter(ticket)
    yield from _standing(ticket, staff)
    for one in ticket["suggestions"]:
        yield "Could go to", f"{_labels(one['filed_under'])} ({one['strength']:.2f})"
    yield "You may", ", ".join(one["action"].replace("_", " ") for one in ticket["actions"]) or "do nothing with it"
    yield "Id", ticket["ticket_id"]


def _letter(ticket: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Its first message, but for the body."""
    yield "From", _person(ticket["from_name"], ticket["from_address"])
    if ticket["forwarded"]:
        yield "Written by", _person(ticket["forwarded"]["name"], ticket["forwarded"]["address"])
    for name, addresses in (("To", ticket["to"]), ("Copy to", ticket["cc"])):
        if addresses:
            yield name, ", ".join(addresses)
    yield "Received", _minute(ticket["received_at"])
    yield "Subject", ticket["subject"]
    for attached in ticket["attachments"]:
        yield f"Attached {attached['part']}", f"{attached['name']} ({attached['size']:,} bytes)"
    for note in ticket["notes"]:
        yield "Note", note


def _standing(ticket: Mapping[str, Any], staff: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Where it is filed and why, and what was done with it."""
    if ticket["merged_into"]:
        yield "Merged into", ticket["merged_into"]
    elif ticket["dismissed"]:
        note = f": {ticket['dismissal_note']}" if ticket["dismissal_note"] else ""
        yield "Dismissed", _DISMISSED[ticket["dismissed"]] + note
    elif ticket["filed_on"]:
        yield "Filed on", f"{_place(ticket)}: {_EVIDENCE[ticket['evidence']['kind']]}"
    else:
        yield "Waits", WAITS[ticket["unfiled_reason"] or "unfiled"]
    if assignee := staff.get(ticket["assigned_to"]):
        yield "Assigned to", assignee["label"]


@tickets.command()
def history(ticket: TicketArgument, collaborator: AsOption = None, as_json: JsonOption = False) -> None:
    """Tell what happened to a ticket: who, when, what and why."""
    with asking(collaborator) as office:
        lines = list(office.every(f"/tickets/{find_ticket(office, ticket)}/history"))
    if as_json:
        print_json(lines)
        return
    for line in lines:
        console.print(Text(f"{_minute(line['at'])}  {as_shown(line['sentence'])}"), soft_wrap=True)


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
    address: Annotated[
        Literal["associate", "share", "move"] | None, typer.Option(help="What becomes of the sender's address.")
    ] = None,
    collaborator: AsOption = None,
    as_json: JsonOption = False,
) -> None:
    """File a ticket by hand, or file it elsewhere."""
    named = by_kind(client, contract, claim, company, contact)
    identity = _new_identity(new_person, new_company)
    if len(named) + len(identity) != 1:
        raise typer.BadParameter(
            "give exactly one of --client, --contract, --claim, --company, --contact, --new-person, --new-company"
        )
    with asking(collaborator) as office:
        path = f"/tickets/{find_ticket(office, ticket)}/file"
        new = {"kind": "new_client", "identity": identity[0], "active": active} if identity else None
        filed = office.post(path, {"on": new or find_file(office, named), "address": address})
    if as_json:
        print_json(filed)
    else:
        console.print(f"The ticket is filed on the {filed['filed_on']['kind']} {filed['filed_on']['id']}.")


def _new_identity(person: str | None, company: str | None) -> list[dict[str, str]]:
    """Whose dossier is to be opened, of each of the two options that is given."""
    given = [] if company is None else [{"kind": "company", "company_name": company}]
    if person is not None:
        last_name, _, first_name = person.partition(",")
        given.append({"kind": "person", "last_name": last_name, "first_name": first_name})
    return given


@tickets.command()
def suggestions(ticket: TicketArgument, collaborator: AsOption = None, as_json: JsonOption = False) -> None:
    """Show the files that a ticket could go to, the strongest first, and what speaks for each."""
    with asking(collaborator) as office:
        found = office.get(f"/tickets/{find_ticket(office, ticket)}")["suggestions"]
    if as_json:
        print_json(found)
        return
    rows = [
        (
            f"{one['strength']:.2f}",
            _labels(one["filed_under"]),
            ", ".join(f"{why['reason'].replace('_', ' ')} {why['strength']:.2f}" for why in one["reasons"]),
            one["file"]["kind"],
            one["file"]["id"],
        )
        for one in found
    ]
    print_table(("strength", "file", "why", "kind", "id"), rows)


def _print_end(page: Mapping[str, Any], told: str) -> None:
    console.print(told + (f", next: {page['next_cursor']}" if page["next_cursor"] else ""))


def _minute(moment: str) -> str:
    return f"{datetime.fromisoformat(moment):%Y-%m-%d %H:%M}"


def _person(name: str, address: str | None) -> str:
    return f"{name} <{address}>" if name and address else name or address or "nobody"


def _labels(files: list[dict[str, str]]) -> str:
    return ", ".join(file["label"] for file in files)


def _place(ticket: Mapping[str, Any]) -> str:
    waits = (ticket["unfiled_reason"] or "unfiled").replace("_", " ")
    return _labels(ticket["filed_under"]) if ticket["filed_on"] else f"({waits})"


def _messages(ticket: Mapping[str, Any]) -> str:
    many = ticket["message_count"]
    return "1 message" if many == 1 else f"{many} messages, the last on {_minute(ticket['latest_at'])}"
