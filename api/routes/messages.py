"""Messages on their way in, and those in quarantine."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from adapters.desk import QuarantineEntry
from adapters.mail.intake import Outcome, TakenIn
from api.calls import Call, Reply
from api.operations import Media, Operations, found
from projections.queries.paging import BadCursor, Following, Page, decode_cursor, encode_cursor, page_of

operation: Final = Operations("messages")


class MessageTaken(BaseModel):
    """What became of a message."""

    model_config = ConfigDict(from_attributes=True)

    outcome: Annotated[
        Outcome,
        Field(
            description="It opened a `ticket`; joined one as one more `message`; was `recorded`, as what the office wrote "
            "first; was here already (`duplicate`); or was `quarantined`"
        ),
    ]
    ticket_id: UUID | None = Field(None, description="The ticket on which it is, now or since it first came")
    mail_id: UUID | None = Field(None, description="The message on that ticket")
    quarantine_id: UUID | None = Field(None, description="What it goes by in quarantine")
    reason: str | None = Field(None, description="Why it is in quarantine")
    position: int = Field(description="The position in the log of the last event, for `min_position`")


class QuarantinedMessage(BaseModel):
    """A message that could not be taken in."""

    entry_id: UUID = Field(description="What it goes by")
    origin: str = Field(description="Where it came from: a path, or who sent it in")
    reason: str = Field(description="Why it could not be taken in")
    received_at: datetime = Field(description="When it came")
    size: int = Field(description="In bytes")

    @classmethod
    def of(cls, entry: QuarantineEntry) -> QuarantinedMessage:
        told = {name: getattr(entry, name) for name in cls.model_fields if name != "size"}
        return cls(**told, size=entry.file.size)


_OUTCOMES: Final[dict[str, Any]] = {"answers": {200: MessageTaken, 201: MessageTaken, 202: MessageTaken}}
_STATUS: Final = {"ticket": 201, "message": 201, "recorded": 201, "duplicate": 200, "quarantined": 202}


@operation(
    "POST",
    "/messages",
    "Take in a message",
    "take_in",
    body=Media("message/rfc822", "The raw message (RFC 5322)"),
    **_OUTCOMES,
)
def take_in(call: Call) -> Reply:
    """201 for a message that opened a ticket, joined one, or that the office wrote first; 200 for a message that was here already, 202 for one that went to quarantine."""
    size = call.body.seek(0, 2)
    call.body.seek(0)
    origin = f"http:{call.viewer.collaborator_id}"
    return _taken(call.greffier.intake.take_in(origin, size, call.body, call.actor))


@operation(
    "GET", "/quarantine", "Messages in quarantine", query_model=Following, answers={200: Page[QuarantinedMessage]}
)
def list_quarantine(call: Call) -> Reply:
    """Messages that could not be taken in, oldest first, each with its reason."""
    window: Following = call.query
    entries = call.greffier.desk.quarantined(_after(window.cursor), window.limit + 1)
    kept, next_cursor = page_of(
        entries, window.limit, lambda entry: encode_cursor(entry.received_at.isoformat(), entry.entry_id)
    )
    return Reply(Page(items=[QuarantinedMessage.of(entry) for entry in kept], next_cursor=next_cursor))


@operation("GET", "/quarantine/{entry_id}", "One message in quarantine", answers={200: QuarantinedMessage})
def show_quarantined(call: Call) -> Reply:
    """Where it came from, and why it could not be taken in."""
    return Reply(QuarantinedMessage.of(_entry(call)))


@operation(
    "GET",
    "/quarantine/{entry_id}/raw",
    "The bytes in quarantine",
    "manage_quarantine",
    answers={200: Media("application/octet-stream", "The bytes as they came")},
)
def show_quarantined_raw(call: Call) -> Reply:
    """Every byte as it came."""
    entry = _entry(call)
    return Reply(call.greffier.intake.quarantined_bytes(entry), download=f"quarantine-{entry.entry_id}")


@operation("POST", "/quarantine/{entry_id}/retry", "Try a message again", "manage_quarantine", **_OUTCOMES)
def retry_quarantined(call: Call) -> Reply:
    """Takes the message in if that works now; it leaves quarantine then, and stays there otherwise (202)."""
    return _taken(call.greffier.intake.retry(_entry(call), call.actor))


def _entry(call: Call) -> QuarantineEntry:
    entry_id: UUID = call.path.entry_id
    return found("quarantined message", entry_id, call.greffier.desk.quarantine_entry(entry_id))


def _taken(taken: TakenIn) -> Reply:
    status = _STATUS[taken.outcome]
    location = f"/tickets/{taken.ticket_id}" if status == HTTPStatus.CREATED else None
    return Reply(MessageTaken.model_validate(taken), status, location=location)


def _after(cursor: str | None) -> tuple[datetime, UUID] | None:
    if cursor is None:
        return None
    received_at, entry_id = decode_cursor(cursor, str, UUID)
    try:
        return datetime.fromisoformat(received_at), entry_id
    except ValueError:
        raise BadCursor from None
