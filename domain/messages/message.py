"""A message's identity: which contents were taken in under one Message-ID, where each stands, and who refers to it.

A duplicate is the same Message-ID *and* the same content; the same id with another content is kept, and marked, since a
spoofed Message-ID must not hide real mail. A message without a Message-ID is identified by its content alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Final, Literal, Self
from uuid import UUID

from pydantic import Field

from domain.aggregates import Aggregate
from domain.commands import KeyedIds
from domain.events import Event, Value
from domain.values import Text

Direction = Literal["incoming", "outgoing", "forwarded"]
"""Who wrote: a correspondent; the office, to others; or a collaborator, who passes on to the office what they got."""

MOST_REFERENCES: Final = 10
"""How many of the messages that a message refers to are followed: the first, which began it all, and the last ones."""
MOST_AWAITING: Final = 200
"""How many messages may wait for one that they refer to: lists and robots put one made-up id on everything."""


class MessageEvent(Event):
    """A fact in the life of a message."""


class MessageTakenIn(MessageEvent):
    """A content was taken in under this Message-ID, and stands on that ticket.

    Contents, messages and the addresses that take part (who wrote it and to whom) are named by keyed ids.
    """

    content_id: UUID
    mail_id: UUID
    ticket_id: UUID
    participants: tuple[UUID, ...] = ()
    direction: Direction = "incoming"


class MessageReferredTo(MessageEvent):
    """A message that refers to this Message-ID came before it, or from someone who took no part in what came under it.

    Should its sender turn out to take part in what comes under it later, that joins the ticket of this one.
    """

    mail_id: UUID
    ticket_id: UUID
    sender_id: UUID | None
    direction: Direction = "incoming"
    written_to: tuple[UUID, ...] = ()
    automatic: bool = False


class MessageIdentity(Value):
    """What tells one message from another: its Message-ID, if it has one, and the SHA-256 of its content."""

    message_id: Text | None
    content_digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Message(Aggregate):
    kind = "message"
    event_type = MessageEvent

    taken_in: tuple[MessageTakenIn, ...] = ()
    awaiting: tuple[MessageReferredTo, ...] = ()

    def known(self, content_id: UUID) -> MessageTakenIn | None:
        return next((taken for taken in self.taken_in if taken.content_id == content_id), None)

    def take_in(self, taken_in: MessageTakenIn) -> Sequence[MessageEvent]:
        return [] if self.known(taken_in.content_id) else [taken_in]

    def refer(self, referred: MessageReferredTo) -> Sequence[MessageEvent]:
        return [referred] if len(self.awaiting) < MOST_AWAITING else []

    def evolve(self, event: Event) -> Self:
        match event:
            case MessageTakenIn():
                return self.having(taken_in=(*self.taken_in, event))
            case MessageReferredTo():
                return self.having(awaiting=(*self.awaiting, event))
            case _:
                return self


def message_stream_id(ids: KeyedIds, identity: MessageIdentity) -> UUID:
    if identity.message_id is None:
        return ids.keyed_id("message_content", identity.content_digest)
    return ids.keyed_id("message_id", identity.message_id)


def content_stream_id(ids: KeyedIds, identity: MessageIdentity) -> UUID:
    return ids.keyed_id("content", identity.content_digest)


def referred_stream_ids(ids: KeyedIds, references: Iterable[str], in_reply_to: str | None) -> tuple[UUID, ...]:
    """The streams of the Message-IDs that a message refers to (RFC 5322, 3.6.4), each once."""
    named = list(dict.fromkeys([*references, *([in_reply_to] if in_reply_to else [])]))
    if len(named) > MOST_REFERENCES:
        named = [named[0], *named[1 - MOST_REFERENCES :]]
    return tuple(ids.keyed_id("message_id", message_id) for message_id in named)
