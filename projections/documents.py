"""The documents, on the file of which each is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Index,
    Integer,
    RowMapping,
    String,
    Table,
    Uuid,
)

from domain.documents.document import (
    DOCUMENT_LABELS,
    DocumentEvent,
    DocumentIndexed,
    DocumentReclassified,
    DocumentRemoved,
    DocumentSource,
    DocumentType,
)
from domain.events import Recorded, unsealed
from domain.values import Target
from projections import messages, targets
from projections.engine.projection import Projection, Row, Utc, views
from projections.queries.paging import Page, Window, paged
from projections.queries.reading import Reading, Shown, reads
from projections.targets import TargetLine, Targets
from projections.tickets import ticket

_documents: Final = Table(
    "documents",
    views,
    Column("document_id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("document_type", String, nullable=False),
    Column("file_kind", String, nullable=False),
    Column("file_id", Uuid, nullable=False),
    Column("dossier_id", Uuid, nullable=False),
    Column("ticket_id", Uuid, nullable=False),
    Column("mail_id", Uuid, nullable=False),
    Column("part", BigInteger, nullable=False),
    Column("name", String, nullable=False),
    Column("content_type", String, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("indexed_position", BigInteger, nullable=False),
    Column("indexed_at", Utc, nullable=False),
    Index("documents_by_file", "file_id", "indexed_position"),
    Index("documents_by_dossier", "dossier_id", "indexed_position"),
    Index("documents_by_mail", "mail_id", "indexed_position"),
)

documents: Final = Projection("documents", version=2, table=_documents, of=DocumentEvent)


# --- folds ------------------------------------------------------------------------------------


@documents.begins(DocumentIndexed)
def indexed(recorded: Recorded[DocumentIndexed]) -> Row:
    event, content = recorded.event, unsealed(recorded.event.content)
    return {
        "document_type": event.document_type,
        "file_kind": event.on.kind,
        "file_id": event.on.id,
        "dossier_id": event.dossier_id,
        "ticket_id": event.source.ticket_id,
        "mail_id": event.source.mail_id,
        "part": event.source.part,
        "name": content.name,
        "content_type": content.content_type,
        "size": content.size,
        "indexed_position": recorded.position,
        "indexed_at": recorded.at,
    }


@documents.changes(DocumentReclassified)
def reclassified(recorded: Recorded[DocumentReclassified]) -> Row:
    event = recorded.event
    return {
        "document_type": event.document_type,
        "file_kind": event.on.kind,
        "file_id": event.on.id,
        "dossier_id": event.dossier_id,
    }


documents.ends(DocumentRemoved)


# --- queries ----------------------------------------------------------------------------------


class DocumentLine(Shown):
    """A document in a list."""

    document_id: UUID
    """For `/documents/{document_id}`."""
    document_type: DocumentType
    """What kind of paper it is."""
    label: str
    """Its type, as the office calls it in French."""
    name: str
    """What it is called: as the attachment was, or as it was named when it was indexed."""
    content_type: str
    """Its media type, as the message declared it."""
    size: int
    """In bytes."""
    on: Target
    """The client, contract or claim of which it is."""
    dossier_id: UUID
    """The client whose file that is."""
    filed_under: list[TargetLine]
    """That file and everything above it: a claim, its contract, that one's client."""
    source: DocumentSource
    """The attachment that it was made of; its ticket is the one on which the message is now."""
    indexed_at: datetime
    """When the attachment became this document."""


class DocumentDetails(DocumentLine):
    """A document."""

    version: int
    """How many events it has had: for `If-Match`."""


L = TypeVar("L", bound=DocumentLine)


@reads(documents, messages.messages, *targets.VIEWS)
def of_file(session: Reading, file: Target, window: Window) -> Page[DocumentLine] | None:
    """Its documents and those of what stands under it, the latest indexed first. Raises `BadCursor`."""
    if not targets.exists(session, file):
        return None
    under = targets.under(session, file, on=_documents.c.file_id, dossier=_documents.c.dossier_id)
    return _page(session, window, under)


@reads(documents, ticket.tickets, messages.messages, *targets.VIEWS)
def of_ticket(session: Reading, ticket_id: UUID, window: Window) -> Page[DocumentLine] | None:
    """What the attachments of a ticket's messages became, the latest indexed first. Raises `BadCursor`."""
    if not ticket.exists(session, ticket_id):
        return None
    return _page(session, window, _documents.c.mail_id.in_(messages.ids_on(session, ticket_id)))


@reads(documents, messages.messages, *targets.VIEWS)
def document(session: Reading, document_id: UUID) -> DocumentDetails | None:
    """What the document is, of which file, and the attachment that it was made of."""
    row = session.row(_documents, document_id)
    return None if row is None else _told(session, [row], DocumentDetails)[0]


def _page(session: Reading, window: Window, wanted: ColumnElement[bool]) -> Page[DocumentLine]:
    def told(rows: Sequence[RowMapping]) -> list[DocumentLine]:
        return _told(session, rows, DocumentLine)

    listing = session.rows(_documents).where(wanted)
    return paged(session, listing, window, _documents.c.indexed_position.desc(), items=told)


def _told(session: Reading, rows: Sequence[RowMapping], model: type[L]) -> list[L]:
    """Documents, with their file and their ticket as those are now."""
    owners = [Target(kind=row["file_kind"], id=row["file_id"]) for row in rows]
    named = Targets(session, owners)
    now_on = messages.tickets_of(session, {row["mail_id"] for row in rows})
    return [
        model.of(
            row,
            label=DOCUMENT_LABELS[row["document_type"]],
            on=on,
            filed_under=named.line(on),
            source=DocumentSource(
                ticket_id=now_on.get(row["mail_id"], row["ticket_id"]), mail_id=row["mail_id"], part=row["part"]
            ),
        )
        for row, on in zip(rows, owners, strict=True)
    ]
