"""Taking messages in: each becomes a ticket, is known already, or goes to quarantine with its reason and bytes."""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Final, Literal
from uuid import UUID

from pydantic import ValidationError

from adapters.databases import StoreUnavailable
from adapters.desk import Desk, QuarantineEntry
from adapters.event_store.log import EventLog
from adapters.files import FileStore, SealedFile
from adapters.mail.parser import NotAMessage, ParsedMessage, parse_message
from domain.events import Actor
from domain.message import Message, MessageIdentity, content_stream_id, message_stream_id
from domain.ticket import TEXT_LIMIT, Attachment, MessageContent, ReceiveMessage, StoredFile

MAIL_IMPORT: Final = Actor.rule("mail_import")

_CHUNK: Final = 1 << 20

_log = logging.getLogger(__name__)

Outcome = Literal["ticket", "duplicate", "quarantined"]


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What became of a message: the ticket that it opened or had opened before, or its place in quarantine."""

    outcome: Outcome
    position: int
    ticket_id: UUID | None = None
    quarantine_id: UUID | None = None
    reason: str | None = None


class CannotTakeIn(Exception):
    """Why a message goes to quarantine."""


class MessageUnreadable(Exception):
    """The file that holds the message can't be read to its end: nothing became of it."""


class MailIntake:
    """The one way in for messages, whatever brings them. A message larger than `max_bytes` goes to quarantine."""

    def __init__(self, log: EventLog, files: FileStore, desk: Desk, *, max_bytes: int) -> None:
        self._log = log
        self._files = files
        self._desk = desk
        self.max_bytes = max_bytes

    def take_in(self, origin: str, size: int, file: IO[bytes], actor: Actor = MAIL_IMPORT) -> TakenIn:
        """Takes in the message that `file` holds from its start.

        Raises `MessageUnreadable` and `StoreUnavailable`; then it may be retried.
        """
        try:
            self._check_size(size)
            return self._receive(b"".join(_chunks(file)), actor)
        except CannotTakeIn as error:
            return self._quarantine(origin, str(error), file)

    def retry(self, entry: QuarantineEntry, actor: Actor) -> TakenIn:
        """Tries again to take in a quarantined message; where that succeeds, the entry is struck off."""
        try:
            self._check_size(entry.file.size)
            taken = self._receive(self._files.read(entry.file.name, entry.file.key), actor)
        except CannotTakeIn as error:
            return TakenIn("quarantined", self._log.head(), quarantine_id=entry.entry_id, reason=str(error))
        self._desk.release(entry.entry_id)
        self._files.discard(entry.file.name)
        return taken

    def _check_size(self, size: int) -> None:
        if size > self.max_bytes:
            raise CannotTakeIn(f"the message has {size} bytes, more than the {self.max_bytes} that are taken in")

    def _receive(self, raw: bytes, actor: Actor) -> TakenIn:
        parsed = read_message(raw)
        identity = MessageIdentity(message_id=parsed.message_id, content_digest=parsed.content_digest.hex())
        if ticket_id := self._ticket_of(identity):
            return TakenIn("duplicate", self._log.head(), ticket_id)
        file = self._files.store(io.BytesIO(raw))
        try:
            answer = self._log.execute(_command(parsed, identity, file), actor)
        except BaseException:
            # An interruption may have come between the append and its answer: then a ticket holds the file.
            with suppress(StoreUnavailable):
                if self._ticket_of(identity) is None:
                    self._files.discard(file.name)
            raise
        if answer.result["outcome"] == "duplicate":  # the same message came in elsewhere, this very moment
            self._files.discard(file.name)
        return TakenIn(answer.result["outcome"], answer.position, UUID(answer.result["ticket_id"]))

    def _ticket_of(self, identity: MessageIdentity) -> UUID | None:
        message = self._log.state(Message, message_stream_id(self._log, identity))
        return message.ticket_of(content_stream_id(self._log, identity))

    def _quarantine(self, origin: str, reason: str, file: IO[bytes]) -> TakenIn:
        file.seek(0)
        digest = hashlib.sha256()
        for chunk in _chunks(file):
            digest.update(chunk)
        file.seek(0)
        stored = self._files.store(file)
        try:
            entry, is_new = self._desk.quarantine(origin, reason, stored, digest.digest())
        except StoreUnavailable:
            self._files.discard(stored.name)
            raise
        if not is_new:
            self._files.discard(stored.name)
        return TakenIn("quarantined", self._log.head(), quarantine_id=entry.entry_id, reason=entry.reason)


def read_message(raw: bytes) -> ParsedMessage:
    """Raises `CannotTakeIn` where an import would put the message in quarantine."""
    try:
        return parse_message(raw)
    except NotAMessage as error:
        raise CannotTakeIn(f"not an e-mail message: {error}") from error
    except Exception as error:  # whatever the parser's flaw, the message must not be lost
        _log.warning("a message could not be read: %s", type(error).__name__)  # its text may hold the message's
        raise CannotTakeIn(f"the message could not be read: {type(error).__name__}") from error


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    try:
        yield from iter(lambda: file.read(_CHUNK), b"")
    except OSError as error:
        raise MessageUnreadable(error.strerror or type(error).__name__) from error


def _command(parsed: ParsedMessage, identity: MessageIdentity, file: SealedFile) -> ReceiveMessage:
    dropped = tuple(f"empty attachment dropped: {name}" for name in parsed.empty_attachments)
    try:
        return ReceiveMessage(
            identity=identity,
            content=MessageContent(
                from_address=parsed.from_email,
                from_name=parsed.from_name,
                to=parsed.to,
                cc=parsed.cc,
                subject=parsed.subject,
                text=parsed.text[:TEXT_LIMIT],
                message_id=parsed.message_id,
                in_reply_to=parsed.in_reply_to,
                references=parsed.references,
                attachments=tuple(
                    Attachment(part=a.part, name=a.name, content_type=a.content_type, size=a.size)
                    for a in parsed.attachments
                ),
                notes=(*parsed.notes, *dropped),
                raw=StoredFile(name=file.name, key=file.key.hex(), size=file.size),
            ),
            sent_at=parsed.date,
            automatic=parsed.automatic,
        )
    except ValidationError as error:
        raise CannotTakeIn(f"the message could not be recorded: {error.errors()[0]['msg']}") from error
