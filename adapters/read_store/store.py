"""What the read stores share: how far each view has come, and a transaction that writes views."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    bindparam,
    func,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.schema import CreateIndex, CreateTable

from adapters.databases import Database, Hold, quoted
from adapters.read_store.rows import RowCodec, row_codec
from projections.engine.projection import Key, Projection, Row, Utc
from projections.engine.read_store import CarelessTransaction, Overtaken, Refused, StoredView

_metadata = MetaData()
_views = Table(
    "greffier_views",
    _metadata,
    Column("name", String, primary_key=True),
    Column("fingerprint", String, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("state", String, nullable=False),
    Column("error", String),
    Column("rebuild_requested", Boolean, nullable=False),
    Column("rebuilt_to", BigInteger),
    Column("rate", Float, nullable=False),
    Column("moved_at", Utc),
)


_unknown_topics = Table(
    "greffier_unknown_topics",
    _metadata,
    Column("topic", String, primary_key=True),
    Column("position", BigInteger, nullable=False),
)
_SELECT_VIEWS: Final = f"SELECT {', '.join(_views.columns.keys())} FROM {_views.name}"
_MOVE: Final = (
    update(_views)
    .where(
        _views.c.name.in_(bindparam("names", expanding=True)),
        _views.c.position == bindparam("at"),
        _views.c.state == "live",
    )
    .values(position=bindparam("to"), rate=bindparam("rate_"), moved_at=bindparam("now"))
)


def _begin_anew(connection: Connection) -> None:
    """Views can be made again: what an older program knew of them is dropped, and every one is rebuilt."""
    _metadata.drop_all(connection)
    _metadata.create_all(connection)


class ReadStore:
    """The views' tables and where each view stands (`projections.read_store.ReadStore`)."""

    writer: ClassVar[type[ViewWriter]]

    def __init__(self, database: Database) -> None:
        self.database = database
        try:
            database.migrate([_begin_anew])
        except BaseException:
            database.close()
            raise

    def close(self) -> None:
        self.database.close()

    def reading(self) -> AbstractContextManager[Connection]:
        return self.database.reading()

    @contextmanager
    def writing(self, *, careful: bool = True) -> Iterator[ViewWriter]:
        with self.database.writing() as connection:
            yield self.writer(self.database, connection, careful=careful)

    @contextmanager
    def building(self) -> Iterator[ViewWriter]:
        with self.database.writing_beside() as connection:
            yield self.writer(self.database, connection, careful=True)

    def views(self, connection: Connection | None = None) -> dict[str, StoredView]:
        if connection is None:
            with self.database.glancing() as own:
                return stored_views(own)
        return stored_views(connection)

    def rows(self, connection: Connection, projection: Projection) -> Iterator[tuple[Key, Row]]:
        for row in self.database.stream(connection, select(projection.table)):
            values = dict(row._mapping)  # noqa: SLF001  # its documented name
            yield tuple(values[name] for name in projection.key_columns), values

    def count(self, connection: Connection, projection: Projection) -> int:
        return connection.scalar(select(func.count()).select_from(projection.table)) or 0

    def request_rebuild(self, names: Collection[str]) -> None:
        with self.database.writing() as connection:
            connection.execute(update(_views).where(_views.c.name.in_(names)).values(rebuild_requested=True))

    def retry(self, name: str) -> bool:
        stopped = update(_views).where(_views.c.name == name, _views.c.state == "faulted")
        with self.database.writing() as connection:
            return bool(connection.execute(stopped.values(state="live", error=None)).rowcount)

    def note_unknown_topic(self, topic: str, position: int) -> None:
        noted = self.database.upsert(_unknown_topics).values(topic=topic, position=position)
        with self.database.writing() as connection:
            connection.execute(noted.on_conflict_do_nothing())

    def unknown_topics(self) -> dict[str, int]:
        with self.reading() as connection:
            return dict(connection.execute(select(_unknown_topics.c.topic, _unknown_topics.c.position)).all())

    def lock(self) -> AbstractContextManager[Hold | None]:
        return self.database.lock("projecting")


