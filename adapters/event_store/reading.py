"""The log by position: blocks of raw rows, their keys brought at once, decoded once.

This is a rebuild's hottest code: a row whose frame is the usual one takes the short way, in one loop; any other goes
through `EventMapper.open`, which tells what is the matter with it.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable
from typing import Any
from uuid import UUID, SafeUUID

from adapters.event_store.mapper import (
    FRAME,
    FRAME_FORMAT,
    KEY_ID_BYTES,
    EventMapper,
    UnreadableEvent,
    sealing_key,
    with_sealed,
)
from adapters.event_store.recorder import EventRecorder, Row
from adapters.vault import NONCE_BYTES, KeyMissing, Vault
from domain.events import STORED, Event, Recorded, UnknownTopic
from projections.engine.log import LogBatch, Unreadable


class LogReader:
    """Decodes what a recorder holds. Safe to use from several threads."""

    def __init__(self, recorder: EventRecorder, mapper: EventMapper, vault: Vault) -> None:
        self._recorder = recorder
        self._mapper = mapper
        self._vault = vault

    def scan(self, after: int, upto: int, topics: Collection[str]) -> Generator[LogBatch]:
        """The log between two positions, batch by batch; see `projections.log.EventReader`."""
        wanted = {topic: self._mapper.types[topic] for topic in topics if topic in self._mapper.types}
        unwanted = [event_type.topic() for event_type in self._mapper.types if event_type.topic() not in wanted]
        for block in self._recorder.scan(after, upto, unwanted):
            after = block[-1][0]
            yield LogBatch(last=after, events=self._decoded(block, wanted))
        if after < upto:
            yield LogBatch(last=upto, events=())  # the rest is of other topics, or a tail was deleted here

    def _decoded(self, block: list[Row], wanted: dict[str, type[Event]]) -> list[Recorded[Any] | Unreadable]:
        unpack, ciphers, header = FRAME.unpack_from, self._ciphers(block, wanted), FRAME.size
        events: list[Recorded[Any] | Unreadable] = []
        for row in block:
            position, stream, version, topic, state, recorded_at = row
            try:
                cls = wanted[topic]
                frame_format, class_version, context_length, facts_length = unpack(state)
                if frame_format != FRAME_FORMAT or class_version != cls.class_version:
                    raise ValueError  # noqa: TRY301  # the long way tells
                start = header + context_length
                end = start + facts_length
                facts = whole = state[start:end]
                if cls.sealed_field is not None and len(state) > end:
                    nonce = end + KEY_ID_BYTES
                    sealed = nonce + NONCE_BYTES
                    cipher = ciphers[int.from_bytes(state[end:nonce])]
                    bound_to = stream + version.to_bytes(8)
                    whole = with_sealed(cls, facts, cipher.decrypt(state[nonce:sealed], state[sealed:], bound_to))
                event = cls.__pydantic_validator__.validate_json(whole, context=STORED)
            except Exception:  # noqa: BLE001  # whatever it is, the long way finds it again, and says it as it should
                events.append(self._read_one(row))
            else:
                events.append(
                    Recorded(event, _uuid(stream), version, position, recorded_at, state[header:start], facts)
                )
        return events

    def _read_one(self, row: Row) -> Recorded[Any] | Unreadable:
        position, stream, version, topic, state, recorded_at = row
        try:
            event, context = self._mapper.open(topic, stream, version, state)
        except (UnreadableEvent, KeyMissing) as error:
            return Unreadable(position, topic, str(error), known_topic=True)
        except UnknownTopic as error:
            return Unreadable(position, topic, str(error), known_topic=False)
        return Recorded(event, _uuid(stream), version, position, recorded_at, context)

    def _ciphers(self, block: Iterable[Row], wanted: dict[str, type[Event]]) -> dict[int, Any]:
        """The data keys of a whole block with one read of the vault."""
        sealed = {topic for topic, event_type in wanted.items() if event_type.sealed_field}
        key_ids = {sealing_key(state) for _, _, _, topic, state, _ in block if topic in sealed}
        try:
            return self._vault.ciphers(key_id for key_id in key_ids if key_id is not None)
        except KeyMissing:
            return {}  # the event that names it says so, at its position


def _uuid(raw: bytes, new: Any = object.__new__, put: Any = object.__setattr__, number: Any = int.from_bytes) -> UUID:
    """`UUID(bytes=raw)`, without its many questions."""
    made: UUID = new(UUID)
    put(made, "int", number(raw))
    put(made, "is_safe", SafeUUID.unknown)
    return made
