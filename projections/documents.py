"""The documents, on the file of which each is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
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
    func,
    select,
)

from domain.document import (
    DOCUMENT_LABELS,
    DocumentEvent,
    DocumentIndexed,
    DocumentReclassified,
    DocumentRemoved,
    DocumentSource,
    DocumentType,
)
from domain.events import Recorded, Value, unsealed
from domain.values import Target
from projections import files, messages
from projections.files import FileLine, Files
from projections.paging import Page, decode_cursor, encode_cursor, page_of
from projections.projection import Projection, Row, Utc, views
from projections.reading import Reading

_documents: Final = Table(
    "documents",
    views,
    Column("document_id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("document_type", String, nullable=False),
    Column("file_kind", String, nullable=False),
    Column("file_id", Uuid, nullable=False),
    Column("ticket_id", Uuid, nullable=False),
    Column("mail_id", Uuid, nullable=False),
    Column("part", BigInteger, nullable=False),
    Column("name", String, nullable=False),
    Column("content_type", String, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("indexed_position", BigInteger, nullable=False),
    Column("indexed_at", Utc, nullable=False),
    Index("documents_by_file", "file_id", "indexed_position"),
    Index("documents_by_mail", "mail_id", "indexed_position"),
)

documents: Final = Projection("documents", version=2, table=_documents, of=DocumentEvent)

VIEWS: Final[tuple[Projection, ...]] = (documents, messages.messages, *files.VIEWS)
"""What these queries read."""


# --- folds ------------------------------------------------------------------------------------


@documents.begins(DocumentIndexed)
def indexed(recorded: Recorded[DocumentIndexed]) -> Row:
    event, content = recorded.event, unsealed(recorded.event.content)
    return {
        "document_type": event.document_type,
        "file_kind": event.on.kind,
        "file_id": event.on.id,
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
    return {"document_type": event.document_type, "file_kind": event.on.kind, "file_id": event.on.id}


documents.ends(DocumentRemoved)


# --- queries ----------------------------------------------------------------------------------


class DocumentLine(Value):
    """A document in a list. `label` is its type in French, `size` its bytes.

    `filed_under` names the file of which it is, and everything above. `source` is the attachment that it was made of:
    the ticket on which that message is now.
    """

    document_id: UUID
    document_type: DocumentType
    label: str
    name: str
    content_type: str
    size: int
    on: Target
    filed_under: list[FileLine]
    source: DocumentSource
    indexed_at: datetime


class DocumentDetails(DocumentLine):
    version: int


L = TypeVar("L", bound=DocumentLine)


def of_files(
    session: Reading,
    file_ids: Collection[UUID],
    *,
    cursor: str | None = None,
    limit: int,
    with_total: bool = False,
) -> Page[DocumentLine]:
    """The documents of any of these files, the latest indexed first. Raises `BadCursor`."""
    return _page(session, _documents.c.file_id.in_(file_ids), cursor, limit, with_total=with_total)


def of_ticket(
    session: Reading,
    ticket_id: UUID,
    *,
    cursor: str | None = None,
    limit: int,
    with_total: bool = False,
) -> Page[DocumentLine]:
    """What the attachments of a ticket's messages became, the latest indexed first. Raises `BadCursor`."""
    mail_ids = messages.ids_on(session, ticket_id)
    return _page(session, _documents.c.mail_id.in_(mail_ids), cursor, limit, with_total=with_total)


def document(session: Reading, document_id: UUID) -> DocumentDetails | None:
    rows = session.execute(select(_documents).where(_documents.c.document_id == document_id)).mappings().all()
    return next(iter(_told(session, rows, DocumentDetails)), None)


def _page(
    session: Reading, wanted: ColumnElement[bool], cursor: str | None, limit: int, *, with_total: bool
) -> Page[DocumentLine]:
    listing = select(_documents).where(wanted).order_by(_documents.c.indexed_position.desc()).limit(limit + 1)
    if cursor is not None:
        (before,) = decode_cursor(cursor, int)
        listing = listing.where(_documents.c.indexed_position < before)
    found = session.execute(listing).mappings().all()
    rows, next_cursor = page_of(found, limit, lambda row: encode_cursor(row["indexed_position"]))
    total = session.scalar(select(func.count()).select_from(_documents).where(wanted)) if with_total else None
    return Page(items=_told(session, rows, DocumentLine), next_cursor=next_cursor, total=total)


def _told(session: Reading, rows: Sequence[RowMapping], model: type[L]) -> list[L]:
    """Documents, with their file and their ticket as those are now."""
    targets = [Target(kind=row["file_kind"], id=row["file_id"]) for row in rows]
    named = Files(session, targets)
    now_on = messages.tickets_of(session, {row["mail_id"] for row in rows})
    told = []
    for row, on in zip(rows, targets, strict=True):
        source = DocumentSource(
            ticket_id=now_on.get(row["mail_id"], row["ticket_id"]), mail_id=row["mail_id"], part=row["part"]
        )
        label = DOCUMENT_LABELS[row["document_type"]]
        derived = {"label": label, "on": on, "filed_under": named.line(on), "source": source}
        facts = {name: row[name] for name in model.model_fields if name not in derived}
        told.append(model.model_validate(facts | derived))
    return told