class ViewWriter(ABC):
    """One write transaction (`projections.read_store.ViewWriter`)."""

    refusals: ClassVar[tuple[type[Exception], ...]]
    """What the driver raises where a table can't hold a row."""
    failures: ClassVar[tuple[type[Exception], ...]] = ()
    """Of those, what is no row's fault."""

    def __init__(self, database: Database, connection: Connection, *, careful: bool) -> None:
        self.connection = connection
        self._careful = careful
        self._upsert = database.upsert
        self.driver: Any = connection.connection.driver_connection

    def codec(self, table: Table) -> RowCodec:
        return row_codec(table, self.connection.dialect)

    def views(self) -> dict[str, StoredView]:
        return stored_views(self.connection)

    def put(self, view: StoredView) -> None:
        values = asdict(view)
        statement = self._upsert(_views).values(values)
        self.connection.execute(statement.on_conflict_do_update(index_elements=[_views.c.name], set_=values))

    def move(self, views: Collection[StoredView], to: int, rate: float) -> None:
        (at,) = {view.position for view in views}
        moved = self.connection.execute(
            _MOVE,
            {"names": [view.name for view in views], "at": at, "to": to, "rate_": rate, "now": datetime.now(UTC)},
        )
        if moved.rowcount != len(views):
            raise Overtaken

    @abstractmethod
    def load(self, table: Table, keys: Collection[Key]) -> dict[Key, Row | None]: ...

    def write(self, table: Table, rows: Mapping[Key, Row | None]) -> None:
        with self.refusing():
            if kept := [row for row in rows.values() if row is not None]:
                self.put_rows(table, kept)
            if gone := [key for key, row in rows.items() if row is None]:
                self.delete(table, gone)

    @abstractmethod
    def put_rows(self, table: Table, rows: list[Row]) -> None: ...

    @abstractmethod
    def delete(self, table: Table, keys: list[Key]) -> None: ...

    @abstractmethod
    def insert(self, table: Table, rows: Iterable[Row]) -> None: ...

    def create_table(self, table: Table) -> None:
        self.drop_table(table)
        self.connection.execute(CreateTable(without_key(table)))

    @abstractmethod
    def create_key(self, table: Table) -> None: ...

    def create_index(self, index: Index) -> None:
        with self.refusing():
            self.connection.execute(CreateIndex(index))

    @abstractmethod
    def make_searchable(self, table: Table, after: int | None) -> int | None: ...

    def drop_table(self, table: Table) -> None:
        self.connection.exec_driver_sql(f"DROP TABLE IF EXISTS {quoted(table.name)}")

    @abstractmethod
    def swap(self, live: Table, built: Table, readers: str | None) -> None: ...

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Tells what a table refuses from a store that can't be used; then nothing of it is done."""
        caught: tuple[type[Exception], ...] = (StatementError, *self.refusals)
        try:
            with self.connection.begin_nested() if self._careful else nullcontext():
                yield
        except caught as error:
            origin = error.orig if isinstance(error, StatementError) else error
            if isinstance(error, DBAPIError) and not isinstance(origin, self.refusals):
                raise
            if isinstance(origin, self.failures):
                raise
            raise self._refused(self.reason(origin)) from None
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise self._refused(f"{type(error).__name__}: a value that its column can't hold") from None

    def _refused(self, reason: str) -> Exception:
        return Refused(reason) if self._careful else CarelessTransaction(reason)

    @abstractmethod
    def reason(self, error: BaseException | None) -> str:
        """Why the driver refused; without the value: rows are personal."""


def stored_views(connection: Connection) -> dict[str, StoredView]:
    codec = row_codec(_views, connection.dialect)  # every read and every batch begins with this: it takes the short way
    driver: Any = connection.connection.driver_connection
    rows = codec.read(driver.execute(_SELECT_VIEWS)).values()
    return {row["name"]: StoredView(**row) for row in rows if row}


def without_key(table: Table) -> Table:
    """The same table without its key, which is made once the rows are there."""
    keyless = table.to_metadata(MetaData())
    for column in keyless.primary_key.columns:
        column.primary_key = False
        column.nullable = False
    keyless.append_constraint(PrimaryKeyConstraint())
    return keyless


def on_conflict(codec: RowCodec) -> str:
    """What an INSERT does where the key's row is there: it replaces the row."""
    others = [quoted(name) for name in codec.names if name not in codec.key_names]
    change = f"UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in others)}" if others else "NOTHING"
    return f"ON CONFLICT ({', '.join(map(quoted, codec.key_names))}) DO {change}"
