"""The office's master key: where it is found, and how it is replaced without ever being the only copy lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import URL

from adapters.databases import open_database
from adapters.vault import MasterKey, MasterKeyError, Vault


@dataclass(frozen=True)
class KeyPlace:
    """Where an office's vault is, and its master key: itself, or the file that holds it."""

    vault: URL
    key_file: Path
    given: str | None = field(default=None, repr=False)


def has_vault(place: KeyPlace) -> bool:
    """Whether the vault was made. Raises `StoreUnavailable` where that can't be told."""
    with closing(open_database("vault", place.vault, durable=True)) as database:
        return database.exists()


def create_vault(place: KeyPlace) -> None:
    """Makes the vault and, unless it is given by the place, its master key."""
    if not has_master_key(place):
        MasterKey.generate().write(place.key_file)
    Vault(place.vault, master_key(place)).close()


def has_master_key(place: KeyPlace) -> bool:
    return place.given is not None or place.key_file.exists()


def master_key(place: KeyPlace) -> MasterKey:
    """The master key in force. Raises `MasterKeyError`."""
    if place.given is not None:
        return MasterKey.parse(place.given, "GREFFIER_MASTER_KEY")
    return MasterKey.read(place.key_file)


def open_vault(place: KeyPlace) -> Vault:
    """The vault, under the key in force; a rotation that was cut short is finished. Raises `MasterKeyError`."""
    try:
        return Vault(place.vault, master_key(place))
    except MasterKeyError:
        if place.given is not None:
            raise
    if _successor(place.key_file).exists():
        with _rotation_lock(place):
            return _finish_rotation(place)
    return Vault(place.vault, master_key(place))  # a rotation may have ended since the key was read


def rotate_master_key(vault: Vault, place: KeyPlace, new_key_file: Path | None) -> tuple[int, Path]:
    """Wraps every key under a new master key: how many were, and the file that holds the new key now.

    The key comes from `new_key_file`; without one it is made, and takes the former's place in its file. It is durable
    before anything depends on it: a rotation that is cut short is finished when the vault is next opened.
    """
    with _rotation_lock(place):
        if new_key_file is not None:
            return vault.rotate(MasterKey.read(new_key_file)), new_key_file
        # Another's rotation may have been cut short after its last write to the vault: its successor is in force then.
        _finish_rotation(place).close()
        key_file = place.key_file
        successor = _successor(key_file)
        successor.unlink(missing_ok=True)
        new = MasterKey.generate()
        new.write(successor)
        try:
            rewrapped = vault.rotate(new)
        except MasterKeyError:
            successor.unlink()
            raise
        successor.replace(key_file)
        return rewrapped, key_file


def _finish_rotation(place: KeyPlace) -> Vault:
    """Opens the vault; a rotation that was cut short after its last write to it is finished."""
    successor = _successor(place.key_file)
    try:
        return Vault(place.vault, master_key(place))
    except MasterKeyError:
        with suppress(MasterKeyError):
            vault = Vault(place.vault, MasterKey.read(successor))
            successor.replace(place.key_file)
            return vault
        raise


def _successor(key_file: Path) -> Path:
    return key_file.with_name(key_file.name + ".new")


@contextmanager
def _rotation_lock(place: KeyPlace) -> Iterator[None]:
    """Between the vault and the key's file, one process at a time: or the only copy of a key could be overwritten."""
    with (
        closing(open_database("vault", place.vault, durable=True)) as database,
        database.lock("rotation", wait=True),
    ):
        yield
