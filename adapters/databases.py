"""The databases of the stores, SQLite or PostgreSQL, through SQLAlchemy, with the transactions and locks that we mean.

What differs between the two is known here; the stores say the same to both.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeAlias

import orjson
import psycopg
import psycopg.conninfo
import psycopg.errors
import psycopg.sql
from sqlalchemy import (
    URL,
    BigInteger,
    Column,
    Connection,
    Engine,
    Integer,
    Select,
    Table,
    create_engine,
    event,
    insert,
    make_url,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from projections.read_store import Unavailable

BUSY_TIMEOUT_SECONDS: Final = 15.0
_CONNECT_TIMEOUT_SECONDS: Final = 5
_TRUSTED_SECONDS: Final = 1.0
_ROWS_AT_ONCE: Final = 5_000
_FORGETTING_WAITS_MS: Final = 2_000

Migrations: TypeAlias = Sequence[Callable[[Connection], None]]
"""The steps that bring a store's schema from nothing to today's; a released step is never changed, only followed."""


class StoreUnavailable(Unavailable):
    """A store can't be read or written now: its disk is full, it is locked, read-only or gone. Try again later."""

    def __init__(self, store: str, reason: object) -> None:
        super().__init__(f"the {store} can't be used now: {reason}")
        self.store = store


class NewerSchema(StoreUnavailable):
    """A newer program has migrated the store: this one must not touch it."""


class BadStoreUrl(ValueError):
    """A store's address is not `sqlite:///FILE` or `postgresql://…/DATABASE`."""


# --- addresses ----------------------------------------------------------------------------------


def store_url(text: str) -> URL:
    """A store's address as someone wrote it. Raises `BadStoreUrl`, which never shows a password."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise BadStoreUrl(f"not an address like {_RIGHT}") from None
    if url.drivername not in {"sqlite", "postgresql"}:
        raise BadStoreUrl(f"{url.drivername}:// is no store of ours, which is {_RIGHT}")
    if "@" in (url.host or ""):  # a part of the password, maybe: it is not shown
        raise BadStoreUrl("a password's own @ is written %40, its : %3A, its / %2F")
    if not url.database or url.database == ":memory:":
        raise BadStoreUrl(f"{shown_url(url)} names no {'file' if url.drivername == 'sqlite' else 'database'}: {_RIGHT}")
    if url.drivername == "sqlite" and (url.host or url.query):
        raise BadStoreUrl(f"{shown_url(url)}: sqlite:/// has three slashes, a file's path, and nothing else")
    return url


_RIGHT: Final = "sqlite:///FILE or postgresql://USER@HOST/DATABASE"


def sqlite_url(path: Path) -> URL:
    return URL.create("sqlite", database=str(path))


def shown_url(url: URL) -> str:
    """The address without its secrets."""
    query = {name: "***" if "password" in name else value for name, value in url.query.items()}
    return url.set(query=query).render_as_string(hide_password=True)


def libpq_url(url: URL) -> str:
    """The address as psycopg takes it."""
    named = {"host": url.host, "port": url.port, "user": url.username, "password": url.password, "dbname": url.database}
    options = {name: value if isinstance(value, str) else ",".join(value) for name, value in url.query.items()}
    options |= {name: str(value) for name, value in named.items() if value is not None}
    return psycopg.conninfo.make_conninfo("", **options)


# --- columns ------------------------------------------------------------------------------------

BigId = BigInteger().with_variant(Integer, "sqlite")
"""An integer of 64 bits; in SQLite, as a primary key, the row's own place."""


# --- databases ----------------------------------------------------------------------------------


class Hold:
    """A lock that is held, for as long as `confirm` raises nothing."""

    def __init__(self, confirm: Callable[[], None] = lambda: None) -> None:
        self._confirm = confirm

    def confirm(self) -> None:
        """Raises `StoreUnavailable` where the lock was lost: another process may hold it now."""
        self._confirm()


