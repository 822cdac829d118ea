"""A document: a paper of a client, a contract or a claim, indexed from a message's attachment (T20)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Annotated, Final, Literal, Self
from uuid import UUID

from pydantic import Field

from domain.aggregates import Aggregate, Refusal
from domain.commands import Command, Streams, handles
from domain.events import Erased, Event, Sealed, Value
from domain.targets import dossier_of
from domain.tickets.conversation import content_of
from domain.tickets.events import (
    MessageContent,
    StoredFile,
    TicketContinued,
    TicketMessage,
    TicketReceived,
    TicketSplitOff,
)
from domain.tickets.refusals import NOT_IN_HAND, MessageErased, NoSuchAttachment, NotOnTicket
from domain.tickets.ticket import Ticket
from domain.values import DocumentId, MailId, Name, Target, TicketId

DocumentType = Literal[
    "vehicle_registration",
    "invoice",
    "renewal_notice",
    "quote",
    "supporting_document",
    "identity_document",
    "bank_details",
    "claims_history",
    "contract",
    "claim_report",
    "photo",
    "other",
]
DOCUMENT_LABELS: Final[dict[DocumentType, str]] = {
    "vehicle_registration": "carte grise",
    "invoice": "facture",
    "renewal_notice": "avis de renouvellement",
    "quote": "devis",
    "supporting_document": "pièce justificative",
    "identity_document": "pièce d’identité",
    "bank_details": "RIB",
    "claims_history": "relevé d’informations",
    "contract": "contrat",
    "claim_report": "constat",
    "photo": "photo",
    "other": "autre",
}
"""What the office calls each type."""


class DocumentTarget(Target):
    """What a document is of: a client, a contract or a claim, by its id."""

    kind: Annotated[Literal["client", "contract", "claim"], Field(description="What the file is")]


class DocumentSource(Value):
    """The attachment that became a document: the ticket from which that was done, the message, its part."""

    ticket_id: Annotated[UUID, Field(description="The ticket")]
    mail_id: Annotated[UUID, Field(description="The message, on whatever ticket it stands")]
    part: Annotated[int, Field(description="The attachment's place in the raw message")]


class DocumentContent(Value):
    """What the document is called, and where its bytes lie whatever becomes of its ticket: personal, and so sealed."""

    name: str
    content_type: str
    size: int
    raw: StoredFile
    """The stored message of which it is a part."""


class DocumentEvent(Event):
    """A fact in the life of a document: what it is, of whom, and where it came from."""

    document_type: DocumentType
    on: DocumentTarget
    source: DocumentSource


class DocumentIndexed(DocumentEvent):
    """An attachment was made a document of a file."""

    dossier_id: UUID
    """The client whose paper it is."""
    content: Sealed[DocumentContent]


class DocumentReclassified(DocumentEvent):
    """A document was given another type, or another file: what it had was wrong."""

    dossier_id: UUID
    previous_type: DocumentType
    previously_on: DocumentTarget
    former_dossier_id: UUID


class DocumentRemoved(DocumentEvent):
    """A document was taken off its file. The attachment is in its message as before."""

    former_dossier_id: UUID


class Document(Aggregate):
    kind = "document"
    event_type = DocumentEvent

    standing: DocumentIndexed | DocumentReclassified | None = None
    """What it is and of whom; nothing, once it was removed."""
    content: DocumentContent | None = None

    def stands_as(self, document_type: DocumentType, on: DocumentTarget) -> bool:
        return self.standing is not None and (self.standing.document_type, self.standing.on) == (document_type, on)

    def index(self, indexed: DocumentIndexed) -> Sequence[DocumentEvent]:
        return [indexed]

    def reclassify(self, document_type: DocumentType, on: DocumentTarget, dossier_id: UUID) -> Sequence[DocumentEvent]:
        before = self.refuse_removed()
        if self.stands_as(document_type, on):
            return []
        return [
            DocumentReclassified(
                document_type=document_type,
                on=on,
                dossier_id=dossier_id,
                source=before.source,
                previous_type=before.document_type,
                previously_on=before.on,
                former_dossier_id=before.dossier_id,
            )
        ]

    def remove(self) -> Sequence[DocumentEvent]:
        if self.standing is None:
            return []
        was = self.standing
        return [
            DocumentRemoved(
                document_type=was.document_type, on=was.on, source=was.source, former_dossier_id=was.dossier_id
            )
        ]

    def refuse_removed(self) -> DocumentIndexed | DocumentReclassified:
        """What it stands as. Raises `DocumentWasRemoved`."""
        if self.standing is None:
            raise DocumentWasRemoved(document_id=self.id)
        return self.standing

    def evolve(self, event: Event) -> Self:
        match event:
            case DocumentIndexed():
                content = None if isinstance(event.content, Erased) else event.content
                return self.having(standing=event, content=content)
            case DocumentReclassified():
                return self.having(standing=event)
            case DocumentRemoved():
                return self.having(standing=None)
            case _:
                return self


class DocumentWasRemoved(Refusal):
    """The document was removed: index the attachment again."""

    sentence = "the document {document_id} was removed: index the attachment again"

    document_id: UUID


class DocumentStandsAlready(Refusal):
    """The same attachment is a document of that type on that file already."""

    sentence = "the same attachment is a document of that type on that file already: {document_id}"

    document_id: UUID


class IndexAttachment(Command):
    """Makes the attachment a document of a client, a contract or a claim, wherever its ticket is filed.

    It may be indexed on several files, and as several types: a scan often holds several papers. What it is already, it
    stays: the answer is that document.
    """

    refuses = (NotOnTicket, MessageErased, NoSuchAttachment, *NOT_IN_HAND)

    ticket_id: TicketId
    mail_id: MailId
    part: Annotated[int, Field(ge=0, le=2**31, description="The attachment's `part` in the message")]
    document_type: Annotated[DocumentType, Field(description="What it is")]
    on: Annotated[DocumentTarget, Field(description="Of whom it is")]
    name: Annotated[Name | None, Field(description="What to call it; the attachment's own name, if not given")] = None


class CorrectDocument(Command):
    """Gives the document another type, puts it on another file, or both."""

    refuses = (DocumentWasRemoved, DocumentStandsAlready)

    document_id: DocumentId
    document_type: Annotated[DocumentType | None, Field(description="What it is instead, if it is something else")] = (
        None
    )
    on: Annotated[DocumentTarget | None, Field(description="Of whom it is instead, if of another")] = None


class RemoveDocument(Command):
    """Takes the document off its file. The attachment is in its message as before, and can be indexed again."""

    document_id: DocumentId


@handles(IndexAttachment)
def index_attachment(command: IndexAttachment, streams: Streams) -> Document:
    ticket = streams.load(Ticket, command.ticket_id)
    ticket.refuse_unless_in_hand()
    message = content_of(ticket, command.mail_id, streams)
    attachment = message.attachment(command.part)
    if attachment is None:
        raise NoSuchAttachment(ticket_id=ticket.id, part=command.part)
    dossier_id = _dossier_of(command.on, streams)
    source = DocumentSource(ticket_id=ticket.id, mail_id=command.mail_id, part=command.part)
    *earlier, document = _made_of(source, streams)
    for other in earlier:
        if other.stands_as(command.document_type, command.on):
            return other
    indexed = DocumentIndexed(
        document_type=command.document_type,
        on=command.on,
        dossier_id=dossier_id,
        source=source,
        content=DocumentContent(
            name=command.name or attachment.name,
            content_type=attachment.content_type,
            size=attachment.size,
            raw=message.raw,
        ),
    )
    return streams.save(document, document.index(indexed))


@handles(CorrectDocument)
def correct_document(command: CorrectDocument, streams: Streams) -> Document:
    document = streams.load(Document, command.document_id)
    before = document.refuse_removed()
    document_type, on = command.document_type or before.document_type, command.on or before.on
    dossier_id = _dossier_of(on, streams)
    for other in _made_of(before.source, streams):
        if other.id != document.id and other.stands_as(document_type, on):
            raise DocumentStandsAlready(document_id=other.id)
    return streams.save(document, document.reclassify(document_type, on, dossier_id))


handles(RemoveDocument, by=Document.remove)


def _dossier_of(on: DocumentTarget, streams: Streams) -> UUID:
    dossier_id = dossier_of(on, streams, field="on.id")
    assert dossier_id is not None  # noqa: S101  # nothing else has documents
    return dossier_id


def _made_of(source: DocumentSource, streams: Streams) -> Iterator[Document]:
    """The documents that an attachment was made, removed ones too; and last the one that it may become next."""
    for number in count(1):
        document = streams.find(Document, streams.keyed_id("document", f"{source.mail_id} {source.part} {number}"))
        yield document
        if document.version == 0:
            return


def stored_file_of(event: Event) -> StoredFile | None:
    """The stored file that an event names, of those in `KEEP_FILES`; none, once it was erased."""
    match event:
        case TicketMessage(content=MessageContent(raw=raw)) | DocumentIndexed(content=DocumentContent(raw=raw)):
            return raw
        case _:
            return None


KEEP_FILES: Final = (TicketReceived, TicketContinued, TicketSplitOff, DocumentIndexed)
"""The events that name a stored file and hold its key."""
