"""The vault: data keys wrapped by the office's master key, and the secret behind keyed ids.

Without it the log is ciphertext. A data key seals one stream (AES-256-GCM); destroying it erases what it sealed. Unused
keys are committed in blocks, so that a key is durable before the event that it seals, with no second write to wait for.
A row whose key was destroyed stays, empty: a key that was erased is told from a key that is missing.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Iterable
from pathlib import Path
from typing import Final, TypeAlias
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import (
    Column,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    bindparam,
    insert,
    select,
    update,
)

from adapters.databases import open_database, sqlite_url
from adapters.files import make_durable

DataKey: TypeAlias = tuple[int, AESGCM]
"""A data key's id, by which events name it, and the key."""

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
_BLOCK: Final = 256
_CACHED_KEYS: Final = 100_000
_KEYS_A_STATEMENT: Final = 10_000
_OVERWRITE: Final = "PRAGMA secure_delete = ON"
"""With a checkpoint after it: what a destroyed or rewrapped key was lingers neither in free space nor in the WAL."""

_metadata = MetaData()
_keys = Table(
    "keys",
    _metadata,
    Column("key_id", Integer, primary_key=True),
    Column("wrapped", LargeBinary),
    sqlite_autoincrement=True,
)
_secrets = Table(
    "secrets",
    _metadata,
    Column("name", String, primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
)
_master = Table("master", _metadata, Column("fingerprint", LargeBinary, primary_key=True))


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


def seal(cipher: AESGCM, data: bytes, bound_to: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, data, bound_to)


def unseal(cipher: AESGCM, sealed: bytes, bound_to: bytes) -> bytes:
    return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to)


