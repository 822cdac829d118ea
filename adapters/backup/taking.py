"""Taking a backup while the office works, and checking one.

Each store is read as it was at one moment, and the moments are in such an order that nothing is named which isn't there.
First the log, up to its head. Then the files, which are durable before what names them. Then the desk, under its lock,
with those files of its quarantine that were not there before: a message that leaves the quarantine loses its file there.
The vault last: a key is durable before the event that it seals, and is destroyed before the files that it opens.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

from pydantic import ValidationError
from sqlalchemy import Connection, Table, func, select

from adapters import desk, vault
from adapters.backup.archive import ArchiveWriter, BackupDamaged, Hashing, read_archive
from adapters.backup.inventory import Inventory, Summary
from adapters.backup.place import Place
from adapters.backup.records import EventRow, commands, event_chunks, events, read_events, read_table, table_chunks
from adapters.databases import Database, Migrations, open_database
from adapters.event_store.opening import open_recorder
from adapters.files import FileStore, make_durable
from projections.engine.folding import Progress

_EVENTS_AT_ONCE: Final = 10_000
MIGRATIONS: Final[dict[str, Migrations]] = {"vault": vault.MIGRATIONS, "desk": desk.MIGRATIONS}


class BackupExists(Exception):
    """There is a file of that name, or another backup is being written to it."""


def take_backup(place: Place, path: Path, taking: Progress, checking: Progress) -> Summary:
    """Writes a backup to `path`, reads it back, and only then gives it its name.

    Raises `BackupExists`, `BackupDamaged` where what was read back is not what was written, and `StoreUnavailable`.
    """
    if path.exists():
        raise BackupExists(f"{path} is there already: a backup replaces nothing")
    with _unfinished(path) as (file, unfinished):
        with _databases(place) as databases:
            summary = _write(databases, FileStore(place.files), file, taking)
        os.fsync(file.fileno())
        if check_backup(unfinished, checking) != summary:
            raise BackupDamaged(f"{path} does not read back as it was written")
        os.link(unfinished, path)  # which, unlike a rename, replaces nothing
    make_durable(path.parent)
    return summary


def check_backup(path: Path, progress: Progress, inventory: Inventory | None = None) -> Summary:
    """Reads a backup to its end: what is in it. Raises `BackupDamaged`."""
    counted = inventory or Inventory()
    if not path.is_file():
        raise BackupDamaged(f"there is no backup {path}")
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        manifest: list[dict[str, Any]] = []
        for name, content in read_archive(file, manifest.append):
            try:
                _count(counted, name, content)
            except (ValueError, TypeError, LookupError) as error:
                raise BackupDamaged(f"{path} was altered: {name} can't be read: {error}") from None
            progress(file.tell(), size)
    return confirmed(path, manifest[0], counted)


def confirmed(path: Path, manifest: dict[str, Any], counted: Inventory) -> Summary:
    """What the manifest says, if that is what was counted. Raises `BackupDamaged`."""
    try:
        told = Summary.model_validate(manifest)
    except ValidationError:
        raise BackupDamaged(f"{path} was altered: its manifest is none") from None
    if counted.summary(told.taken_at, told.schemas) != told:
        raise BackupDamaged(f"{path} was altered: it does not hold what its manifest says")
    for store, version in told.schemas.items():
        if version > len(MIGRATIONS[store]):
            raise BackupDamaged(f"the {store} in {path} has schema {version}: a newer program wrote it")
    return told


def _count(counted: Inventory, name: str, content: Hashing) -> None:
    kind = name.rpartition("/")[0]
    if kind == "log/events":
        for _ in counted.events(read_events(content.read())):
            """It is counted."""
    elif kind.startswith("files/"):
        size = 0
        while chunk := content.read(1 << 20):
            size += len(chunk)
        counted.file(size)
    else:
        for _ in counted.rows(kind, read_table(kind, content.read())[1]):
            """It is counted."""


@contextmanager
def _unfinished(path: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """A file beside `path`, which does not stay; that of a backup that was killed is taken over."""
    unfinished = path.with_name(path.name + ".unfinished")
    descriptor = os.open(unfinished, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupExists(f"another backup is being written to {path}") from None
        file.truncate()
        try:
            yield file, unfinished
        finally:
            unfinished.unlink()


@contextmanager
def _databases(place: Place) -> Iterator[dict[str, Database]]:
    """The log, the vault and the desk, their schemas today's."""
    open_recorder(place.log).close()
    with ExitStack() as opened:
        databases = {}
        for name in ("log", *MIGRATIONS):
            databases[name] = opened.enter_context(closing(open_database(name, place.stores()[name], durable=True)))
            if name in MIGRATIONS:
                databases[name].migrate(MIGRATIONS[name])
        yield databases


