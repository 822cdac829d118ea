"""Taking messages in: each becomes a ticket, is known already, or goes to quarantine with its reason and bytes."""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Iterable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import timedelta
from threading import Semaphore
from typing import IO, Final, Literal
from uuid import UUID

from adapters.databases import StoreUnavailable
from adapters.desk import Desk, QuarantineEntry
from adapters.event_store.log import EventLog
from adapters.event_store.mapper import UnreadableEvent
from adapters.files import FileDamaged, FileStore, SealedFile
from adapters.mail.parser import NotAMessage, ParsedMessage, parse_message
from adapters.mail.sources import SourceMessage
from domain.aggregates import NotFound
from domain.documents.document import KEEP_FILES, stored_file_of
from domain.events import Actor
from domain.messages.message import Message, MessageIdentity, MessageTakenIn, content_stream_id, message_stream_id
from domain.tickets.arrival import ReceiveMessage
from domain.tickets.events import TEXT_LIMIT, Attachment, Correspondent, MessageContent, StoredFile
from projections.engine.log import Unreadable

MAIL_IMPORT: Final = Actor.rule("mail_import")

_CHUNK: Final = 1 << 20
_TOGETHER: Final = 32
_TOGETHER_BYTES: Final = 8 << 20
_LARGE_BYTES: Final = 8 << 20
_LARGE_AT_ONCE: Final = 2
"""Parsing a message can take twenty times its size in memory."""

_KEEP_FILES: Final = {kept.topic() for kept in KEEP_FILES}

_log = logging.getLogger(__name__)