class Vault:
    """Opens or creates the vault at `path`; raises `MasterKeyError` where the key is not this vault's."""

    def __init__(self, path: Path, master_key: MasterKey) -> None:
        self._database = open_database("vault", sqlite_url(path), durable=True)
        self._master = master_key
        self._lock = threading.Lock()
        self._unused: list[DataKey] = []
        self._ciphers: dict[int, AESGCM | None] = {}
        try:
            secrets = self._opened_secrets(master_key)
        except BaseException:
            self.close()
            raise
        self._index_secret = secrets["index"]
        self._office_cipher = AESGCM(secrets["office"])

    def _opened_secrets(self, master_key: MasterKey) -> dict[str, bytes]:
        with self._database.writing() as connection:
            _metadata.create_all(connection)
            fingerprint = connection.scalar(select(_master.c.fingerprint))
            if fingerprint is None:
                connection.execute(insert(_master), {"fingerprint": master_key.fingerprint})
                for name in ("index", "office"):
                    wrapped = master_key.wrap(os.urandom(KEY_BYTES), name.encode())
                    connection.execute(insert(_secrets), {"name": name, "wrapped": wrapped})
            elif fingerprint != master_key.fingerprint:
                raise MasterKeyError("this is not the master key of this vault: nothing was opened")
            return {
                row.name: master_key.unwrap(row.wrapped, row.name.encode())
                for row in connection.execute(select(_secrets))
            }

    def close(self) -> None:
        self._database.close()

    def keyed_id(self, kind: str, value: str) -> UUID:
        """An id that derives from a unique value and can't be guessed from it: HMAC-SHA256, in UUID version 8."""
        digest = hmac.digest(self._index_secret, f"{kind}\0{value}".encode(), hashlib.sha256)
        return UUID(int=int.from_bytes(digest[:16]) & ~(0xF << 76) & ~(0x3 << 62) | (0x8 << 76) | (0x2 << 62))

    def new_key(self) -> DataKey:
        """A data key that was never used, durable already, with its id."""
        with self._lock:
            if not self._unused:
                self._unused = self._committed_block()
            key_id, cipher = self._unused.pop()
            self._remember(key_id, cipher)
            return key_id, cipher

    def cipher(self, key_id: int) -> AESGCM | None:
        """The data key, or None where it was destroyed. Raises `KeyMissing`."""
        try:
            return self._ciphers[key_id]
        except KeyError:
            return self.ciphers([key_id])[key_id]

    def ciphers(self, key_ids: Iterable[int]) -> dict[int, AESGCM | None]:
        """Many data keys with one read of the vault. Raises `KeyMissing`."""
        wanted = set(key_ids)
        with self._lock:  # a key that another thread destroys meanwhile must not be remembered after that
            found = {key_id: self._ciphers[key_id] for key_id in wanted if key_id in self._ciphers}
            missing = sorted(wanted - found.keys())
            for start in range(0, len(missing), _KEYS_A_STATEMENT):
                some = missing[start : start + _KEYS_A_STATEMENT]
                with self._database.reading() as connection:
                    rows = connection.execute(select(_keys).where(_keys.c.key_id.in_(some))).all()
                for key_id, wrapped in rows:
                    cipher = AESGCM(self._master.unwrap(wrapped, _key_name(key_id))) if wrapped else None
                    found[key_id] = cipher
                    self._remember(key_id, cipher)
        if unknown := wanted - found.keys():
            raise KeyMissing(f"the vault has no key {min(unknown)}: it is older than the log, or another office's")
        return found

    def destroy(self, key_ids: Iterable[int]) -> None:
        """Destroys data keys: what they sealed reads as erased from now on, for ever."""
        doomed = list(key_ids)
        with self._lock:
            with self._database.writing() as connection:
                connection.exec_driver_sql(_OVERWRITE)
                for start in range(0, len(doomed), _KEYS_A_STATEMENT):
                    some = doomed[start : start + _KEYS_A_STATEMENT]
                    connection.execute(update(_keys).where(_keys.c.key_id.in_(some)).values(wrapped=None))
            self._ciphers.update(dict.fromkeys(doomed))
        self._database.forget()

    def seal_for_office(self, data: bytes, bound_to: bytes) -> bytes:
        """Seals what belongs to no stream (a quarantined message's key and origin) under the office's own key."""
        return seal(self._office_cipher, data, bound_to)

    def unseal_for_office(self, sealed: bytes, bound_to: bytes) -> bytes:
        return unseal(self._office_cipher, sealed, bound_to)

    def rotate(self, new: MasterKey) -> int:
        """Wraps every key under a new master key, all or none; gives how many were. Takes the vault's write lock."""
        with self._lock:
            rewrapped = self._rewrapped(new)
            self._master = new
        self._database.forget()
        return rewrapped

    def _rewrapped(self, new: MasterKey) -> int:
        with self._database.writing() as connection:
            connection.exec_driver_sql(_OVERWRITE)
            self._check_master(connection.scalar(select(_master.c.fingerprint)))
            rewrapped = [
                {"id_": key_id, "new": new.wrap(self._master.unwrap(wrapped, _key_name(key_id)), _key_name(key_id))}
                for key_id, wrapped in connection.execute(select(_keys).where(_keys.c.wrapped.is_not(None)))
            ]
            secrets = [
                {"id_": name, "new": new.wrap(self._master.unwrap(wrapped, name.encode()), name.encode())}
                for name, wrapped in connection.execute(select(_secrets))
            ]
            for table, column, rows in ((_keys, _keys.c.key_id, rewrapped), (_secrets, _secrets.c.name, secrets)):
                if rows:
                    statement = update(table).where(column == bindparam("id_")).values(wrapped=bindparam("new"))
                    connection.execute(statement, rows)
            connection.execute(update(_master).values(fingerprint=new.fingerprint))
        return len(rewrapped) + len(secrets)

    def _committed_block(self) -> list[DataKey]:
        with self._database.writing() as connection:
            # A process that still holds the former master key must not wrap new keys under it.
            self._check_master(connection.scalar(select(_master.c.fingerprint)))
            last = connection.exec_driver_sql("SELECT max(seq) FROM sqlite_sequence WHERE name = 'keys'").scalar() or 0
            raw = {key_id: os.urandom(KEY_BYTES) for key_id in range(last + 1, last + 1 + _BLOCK)}
            connection.execute(
                insert(_keys),
                [{"key_id": k, "wrapped": self._master.wrap(key, _key_name(k))} for k, key in raw.items()],
            )
        return [(key_id, AESGCM(key)) for key_id, key in reversed(raw.items())]

    def _check_master(self, fingerprint: bytes | None) -> None:
        if fingerprint != self._master.fingerprint:
            raise MasterKeyError("the master key was rotated by another process: start this one again with the new key")

    def _remember(self, key_id: int, cipher: AESGCM | None) -> None:
        if len(self._ciphers) >= _CACHED_KEYS:
            self._ciphers.clear()
        self._ciphers[key_id] = cipher


def _key_name(key_id: int) -> bytes:
    return b"key %d" % key_id
