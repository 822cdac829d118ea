"""What a store asks of its database, in the same words for SQLite and PostgreSQL."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar, Final, TypeAlias

import orjson
from sqlalchemy import URL, BigInteger, Column, Connection, Engine, Integer, Select, Table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from projections.engine.read_store import Unavailable

BUSY_TIMEOUT_SECONDS: Final = 15.0
FORGETTING_WAITS_MS: Final = 2_000
ROWS_AT_ONCE: Final = 5_000

Migrations: TypeAlias = Sequence[Callable[[Connection], None]]
"""The steps that bring a store's schema from nothing to today's; a released step is never changed, only followed."""

BigId = BigInteger().with_variant(Integer, "sqlite")
"""An integer of 64 bits; in SQLite, as a primary key, the row's own place."""


class StoreUnavailable(Unavailable):
    """A store can't be read or written now: its disk is full, it is locked, read-only or gone. Try again later."""

    def __init__(self, store: str, reason: object) -> None:
        super().__init__(f"the {store} can't be used now: {reason}")
        self.store = store


class NewerSchema(StoreUnavailable):
    """A newer program has migrated the store: this one must not touch it."""


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
    driver_error: ClassVar[type[Exception]]
    """What the driver raises."""

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
        yield from connection.execute(selected, execution_options={"yield_per": ROWS_AT_ONCE})

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
            if not (error.connection_invalidated or self._is_unavailable(error.orig)):
                raise
            raise StoreUnavailable(self.store, first_line(error.orig)) from error
        except PoolTimeout as error:
            raise StoreUnavailable(self.store, "all its connections are in use") from error
        except self.driver_error as error:
            if not self._is_unavailable(error):
                raise
            raise StoreUnavailable(self.store, first_line(error)) from error

    @abstractmethod
    def _is_unavailable(self, error: BaseException | None) -> bool:
        """Whether it is the store that fails, and not what was asked of it."""

    def close(self) -> None:
        self.engine.dispose()


# --- what both drivers are told alike -----------------------------------------------------------


def quoted(name: str) -> str:
    """A table's or a column's name, as SQL takes it whatever its letters."""
    return '"' + name.replace('"', '""') + '"'


def select_text(columns: Sequence[Column[Any]]) -> str:
    return f"SELECT {', '.join(column.name for column in columns)} FROM {columns[0].table.name}"


def json_text(value: Any) -> str:
    return orjson.dumps(value).decode()


def first_line(error: BaseException | None) -> str:
    """What a driver's error says, without the statement that it may show below."""
    return str(error).strip().partition("\n")[0]


ENGINE_SETTINGS: Final[Mapping[str, Any]] = {
    "hide_parameters": True,  # an error that is logged must not show a personal row
    "json_serializer": json_text,
    "json_deserializer": orjson.loads,
}
