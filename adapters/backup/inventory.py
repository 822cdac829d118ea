"""What a backup holds, counted the same way when it is taken, checked and restored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from adapters.backup.records import EventRow
from adapters.event_store.mapper import sealing_key

_DEFECTS: Final = 20
_HIGHEST_KEY: Final = 1 << 28


class Summary(BaseModel):
    """What is in a backup."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    taken_at: str
    schemas: dict[str, int]
    """The version of each store's schema."""
    head: int
    events: int
    rows: dict[str, int]
    """How many, by table: `log/commands`, `vault/keys` …"""
    files: int
    file_bytes: int
    defects: tuple[str, ...]
    """What was wrong with the office itself when it was backed up."""


class Inventory:
    """Counts what passes by."""

    def __init__(self) -> None:
        self._head = 0
        self._events = 0
        self._rows: Counter[str] = Counter()
        self._files = 0
        self._file_bytes = 0
        self._gaps: list[str] = []
        self._keys_used = bytearray()
        self._keys_there = bytearray()
        self.master_fingerprint: bytes | None = None
        """That of the master key under which the vault was wrapped."""
        self.done = 0
        """Events, rows and files until now."""

    def events(self, rows: Iterable[EventRow]) -> Iterator[EventRow]:
        """Counts events; their positions follow each other, or the gap is noted."""
        for row in rows:
            if row.position != self._head + 1 and len(self._gaps) < _DEFECTS:
                self._gaps.append(
                    f"between the positions {self._head} and {row.position} of the log something is missing"
                )
            self._head = row.position
            self._events += 1
            self.done += 1
            key_id = sealing_key(row.state)
            if key_id is not None:
                _mark(self._keys_used, key_id)
            yield row

    def rows(self, table: str, rows: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
        is_keys = table == "vault/keys"
        self._rows[table] += 0
        for row in rows:
            self._rows[table] += 1
            self.done += 1
            if is_keys:
                _mark(self._keys_there, row[0])
            elif table == "vault/master":
                self.master_fingerprint = row[0]
            yield row

    def file(self, size: int) -> None:
        self._files += 1
        self._file_bytes += size
        self.done += 1

    def summary(self, taken_at: str, schemas: dict[str, int]) -> Summary:
        return Summary(
            taken_at=taken_at,
            schemas=schemas,
            head=self._head,
            events=self._events,
            rows=dict(self._rows),
            files=self._files,
            file_bytes=self._file_bytes,
            defects=tuple(self._defects())[:_DEFECTS],
        )

    def _defects(self) -> Iterator[str]:
        yield from self._gaps
        there = self._keys_there.ljust(len(self._keys_used), b"\0")
        if any(used & ~had for used, had in zip(self._keys_used, there, strict=False)):
            for at, (used, had) in enumerate(zip(self._keys_used, there, strict=False)):
                for bit in range(8):
                    if (used & ~had) >> bit & 1:
                        yield f"the vault has no key {at * 8 + bit}, which the log names"


def _mark(bits: bytearray, number: int) -> None:
    at, bit = divmod(number % _HIGHEST_KEY, 8)
    if at >= len(bits):
        bits.extend(bytes(at + 1 - len(bits) + 4096))
    bits[at] |= 1 << bit
