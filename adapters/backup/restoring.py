"""Restoring a backup into an empty place, whole or not at all.

A marker lies in the data folder from before the first write until after the last: where it lies, nothing opens, and what
is there was put there by a restore that was cut short, which the next one clears away. The vault, which makes a place an
office, is written last, in one transaction.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import orjson
from sqlalchemy import Connection, delete

from adapters.backup.archive import BackupDamaged, Hashing, read_archive
from adapters.backup.inventory import Inventory, Summary
from adapters.backup.place import Place
from adapters.backup.records import events, read_events, read_table
from adapters.backup.taking import MIGRATIONS, check_backup, confirmed
from adapters.databases import Database, Migrations, open_database, shown_url
from adapters.event_store.opening import open_recorder
from adapters.files import FileStore, make_durable
from adapters.restore_marker import is_restoring, restore_marker
from adapters.vault import MasterKey, MasterKeyError
from projections.engine.folding import Progress

_FILE: Final = re.compile(r"files/([0-9a-f]{2})/(\1[0-9a-f]{62})")


class NotEmpty(Exception):
    """There is something already where a backup was to be restored."""


@contextmanager
def restoring(
    path: Path, place: Place, folder: Path, master_key: MasterKey | None, checking: Progress, loading: Progress
) -> Iterator[Summary]:
    """Checks a backup, and restores it for whoever looks at it within; it stays if they raise nothing.

    Raises `BackupDamaged`, `MasterKeyError` where the key at hand is not the backup's, `NotEmpty`, `StoreUnavailable`.
    """
    if not is_restoring(folder):
        _refuse_occupied(place)
    counted = Inventory()
    summary = check_backup(path, checking, counted)
    if master_key is not None and master_key.fingerprint != counted.master_fingerprint:
        raise MasterKeyError(
            "the master key at hand is not the one that this backup was made under: nothing is restored"
        )
    with _marked(place, folder):
        _load(path, place, summary, loading)
        yield summary


@contextmanager
def _marked(place: Place, folder: Path) -> Iterator[None]:
    marker = restore_marker(folder)
    stores = orjson.dumps({name: shown_url(url) for name, url in place.stores().items()})
    if not marker.exists():
        _refuse_occupied(place)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        written = marker.with_suffix(f".{os.getpid()}")
        written.write_bytes(stores)
        written.rename(marker)
        make_durable(folder)
    with marker.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NotEmpty(f"another restore into {folder} is at work") from None
        if (began := file.read()) != stores:
            raise NotEmpty(f"a restore into other stores was cut short in {folder}: {began.decode()}")
        place.clear()  # of what was cut short
        try:
            yield
        except BaseException:
            place.clear()
            marker.unlink()
            raise
        os.sync()
        marker.unlink()
        make_durable(folder)


def _refuse_occupied(place: Place) -> None:
    if occupied := place.occupied():
        raise NotEmpty(f"a backup is restored into an empty place only, and this one has: {', '.join(occupied)}")


def _load(path: Path, place: Place, told: Summary, progress: Progress) -> None:
    loading = _Loading(place, told, progress)
    manifest: list[dict[str, Any]] = []
    with path.open("rb") as file:
        for store, members in groupby(read_archive(file, manifest.append), lambda member: member[0].partition("/")[0]):
            loading.store(store, members)
    if confirmed(path, manifest[0], loading.inventory) != told:
        raise BackupDamaged(f"{path} was changed while it was restored")


class _Loading:
    """Puts what comes out of an archive into the stores, and counts it."""

    def __init__(self, place: Place, told: Summary, progress: Progress) -> None:
        self.inventory = Inventory()
        self._place = place
        self._told = told
        self._files = FileStore(place.files)
        self._progress = progress
        self._total = told.events + told.files + sum(told.rows.values())

    def store(self, store: str, members: Iterator[tuple[str, Hashing]]) -> None:
        if store == "files":
            for name, content in members:
                self._file(name, content)
            return
        if store != "log" and store not in MIGRATIONS:
            raise BackupDamaged(f"a backup holds no {store}")
        with closing(open_database(store, self._place.stores()[store], durable=True)) as database:
            if store == "log":
                open_recorder(database.url).close()
                with database.writing() as connection:
                    self._tables(database, connection, members)
            else:
                database.migrate(self._filled(store, lambda connection: self._tables(database, connection, members)))

    def _filled(self, store: str, fill: Any) -> Migrations:
        """The steps of a store's schema, in the midst of which it is filled: then it is as old as the backup."""
        steps = MIGRATIONS[store]
        version = self._told.schemas[store]
        before, last, after = steps[: version - 1], steps[version - 1], steps[version:]

        def last_and_fill(connection: Connection) -> None:
            last(connection)
            fill(connection)

        return (*before, last_and_fill, *after)

    def _tables(self, database: Database, connection: Connection, members: Iterable[tuple[str, Hashing]]) -> None:
        for kind, chunks in groupby(members, lambda member: member[0].rpartition("/")[0]):
            contents = (content.read() for _, content in chunks)
            if kind == "log/events":
                rows = (self._seen(row) for chunk in contents for row in self.inventory.events(read_events(chunk)))
                database.insert_all(connection, events, rows)
                continue
            for number, chunk in enumerate(contents):
                table, read = read_table(kind, chunk)
                if number == 0:
                    connection.execute(delete(table))  # what the schema's steps put there
                database.insert_all(connection, table, map(self._seen, self.inventory.rows(kind, read)))

    def _file(self, name: str, content: Hashing) -> None:
        found = _FILE.fullmatch(name)
        if found is None:
            raise BackupDamaged(f"{name!r} is no place of a stored file")
        self.inventory.file(self._files.put_sealed(found[2], content))
        self._seen(None)

    def _seen(self, row: Any) -> Any:
        if self.inventory.done % 1_000 == 0:
            self._progress(self.inventory.done, self._total)
        return row
