"""Documents: indexed from the attachments of messages, read, corrected, removed."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from adapters.mail.parser import attachment_bytes
from api.calls import Call, Reply
from api.operations import Media, Operations
from api.ticket_actions import in_hand, may_have_attachments
from domain.aggregates import NotFound
from domain.documents.document import CorrectDocument, Document, IndexAttachment, RemoveDocument
from projections import documents

operation: Final = Operations("documents", Document, "file")

_CLIENT: Final[dict[str, Any]] = {"kind": "client", "id": "11111111-1111-4111-8111-111111111111"}
_CLAIM: Final[dict[str, Any]] = {"kind": "claim", "id": "22222222-2222-4222-8222-222222222222"}


operation.creates(
    "/tickets/{ticket_id}/messages/{mail_id}/attachments/{part}/index",
    "Index an attachment",
    IndexAttachment,
    examples=[
        {"document_type": "vehicle_registration", "on": _CLIENT},
        {"document_type": "claim_report", "on": _CLAIM, "name": "Constat du 9 mars"},
    ],
    offers={"index": lambda ticket: in_hand(ticket) and may_have_attachments(ticket)},
)
operation.lists("/tickets/{ticket_id}/documents", "The documents of a ticket", documents.of_ticket)
operation.shows("/documents/{document_id}", "One document", documents.document)
operation.changes(
    "/documents/{document_id}/correct",
    "Correct a document",
    CorrectDocument,
    examples=[{"document_type": "invoice"}, {"document_type": "claim_report", "on": _CLAIM}],
)


@operation(
    "GET",
    "/documents/{document_id}/content",
    "A document's content",
    answers={200: Media("application/octet-stream", "The document's bytes")},
)
def show_document_content(call: Call) -> Reply:
    """The document's bytes; its name and declared type stand in the document."""
    document_id: UUID = call.path.document_id
    document = call.greffier.log.state(Document, document_id)
    if document.standing is None or document.content is None:
        raise NotFound(kind=Document.kind, id=document_id)
    raw = call.greffier.files.read(document.content.raw.name, bytes.fromhex(document.content.raw.key))
    return Reply(attachment_bytes(raw, document.standing.source.part), download=f"document-{document_id}")


operation.changes("/documents/{document_id}", "Remove a document", RemoveDocument, method="DELETE")
