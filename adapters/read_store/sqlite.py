"""Views in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from itertools import chain, islice
from typing import Final

from sqlalchemy import Table

from adapters.databases import quoted
from adapters.read_store.store import ReadStore, ViewWriter, on_conflict
from projections.projection import Key, Row

_VALUES_A_STATEMENT: Final = 32_000
"""SQLite takes 32,766 (SQLITE_MAX_VARIABLE_NUMBER)."""


class SQLiteViewWriter(ViewWriter):
    refusals = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError, sqlite3.ProgrammingError)

    def load(self, table: Table, keys: Collection[Key]) -> dict[Key, Row | None]:
        codec = self.codec(table)
        columns = ", ".join(map(quoted, codec.names))
        select = f"SELECT {columns} FROM {quoted(table.name)} WHERE {_at_key(codec.key_names)}"
        with self.refusing():
            cursor = self.driver.cursor()
            found = (row for key in codec.key_tuples(keys) for row in cursor.execute(select, key))
            return codec.read(found)

    def put_rows(self, table: Table, rows: list[Row]) -> None:
        codec = self.codec(table)
        # A connection that hasn't seen the key made reads the table's schema anew when it runs a statement, no sooner.
        self.driver.execute(f"SELECT 1 FROM {quoted(table.name)} LIMIT 0")
        self.driver.executemany(f"{_insert_into(table, codec.names)} {on_conflict(codec)}", codec.tuples(rows))

    def delete(self, table: Table, keys: list[Key]) -> None:
        codec = self.codec(table)
        self.driver.executemany(
            f"DELETE FROM {quoted(table.name)} WHERE {_at_key(codec.key_names)}", codec.key_tuples(keys)
        )

    def insert(self, table: Table, rows: Iterable[Row]) -> None:
        # Many rows a statement: while it runs, other threads do too; a statement for each would wait for them each time.
        codec = self.codec(table)
        a_row = f"({', '.join('?' * len(codec.names))})"
        waiting = iter(rows)
        with self.refusing():
            while some := list(islice(waiting, _VALUES_A_STATEMENT // len(codec.names))):
                statement = f"{_insert_into(table, codec.names)}{f', {a_row}' * (len(some) - 1)}"
                self.driver.execute(statement, list(chain.from_iterable(codec.tuples(some))))

    def create_key(self, table: Table) -> None:
        name = quoted(f"{table.name}_key")
        columns = ", ".join(quoted(column.name) for column in table.primary_key.columns)
        with self.refusing():
            self.driver.execute(f"CREATE UNIQUE INDEX {name} ON {quoted(table.name)} ({columns})")

    def swap(self, live: Table, built: Table, readers: str | None) -> None:  # noqa: ARG002  # a reader keeps its own schema
        self.drop_table(live)
        self.connection.exec_driver_sql(f"ALTER TABLE {quoted(built.name)} RENAME TO {quoted(live.name)}")

    def reason(self, error: BaseException | None) -> str:
        return f"{type(error).__name__}: {error}"


class SQLiteReadStore(ReadStore):
    """One file: a writer waits for the other, and readers for nobody."""

    writer = SQLiteViewWriter


def _insert_into(table: Table, names: Iterable[str]) -> str:
    columns = list(map(quoted, names))
    return f"INSERT INTO {quoted(table.name)} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


def _at_key(names: Iterable[str]) -> str:
    return " AND ".join(f"{quoted(name)} = ?" for name in names)
