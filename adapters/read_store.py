"""The read store in SQLite: the views' tables, and how far each has come."""

from __future__ import annotations

import fcntl
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    delete,
    insert,
    select,
    tuple_,
    update,
)
from sqlalchemy import Row as ResultRow
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, ProgrammingError, StatementError
from sqlalchemy.schema import CreateIndex, CreateTable

from adapters.databases import open_database, sqlite_url
from projections.projection import Key, Projection, Row
from projections.read_store import Refused, StoredView

_KEYS_AT_ONCE: Final = 5_000
_ROWS_AT_ONCE: Final = 10_000

_metadata = MetaData()
_positions = Table(
    "greffier_views",
    _metadata,
    Column("name", String, primary_key=True),
    Column("fingerprint", String, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("state", String, nullable=False),
    Column("error", String),
    Column("rebuild_requested", Boolean, nullable=False),
)


class SQLiteReadStore:
    """Opens or creates the read store at `path` (`projections.read_store.ReadStore`)."""

    def __init__(self, path: Path) -> None:
        self._database = open_database("read store", sqlite_url(path), durable=False)
        self._lock_path = path.with_name(path.name + ".lock")
        with self._database.writing() as connection:
            _metadata.create_all(connection)

    def close(self) -> None:
        self._database.close()

    def reading(self) -> Any:
        return self._database.reading()

    @contextmanager
    def writing(self) -> Iterator[SQLiteViewWriter]:
        with self._database.writing() as connection:
            yield SQLiteViewWriter(connection)

    def views(self, connection: Connection | None = None) -> dict[str, StoredView]:
        if connection is None:
            with self.reading() as own:
                return self.views(own)
        return _views(connection)

    def rows(self, connection: Connection, projection: Projection) -> Iterator[tuple[Key, Row]]:
        result = connection.execute(select(projection.table), execution_options={"yield_per": _ROWS_AT_ONCE})
        for row in result.mappings():
            yield tuple(row[name] for name in projection.key_columns), dict(row)

    def request_rebuild(self, names: Collection[str]) -> None:
        with self._database.writing() as connection:
            connection.execute(update(_positions).where(_positions.c.name.in_(names)).values(rebuild_requested=True))

    @contextmanager
    def lock(self) -> Iterator[bool]:
        with self._lock_path.open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # released when the process ends, however it ends
            except BlockingIOError:
                yield False
            else:
                yield True


class SQLiteViewWriter:
    """One write transaction (`projections.read_store.ViewWriter`)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def views(self) -> dict[str, StoredView]:
        return _views(self._connection)

    def load(self, table: Table, keys: Collection[Key]) -> dict[Key, Row | None]:
        columns = tuple(table.primary_key.columns)
        names = [column.name for column in columns]
        wanted = list(keys)
        found: dict[Key, Row | None] = {}
        for start in range(0, len(wanted), _KEYS_AT_ONCE):
            some = wanted[start : start + _KEYS_AT_ONCE]
            among = columns[0].in_([key[0] for key in some]) if len(columns) == 1 else tuple_(*columns).in_(some)
            with _refusing():
                result = self._connection.execute(select(table).where(among)).mappings().all()
            found.update({tuple(row[name] for name in names): dict(row) for row in result})
        return found

    def write(self, table: Table, rows: Mapping[Key, Row | None]) -> None:
        with _refusing(), self._connection.begin_nested():
            self._write(table, rows)

    def _write(self, table: Table, rows: Mapping[Key, Row | None]) -> None:
        kept = [row for row in rows.values() if row is not None]
        gone = [key for key, row in rows.items() if row is None]
        columns = tuple(table.primary_key.columns)
        if kept:
            put = upsert(table)
            others = {c.name: put.excluded[c.name] for c in table.columns if not c.primary_key}
            put = (
                put.on_conflict_do_update(index_elements=columns, set_=others)
                if others
                else put.on_conflict_do_nothing()
            )
            self._connection.execute(put, kept)
        if gone:
            where = [column == bindparam(f"key_{number}", type_=column.type) for number, column in enumerate(columns)]
            self._connection.execute(
                delete(table).where(*where),
                [{f"key_{number}": part for number, part in enumerate(key)} for key in gone],
            )

    def insert(self, table: Table, rows: Iterable[Row]) -> None:
        waiting = iter(rows)
        with _refusing(), self._connection.begin_nested():
            while some := list(islice(waiting, _ROWS_AT_ONCE)):
                self._connection.execute(insert(table), some)

    def put(self, view: StoredView) -> None:
        values = asdict(view)
        statement = upsert(_positions).values(values)
        self._connection.execute(statement.on_conflict_do_update(index_elements=[_positions.c.name], set_=values))

    def create_table(self, table: Table) -> None:
        self.drop_table(table)
        self._connection.execute(CreateTable(table))

    def create_indexes(self, table: Table) -> None:
        with _refusing(), self._connection.begin_nested():
            for index in table.indexes:
                self._connection.execute(CreateIndex(index))

    def drop_table(self, table: Table) -> None:
        self._connection.exec_driver_sql(f"DROP TABLE IF EXISTS {_quoted(table.name)}")

    def swap(self, live: Table, built: Table) -> None:
        self.drop_table(live)
        self._connection.exec_driver_sql(f"ALTER TABLE {_quoted(built.name)} RENAME TO {_quoted(live.name)}")


@contextmanager
def _refusing() -> Iterator[None]:
    """Tells what a table refuses from a store that can't be used. The reason names no value: rows are personal."""
    try:
        yield
    except (IntegrityError, DataError, InterfaceError, ProgrammingError) as error:
        raise Refused(f"{type(error).__name__}: {error.orig}") from None
    except DBAPIError:
        raise
    except StatementError as error:  # a value of another type than its column's
        raise Refused(f"{type(error.orig).__name__}: {error.orig}") from None
    except (OverflowError, UnicodeError) as error:  # which SQLAlchemy leaves as the driver raised them
        raise Refused(f"{type(error).__name__}: a number or a text that SQLite can't hold") from None


def _views(connection: Connection) -> dict[str, StoredView]:
    return {row.name: _stored_view(row) for row in connection.execute(select(_positions))}


def _stored_view(row: ResultRow[Any]) -> StoredView:
    state: Literal["live", "faulted"] = "faulted" if row.state == "faulted" else "live"
    return StoredView(
        row.name, row.fingerprint, row.generation, row.position, state, row.error, bool(row.rebuild_requested)
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
