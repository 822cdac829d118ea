"""Words searched in a read model's table: whole words and beginnings of words, the newest row first.

    _texts = Table("ticket_texts", views, ..., Column("position", BigInteger, nullable=False),
                   Column("searched", String, nullable=False))
    _words = FullText(_texts, "searched", newest="position")

    {"searched": searchable(subject, body), ...}                      # what a fold stores
    _words.newest(session, "bonnet résil*", [_texts.c.ticket_id], limit=50)

The engine makes what is needed beside a table that it builds, swaps it in with it, and keeps it up with every write.

On SQLite that is an FTS5 table without contents (`adapters/read_store/sqlite.py`), whose rows' ids are the column by which
hits are ordered: it gives them newest first, and ends when it has enough. On PostgreSQL it is a GIN index of the words,
which knows no order: all hits of two frequent words would be fetched to keep fifty. So each row's place is indexed with
its words, at several scales (the column shifted right by 8, 12, … bits, in hexadecimal digits, as in `#3.1f`), and hits
are sought in windows of places from the newest down, each as wide as what was found so far lets one expect. Each word is
a condition of its own: of several, GIN skips to where the next may be; of one query with several words, it doesn't.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    FromClause,
    Index,
    RowMapping,
    Select,
    Table,
    and_,
    cast,
    column,
    exists,
    false,
    func,
    literal,
    literal_column,
    select,
    table,
    true,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from projections.queries.name_search import searched
from projections.queries.reading import Reading

_LONGEST_WORD: Final = 64
_MOST_WORDS: Final = 32
_MOST_BYTES: Final = 1_000_000
"""PostgreSQL takes 1,048,575 of a row's words."""
_SCALES: Final = (2, 3, 4, 5, 6)
"""How many hexadecimal digits of a place are left out."""
_FIRST_WINDOW: Final = 1024
_WIDER: Final = 64
"""So many windows without a hit make about one page of hits at most."""
_SETTINGS: Final = (
    # PostgreSQL takes reading every text for cheap where a word is frequent …
    func.set_config("enable_seqscan", "off", literal_column("true")),
    # … and would read each of a hundred thousand hits' texts for want of place to remember single rows.
    func.set_config("work_mem", "64MB", literal_column("true")),
)


class Word(NamedTuple):
    """A word that is sought, as `searched` makes it; with `begins`, every word that begins so."""

    text: str
    begins: bool

    def is_in(self, word: str) -> bool:
        return word.startswith(self.text) if self.begins else word[:_LONGEST_WORD] == self.text


def words_of(query: str) -> list[Word]:
    """The words that someone asks for, the first 32 of them; `*` after a word asks for all that begin so."""
    words: dict[Word, None] = {}
    for asked in query.split():
        *whole, last = searched(asked).split() or [""]
        words |= dict.fromkeys(Word(text[:_LONGEST_WORD], begins=False) for text in whole)
        if last:
            words[Word(last[:_LONGEST_WORD], begins=asked.endswith("*"))] = None
    return list(words)[:_MOST_WORDS]


def searchable(*texts: str) -> str:
    """What a searchable column holds of these texts: each word once, cut to 64 characters; a megabyte at most."""
    words = " ".join(dict.fromkeys(word[:_LONGEST_WORD] for text in texts for word in searched(text).split()))
    if len(words) * 4 > _MOST_BYTES and len(encoded := words.encode()) > _MOST_BYTES:
        words = encoded[:_MOST_BYTES].decode(errors="ignore").rpartition(" ")[0]
    return words


def among(column: Column[Any], ids: Select[Any]) -> ColumnElement[bool]:
    """That a column's value is one of `ids`, another view's: looked up hit by hit, instead of all at first."""
    return exists(ids.where(ids.selected_columns[0] == column).correlate(column.table))


