"""A store in PostgreSQL, and how every connection to a server is made."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final

import psycopg
import psycopg.errors
from sqlalchemy import URL, Column, Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError, DisconnectionError

from adapters.databases.addresses import libpq_url
from adapters.databases.database import (
    BUSY_TIMEOUT_SECONDS,
    ENGINE_SETTINGS,
    FORGETTING_WAITS_MS,
    Database,
    Hold,
    StoreUnavailable,
    quoted,
    select_text,
)

_CONNECT_TIMEOUT_SECONDS: Final = 5
_TRUSTED_SECONDS: Final = 1.0
_NOTICING_A_DEAD_CLIENT: Final = "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
NOTICING_A_DEAD_SERVER: Final[Mapping[str, int]] = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
"""The driver's settings by which a server that died is noticed: seconds, and milliseconds for what stays unanswered."""

_UNAVAILABLE: Final = (
    psycopg.OperationalError,  # the server is gone, starting, stopping, full, or its lock is another's
    psycopg.errors.ReadOnlySqlTransaction,
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.InvalidCatalogName,
    psycopg.errors.IdleInTransactionSessionTimeout,
    psycopg.errors.DataCorrupted,
    psycopg.errors.IndexCorrupted,
)


class PostgresDatabase(Database):
    """One database of a PostgreSQL server. Stores may share one: each has a schema of its own in it."""

    upsert = staticmethod(postgresql.insert)
    driver_error = psycopg.Error

    def __init__(self, store: str, url: URL, *, durable: bool) -> None:
        super().__init__(store, url)
        self._schema = _schema_of(store)
        self.engine = _engine(url, patient_options(store, durable=durable))
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
        name = quoted(str(self.url.database))
        create = f"CREATE DATABASE {name} ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0"
        with self._maintenance() as connection:
            try:
                connection.execute(create)
            except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                pass  # another process came first
            except psycopg.errors.InsufficientPrivilege as error:
                asked = f"CREATE DATABASE {name} OWNER {quoted(connection.info.user)}"
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
            cursor.execute(f"{select_text(columns)} WHERE {columns[0].name} = ANY(%s)", (list(ids),))
            return cursor.fetchall()

    def insert_all(self, connection: Connection, table: Table, rows: Iterable[Sequence[Any]]) -> int:
        names = ", ".join(quoted(column.name) for column in table.columns)
        types = [column.type.compile(postgresql.dialect()).lower() for column in table.columns]  # type: ignore[no-untyped-call]
        count = 0
        with _driver(connection).cursor() as cursor:
            copy_in = f"COPY {quoted(table.name)} ({names}) FROM STDIN (FORMAT BINARY)"
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
            session.execute(f"SET lock_timeout = {FORGETTING_WAITS_MS}")
            for table in tables:
                try:
                    session.execute(f"VACUUM FULL {quoted(table.name)}")
                except psycopg.errors.LockNotAvailable:
                    session.execute(f"VACUUM (TRUNCATE FALSE) {quoted(table.name)}")

    def _is_unavailable(self, error: BaseException | None) -> bool:
        return isinstance(error, _UNAVAILABLE)


# --- connections --------------------------------------------------------------------------------


def connect(url: URL, options: str, **settings: Any) -> psycopg.Connection[Any]:
    """A connection under the program's name, waited for no longer than each of ours; `settings` are the driver's."""
    return psycopg.connect(
        libpq_url(url),
        options=options,
        connect_timeout=_CONNECT_TIMEOUT_SECONDS,
        application_name=f"greffier {os.getpid()}",
        **settings,
    )


def postgres_options(store: str, *, durable: bool) -> str:
    """How a connection to this store is to be set up (libpq's `options`)."""
    commit = "on" if durable else "off"
    return f"-c search_path={_schema_of(store)} -c synchronous_commit={commit} -c timezone=UTC"


def patient_options(store: str, *, durable: bool) -> str:
    """The same for a connection whose statements wait for a lock as long as SQLite's do."""
    return f"{postgres_options(store, durable=durable)} -c lock_timeout={BUSY_TIMEOUT_SECONDS * 1000:.0f}"


def _schema_of(store: str) -> str:
    return f"greffier_{store.replace(' ', '_')}"


def lock_number(store: str, name: str) -> int:
    """The advisory lock of this name: PostgreSQL knows them by 64-bit numbers, each database its own."""
    digest = hashlib.sha256(f"greffier {store} {name}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


def _engine(url: URL, options: str) -> Engine:
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: connect(url, options),
        pool_size=8,
        max_overflow=24,
        pool_timeout=10,
        **ENGINE_SETTINGS,
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
    return connect(url, f"{options} {_NOTICING_A_DEAD_CLIENT}", autocommit=True)


def _driver(connection: Connection) -> psycopg.Connection[Any]:
    driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    return driver


def _is_missing_database(error: BaseException | None) -> bool:
    origin = error.orig if isinstance(error, DBAPIError) else error
    return isinstance(origin, psycopg.errors.InvalidCatalogName) or (
        isinstance(origin, psycopg.OperationalError) and 'FATAL:  database "' in str(origin) and "exist" in str(origin)
    )
