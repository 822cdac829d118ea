"""The desk: what is neither fact nor view. Numbers' counters, access tokens, and the quarantine of messages."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import (
    URL,
    BigInteger,
    Column,
    LargeBinary,
    MetaData,
    Row,
    String,
    Table,
    Uuid,
    delete,
    insert,
    select,
)

from adapters.databases import Migrations, open_database
from adapters.files import SealedFile
from adapters.vault import Vault
from domain.values import storable
from projections.engine.projection import Utc

_NUMBERS_AT_ONCE: Final = 32
TOKEN_PREFIX: Final = "greffier_"  # noqa: S105  # what a token begins with is no secret

_metadata = MetaData()
_counters = Table(
    "counters",
    _metadata,
    Column("series", String, primary_key=True),
    Column("last", BigInteger, nullable=False),
)
_numbered_up_to = Table(
    "numbered_up_to",
    _metadata,
    Column("position", BigInteger, nullable=False),
    Column("recorded_at", Utc),
)
_tokens = Table(
    "tokens",
    _metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("collaborator_id", Uuid, nullable=False),
    Column("created_at", Utc, nullable=False),
)
_quarantine = Table(
    "quarantine",
    _metadata,
    Column("entry_id", Uuid, primary_key=True),
    Column("sealed_origin", LargeBinary, nullable=False),
    Column("reason", String, nullable=False),
    Column("received_at", Utc, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("file_name", String, nullable=False),
    Column("wrapped_key", LargeBinary, nullable=False),
)
MIGRATIONS: Final[Migrations] = (_metadata.create_all,)
TABLES: Final = (_counters, _numbered_up_to, _tokens, _quarantine)
"""What a backup takes of the desk."""


class LogPoint(NamedTuple):
    """A position in the log; when its event was recorded tells it from the same position of another past."""

    position: int
    recorded_at: datetime | None


@dataclass(frozen=True, slots=True)
class QuarantineEntry:
    """A message that could not be taken in: where it came from, why, and its bytes, sealed."""

    entry_id: UUID
    origin: str
    reason: str
    received_at: datetime
    file: SealedFile


class Desk:
    """Opens or creates the desk at `url`. Raises `StoreUnavailable`."""

    def __init__(self, url: URL, vault: Vault) -> None:
        self._database = open_database("desk", url, durable=True)
        self._vault = vault
        self._lock = threading.Lock()
        self._numbers: dict[str, range] = {}
        try:
            self._database.migrate(MIGRATIONS)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._database.close()

    # --- numbers ------------------------------------------------------------------------------

    def next_number(self, series: str) -> int:
        """The next number of a series. They are reserved some at a time: those left at the end are never given."""
        with self._lock:
            reserved = self._numbers.get(series) or self._reserve(series)
            self._numbers[series] = reserved[1:]
            return reserved[0]

    def _reserve(self, series: str) -> range:
        reserve = self._database.upsert(_counters).values(series=series, last=_NUMBERS_AT_ONCE)
        reserve = reserve.on_conflict_do_update(
            index_elements=[_counters.c.series], set_={"last": _counters.c.last + _NUMBERS_AT_ONCE}
        )
        with self._database.writing() as connection:
            last = connection.execute(reserve.returning(_counters.c.last)).scalar_one()
        return range(last - _NUMBERS_AT_ONCE + 1, last + 1)

    def numbered_up_to(self) -> LogPoint | None:
        """How far no number in the log is above the counters; None for a new desk."""
        with self._database.reading() as connection:
            row = connection.execute(select(_numbered_up_to)).one_or_none()
        return None if row is None else LogPoint(row.position, row.recorded_at)

    def number_after(self, highest: Mapping[str, int], up_to: LogPoint) -> None:
        """Lets each series go on after the highest number that the log has of it, up to this point."""
        with self._lock, self._database.writing() as connection:
            for series, number in highest.items():
                raised = self._database.upsert(_counters).values(series=series, last=number)
                raised = raised.on_conflict_do_update(
                    index_elements=[_counters.c.series], set_={"last": number}, where=_counters.c.last < number
                )
                if connection.execute(raised).rowcount:
                    self._numbers.pop(series, None)
            connection.execute(delete(_numbered_up_to))
            connection.execute(insert(_numbered_up_to), up_to._asdict())

    # --- tokens -------------------------------------------------------------------------------

    def issue_token(self, collaborator_id: UUID) -> str:
        """A new access token of this collaborator. It is shown once: only its digest is kept."""
        token = TOKEN_PREFIX + secrets.token_urlsafe(32)
        row = {
            "digest": hashlib.sha256(token.encode()).digest(),
            "collaborator_id": collaborator_id,
            "created_at": datetime.now(UTC),
        }
        with self._database.writing() as connection:
            connection.execute(insert(_tokens), row)
        return token

    def collaborator_of(self, token: str) -> UUID | None:
        digest = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        with self._database.glancing() as connection:
            return connection.scalar(select(_tokens.c.collaborator_id).where(_tokens.c.digest == digest))

    # --- quarantine ---------------------------------------------------------------------------

    def quarantine(self, origin: str, reason: str, file: SealedFile, digest: bytes) -> tuple[QuarantineEntry, bool]:
        """Keeps a message that can't be taken in, once: the entry, and whether it is new (by SHA-256 `digest`)."""
        # The bytes' digest is kept keyed: what lies in quarantine can't be guessed back from the desk.
        keyed = self._vault.keyed_id("quarantine", digest.hex()).bytes
        with self._database.writing() as connection:
            known = connection.execute(select(_quarantine).where(_quarantine.c.digest == keyed)).one_or_none()
            if known is not None:
                return self._entry(known), False
            entry = QuarantineEntry(uuid4(), origin, storable(reason), datetime.now(UTC), file)
            connection.execute(
                insert(_quarantine),
                {
                    "entry_id": entry.entry_id,
                    "sealed_origin": self._vault.seal_for_office(origin.encode(), _origin_of(entry.entry_id)),
                    "reason": entry.reason,
                    "received_at": entry.received_at,
                    "size": file.size,
                    "digest": keyed,
                    "file_name": file.name,
                    "wrapped_key": self._vault.seal_for_office(file.key, entry.entry_id.bytes),
                },
            )
        return entry, True

    def quarantined(self, after: tuple[datetime, UUID] | None = None, limit: int = 100) -> Sequence[QuarantineEntry]:
        """Entries, oldest first, following the one at `after`."""
        listing = select(_quarantine).order_by(_quarantine.c.received_at, _quarantine.c.entry_id).limit(limit)
        if after is not None:
            listing = listing.where(
                (_quarantine.c.received_at > after[0])
                | ((_quarantine.c.received_at == after[0]) & (_quarantine.c.entry_id > after[1]))
            )
        with self._database.reading() as connection:
            return [self._entry(row) for row in connection.execute(listing)]

    def all_quarantined(self) -> Iterator[QuarantineEntry]:
        """Every entry, oldest first, read some at a time."""
        after = None
        while some := self.quarantined(after):
            yield from some
            after = some[-1].received_at, some[-1].entry_id

    def quarantine_entry(self, entry_id: UUID) -> QuarantineEntry | None:
        with self._database.reading() as connection:
            row = connection.execute(select(_quarantine).where(_quarantine.c.entry_id == entry_id)).one_or_none()
        return None if row is None else self._entry(row)

    def release(self, entry_id: UUID) -> None:
        """Strikes an entry off: its message was taken in."""
        with self._database.writing() as connection:
            connection.execute(delete(_quarantine).where(_quarantine.c.entry_id == entry_id))

    def _entry(self, row: Row[Any]) -> QuarantineEntry:
        key = self._vault.unseal_for_office(row.wrapped_key, row.entry_id.bytes)
        origin = self._vault.unseal_for_office(row.sealed_origin, _origin_of(row.entry_id)).decode()
        file = SealedFile(row.file_name, key, row.size)
        return QuarantineEntry(row.entry_id, origin, row.reason, row.received_at, file)


def _origin_of(entry_id: UUID) -> bytes:
    return entry_id.bytes + b" origin"
