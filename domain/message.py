"""A message's identity: which contents were taken in under one Message-ID, and the ticket that each became.

A duplicate is the same Message-ID *and* the same content; the same id with another content is kept, and marked, since a
spoofed Message-ID must not hide real mail. A message without a Message-ID is identified by its content alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field

from domain.aggregates import Aggregate
from domain.commands import KeyedIds
from domain.events import Event, Value
from domain.values import Text


class MessageEvent(Event):
    """A fact in the life of a message."""


class MessageTakenIn(MessageEvent):
    """A content was taken in under this Message-ID, and became that ticket. Both are named by keyed ids."""

    content_id: UUID
    ticket_id: UUID


class MessageIdentity(Value):
    """What tells one message from another: its Message-ID, if it has one, and the SHA-256 of its content."""

    message_id: Text | None
    content_digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Message(Aggregate):
    kind = "message"
    event_type = MessageEvent

    tickets: tuple[tuple[UUID, UUID], ...] = ()
    """Each content's keyed id, and its ticket."""

    def ticket_of(self, content_id: UUID) -> UUID | None:
        return next((ticket_id for known, ticket_id in self.tickets if known == content_id), None)

    def take_in(self, content_id: UUID, ticket_id: UUID) -> Sequence[MessageEvent]:
        if self.ticket_of(content_id):
            return []
        return [MessageTakenIn(content_id=content_id, ticket_id=ticket_id)]

    def evolve(self, event: Event) -> Self:
        match event:
            case MessageTakenIn():
                return self.having(tickets=(*self.tickets, (event.content_id, event.ticket_id)))
            case _:
                return self


def message_stream_id(ids: KeyedIds, identity: MessageIdentity) -> UUID:
    if identity.message_id is None:
        return ids.keyed_id("message_content", identity.content_digest)
    return ids.keyed_id("message_id", identity.message_id)


def content_stream_id(ids: KeyedIds, identity: MessageIdentity) -> UUID:
    return ids.keyed_id("content", identity.content_digest)
