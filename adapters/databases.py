"""The databases of the stores, SQLite or PostgreSQL, through SQLAlchemy, with the transactions and locks that we mean."""

from __future__ import annotations

import fcntl
import hashlib
import os
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeAlias

import orjson
import psycopg
import psycopg.errors
import psycopg.sql
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

BUSY_TIMEOUT_SECONDS: Final = 15.0
_CONNECT_TIMEOUT_SECONDS: Final = 5

Migrations: TypeAlias = Sequence[Callable[[Connection], None]]
"""The steps that bring a store's schema from nothing to today's; a released step is never changed, only followed."""


class StoreUnavailable(Exception):
    """A store can't be read or written now: its disk is full, it is locked, read-only or gone. Try again later."""

    def __init__(self, store: str, reason: object) -> None:
        super().__init__(f"the {store} can't be used now: {reason}")
        self.store = store


class NewerSchema(StoreUnavailable):
    """A newer program has migrated the store: this one must not touch it."""


class BadStoreUrl(ValueError):
    """A store's address is not `sqlite:///FILE` or `postgresql://…/DATABASE`."""


def store_url(text: str) -> URL:
    """A store's address as someone wrote it. Raises `BadStoreUrl`, which never shows a password."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise BadStoreUrl("not an address like sqlite:///FILE or postgresql://USER@HOST/DATABASE") from None
    if url.drivername not in {"sqlite", "postgresql"} or not url.database or url.database == ":memory:":
        raise BadStoreUrl(f"{url.render_as_string()}: a store is sqlite:///FILE or postgresql://USER@HOST/DATABASE")
    return url


def sqlite_url(path: Path) -> URL:
    return URL.create("sqlite", database=str(path))


class Hold:
    """A lock that is held, for as long as `confirm` raises nothing."""

    def __init__(self, confirm: Callable[[], None] = lambda: None) -> None:
        self.confirm = confirm


class Database(ABC):
    """One store's database. `durable` means that a commit outlives a power cut at once, not only a killed process."""

    engine: Engine

    def __init__(self, store: str, url: URL) -> None:
        self.store = store
        self.url = url

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the store throughout. Raises `StoreUnavailable`."""
        with self.naming_the_store(), self.engine.connect() as connection:
            connection.execution_options(**self._reading_options)
            with connection.begin():
                yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that holds the store's write lock from its first moment. Raises `StoreUnavailable`."""
        with self.naming_the_store(), self.engine.connect() as connection:
            connection.execution_options(greffier_writes=True)
            with connection.begin():
                yield connection

    @property
    def _reading_options(self) -> dict[str, Any]:
        return {}

    def migrate(self, steps: Migrations) -> None:
        """Brings the schema up to date, once, whichever process comes first. Raises `NewerSchema`."""
        with self.writing() as connection:
            version = self._schema_version(connection)
            if version == len(steps):
                return
            if version > len(steps):
                raise NewerSchema(
                    self.store, f"its schema is version {version}, and this program knows {len(steps)}: it is newer"
                )
            for step in steps[version:]:
                step(connection)
            self._set_schema_version(connection, len(steps))

    @abstractmethod
    def _schema_version(self, connection: Connection) -> int: ...

    @abstractmethod
    def _set_schema_version(self, connection: Connection, version: int) -> None: ...

    @abstractmethod
    def exists(self) -> bool:
        """Whether the database is there. Raises `StoreUnavailable` where that can't be told."""

    @abstractmethod
    def create(self) -> None:
        """Creates the database, empty, unless it is there."""

    @abstractmethod
    def lock(self, name: str, *, wait: bool = False) -> Any:
        """Holds a lock among all processes that use this store: a context that gives a `Hold`, or None if it is
        another's (with `wait`, it is waited for). A process that dies holds none.
        """

    @abstractmethod
    def forget(self) -> None:
        """Sees to it that what was just overwritten or deleted lingers in the store as little as the store allows."""

    @contextmanager
    def naming_the_store(self) -> Iterator[None]:
        """Turns what the drivers raise about a store that can't be used into `StoreUnavailable`."""
        try:
            yield
        except DBAPIError as error:
            if not _is_unavailable(error.orig):
                raise
            raise StoreUnavailable(self.store, _first_line(error.orig)) from error
        except (PoolTimeout, sqlite3.Error, psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise StoreUnavailable(self.store, _first_line(error)) from error

    def close(self) -> None:
        self.engine.dispose()


class SQLiteDatabase(Database):
    """One file in WAL mode."""

    def __init__(self, store: str, url: URL, *, durable: bool) -> None:
        super().__init__(store, url)
        self.path = Path(str(url.database))
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(store, error) from error
        self.engine = _sqlite_engine(self.path, "FULL" if durable else "NORMAL")

    def exists(self) -> bool:
        return self.path.exists()

    def create(self) -> None:
        with self.reading():
            """SQLite creates a file when it is first opened."""

    def _schema_version(self, connection: Connection) -> int:
        return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())

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

    def forget(self) -> None:
        """Brings the WAL into the file and empties it; where others are reading, a later checkpoint will."""
        with self.naming_the_store(), closing(self.engine.raw_connection()) as connection:
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")


