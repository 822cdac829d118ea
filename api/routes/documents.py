"""Documents: indexed from the attachments of messages, read, corrected, removed."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from adapters.mail.parser import attachment_bytes
from api.operations import AtPosition, Call, Listing, Media, Operations, Reply, found
from api.routes.conversations import MessageAttachmentPath
from api.routes.tickets import NOT_IN_HAND, TicketPath
from domain.aggregates import NotFound
from domain.commands import Answer
from domain.document import (
    CorrectDocument,
    Document,
    DocumentStandsAlready,
    DocumentTarget,
    DocumentType,
    DocumentWasRemoved,
    IndexAttachment,
    RemoveDocument,
)
from domain.ticket import Ticket
from domain.ticket_refusals import MessageErased, NoSuchAttachment, NotOnTicket
from domain.values import Name
from projections import documents
from projections.documents import DocumentDetails, DocumentLine
from projections.paging import Page
from projections.reading import views_of

operation: Final = Operations("documents")

_CLIENT: Final[dict[str, Any]] = {"kind": "client", "id": "11111111-1111-4111-8111-111111111111"}
_CLAIM: Final[dict[str, Any]] = {"kind": "claim", "id": "22222222-2222-4222-8222-222222222222"}


class DocumentPath(BaseModel):
    document_id: UUID


class NewDocument(BaseModel):
    """What an attachment is, and of whom."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"document_type": "vehicle_registration", "on": _CLIENT},
                {"document_type": "claim_report", "on": _CLAIM, "name": "Constat du 9 mars"},
            ]
        },
    )

    document_type: DocumentType
    on: DocumentTarget
    name: Annotated[Name | None, Field(description="What to call it; the attachment's own name, if not given")] = None


class Correction(BaseModel):
    """What a document is, or of whom, instead of what it was taken for."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"document_type": "invoice"}, {"document_type": "claim_report", "on": _CLAIM}]},
    )

    document_type: DocumentType | None = None
    on: DocumentTarget | None = None


class DocumentChanged(BaseModel):
    """The document as the command left it; read it with this `position` as `min_position`."""

    document_id: UUID
    version: int
    position: int


@operation(
    "POST",
    "/tickets/{ticket_id}/messages/{mail_id}/attachments/{part}/index",
    "Index an attachment",
    "file",
    path_model=MessageAttachmentPath,
    body=NewDocument,
    answers={201: DocumentChanged},
    refuses=(NotFound, NotOnTicket, MessageErased, NoSuchAttachment, *NOT_IN_HAND),
    is_command=True,
    versioned=True,
)
def index_attachment(call: Call) -> Reply:
    """Makes the attachment a document of a client, a contract or a claim, wherever its ticket is filed.

    It may be indexed on several files, and as several types: a scan often holds several papers. What it is already, it
    stays: the answer is that document.
    """
    body: NewDocument = call.body
    command = IndexAttachment(
        ticket_id=call.path.ticket_id,
        mail_id=call.path.mail_id,
        part=call.path.part,
        document_type=body.document_type,
        on=body.on,
        name=body.name,
    )
    answer = call.execute(command, command.ticket_id)
    assert answer.id is not None  # noqa: S101  # the document
    return replace(_changed(answer.id, answer), status=201, location=f"/documents/{answer.id}")


@operation(
    "GET",
    "/tickets/{ticket_id}/documents",
    "The documents of a ticket",
    "read",
    path_model=TicketPath,
    query_model=Listing,
    answers={200: Page[DocumentLine]},
    refuses=(NotFound,),
)
def list_ticket_documents(call: Call) -> Reply:
    """The documents that were made of its messages' attachments, on whatever file, the latest indexed first."""
    ticket_id: UUID = call.path.ticket_id
    with call.reading(*views_of(documents.of_ticket)) as session:
        return Reply(found(Ticket.kind, ticket_id, documents.of_ticket(session, ticket_id, call.query)))


@operation(
    "GET",
    "/documents/{document_id}",
    "One document",
    "read",
    path_model=DocumentPath,
    query_model=AtPosition,
    answers={200: DocumentDetails},
    refuses=(NotFound,),
    versioned=True,
)
def show_document(call: Call) -> Reply:
    """What it is, its file with all that stands above, and the attachment that it was made of."""
    document_id: UUID = call.path.document_id
    with call.reading(*views_of(documents.document)) as session:
        document = found(Document.kind, document_id, documents.document(session, document_id))
    return Reply(document, version=document.version)


@operation(
    "GET",
    "/documents/{document_id}/content",
    "A document's content",
    "read",
    path_model=DocumentPath,
    answers={200: Media("application/octet-stream", "The document's bytes")},
    refuses=(NotFound,),
)
def show_document_content(call: Call) -> Reply:
    """The document's bytes; its name and declared type stand in the document."""
    document_id: UUID = call.path.document_id
    document = call.greffier.log.state(Document, document_id)
    if document.standing is None or document.content is None:
        raise NotFound(kind=Document.kind, id=document_id)
    raw = call.greffier.files.read(document.content.raw.name, bytes.fromhex(document.content.raw.key))
    return Reply(attachment_bytes(raw, document.standing.source.part), download=f"document-{document_id}")


_CHANGE: Final[dict[str, Any]] = {
    "path_model": DocumentPath,
    "answers": {200: DocumentChanged},
    "is_command": True,
    "conditional": True,
    "versioned": True,
}


@operation(
    "POST",
    "/documents/{document_id}/correct",
    "Correct a document",
    "file",
    body=Correction,
    refuses=(NotFound, DocumentWasRemoved, DocumentStandsAlready),
    **_CHANGE,
)
def correct_document(call: Call) -> Reply:
    """Gives the document another type, puts it on another file, or both."""
    document_id: UUID = call.path.document_id
    body: Correction = call.body
    command = CorrectDocument(document_id=document_id, document_type=body.document_type, on=body.on)
    return _changed(document_id, call.execute(command, document_id))


@operation("DELETE", "/documents/{document_id}", "Remove a document", "file", refuses=(NotFound,), **_CHANGE)
def remove_document(call: Call) -> Reply:
    """Takes the document off its file. The attachment is in its message as before, and can be indexed again."""
    document_id: UUID = call.path.document_id
    return _changed(document_id, call.execute(RemoveDocument(document_id=document_id), document_id))


def _changed(document_id: UUID, answer: Answer) -> Reply:
    version = answer.version or 0
    return Reply(DocumentChanged(document_id=document_id, version=version, position=answer.position), version=version)