class Database(ABC):
    """One store's database. `durable` means that a commit outlives a power cut at once, not only a killed process."""

    engine: Engine
    upsert: Callable[[Table], Any]
    """An INSERT that has `on_conflict_do_update` and `on_conflict_do_nothing`."""

    def __init__(self, store: str, url: URL) -> None:
        self.store = store
        self.url = url

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the store throughout. Raises `StoreUnavailable`."""
        with self.naming_the_store(), self.engine.connect() as connection:
            connection.execution_options(greffier_writes=False)
            with connection.begin():
                yield connection

    @contextmanager
    def glancing(self) -> Iterator[Connection]:
        """For one statement that reads: it needs no transaction around it. Raises `StoreUnavailable`."""
        with self.reading() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that holds the store's write lock from its first moment. Raises `StoreUnavailable`."""
        with self.naming_the_store(), self.engine.connect() as connection:
            connection.execution_options(greffier_writes=True)
            with connection.begin():
                yield connection

    @contextmanager
    def writing_beside(self) -> Iterator[Connection]:
        """A transaction that writes what no other does, beside another's where the store can do two at once.

        Raises `StoreUnavailable`.
        """
        with self.naming_the_store(), self.engine.connect() as connection:
            connection.execution_options(greffier_writes=True, greffier_beside=True)
            with connection.begin():
                yield connection

    def migrate(self, steps: Migrations) -> None:
        """Brings the schema up to date, once, whichever process comes first; a database that isn't there is created.

        Raises `NewerSchema`.
        """
        self.create()
        with self.reading() as connection:
            if self._known_version(connection, steps) == len(steps):
                return
        with self.writing() as connection:
            version = self._known_version(connection, steps)
            self._prepare_schema(connection)
            for step in steps[version:]:
                step(connection)
            self._set_schema_version(connection, len(steps))

    def _known_version(self, connection: Connection, steps: Migrations) -> int:
        version = self._schema_version(connection)
        if version > len(steps):
            raise NewerSchema(
                self.store, f"its schema is version {version}, and this program knows {len(steps)}: it is newer"
            )
        return version

    @abstractmethod
    def _schema_version(self, connection: Connection) -> int: ...

    @abstractmethod
    def _prepare_schema(self, connection: Connection) -> None: ...

    @abstractmethod
    def _set_schema_version(self, connection: Connection, version: int) -> None: ...

    @abstractmethod
    def exists(self) -> bool:
        """Whether the store was made. Raises `StoreUnavailable` where that can't be told."""

    @abstractmethod
    def create(self) -> None:
        """Creates the database, empty, unless it is there."""

    @abstractmethod
    def drop(self) -> None:
        """Removes the store and all that it holds."""

    @abstractmethod
    def lock(self, name: str, *, wait: bool = False) -> AbstractContextManager[Hold | None]:
        """Holds a lock among all processes that use this store: a context that gives a `Hold`, or None if it is
        another's (with `wait`, it is waited for). A process that dies holds none.
        """

    @abstractmethod
    def rows_among(self, connection: Connection, columns: Sequence[Column[Any]], ids: Sequence[int]) -> list[Any]:
        """These columns of the rows whose first column is one of `ids`: few statements, however many ids."""

    @abstractmethod
    def insert_all(self, connection: Connection, table: Table, rows: Iterable[Sequence[Any]]) -> int:
        """Inserts rows, each in the table's order of columns, as fast as the store can; gives how many."""

    def stream(self, connection: Connection, selected: Select[Any]) -> Iterator[Any]:
        """The rows of a query, held some at a time."""
        yield from connection.execute(selected, execution_options={"yield_per": _ROWS_AT_ONCE})

    @abstractmethod
    def forget(self, tables: Sequence[Table]) -> None:
        """Sees to it that what was just overwritten or deleted lingers in the store as little as the store allows."""

    @abstractmethod
    def overwriting(self, connection: Connection) -> None:
        """Lets what this transaction changes be overwritten where it stands, if the store can."""

    @contextmanager
    def naming_the_store(self) -> Iterator[None]:
        """Turns what the drivers raise about a store that can't be used into `StoreUnavailable`."""
        try:
            yield
        except DBAPIError as error:
            if not (error.connection_invalidated or _is_unavailable(error.orig)):
                raise
            raise StoreUnavailable(self.store, _first_line(error.orig)) from error
        except PoolTimeout as error:
            raise StoreUnavailable(self.store, "all its connections are in use") from error
        except (sqlite3.Error, psycopg.Error) as error:
            if not _is_unavailable(error):
                raise
            raise StoreUnavailable(self.store, _first_line(error)) from error

    def close(self) -> None:
        self.engine.dispose()


