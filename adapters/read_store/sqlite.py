"""Views in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from itertools import chain, islice
from typing import Final

from sqlalchemy import Table

from adapters.databases import quoted
from adapters.read_store.store import ReadStore, ViewWriter, on_conflict
from projections.engine.projection import Key, Row
from projections.queries import full_text

_VALUES_A_STATEMENT: Final = 32_000
"""SQLite takes 32,766 (SQLITE_MAX_VARIABLE_NUMBER)."""
_INDEXED_AT_ONCE: Final = 10_000
"""Rows whose words one transaction indexes: others write in between."""


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

    def make_searchable(self, table: Table, after: int | None) -> int | None:
        index, view, text, by = _names_of_words(table)
        if after is None:
            # Words are what stands between blanks: to this tokenizer, every character but ASCII's others is a word's.
            options = "content='', detail=none, columnsize=0, tokenize='ascii'"
            self.connection.exec_driver_sql(f"CREATE VIRTUAL TABLE {index} USING fts5(words, {options})")
            after = -1
        rows = f"SELECT {by} AS at, {text} FROM {view} WHERE {by} > ? ORDER BY {by} LIMIT {_INDEXED_AT_ONCE}"
        last: int | None = self.driver.execute(f"SELECT max(at) FROM ({rows})", (after,)).fetchone()[0]
        with self.refusing():
            if last is not None:
                self.driver.execute(f"INSERT INTO {index} (rowid, words) {rows}", (after,))
                return last
            self.driver.execute(f"INSERT INTO {index} ({index}) VALUES ('optimize')")
            self._keep_words_up(table)
        return None

    def drop_table(self, table: Table) -> None:
        super().drop_table(table)  # and its triggers
        self.connection.exec_driver_sql(f"DROP TABLE IF EXISTS {quoted(full_text.index_name(table))}")

    def swap(self, live: Table, built: Table, readers: str | None) -> None:  # noqa: ARG002  # a reader keeps its own schema
        self.drop_table(live)
        names = [(built.name, live.name)]
        if full_text.of(live):
            self._leave_words(built)
            names.append((full_text.index_name(built), full_text.index_name(live)))
        for former, name in names:
            self.connection.exec_driver_sql(f"ALTER TABLE {quoted(former)} RENAME TO {quoted(name)}")
        if full_text.of(live):
            self._keep_words_up(live)

    def _keep_words_up(self, table: Table) -> None:
        """An index without contents forgets a row when it is told what it knew of it."""
        index, view, text, by = _names_of_words(table)
        forget = f"INSERT INTO {index} ({index}, rowid, words) VALUES ('delete', old.{by}, old.{text});"
        learn = f"INSERT INTO {index} (rowid, words) VALUES (new.{by}, new.{text});"
        changed = f"old.{by} IS NOT new.{by} OR old.{text} IS NOT new.{text}"
        for event, work in {
            "INSERT": f"BEGIN {learn} END",
            "DELETE": f"BEGIN {forget} END",
            "UPDATE": f"WHEN {changed} BEGIN {forget} {learn} END",
        }.items():
            self.driver.execute(f"CREATE TRIGGER {_trigger(table, event)} AFTER {event} ON {view} {work}")

    def _leave_words(self, table: Table) -> None:
        for event in ("INSERT", "DELETE", "UPDATE"):
            self.driver.execute(f"DROP TRIGGER {_trigger(table, event)}")

    def reason(self, error: BaseException | None) -> str:
        return f"{type(error).__name__}: {error}"


class SQLiteReadStore(ReadStore):
    """One file: a writer waits for the other, and readers for nobody."""

    writer = SQLiteViewWriter


def _names_of_words(table: Table) -> tuple[str, str, str, str]:
    """What holds the words, the view, and its columns: of the words, and of where their row stands."""
    declared = table.info["full_text"]
    return (
        quoted(full_text.index_name(table)),
        quoted(table.name),
        quoted(declared.text),
        quoted(declared.by),
    )


def _trigger(table: Table, event: str) -> str:
    return quoted(f"{full_text.index_name(table)}_{event.lower()}")


def _insert_into(table: Table, names: Iterable[str]) -> str:
    columns = list(map(quoted, names))
    return f"INSERT INTO {quoted(table.name)} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


def _at_key(names: Iterable[str]) -> str:
    return " AND ".join(f"{quoted(name)} = ?" for name in names)
