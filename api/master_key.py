"""The office's master key: where it is found, and how it is replaced without ever being the only copy lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from adapters.databases import open_database
from adapters.vault import MasterKey, MasterKeyError, Vault
from api.settings import Settings


def has_vault(settings: Settings) -> bool:
    """Whether the vault was made. Raises `StoreUnavailable` where that can't be told."""
    with closing(open_database("vault", settings.stores.vault, durable=True)) as database:
        return database.exists()


def create_vault(settings: Settings) -> None:
    """Makes the vault and, unless it is given by the settings, its master key."""
    if not has_master_key(settings):
        MasterKey.generate().write(settings.key_file)
    Vault(settings.stores.vault, master_key(settings)).close()


def has_master_key(settings: Settings) -> bool:
    return settings.master_key is not None or settings.key_file.exists()


def master_key(settings: Settings) -> MasterKey:
    """The master key in force. Raises `MasterKeyError`."""
    if settings.master_key is not None:
        return MasterKey.parse(settings.master_key.get_secret_value(), "GREFFIER_MASTER_KEY")
    return MasterKey.read(settings.key_file)


def open_vault(settings: Settings) -> Vault:
    """The vault, under the key in force; a rotation that was cut short is finished. Raises `MasterKeyError`."""
    try:
        return Vault(settings.stores.vault, master_key(settings))
    except MasterKeyError:
        if settings.master_key is not None:
            raise
    if _successor(settings.key_file).exists():
        with _rotation_lock(settings):
            return _finish_rotation(settings)
    return Vault(settings.stores.vault, master_key(settings))  # a rotation may have ended since the key was read


def rotate_master_key(vault: Vault, settings: Settings, new_key_file: Path | None) -> tuple[int, Path]:
    """Wraps every key under a new master key: how many were, and the file that holds the new key now.

    The key comes from `new_key_file`; without one it is made, and takes the former's place in its file. It is durable
    before anything depends on it: a rotation that is cut short is finished when the vault is next opened.
    """
    with _rotation_lock(settings):
        if new_key_file is not None:
            return vault.rotate(MasterKey.read(new_key_file)), new_key_file
        # Another's rotation may have been cut short after its last write to the vault: its successor is in force then.
        _finish_rotation(settings).close()
        key_file = settings.key_file
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


def _finish_rotation(settings: Settings) -> Vault:
    """Opens the vault; a rotation that was cut short after its last write to it is finished."""
    successor = _successor(settings.key_file)
    try:
        return Vault(settings.stores.vault, master_key(settings))
    except MasterKeyError:
        with suppress(MasterKeyError):
            vault = Vault(settings.stores.vault, MasterKey.read(successor))
            successor.replace(settings.key_file)
            return vault
        raise


def _successor(key_file: Path) -> Path:
    return key_file.with_name(key_file.name + ".new")


@contextmanager
def _rotation_lock(settings: Settings) -> Iterator[None]:
    """Between the vault and the key's file, one process at a time: or the only copy of a key could be overwritten."""
    with (
        closing(open_database("vault", settings.stores.vault, durable=True)) as database,
        database.lock("rotation", wait=True),
    ):
        yield