class SQLiteDatabase(Database):
    """One file in WAL mode."""

    upsert = staticmethod(sqlite.insert)

    def __init__(self, store: str, url: URL, *, durable: bool) -> None:
        super().__init__(store, url)
        self.path = Path(str(url.database))
        self.engine = _sqlite_engine(self.path, "FULL" if durable else "NORMAL")

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
        driver: Any = (
            connection.connection.driver_connection
        )  # a plain tuple costs half of what a row of SQLAlchemy does
        with closing(driver.execute(f"{_select(columns)} WHERE {among}", (json_text(ids),))) as cursor:
            rows: list[Any] = cursor.fetchall()
        return rows

    def insert_all(self, connection: Connection, table: Table, rows: Iterable[Sequence[Any]]) -> int:
        names, statement, count = table.columns.keys(), insert(table), 0
        waiting = iter(rows)
        while some := [dict(zip(names, row, strict=True)) for row in islice(waiting, _ROWS_AT_ONCE)]:
            connection.execute(statement, some)
            count += len(some)
        return count

    def overwriting(self, connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA secure_delete = ON")

    def forget(self, tables: Sequence[Table]) -> None:  # noqa: ARG002  # the WAL is the whole file's
        """Brings the WAL into the file and empties it; where others are reading, a later checkpoint will."""
        with self.naming_the_store(), closing(_sqlite_session(self.path)) as connection:
            connection.execute(f"PRAGMA busy_timeout = {_FORGETTING_WAITS_MS}")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


class PostgresDatabase(Database):
    """One database of a PostgreSQL server. Stores may share one: each has a schema of its own in it."""

    upsert = staticmethod(postgresql.insert)

    def __init__(self, store: str, url: URL, *, durable: bool) -> None:
        super().__init__(store, url)
        self._schema = _schema_of(store)
        patience = f"-c lock_timeout={BUSY_TIMEOUT_SECONDS * 1000:.0f}"
        self.engine = _postgres_engine(url, f"{postgres_options(store, durable=durable)} {patience}")
        self._write_lock = lock_number(store, "writing")

        @event.listens_for(self.engine, "begin")
        def begin(connection: Connection) -> None:
            options = connection.get_execution_options()
            writes = options.get("greffier_writes")
            driver = _driver(connection)  # it says this with its BEGIN, which costs no round trip of its own
            driver.isolation_level = None if writes else psycopg.IsolationLevel.REPEATABLE_READ
            driver.read_only = None if writes else True
            if writes and not options.get("greffier_beside"):
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (self._write_lock,))

    @contextmanager
    def glancing(self) -> Iterator[Connection]:
        with self.naming_the_store(), self.engine.connect() as connection:  # no BEGIN and no COMMIT: one round trip
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    def exists(self) -> bool:
        try:
            with self.reading() as connection:
                return self._schema_version(connection) > 0
        except StoreUnavailable as error:
            if self._is_absent(error):
                return False
            raise

    def create(self) -> None:
        try:
            with self.reading():
                return
        except StoreUnavailable as error:
            if not self._is_absent(error):
                raise
        # The C locale orders texts as SQLite does, and suits every server's encoding.
        create = psycopg.sql.SQL("CREATE DATABASE {} ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0").format(
            psycopg.sql.Identifier(str(self.url.database))
        )
        with self._maintenance() as connection:
            try:
                connection.execute(create)
            except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                pass  # another process came first
            except psycopg.errors.InsufficientPrivilege as error:
                asked = f'CREATE DATABASE "{self.url.database}" OWNER "{connection.info.user}"'
                raise StoreUnavailable(
                    self.store,
                    f'the database "{self.url.database}" does not exist, and the role "{connection.info.user}" may '
                    f"not create it: ask the server's administrator for {asked} ENCODING 'UTF8' TEMPLATE template0",
                ) from error

    def drop(self) -> None:
        if self.exists():
            with self.writing() as connection:
                connection.exec_driver_sql(f"DROP SCHEMA {self._schema} CASCADE")

    def _is_absent(self, error: StoreUnavailable) -> bool:
        """Whether the server answers, and has no such database."""
        if _is_missing_database(error.__cause__):
            return True
        # While connecting, libpq gives a text in the server's language, and no code.
        try:
            with self._maintenance() as connection:
                found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (self.url.database,))
                return found.fetchone() is None
        except StoreUnavailable:
            return False

    @contextmanager
    def _maintenance(self) -> Iterator[psycopg.Connection[Any]]:
        with self.naming_the_store(), closing(_session(self.url.set(database="postgres"))) as connection:
            yield connection

    # The catalogue is read as tables: `to_regclass` may answer from what the session remembers, in spite of our lock.

    def _has_schema(self, connection: Connection) -> bool:
        found = connection.exec_driver_sql("SELECT 1 FROM pg_namespace WHERE nspname = %s", (self._schema,))
        return found.scalar() is not None

    def _schema_version(self, connection: Connection) -> int:
        found = connection.exec_driver_sql(
            "SELECT 1 FROM pg_tables WHERE schemaname = %s AND tablename = 'greffier_schema'", (self._schema,)
        )
        if found.scalar() is None:
            return 0
        return int(connection.exec_driver_sql("SELECT version FROM greffier_schema").scalar() or 0)

    def _prepare_schema(self, connection: Connection) -> None:
        connection.exec_driver_sql("SET LOCAL synchronous_commit = on")  # a schema is not to be lost in a crash
        if not self._has_schema(connection):  # an administrator may have made it for a role that may not
            connection.exec_driver_sql(f"CREATE SCHEMA {self._schema}")
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS greffier_schema (version integer NOT NULL)")

    def _set_schema_version(self, connection: Connection, version: int) -> None:
        connection.exec_driver_sql("DELETE FROM greffier_schema")
        connection.exec_driver_sql("INSERT INTO greffier_schema VALUES (%s)", (version,))

    @contextmanager
    def lock(self, name: str, *, wait: bool = False) -> Iterator[Hold | None]:
        # The lock is the session's: it goes with the connection, which is nobody else's.
        take = f"SELECT pg_{'' if wait else 'try_'}advisory_lock(%s)"
        with self.naming_the_store():
            session = _session(self.url)

        def confirm() -> None:
            with self.naming_the_store():
                session.execute("SELECT 1")

        with closing(session):
            with self.naming_the_store():
                row = session.execute(take, (lock_number(self.store, name),)).fetchone()
            yield None if row == (False,) else Hold(confirm)

    def rows_among(self, connection: Connection, columns: Sequence[Column[Any]], ids: Sequence[int]) -> list[Any]:
        with _driver(connection).cursor(binary=True) as cursor:
            cursor.execute(f"{_select(columns)} WHERE {columns[0].name} = ANY(%s)", (list(ids),))
            return cursor.fetchall()

    def insert_all(self, connection: Connection, table: Table, rows: Iterable[Sequence[Any]]) -> int:
        names = ", ".join(f'"{column.name}"' for column in table.columns)
        types = [column.type.compile(postgresql.dialect()).lower() for column in table.columns]  # type: ignore[no-untyped-call]
        count = 0
        with _driver(connection).cursor() as cursor:
            copy_in = f'COPY "{table.name}" ({names}) FROM STDIN (FORMAT BINARY)'
            with cursor.copy(copy_in) as copy:
                copy.set_types(types)
                for row in rows:
                    copy.write_row(row)
                    count += 1
        return count

    def overwriting(self, connection: Connection) -> None:
        """PostgreSQL writes every change beside what was there: `forget` sees to that."""

    def forget(self, tables: Sequence[Table]) -> None:
        """Rewrites the tables without what they no longer hold, or, where others are reading them, lets its place be
        taken by what comes next. The server's write-ahead log is recycled in its own time.
        """
        with (
            self.naming_the_store(),
            closing(_session(self.url, postgres_options(self.store, durable=True))) as session,
        ):
            session.execute(f"SET lock_timeout = {_FORGETTING_WAITS_MS}")
            for table in tables:
                try:
                    session.execute(f'VACUUM FULL "{table.name}"')
                except psycopg.errors.LockNotAvailable:
                    session.execute(f'VACUUM (TRUNCATE FALSE) "{table.name}"')