def _write(databases: dict[str, Database], files: FileStore, file: IO[bytes], progress: Progress) -> Summary:
    with ArchiveWriter(file) as archive:
        summary = _Taking(databases, files, archive, progress).take()
        archive.finish(summary.model_dump(mode="json"))
    file.flush()
    return summary


def _quarantined(connection: Connection) -> set[str]:
    quarantine = next(table for table in desk.TABLES if table.name == "quarantine")
    return set(connection.scalars(select(quarantine.c.file_name)))


class _Taking:
    """Puts the stores into an archive, and counts what they hold."""

    def __init__(
        self, databases: dict[str, Database], files: FileStore, archive: ArchiveWriter, progress: Progress
    ) -> None:
        self._databases = databases
        self._files = files
        self._archive = archive
        self._inventory = Inventory()
        self._progress = progress
        self._total = 0

    def take(self) -> Summary:
        taken_at = datetime.now(UTC).isoformat(timespec="seconds")
        with self._databases["log"].reading() as connection:
            head: int = connection.scalar(select(func.max(events.c.position))) or 0
        self._total = head + sum(1 for _ in self._files.names())
        self._log(head)
        with self._databases["desk"].reading() as connection:
            quarantined = _quarantined(connection)
        there = {name for name in self._files.names() if self._file(name) and name in quarantined}
        with self._databases["desk"].writing() as connection:
            self._tables("desk", connection, desk.TABLES)
            for name in _quarantined(connection) - there:
                self._file(name)
        with self._databases["vault"].reading() as connection:
            self._tables("vault", connection, vault.TABLES)
        return self._inventory.summary(taken_at, {store: len(steps) for store, steps in MIGRATIONS.items()})

    def _log(self, head: int) -> None:
        log = self._databases["log"]
        for chunk in event_chunks(self._inventory.events(_events(log, head))):
            self._add("log/events", chunk)
        with log.reading() as connection:
            # Of commands that wrote nothing, one that came since may be among them: it stands at the head, as the others.
            recorded = log.stream(connection, select(commands).where(commands.c.position <= head))
            self._table("log/commands", commands, recorded)

    def _tables(self, store: str, connection: Connection, tables: Sequence[Table]) -> None:
        for table in tables:
            self._table(f"{store}/{table.name}", table, self._databases[store].stream(connection, select(table)))

    def _file(self, name: str) -> bool:
        """Whether it was still there."""
        try:
            content = self._files.open_sealed(name)
        except FileNotFoundError:
            return False
        with content:
            size = os.fstat(content.fileno()).st_size
            self._archive.add_file(f"files/{name[:2]}/{name}", content, size)
        self._inventory.file(size)
        self._show()
        return True

    def _table(self, kind: str, table: Table, rows: Iterator[Sequence[Any]]) -> None:
        for chunk in table_chunks(table, self._inventory.rows(kind, rows)):
            self._add(kind, chunk)

    def _add(self, kind: str, chunk: bytes) -> None:
        self._archive.add(kind, chunk)
        self._show()

    def _show(self) -> None:
        self._total = max(self._total, self._inventory.done)
        self._progress(self._inventory.done, self._total)


def _events(database: Database, head: int) -> Iterator[EventRow]:
    """The log up to `head`, some at a time: it only ever grows, and no transaction lasts."""
    after = 0
    while after < head:
        following = select(events).where(events.c.position > after, events.c.position <= head)
        with database.reading() as connection:
            rows = connection.execute(following.order_by(events.c.position).limit(_EVENTS_AT_ONCE)).all()
        if not rows:
            return
        for row in rows:
            yield EventRow(*row)
        after = rows[-1].position
