"""The vault: data keys wrapped by the office's master key, and the secret behind keyed ids.

Without it the log is ciphertext. A data key seals one stream (AES-256-GCM); destroying it erases what it sealed. Unused
keys are committed in blocks, so that a key is durable before the event that it seals, with no second write to wait for.
A row whose key was destroyed stays, empty: a key that was erased is told from a key that is missing.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import os
import threading
import time
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, Final, TypeAlias
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import (
    URL,
    Column,
    Connection,
    LargeBinary,
    MetaData,
    String,
    Table,
    bindparam,
    func,
    insert,
    select,
    update,
)

from adapters.databases import BigId, Migrations, open_database
from adapters.files import make_durable

DataKey: TypeAlias = tuple[int, AESGCM]
"""A data key's id, by which events name it, and the key."""

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
_SMALLEST_BLOCK: Final = 256
_LARGEST_BLOCK: Final = 4096
_BULK_SECONDS: Final = 1.0
_CACHED_KEYS: Final = 40_000
"""A cipher takes 2.5 kB: what is remembered stays within 100 MB."""
_KEYS_A_STATEMENT: Final = 10_000
_UNKNOWN: Final = object()

_metadata = MetaData()
_keys = Table(
    "keys",
    _metadata,
    Column("key_id", BigId, primary_key=True, autoincrement=False),
    Column("wrapped", LargeBinary),
)
_secrets = Table(
    "secrets",
    _metadata,
    Column("name", String, primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
)
_master = Table("master", _metadata, Column("fingerprint", LargeBinary, primary_key=True))
_last_key = Table("last_key", _metadata, Column("key_id", BigId, primary_key=True, autoincrement=False))
"""The highest id that was ever given: an id is never given again, whatever became of its row."""


def _create_tables(connection: Connection) -> None:
    for table in (_keys, _secrets, _master):
        table.create(connection, checkfirst=True)


def _count_keys(connection: Connection) -> None:
    _last_key.create(connection)
    last = connection.scalar(select(func.max(_keys.c.key_id))) or 0
    connection.execute(insert(_last_key).values(key_id=last))


MIGRATIONS: Final[Migrations] = (_create_tables, _count_keys)
TABLES: Final = (_keys, _secrets, _master, _last_key)
"""What a backup takes of the vault."""


class MasterKeyError(Exception):
    """The master key is missing, malformed, or not the one that this vault was made with."""


class KeyMissing(Exception):
    """A data key that the log names is not in this vault: the vault is older than the log, or another office's."""


class MasterKey:
    """The office's master key: 32 bytes, written as base64. It is kept apart from the backups."""

    def __init__(self, raw: bytes) -> None:
        if len(raw) != KEY_BYTES:
            raise MasterKeyError(f"a master key is {KEY_BYTES} bytes written as base64, not {len(raw)} bytes")
        self._cipher = AESGCM(raw)
        self.raw = raw
        self.fingerprint = hmac.digest(raw, b"greffier master key", "sha256")

    @classmethod
    def generate(cls) -> MasterKey:
        return cls(os.urandom(KEY_BYTES))

    @classmethod
    def parse(cls, text: str, source: str) -> MasterKey:
        """Raises `MasterKeyError`, naming `source`, never the text."""
        try:
            return cls(b64decode(text.strip(), validate=True))
        except (NotBase64, ValueError) as error:
            raise MasterKeyError(f"the master key in {source} is not base64: {error}") from None
        except MasterKeyError as error:
            raise MasterKeyError(f"in {source}: {error}") from None

    @classmethod
    def read(cls, path: Path) -> MasterKey:
        try:
            return cls.parse(path.read_text("ascii"), str(path))
        except FileNotFoundError:
            raise MasterKeyError(f"there is no master key at {path}: put it back, or name its file or value") from None
        except UnicodeDecodeError:
            raise MasterKeyError(f"the master key in {path} is not base64") from None
        except OSError as error:
            raise MasterKeyError(f"the master key at {path} can't be read: {error}") from None

    def write(self, path: Path) -> None:
        """Writes the key durably to a new file that only its owner may read."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(b64encode(self.raw) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        make_durable(path.parent)

    def wrap(self, key: bytes, name: bytes) -> bytes:
        return seal(self._cipher, key, name)

    def unwrap(self, wrapped: bytes, name: bytes) -> bytes:
        try:
            return unseal(self._cipher, wrapped, name)
        except InvalidTag:
            raise MasterKeyError("a key in the vault does not open under this master key") from None

    def opened(self, rows: Iterable[tuple[int, bytes | None]]) -> dict[int, AESGCM | None]:
        """The data keys of these rows of the vault; None for those that were destroyed."""
        decrypt = self._cipher.decrypt
        try:
            return {
                key_id: None
                if wrapped is None
                else AESGCM(decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], b"key %d" % key_id))
                for key_id, wrapped in rows
            }
        except InvalidTag:
            raise MasterKeyError("a key in the vault does not open under this master key") from None


def seal(cipher: AESGCM, data: bytes, bound_to: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, data, bound_to)


def unseal(cipher: AESGCM, sealed: bytes, bound_to: bytes) -> bytes:
    return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to)


class Vault:
    """Opens or creates the vault at `url`; raises `MasterKeyError` where the key is not this vault's.

    Safe to use from several threads: what is remembered is found without a lock.
    """

    def __init__(self, url: URL, master_key: MasterKey) -> None:
        self._database = open_database("vault", url, durable=True)
        self._master = master_key
        self._giving = threading.Lock()
        self._rotating = threading.Lock()
        self._unused: list[tuple[int, bytes]] = []
        self._block = _SMALLEST_BLOCK
        self._block_begun = -math.inf
        self._remembered = _RememberedKeys()
        try:
            self._database.migrate(MIGRATIONS)
            secrets = self._opened_secrets(master_key)
        except BaseException:
            self.close()
            raise
        self._index = hmac.new(secrets["index"], digestmod=hashlib.sha256)
        self._office_cipher = AESGCM(secrets["office"])

    def _opened_secrets(self, master_key: MasterKey) -> dict[str, bytes]:
        with self._database.reading() as connection:
            is_new = connection.scalar(select(_master.c.fingerprint)) is None
        if is_new:
            self._make_secrets(master_key)
        with self._database.reading() as connection:
            if connection.scalar(select(_master.c.fingerprint)) != master_key.fingerprint:
                raise MasterKeyError("this is not the master key of this vault: nothing was opened")
            return {
                row.name: master_key.unwrap(row.wrapped, row.name.encode())
                for row in connection.execute(select(_secrets))
            }

    def _make_secrets(self, master_key: MasterKey) -> None:
        with self._database.writing() as connection:
            if connection.scalar(select(_master.c.fingerprint)) is not None:
                return  # another process came first
            connection.execute(insert(_master), {"fingerprint": master_key.fingerprint})
            for name in ("index", "office"):
                wrapped = master_key.wrap(os.urandom(KEY_BYTES), name.encode())
                connection.execute(insert(_secrets), {"name": name, "wrapped": wrapped})

    def close(self) -> None:
        self._database.close()

    def keyed_id(self, kind: str, value: str) -> UUID:
        """An id that derives from a unique value and can't be guessed from it: HMAC-SHA256, in UUID version 8."""
        keyed = self._index.copy()  # `hmac.digest` lets other threads in each time, which costs more than the digest
        keyed.update(f"{kind}\0{value}".encode())
        digest = keyed.digest()
        return UUID(int=int.from_bytes(digest[:16]) & ~(0xF << 76) & ~(0x3 << 62) | (0x8 << 76) | (0x2 << 62))

    def new_key(self) -> DataKey:
        """A data key that was never used, durable already, with its id."""
        with self._giving:
            if not self._unused:
                self._unused = self._committed_block()
            key_id, raw = self._unused.pop()
        cipher = AESGCM(raw)
        self._remembered.add({key_id: cipher})
        return key_id, cipher

    def cipher(self, key_id: int) -> AESGCM | None:
        """The data key, or None where it was destroyed. Raises `KeyMissing`."""
        found = self._remembered.recent.get(key_id, _UNKNOWN)
        return self.ciphers((key_id,))[key_id] if found is _UNKNOWN else found  # type: ignore[return-value]

    def ciphers(self, key_ids: Iterable[int]) -> dict[int, AESGCM | None]:
        """Many data keys with one read of the vault. Raises `KeyMissing`."""
        wanted = set(key_ids)
        while True:
            found, moment = self._remembered.among(wanted)
            read = self._read(sorted(wanted - found.keys()))
            if self._remembered.add(read, since=moment):
                found |= read
                break
        if len(found) < len(wanted):
            unknown = min(wanted - found.keys())
            raise KeyMissing(f"the vault has no key {unknown}: it is older than the log, or another office's")
        return found

    def _read(self, key_ids: Sequence[int]) -> dict[int, AESGCM | None]:
        if not key_ids:
            return {}
        try:
            return self._unwrapped(key_ids)
        except MasterKeyError:
            with self._rotating:  # the keys may have been read before a rotation here, and unwrapped after it
                return self._unwrapped(key_ids)

    def _unwrapped(self, key_ids: Sequence[int]) -> dict[int, AESGCM | None]:
        ciphers: dict[int, AESGCM | None] = {}
        with self._database.reading() as connection:
            for start in range(0, len(key_ids), _KEYS_A_STATEMENT):
                some = key_ids[start : start + _KEYS_A_STATEMENT]
                rows = self._database.rows_among(connection, (_keys.c.key_id, _keys.c.wrapped), some)
                ciphers.update(self._master.opened(rows))
        return ciphers

    def destroy(self, key_ids: Iterable[int]) -> None:
        """Destroys data keys: what they sealed reads as erased from now on, for ever."""
        doomed = [{"id_": key_id} for key_id in key_ids]
        if doomed:
            with self._database.writing() as connection:
                self._database.overwriting(connection)
                connection.execute(update(_keys).where(_keys.c.key_id == bindparam("id_")).values(wrapped=None), doomed)
            self._remembered.destroy([one["id_"] for one in doomed])
        self._database.forget((_keys,))

    def seal_for_office(self, data: bytes, bound_to: bytes) -> bytes:
        """Seals what belongs to no stream (a quarantined message's key and origin) under the office's own key."""
        return seal(self._office_cipher, data, bound_to)

    def unseal_for_office(self, sealed: bytes, bound_to: bytes) -> bytes:
        return unseal(self._office_cipher, sealed, bound_to)

    def rotate(self, new: MasterKey) -> int:
        """Wraps every key under a new master key, all or none; gives how many were. Takes the vault's write lock."""
        with self._giving, self._rotating:
            rewrapped = self._rewrapped(new)
            self._master = new
        self._database.forget((_keys, _secrets))
        return rewrapped

    def _rewrapped(self, new: MasterKey) -> int:
        count, last = 0, 0
        with self._database.writing() as connection:
            self._database.overwriting(connection)
            self._check_master(connection.scalar(select(_master.c.fingerprint)))
            following = select(_keys).where(_keys.c.key_id > bindparam("last")).order_by(_keys.c.key_id)
            while rows := connection.execute(following.limit(_KEYS_A_STATEMENT), {"last": last}).all():
                last = rows[-1].key_id
                kept = [(key_id, _key_name(key_id), wrapped) for key_id, wrapped in rows if wrapped is not None]
                count += self._wrap_again(connection, _keys.c.key_id, kept, new)
            secrets = [(name, name.encode(), wrapped) for name, wrapped in connection.execute(select(_secrets))]
            count += self._wrap_again(connection, _secrets.c.name, secrets, new)
            connection.execute(update(_master).values(fingerprint=new.fingerprint))
        return count

    def _wrap_again(
        self, connection: Connection, column: Column[Any], rows: Sequence[tuple[Any, bytes, bytes]], new: MasterKey
    ) -> int:
        rewrapped = [
            {"id_": id_, "new": new.wrap(self._master.unwrap(wrapped, name), name)} for id_, name, wrapped in rows
        ]
        if rewrapped:
            wrap = update(column.table).where(column == bindparam("id_")).values(wrapped=bindparam("new"))
            connection.execute(wrap, rewrapped)
        return len(rewrapped)

    def _committed_block(self) -> list[tuple[int, bytes]]:
        """Keys for some time to come; more of them when the former block did not last."""
        begun = time.monotonic()
        is_bulk = begun - self._block_begun < _BULK_SECONDS
        self._block = min(self._block * 2, _LARGEST_BLOCK) if is_bulk else _SMALLEST_BLOCK
        self._block_begun = begun
        with self._rotating, self._database.writing() as connection:
            # A process that still holds the former master key must not wrap new keys under it.
            self._check_master(connection.scalar(select(_master.c.fingerprint)))
            first = connection.scalar(select(_last_key.c.key_id)) + 1  # type: ignore[operator]  # its row is never removed
            block = [(key_id, os.urandom(KEY_BYTES)) for key_id in range(first, first + self._block)]
            wrapped = ((key_id, self._master.wrap(raw, _key_name(key_id))) for key_id, raw in block)
            self._database.insert_all(connection, _keys, wrapped)
            connection.execute(update(_last_key).values(key_id=block[-1][0]))
        block.reverse()
        return block

    def _check_master(self, fingerprint: bytes | None) -> None:
        if fingerprint != self._master.fingerprint:
            raise MasterKeyError("the master key was rotated by another process: start this one again with the new key")


class _RememberedKeys:
    """Keys that were used lately, in two generations: when the recent is full it becomes the former, which is let go.

    `recent` may be looked into without a lock.
    """

    def __init__(self) -> None:
        self.recent: dict[int, AESGCM | None] = {}
        self._former: dict[int, AESGCM | None] = {}
        self._destructions = 0
        self._lock = threading.Lock()

    def among(self, wanted: AbstractSet[int]) -> tuple[dict[int, AESGCM | None], int]:
        """Those of the wanted keys that are remembered, and the moment, to be given to `add`."""
        with self._lock:
            found = {key_id: self.recent[key_id] for key_id in wanted if key_id in self.recent}
            former = {key_id: self._former[key_id] for key_id in wanted if key_id in self._former}
            former |= found
            self._take(former)
            return former, self._destructions

    def add(self, ciphers: Mapping[int, AESGCM | None], since: int | None = None) -> bool:
        """Remembers keys; not, and says so, if any was destroyed since that moment: they may have been read before."""
        with self._lock:
            if since is not None and since != self._destructions:
                return False
            self._take(ciphers)
            return True

    def destroy(self, key_ids: Iterable[int]) -> None:
        with self._lock:
            self._destructions += 1
            self._take(dict.fromkeys(key_ids))

    def _take(self, ciphers: Mapping[int, AESGCM | None]) -> None:
        if len(self.recent) + len(ciphers) > _CACHED_KEYS // 2:
            self._former, self.recent = self.recent, {}
        self.recent.update(ciphers)


def _key_name(key_id: int) -> bytes:
    return b"key %d" % key_id