def open_database(store: str, url: URL, *, durable: bool) -> Database:
    """The database at this address, which need not be there yet."""
    kind = SQLiteDatabase if url.get_backend_name() == "sqlite" else PostgresDatabase
    return kind(store, url, durable=durable)


def postgres_options(store: str, *, durable: bool) -> str:
    """How a connection to this store is to be set up (libpq's `options`)."""
    commit = "on" if durable else "off"
    return f"-c search_path={_schema_of(store)} -c synchronous_commit={commit} -c timezone=UTC"


def _schema_of(store: str) -> str:
    return f"greffier_{store.replace(' ', '_')}"


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


def _sqlite_session(path: Path) -> sqlite3.Connection:
    """A connection that no pool lends, on a file that is there."""
    return sqlite3.connect(path.resolve().as_uri() + "?mode=rw", uri=True, isolation_level=None)


def _postgres_engine(url: URL, options: str) -> Engine:
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(libpq_url(url), options=options, **_CONNECTING),
        pool_size=8,
        max_overflow=24,
        pool_timeout=10,
        **_COMMON,
    )

    # After the server was restarted, no request is to meet a dead connection; those just used are not asked.
    @event.listens_for(engine, "checkin")
    def note(_: Any, record: Any) -> None:
        record.info["greffier_used_at"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def try_out(connection: Any, record: Any, _: Any) -> None:
        if time.monotonic() - record.info.get("greffier_used_at", time.monotonic()) > _TRUSTED_SECONDS:
            try:
                connection.execute("SELECT 1")
                connection.rollback()
            except psycopg.Error as error:
                raise DisconnectionError from error

    return engine


def _session(url: URL, options: str = "") -> psycopg.Connection[Any]:
    """A connection that no pool lends. Of a machine that died, the server notices within a minute."""
    noticing = "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
    return psycopg.connect(libpq_url(url), autocommit=True, options=f"{options} {noticing}", **_CONNECTING)


def _driver(connection: Connection) -> psycopg.Connection[Any]:
    driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    return driver


def _select(columns: Sequence[Column[Any]]) -> str:
    return f"SELECT {', '.join(column.name for column in columns)} FROM {columns[0].table.name}"


def json_text(value: Any) -> str:
    return orjson.dumps(value).decode()


_COMMON: Final[Mapping[str, Any]] = {
    "hide_parameters": True,  # an error that is logged must not show a personal row
    "json_serializer": json_text,
    "json_deserializer": orjson.loads,
}
_CONNECTING: Final[Mapping[str, Any]] = {
    "connect_timeout": _CONNECT_TIMEOUT_SECONDS,
    "application_name": f"greffier {os.getpid()}",
}

_SQLITE_UNAVAILABLE: Final = frozenset(
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
_POSTGRES_UNAVAILABLE: Final = (
    psycopg.OperationalError,  # the server is gone, starting, stopping, full, or its lock is another's
    psycopg.errors.ReadOnlySqlTransaction,
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.InvalidCatalogName,
    psycopg.errors.IdleInTransactionSessionTimeout,
    psycopg.errors.DataCorrupted,
    psycopg.errors.IndexCorrupted,
)


def _is_unavailable(error: BaseException | None) -> bool:
    """Whether it is the store that fails, and not what was asked of it."""
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None)  # the module's own complaints have none
        return code is not None and code & 0xFF in _SQLITE_UNAVAILABLE
    return isinstance(error, _POSTGRES_UNAVAILABLE)


def _is_missing_database(error: BaseException | None) -> bool:
    origin = error.orig if isinstance(error, DBAPIError) else error
    return isinstance(origin, psycopg.errors.InvalidCatalogName) or (
        isinstance(origin, psycopg.OperationalError) and 'FATAL:  database "' in str(origin) and "exist" in str(origin)
    )


def _first_line(error: BaseException | None) -> str:
    return str(error).strip().partition("\n")[0]