class FullText:
    """That `text`, a column made by `searchable`, can be searched; hits come by `newest`, a position, the last first.

    A position is one row's alone, and not negative.
    """

    def __init__(self, table: Table, text: str, *, newest: str) -> None:
        if table.c[text].nullable or table.c[newest].nullable:
            raise ValueError(f"{table.name}: {text} and {newest} must not be nullable")
        self.table = table
        self.text = text
        self.by = newest
        scales = ", ".join(f"'#{digits}.' || to_hex(\"{newest}\" >> {4 * digits})" for digits in _SCALES)
        self.vector = f"array_to_tsvector(string_to_array(\"{text}\", ' ') || ARRAY[{scales}])"
        """What PostgreSQL indexes of a row; an index is used where its expression is said word for word."""
        Index(f"{table.name}_by_{newest}", table.c[newest], unique=True)
        table.info["full_text"] = self

    def __str__(self) -> str:
        return f"full text of {self.text} by {self.by}"

    def newest(
        self,
        session: Reading,
        query: str,
        columns: Sequence[ColumnElement[Any]],
        *also: ColumnElement[bool],
        since: int | None = None,
        before: int | None = None,
        limit: int,
    ) -> list[RowMapping]:
        """The newest rows that hold every word of `query` and fulfil `also`, of those that stand `before` a position,
        and `since` one or at it.

        A query without anything that can be searched finds nothing.
        """
        words = words_of(query)
        if not words:
            return []
        if session.connection.dialect.name == "sqlite":
            found = self._in_sqlite(words, columns, also, since, before).limit(limit)
            return list(session.execute(found).mappings())
        hits = select(*columns).where(*map(self._has, words), *also)
        return self._in_windows(session, hits, since, before, limit)

    def holds(self, query: str, rows: FromClause) -> ColumnElement[bool]:
        """That a row of the table, or of its alias, holds every word of `query`: read in the row itself, where other
        conditions leave few.
        """
        words = words_of(query)
        padded = literal(" ").concat(rows.c[self.text]).concat(" ")
        has = (padded.contains(f" {word.text}{'' if word.begins else ' '}") for word in words)
        return and_(true() if words else false(), *has)

    # --- SQLite -------------------------------------------------------------------------------

    def _in_sqlite(
        self,
        words: Sequence[Word],
        columns: Sequence[ColumnElement[Any]],
        also: Sequence[ColumnElement[bool]],
        since: int | None,
        before: int | None,
    ) -> Select[Any]:
        name = index_name(self.table)
        index = table(name, column(name), column("rowid", BigInteger))
        match = " AND ".join(f'"{word.text}"{"*" if word.begins else ""}' for word in words)
        # The sign keeps SQLite from going through the view's rows, to look for each among the hits.
        of_hit = self.table.c[self.by] == literal_column(f'+"{name}".rowid')
        found = select(*columns).select_from(index.join(self.table, of_hit)).where(index.c[name].op("MATCH")(match))
        if since is not None:
            found = found.where(index.c.rowid >= since)
        if before is not None:
            found = found.where(index.c.rowid < before)
        return found.where(*also).order_by(index.c.rowid.desc())

    # --- PostgreSQL ---------------------------------------------------------------------------

    def _has(self, word: Word) -> ColumnElement[bool]:
        return self._matches(f"'{word.text}'{':*' if word.begins else ''}")

    def _matches(self, query: str) -> ColumnElement[bool]:
        has: ColumnElement[Any] = literal_column(self.vector)
        return has.bool_op("@@")(cast(query, TSQUERY))

    def _in_windows(
        self, session: Reading, hits: Select[Any], since: int | None, before: int | None, limit: int
    ) -> list[RowMapping]:
        by = self.table.c[self.by]
        at = by + literal_column("0")  # so no index of places is gone through, row by row, to look into each text
        hits = hits.order_by(at.desc())
        found: list[RowMapping] = []
        with session.connection.begin_nested() as apart:  # what is set ends with it
            bounds = select(func.coalesce(func.min(by), 0), func.coalesce(func.max(by), -1), *_SETTINGS)
            first, last, *_ = session.execute(bounds).one()
            if since is not None and since > first:
                first, hits = since, hits.where(at >= since)
            top = below = last + 1 if before is None else min(before, last + 1)
            width = _FIRST_WINDOW
            while below > first and len(found) < limit:
                lowest, buckets = _window(below, width)
                window = hits.where(at < below).limit(limit - len(found))
                if lowest > first:
                    window = window.where(self._matches(buckets))
                found += session.execute(window).mappings()
                below = lowest
                sought, expected = top - below, 2 * (limit - len(found)) * (top - below) // max(len(found), 1)
                width = max(min(_WIDER * sought, expected), _FIRST_WINDOW)
            apart.rollback()
        return found


def of(table: Table) -> FullText | None:
    """What of a table, or of its copy under another name, can be searched."""
    return table.info.get("full_text")


def index_name(table: Table) -> str:
    """What holds a table's words."""
    return f"{table.name}_full_text"


def _window(below: int, width: int) -> tuple[int, str]:
    """Where a window of about so many places under `below` begins, and the query that finds what is in it."""
    digits = max(digits for digits in _SCALES if digits == _SCALES[0] or 4 << 4 * digits <= width)
    size = 4 * digits
    buckets = range(max(below - width, 0) >> size, ((below - 1) >> size) + 1)
    return buckets[0] << size, " | ".join(f"'#{digits}.{bucket:x}'" for bucket in buckets)
