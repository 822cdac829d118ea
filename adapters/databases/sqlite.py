"""A store in SQLite."""

from __future__ import annotations

import fcntl
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Column, Connection, Engine, Table, create_engine, event, insert
from sqlalchemy.dialects import sqlite

from adapters.databases.database import (
    BUSY_TIMEOUT_SECONDS,
    ENGINE_SETTINGS,
    FORGETTING_WAITS_MS,
    ROWS_AT_ONCE,
    Database,
    Hold,
    StoreUnavailable,
    json_text,
    select_text,
)

_UNAVAILABLE: Final = frozenset(
    {
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOLFS,
        sqlite3.SQLITE_NOTADB,
    }
)


class SQLiteDatabase(Database):
    """One file in WAL mode."""

    upsert = staticmethod(sqlite.insert)
    driver_error = sqlite3.Error

    def __init__(self, store: str, url: URL, *, durable: bool) -> None:
        super().__init__(store, url)
        self.path = Path(str(url.database))
        self.engine = _engine(self.path, "FULL" if durable else "NORMAL")

    def exists(self) -> bool:
        if not self.path.exists():
            return False
        with self.reading() as connection:
            return bool(connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar())

    def create(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(self.store, error) from error
        with self.reading():
            """SQLite creates a file when it is first opened."""

    def drop(self) -> None:
        self.close()
        for ending in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + ending).unlink(missing_ok=True)

    def _schema_version(self, connection: Connection) -> int:
        return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())

    def _prepare_schema(self, connection: Connection) -> None:
        """A file is a schema."""

    def _set_schema_version(self, connection: Connection, version: int) -> None:
        connection.exec_driver_sql(f"PRAGMA user_version = {version}")

    @contextmanager
    def lock(self, name: str, *, wait: bool = False) -> Iterator[Hold | None]:
        try:
            file = self.path.with_name(f"{self.path.name}.{name}.lock").open("ab")
        except OSError as error:
            raise StoreUnavailable(self.store, error) from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield None
            else:
                yield Hold()

    def rows_among(self, connection: Connection, columns: Sequence[Column[Any]], ids: Sequence[int]) -> list[Any]:
        among = f"{columns[0].name} IN (SELECT value FROM json_each(?))"
        driver: Any = connection.connection.driver_connection  # its tuples cost half of what SQLAlchemy's rows do
        with closing(driver.execute(f"{select_text(columns)} WHERE {among}", (json_text(ids),))) as cursor:
            rows: list[Any] = cursor.fetchall()
        return rows

    def insert_all(self, connection: Connection, table: Table, rows: Iterable[Sequence[Any]]) -> int:
        names, statement, count = table.columns.keys(), insert(table), 0
        waiting = iter(rows)
        while some := [dict(zip(names, row, strict=True)) for row in islice(waiting, ROWS_AT_ONCE)]:
            connection.execute(statement, some)
            count += len(some)
        return count

    def overwriting(self, connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA secure_delete = ON")

    def forget(self, tables: Sequence[Table]) -> None:  # noqa: ARG002  # the WAL is the whole file's
        """Brings the WAL into the file and empties it; where others are reading, a later checkpoint will."""
        with self.naming_the_store(), closing(_session(self.path)) as connection:
            connection.execute(f"PRAGMA busy_timeout = {FORGETTING_WAITS_MS}")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _is_unavailable(self, error: BaseException | None) -> bool:
        code = getattr(error, "sqlite_errorcode", None)  # the module's own complaints have none
        return code is not None and code & 0xFF in _UNAVAILABLE


def _engine(path: Path, synchronous: str) -> Engine:
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=str(path)),
        connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        pool_size=8,
        max_overflow=64,
        **ENGINE_SETTINGS,
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        use_wal(connection)
        pragmas = [f"synchronous = {synchronous}", "foreign_keys = ON"]
        if synchronous == "NORMAL":
            pragmas.append("wal_autocheckpoint = 10000")  # pages: a build writes much, and again and again to some
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A deferred transaction that turns into a writer fails with "locked" at once, whatever the timeout.
        writes = connection.get_execution_options().get("greffier_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def use_wal(connection: sqlite3.Connection) -> None:
    """Turns a file to WAL mode. Of several processes that do it at once, SQLite tells all but one that it is locked,
    however long they would wait.
    """
    deadline = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            return


def _session(path: Path) -> sqlite3.Connection:
    """A connection that no pool lends, on a file that is there."""
    return sqlite3.connect(path.resolve().as_uri() + "?mode=rw", uri=True, isolation_level=None)
