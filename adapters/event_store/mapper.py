"""Events to stored bytes and back.

A stored state is one frame: `>BHII` (frame format, the event's class version, length of the context, length of the
facts), the context as JSON, the facts as JSON, and, for an event with personal values, the sealed part: the id of the
stream's data key (8 bytes), a nonce (12 bytes) and AES-256-GCM of the sealed field's JSON, bound to the event's stream
and version as associated data. The key's id stands in the event, so that a key's assignment is durable with it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag
from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent
from pydantic import ValidationError

from adapters.vault import DataKey, Vault, seal, unseal
from domain.events import ERASED, STORED, Context, Event, EventTypes, Recorded

FRAME: Final = struct.Struct(">BHII")
FRAME_FORMAT: Final = 1
KEY_ID_BYTES: Final = 8
_KEY_ID: Final = struct.Struct(">q")
_ERASED_JSON: Final = ERASED.model_dump_json().encode()
_UNREADABLE: Final = (struct.error, InvalidTag, ValueError, LookupError, AttributeError, TypeError)
"""What altered bytes, facts of another shape, and an upcaster that is missing or fails on them raise."""


class UnreadableEvent(Exception):
    """An event that the log holds can't be read: it was altered, or newer code wrote it."""


class Draft(NamedTuple):
    """An event on its way into the log, under the names that the library looks for."""

    originator_id: UUID
    originator_version: int
    event: Event
    context: bytes
    key: DataKey | None
    """The stream's data key, for an event with a sealed field."""


class EventMapper(Mapper[UUID]):
    """Between drafts, stored events and recorded events. Safe to use from several threads."""

    def __init__(self, types: EventTypes, vault: Vault) -> None:
        super().__init__(transcoder=JSONTranscoder())
        self.types = types
        self._vault = vault

    def to_stored_event(self, domain_event: Any) -> StoredEvent:
        draft: Draft = domain_event
        event = draft.event
        sealed = b""
        field = event.sealed_field
        if field is None:
            facts = event.model_dump_json().encode()
        elif draft.key is None:
            raise ValueError(f"{event.topic()} has personal values, and no key to seal them")
        else:
            facts = event.model_dump_json(exclude={field}).encode()
            personal = orjson.dumps(event.model_dump(mode="json", include={field})[field])
            key_id, cipher = draft.key
            bound_to = _binding(draft.originator_id, draft.originator_version)
            sealed = _KEY_ID.pack(key_id) + seal(cipher, personal, bound_to)
        frame = FRAME.pack(FRAME_FORMAT, event.class_version, len(draft.context), len(facts))
        return StoredEvent(
            originator_id=draft.originator_id,
            originator_version=draft.originator_version,
            topic=event.topic(),
            state=b"".join((frame, draft.context, facts, sealed)),
        )

    def to_event(self, stored: StoredEvent) -> Event:
        """The event alone, without its envelope. Raises `UnknownTopic`, `UnreadableEvent`."""
        return self.open(stored.topic, _uuid(stored).bytes, stored.originator_version, stored.state)[0]

    def to_recorded(self, stored: StoredEvent, position: int, recorded_at_us: int) -> Recorded[Any]:
        """The event in its envelope. Raises `UnknownTopic`, `UnreadableEvent`."""
        stream_id = _uuid(stored)
        event, context = self.open(stored.topic, stream_id.bytes, stored.originator_version, stored.state)
        return Recorded(
            event,
            stream_id=stream_id,
            version=stored.originator_version,
            position=position,
            recorded_at=recorded_at_us,
            context=context,
        )

    def stream_key(self, stored: Sequence[StoredEvent]) -> DataKey | None:
        """The key that seals this stream, which its events name; None before the first, or when it was destroyed."""
        key_id = next((key_id for one in reversed(stored) if (key_id := sealing_key(one.state)) is not None), None)
        cipher = None if key_id is None else self._vault.cipher(key_id)
        return None if key_id is None or cipher is None else (key_id, cipher)

    def open(self, topic: str, stream: bytes, version: int, state: bytes) -> tuple[Event, bytes]:
        """An event and its context's JSON, from what the log holds; `stream` is the stream's id.

        Raises `UnknownTopic`, `UnreadableEvent`, and the vault's `KeyMissing`.
        """
        cls = self.types[topic]
        try:
            frame_format, class_version, context_length, facts_length = FRAME.unpack_from(state)
            if frame_format != FRAME_FORMAT:
                raise UnreadableEvent(f"{_place(topic, stream, version)} has the unknown frame format {frame_format}")
            if class_version > cls.class_version:
                raise UnreadableEvent(
                    f"{_place(topic, stream, version)} has the class version {class_version}: newer code wrote it"
                )
            start = FRAME.size + context_length
            end = start + facts_length
            facts = state[start:end]
            if cls.sealed_field is not None and len(state) > end:
                personal = self._unsealed(state, end, stream, version)
                facts = with_sealed(cls, facts, personal)
            if class_version < cls.class_version:
                facts = orjson.dumps(_upcast(cls, orjson.loads(facts), class_version))
            # The method behind `model_validate_json`, which costs half as much again: this is a rebuild's hottest line.
            event: Event = cls.__pydantic_validator__.validate_json(facts, context=STORED)
        except ValidationError as error:
            # Its text, and its traceback, would show the personal values.
            problems = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
            raise UnreadableEvent(f"{_place(topic, stream, version)} can't be read: {problems}") from None
        except _UNREADABLE as error:
            reason = f"{type(error).__name__} {error}"
            raise UnreadableEvent(f"{_place(topic, stream, version)} can't be read: {reason}") from error
        return event, state[FRAME.size : start]

    def _unsealed(self, state: bytes, start: int, stream: bytes, version: int) -> bytes:
        key_id: int = _KEY_ID.unpack_from(state, start)[0]
        cipher = self._vault.cipher(key_id)
        if cipher is None:
            return _ERASED_JSON
        return unseal(cipher, state[start + _KEY_ID.size :], stream + version.to_bytes(8))


def sealing_key(state: bytes) -> int | None:
    """The id of the key that seals the personal values in this state, if it has any: read without opening it."""
    try:
        _, _, context, facts = FRAME.unpack_from(state)
        key_id: int = _KEY_ID.unpack_from(state, FRAME.size + context + facts)[0]
    except struct.error:
        return None  # nothing is sealed, or the event is unreadable: reading it says so
    return key_id


def with_sealed(cls: type[Event], facts: bytes, personal: bytes) -> bytes:
    """An event's JSON: its facts in the open, and the one that was sealed."""
    comma = b"," if len(facts) > 2 else b""  # noqa: PLR2004  # the two braces of an empty object
    return b'%b%b"%b":%b}' % (facts[:-1], comma, str(cls.sealed_field).encode(), personal)


def context_json(context: Context) -> bytes:
    return context.model_dump_json(exclude_none=True).encode()


def _binding(stream_id: UUID, version: int) -> bytes:
    return stream_id.bytes + version.to_bytes(8)


def _upcast(cls: type[Event], facts: dict[str, Any], version: int) -> dict[str, Any]:
    for older in range(version, cls.class_version):
        getattr(cls, f"upcast_v{older}_v{older + 1}")(facts)
    return facts


def _uuid(stored: StoredEvent) -> UUID:
    originator_id = stored.originator_id
    return originator_id if isinstance(originator_id, UUID) else UUID(originator_id)


def _place(topic: str, stream: bytes, version: int) -> str:
    return f"the {topic} of stream {UUID(bytes=stream)}, version {version}"