class PostgresDatabase(Database):
    """One database of a PostgreSQL server. Stores may share one: each has a schema of its own in it."""

    def __init__(self, store: str, url: URL, *, durable: bool) -> None:
        super().__init__(store, url)
        self.engine = _postgres_engine(url, postgres_options(store, durable=durable))
        self._write_lock = lock_number(store, "writing")

        @event.listens_for(self.engine, "begin")
        def begin(connection: Connection) -> None:
            if connection.get_execution_options().get("greffier_writes"):
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (self._write_lock,))

    @property
    def _reading_options(self) -> dict[str, Any]:
        return {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}

    def exists(self) -> bool:
        try:
            with self.reading():
                return True
        except StoreUnavailable as error:
            if _is_missing_database(error.__cause__):
                return False
            raise

    def create(self) -> None:
        if self.exists():
            return
        name = psycopg.sql.Identifier(str(self.url.database))
        create = psycopg.sql.SQL("CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE template0").format(name)
        with (
            self.naming_the_store(),
            psycopg.connect(libpq_url(self.url.set(database="postgres")), autocommit=True) as connection,
            suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation),  # another process came first
        ):
            connection.execute(create)

    def _schema_version(self, connection: Connection) -> int:
        if connection.exec_driver_sql("SELECT to_regclass('greffier_schema')").scalar() is None:
            connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {_schema_of(self.store)}")
            connection.exec_driver_sql("CREATE TABLE greffier_schema (version integer NOT NULL)")
        connection.exec_driver_sql("SET LOCAL synchronous_commit = on")  # a schema is not to be lost in a crash
        return int(connection.exec_driver_sql("SELECT version FROM greffier_schema").scalar() or 0)

    def _set_schema_version(self, connection: Connection, version: int) -> None:
        connection.exec_driver_sql("DELETE FROM greffier_schema")
        connection.exec_driver_sql("INSERT INTO greffier_schema VALUES (%s)", (version,))

    @contextmanager
    def lock(self, name: str, *, wait: bool = False) -> Iterator[Hold | None]:
        # The lock is the session's: it goes with the connection, which is nobody else's.
        take = f"SELECT pg_{'' if wait else 'try_'}advisory_lock(%s)"
        with self.naming_the_store():
            session = psycopg.connect(libpq_url(self.url), autocommit=True, connect_timeout=_CONNECT_TIMEOUT_SECONDS)

        def confirm() -> None:
            with self.naming_the_store():
                session.execute("SELECT 1")

        with closing(session):
            with self.naming_the_store():
                row = session.execute(take, (lock_number(self.store, name),)).fetchone()
            yield None if row == (False,) else Hold(confirm)

    def forget(self) -> None:
        """Nothing at once: VACUUM frees what was overwritten, and the write-ahead log is recycled (see `docs/`)."""


def open_database(store: str, url: URL, *, durable: bool) -> Database:
    kind = SQLiteDatabase if url.get_backend_name() == "sqlite" else PostgresDatabase
    return kind(store, url, durable=durable)


def postgres_options(store: str, *, durable: bool) -> str:
    """How a connection to this store is to be set up (libpq's `options`)."""
    commit = "on" if durable else "off"
    return f"-c search_path={_schema_of(store)} -c synchronous_commit={commit} -c timezone=UTC"


def _schema_of(store: str) -> str:
    return f"greffier_{store.replace(' ', '_')}"


def libpq_url(url: URL) -> str:
    """The address as psycopg takes it."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def lock_number(store: str, name: str) -> int:
    """The advisory lock of this name: PostgreSQL knows them by 64-bit numbers, each database its own."""
    digest = hashlib.sha256(f"greffier {store} {name}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


def _sqlite_engine(path: Path, synchronous: str) -> Engine:
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=str(path)),
        connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        pool_size=8,
        max_overflow=64,
        **_COMMON,
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


def _postgres_engine(url: URL, options: str) -> Engine:
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={
            "connect_timeout": _CONNECT_TIMEOUT_SECONDS,
            "options": options,
            "application_name": f"greffier {os.getpid()}",
        },
        pool_size=8,
        max_overflow=24,
        pool_timeout=10,
        pool_pre_ping=True,  # after the server was restarted, no request meets a dead connection
        **_COMMON,
    )


def json_text(value: Any) -> str:
    return orjson.dumps(value).decode()


_COMMON: Final[dict[str, Any]] = {
    "hide_parameters": True,  # an error that is logged must not show a personal row
    "json_serializer": json_text,
    "json_deserializer": orjson.loads,
}


def _is_unavailable(error: BaseException | None) -> bool:
    """Whether it is the store that fails, and not what was asked of it."""
    if isinstance(error, sqlite3.DatabaseError):
        return not isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError | sqlite3.DataError)
    return isinstance(
        error,
        psycopg.OperationalError | psycopg.InterfaceError | psycopg.errors.ReadOnlySqlTransaction,
    )


def _is_missing_database(error: BaseException | None) -> bool:
    origin = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(origin, psycopg.errors.InvalidCatalogName):
        return True
    # While connecting, libpq gives a text and no code.
    return (
        isinstance(origin, psycopg.OperationalError) and "does not exist" in str(origin) and "database" in str(origin)
    )


def _first_line(error: BaseException | None) -> str:
    return str(error).strip().partition("\n")[0]
