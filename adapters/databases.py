"""SQLite databases through SQLAlchemy, with the transactions that we mean. One file is one store."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, Literal

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

BUSY_TIMEOUT_SECONDS: Final = 15.0


class StoreUnavailable(Exception):
    """A store can't be read or written now: its disk is full, it is locked, read-only or gone. Try again later."""

    def __init__(self, store: str, reason: object) -> None:
        super().__init__(f"the {store} can't be used now: {reason}")
        self.store = store


class Database:
    """One SQLite file in WAL mode. `FULL` makes a commit durable at once; `NORMAL` survives a crash of the process."""

    def __init__(self, store: str, path: Path, *, synchronous: Literal["FULL", "NORMAL"]) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(store, error) from error
        self.store = store
        self.path = path
        self.engine = _engine(path, synchronous)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the store throughout. Raises `StoreUnavailable`."""
        with self._naming_the_store(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that holds the store's write lock from its first moment. Raises `StoreUnavailable`."""
        with self._naming_the_store(), self.engine.connect() as connection:
            connection.execution_options(greffier_writes=True)
            with connection.begin():
                yield connection

    def checkpoint(self) -> None:
        """Brings the WAL into the file and empties it; where others are reading, a later checkpoint will."""
        with self._naming_the_store(), closing(self.engine.raw_connection()) as connection:
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def _naming_the_store(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise StoreUnavailable(self.store, error.orig) from error
        except sqlite3.Error as error:
            raise StoreUnavailable(self.store, error) from error

    def close(self) -> None:
        self.engine.dispose()


def _engine(path: Path, synchronous: str) -> Engine:
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=str(path)),
        connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        pool_size=8,
        hide_parameters=True,  # an error that is logged must not show a personal row
        max_overflow=64,
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode = WAL", f"synchronous = {synchronous}", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A deferred transaction that turns into a writer fails with "locked" at once, whatever the timeout.
        writes = connection.get_execution_options().get("greffier_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
