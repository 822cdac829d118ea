"""Views in PostgreSQL: bulk statements by `unnest`, builds by JSON, and a swap that no reader sees half of."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import orjson
import psycopg
import psycopg.errors
from sqlalchemy import Column, Table
from sqlalchemy.exc import DBAPIError

from adapters.databases import quoted
from adapters.read_store.rows import RowCodec
from adapters.read_store.store import ReadStore, ViewWriter, on_conflict
from projections.engine.projection import Key, Row
from projections.engine.read_store import Busy
from projections.queries import full_text

_OLDER_READERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
  AND backend_xmin IS NOT NULL AND age(backend_xmin) > age(%s::text::xid)
"""
"""Readers whose snapshot may be older than what this transaction finds: they would see a table half-built."""


class PostgresViewWriter(ViewWriter):
    failures = (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable)
    refusals = (psycopg.IntegrityError, psycopg.DataError, psycopg.ProgrammingError, psycopg.NotSupportedError)

    def load(self, table: Table, keys: Collection[Key]) -> dict[Key, Row | None]:
        if not keys:
            return {}
        codec = self.codec(table)
        columns = ", ".join(f"t.{quoted(name)}" for name in codec.names)
        select = f"SELECT {columns} FROM {quoted(table.name)} t JOIN {self._keys(table, codec)}"
        with self.refusing():
            return codec.read(self.driver.execute(select, _arrays(codec.key_columns(keys))))

    def put_rows(self, table: Table, rows: list[Row]) -> None:
        codec = self.codec(table)
        self.driver.execute(
            f"INSERT INTO {quoted(table.name)} ({', '.join(map(quoted, codec.names))}) "
            f"SELECT * FROM unnest({', '.join(self._parameters(table, codec.names))}) {on_conflict(codec)}",
            _arrays(codec.columns(rows)),
        )

    def delete(self, table: Table, keys: list[Key]) -> None:
        codec = self.codec(table)
        self.driver.execute(
            f"DELETE FROM {quoted(table.name)} t USING {self._keys(table, codec, on='WHERE')}",
            _arrays(codec.key_columns(keys)),
        )

    def insert(self, table: Table, rows: Iterable[Row]) -> None:
        # As JSON, which the server reads while folding goes on here: COPY would have us write each value as text.
        names = ", ".join(quoted(column.name) for column in table.columns)
        typed = ", ".join(f"{quoted(column.name)} {self._type(column)}" for column in table.columns)
        with self.refusing():
            self.driver.execute(
                f"INSERT INTO {quoted(table.name)} ({names}) SELECT {names} FROM json_to_recordset(%s::json) AS r({typed})",
                (orjson.dumps(list(rows)).decode(),),
            )

    def create_key(self, table: Table) -> None:
        columns = ", ".join(quoted(column.name) for column in table.primary_key.columns)
        name = quoted(f"{table.name}_key")
        with self.refusing():
            self.driver.execute(f"ALTER TABLE {quoted(table.name)} ADD CONSTRAINT {name} PRIMARY KEY ({columns})")

    def make_searchable(self, table: Table, after: int | None) -> None:  # noqa: ARG002  # all at once: nobody waits for it
        index, words = quoted(full_text.index_name(table)), table.info["full_text"].vector
        # Without a list of what is yet to be indexed, which every query would have to go through.
        how = f"USING gin (({words})) WITH (fastupdate = off)"
        with self.refusing():
            self.driver.execute(f"CREATE INDEX {index} ON {quoted(table.name)} {how}")

    def swap(self, live: Table, built: Table, readers: str | None) -> None:
        # A later try still looks for those who are older than the first: who came since sees the table whole.
        since = readers or self.connection.exec_driver_sql("SELECT pg_current_xact_id()::xid::text").scalar()
        if self.connection.exec_driver_sql(_OLDER_READERS, (since,)).scalar():
            raise Busy(since)
        try:
            with self.connection.begin_nested():
                self.connection.exec_driver_sql("SET LOCAL lock_timeout = '100ms'")
                self.drop_table(live)
                self.connection.exec_driver_sql(f"ALTER TABLE {quoted(built.name)} RENAME TO {quoted(live.name)}")
        except DBAPIError as error:
            if isinstance(error.orig, psycopg.errors.LockNotAvailable):
                raise Busy(since) from error
            raise

    def _parameters(self, table: Table, names: Iterable[str]) -> Iterator[str]:
        for name in names:
            yield f"%s::{self._type(table.columns[name])}[]"

    def _type(self, column: Column[Any]) -> str:
        return column.type.compile(self.connection.dialect)

    def _keys(self, table: Table, codec: RowCodec, on: str = "ON") -> str:
        names = list(map(quoted, codec.key_names))
        arrays = ", ".join(self._parameters(table, codec.key_names))
        return (
            f"unnest({arrays}) AS k({', '.join(names)}) {on} {' AND '.join(f't.{name} = k.{name}' for name in names)}"
        )

    def reason(self, error: BaseException | None) -> str:
        if not isinstance(error, psycopg.Error):
            return type(error).__name__
        told = (error.diag.constraint_name, error.diag.table_name, error.diag.column_name)
        return " ".join(chain([type(error).__name__], filter(None, told)))


def _arrays(columns: Iterable[Sequence[Any]]) -> list[list[Any]]:
    """The driver takes a list for an array, and a tuple for a row."""
    return [list(column) for column in columns]


class PostgresReadStore(ReadStore):
    """A schema of one database. Readers keep to the state that they began with."""

    writer = PostgresViewWriter
