"""Documents on the command line."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy import Connection

from api.cli.naming import ClaimOption, ClientOption, ContractOption, TicketArgument, find_the_one, find_ticket
from api.cli.session import (
    AsOption,
    CommandFailed,
    CursorOption,
    JsonOption,
    LimitOption,
    execute,
    print_changed,
    print_page,
    up_to_date_office,
    viewer,
)
from domain.aggregates import NotFound
from domain.document import (
    DOCUMENT_LABELS,
    CorrectDocument,
    DocumentTarget,
    DocumentType,
    IndexAttachment,
    RemoveDocument,
)
from domain.values import FileKind
from projections import documents as read_model
from projections import files, messages, tickets
from projections.paging import DEFAULT_LIMIT

documents = typer.Typer(help="Documents: index attachments, list, correct, remove.", no_args_is_help=True)

DocumentArgument = Annotated[UUID, typer.Argument(metavar="DOCUMENT", help="A document's id.")]


@documents.command("list")
def list_documents(
    client: ClientOption = None,
    contract: ContractOption = None,
    claim: ClaimOption = None,
    ticket: Annotated[str | None, typer.Option(help="A ticket's number or id.")] = None,
    limit: LimitOption = DEFAULT_LIMIT,
    cursor: CursorOption = None,
    collaborator: AsOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the documents of a file and of what stands under it, or those made of a ticket's attachments."""
    named: dict[FileKind, str | None] = {"client": client, "contract": contract, "claim": claim}
    if ticket is not None and any(name is not None for name in named.values()):
        raise typer.BadParameter(f"give exactly one of --{', --'.join(named)}, --ticket")
    with up_to_date_office() as greffier, greffier.views.reading() as session:
        asking = viewer(greffier, collaborator)
        if ticket is not None:
            ticket_id = find_ticket(session, ticket, "--ticket")
            if not tickets.exists(session, ticket_id):
                raise NotFound(kind="ticket", id=ticket_id)
            page = read_model.of_ticket(session, asking, ticket_id, cursor=cursor, limit=limit, with_total=True)
        else:
            below = files.with_everything_below(session, find_the_one(session, named))
            page = read_model.of_files(session, asking, below, cursor=cursor, limit=limit, with_total=True)
    print_page(
        page,
        ("document", "type", "name", "of", "indexed"),
        lambda line: (
            line.document_id,
            line.label,
            line.name,
            ", ".join(file.label for file in line.filed_under),
            f"{line.indexed_at:%Y-%m-%d}",
        ),
        as_json=as_json,
    )


@documents.command()
def index(
    ticket: TicketArgument,
    part: Annotated[int, typer.Argument(metavar="PART", help="The attachment's number in its message.")],
    document_type: Annotated[DocumentType, typer.Option("--type", help="What it is.")],
    client: ClientOption = None,
    contract: ContractOption = None,
    claim: ClaimOption = None,
    name: Annotated[str | None, typer.Option(help="What to call it; the attachment's own name, if not given.")] = None,
    message: Annotated[
        UUID | None, typer.Option(help="The id of the message, where several have an attachment of that number.")
    ] = None,
    collaborator: AsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a ticket's attachment a document of a client, a contract or a claim."""
    with up_to_date_office() as greffier:
        with greffier.views.reading() as session:
            ticket_id = find_ticket(session, ticket)
            on = _of_one(session, client, contract, claim)
            mail_id = message or _message_with(session, ticket_id, part)
        command = IndexAttachment(
            ticket_id=ticket_id, mail_id=mail_id, part=part, document_type=document_type, on=on, name=name
        )
        answer = execute(greffier, command, collaborator)
    document_id = UUID(answer.result["document_id"])
    sentence = f"The attachment is indexed as {DOCUMENT_LABELS[document_type]}: document {document_id}."
    print_changed(answer, document_id, sentence, as_json=as_json)


@documents.command()
def correct(
    document: DocumentArgument,
    document_type: Annotated[DocumentType | None, typer.Option("--type", help="What it is instead.")] = None,
    client: ClientOption = None,
    contract: ContractOption = None,
    claim: ClaimOption = None,
    collaborator: AsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a document another type, put it on another file, or both."""
    moves = any(name is not None for name in (client, contract, claim))
    if document_type is None and not moves:
        raise typer.BadParameter("give --type, one of --client, --contract, --claim, or both")
    with up_to_date_office() as greffier:
        with greffier.views.reading() as session:
            on = _of_one(session, client, contract, claim) if moves else None
        command = CorrectDocument(document_id=document, document_type=document_type, on=on)
        answer = execute(greffier, command, collaborator)
    print_changed(answer, document, "The document is corrected.", as_json=as_json)


@documents.command()
def remove(document: DocumentArgument, collaborator: AsOption = None, as_json: JsonOption = False) -> None:
    """Take a document off its file; the attachment stays in its message."""
    with up_to_date_office() as greffier:
        answer = execute(greffier, RemoveDocument(document_id=document), collaborator)
    print_changed(answer, document, "The document is removed.", as_json=as_json)


def _of_one(session: Connection, client: str | None, contract: str | None, claim: str | None) -> DocumentTarget:
    file = find_the_one(session, {"client": client, "contract": contract, "claim": claim})
    return DocumentTarget.model_validate(file.model_dump())


def _message_with(session: Connection, ticket_id: UUID, part: int) -> UUID:
    """The one message of a ticket that has an attachment of this number. Raises `CommandFailed`."""
    mail_ids = messages.ids_with_attachment(session, ticket_id, part)
    if not mail_ids:
        raise CommandFailed(f"PART: no message of the ticket has an attachment {part}")
    if len(mail_ids) > 1:
        which = ", ".join(map(str, mail_ids))
        raise CommandFailed(f"--message: several have an attachment {part}: give the id of one ({which})")
    return mail_ids[0]