Outcome = Literal["ticket", "message", "recorded", "duplicate", "quarantined"]
"""It opened a ticket; joined one; is what the office wrote first; is known already; or lies in quarantine."""


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What became of a message, and its place: on a ticket, or in quarantine."""

    outcome: Outcome
    position: int
    ticket_id: UUID | None = None
    mail_id: UUID | None = None
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
        self._parsing_large = Semaphore(_LARGE_AT_ONCE)
        self.max_bytes = max_bytes

    def take_in(self, origin: str, size: int, file: IO[bytes], actor: Actor = MAIL_IMPORT) -> TakenIn:
        """Takes in the message that `file` holds from its start.

        Raises `MessageUnreadable` and `StoreUnavailable`; then it may be retried.
        """
        ((_, outcome),) = self.take_in_all([SourceMessage(origin, size, file)], actor)
        if isinstance(outcome, MessageUnreadable):
            raise outcome
        return outcome

    def take_in_all(
        self, messages: Iterable[SourceMessage], actor: Actor = MAIL_IMPORT
    ) -> Iterator[tuple[SourceMessage, TakenIn | MessageUnreadable]]:
        """Takes in messages in their order, some at a time, which wait for the disk together.

        What is given is stored. Raises `StoreUnavailable`, and what `messages` raises; then the rest may be retried.
        """
        for some in self._some_at_a_time(messages):
            contents = [content for _, content in some if isinstance(content, bytes)]
            received = iter(self._receive(contents, actor))
            for message, content in some:
                if not isinstance(content, bytes):
                    yield message, content
                    continue
                outcome = next(received)
                if isinstance(outcome, CannotTakeIn):
                    outcome = self._quarantine(message.origin, str(outcome), io.BytesIO(content))
                yield message, outcome

    def retry(self, entry: QuarantineEntry, actor: Actor) -> TakenIn:
        """Tries again to take in a quarantined message; where that succeeds, the entry is struck off.

        Raises as `quarantined_bytes` does.
        """
        if entry.file.size > self.max_bytes:
            outcome: TakenIn | CannotTakeIn = self._too_large(entry.file.size)
        else:
            (outcome,) = self._receive([self.quarantined_bytes(entry)], actor)
        if isinstance(outcome, CannotTakeIn):
            return TakenIn("quarantined", self._log.head(), quarantine_id=entry.entry_id, reason=str(outcome))
        self._desk.release(entry.entry_id)
        self._files.discard(entry.file.name)
        return outcome

    def quarantined_bytes(self, entry: QuarantineEntry) -> bytes:
        """The message in quarantine. Raises `NotFound` where it was taken in meanwhile, and `FileDamaged`."""
        try:
            return self._files.read(entry.file.name, entry.file.key)
        except FileDamaged:
            if self._desk.quarantine_entry(entry.entry_id) is None:
                raise NotFound(kind="quarantined message", id=entry.entry_id) from None
            raise

    def sweep(self, older_than: timedelta) -> int:
        """Removes the stored files to which no ticket, document or quarantine entry refers, and gives how many.

        A process that is killed between storing messages and appending their events leaves such files behind. Those of
        a process at work are waited for.
        """
        found = self._files.at_rest(older_than)  # before what refers to them is read
        found.difference_update(entry.file.name for entry in self._desk.all_quarantined())
        for recorded in self._log.events(_KEEP_FILES) if found else ():
            if isinstance(recorded, Unreadable):
                raise UnreadableEvent(f"nothing is swept: {recorded.reason}")
            if kept := stored_file_of(recorded.event):
                found.discard(kept.name)
        for name in found:
            self._files.discard(name)
        return len(found)

    def _too_large(self, size: int) -> CannotTakeIn:
        return CannotTakeIn(f"the message has {size} bytes, more than the {self.max_bytes} that are taken in")

    def _some_at_a_time(self, messages: Iterable[SourceMessage]) -> Iterator[list[_Waiting]]:
        """Messages with their contents: a message's file is open only until the next one is asked for."""
        some: list[_Waiting] = []
        size = 0
        try:
            for message in messages:
                some.append((message, self._content(message)))
                size += message.size
                if len(some) == _TOGETHER or size > _TOGETHER_BYTES:
                    yield some
                    some, size = [], 0
        except Exception:
            yield some  # what came before the error is taken in
            raise
        yield some

    def _content(self, message: SourceMessage) -> bytes | TakenIn | MessageUnreadable:
        try:
            if message.size > self.max_bytes:
                return self._quarantine(message.origin, str(self._too_large(message.size)), message.file)
            return b"".join(_chunks(message.file))
        except MessageUnreadable as error:
            return error

    def _receive(self, contents: list[bytes], actor: Actor) -> list[TakenIn | CannotTakeIn]:
        """What became of each message; or why it can't be taken in."""
        read = [self._read(content) for content in contents]
        known = self._known([message.identity for message in read if isinstance(message, _Arriving)])
        outcomes: list[TakenIn | CannotTakeIn | None] = []
        arriving: list[_Arriving] = []
        for message in read:
            if isinstance(message, CannotTakeIn):
                outcomes.append(message)
            elif taken := known.get(message.identity):
                outcomes.append(TakenIn("duplicate", self._log.head(), taken.ticket_id, taken.mail_id))
            else:
                outcomes.append(None)
                arriving.append(message)
        received = iter(self._receive_new(arriving, actor) if arriving else ())
        return [next(received) if outcome is None else outcome for outcome in outcomes]

    def _read(self, content: bytes) -> _Arriving | CannotTakeIn:
        try:
            with self._parsing_large if len(content) > _LARGE_BYTES else nullcontext():
                return _Arriving(content)
        except CannotTakeIn as error:
            return error

    def _receive_new(self, arriving: list[_Arriving], actor: Actor) -> list[TakenIn]:
        contents = (io.BytesIO(message.content) for message in arriving)
        with self._files.in_flight(), self._files.storing(contents) as storing:
            files = storing.sealed
            try:
                commands = [message.command(file) for message, file in zip(arriving, files, strict=True)]
                answers = self._log.execute_all(commands, actor, before_append=storing.wait_for_disk)
            except BaseException:
                self._discard_files(arriving, files)
                raise
        taken = [
            TakenIn(a.result["outcome"], a.position, UUID(a.result["ticket_id"]), UUID(a.result["mail_id"]))
            for a in answers
        ]
        for file, outcome in zip(files, taken, strict=True):
            if outcome.outcome == "duplicate":  # the same message came in elsewhere, or twice, this very moment
                self._files.discard(file.name)
        return taken

    def _discard_files(self, arriving: list[_Arriving], files: list[SealedFile]) -> None:
        """Discards the files that no ticket holds: an interruption may have come between the append and its answer."""
        with suppress(StoreUnavailable, OSError):
            known = self._known([message.identity for message in arriving])
            for message, file in zip(arriving, files, strict=True):
                if message.identity not in known:
                    self._files.discard(file.name)

    def _known(self, identities: Iterable[MessageIdentity]) -> dict[MessageIdentity, MessageTakenIn]:
        """Those of the messages that were taken in before."""
        streams = {identity: message_stream_id(self._log, identity) for identity in identities}
        messages = self._log.states(Message, set(streams.values()))
        found = {
            identity: messages[stream_id].known(content_stream_id(self._log, identity))
            for identity, stream_id in streams.items()
        }
        return {identity: taken for identity, taken in found.items() if taken}

    def _quarantine(self, origin: str, reason: str, file: IO[bytes]) -> TakenIn:
        file.seek(0)
        digest = hashlib.sha256()
        for chunk in _chunks(file):
            digest.update(chunk)
        file.seek(0)
        with self._files.in_flight():
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


class _Arriving:
    """A message that was not here before, on its way in. Raises `CannotTakeIn`."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.parsed = read_message(content)
        self.identity = MessageIdentity(
            message_id=self.parsed.message_id, content_digest=self.parsed.content_digest.hex()
        )

    def command(self, file: SealedFile) -> ReceiveMessage:
        """Takes the message in, its bytes being stored in `file`."""
        parsed = self.parsed
        dropped = tuple(f"empty attachment dropped: {name}" for name in parsed.empty_attachments)
        return ReceiveMessage(
            identity=self.identity,
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
                forwarded=parsed.forwarded
                and Correspondent(address=parsed.forwarded.email, name=parsed.forwarded.name),
                raw=StoredFile(name=file.name, key=file.key.hex(), size=file.size),
            ),
            sent_at=parsed.date,
            automatic=parsed.automatic,
        )


_Waiting = tuple[SourceMessage, bytes | TakenIn | MessageUnreadable]
