"""What the engine and the queries ask of the read store, where the views lie."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

from sqlalchemy import Connection, Table

from projections.projection import Key, Projection, Row

ViewState = Literal["live", "faulted"]


@dataclass(frozen=True, slots=True)
class StoredView:
    """What the store knows of a view: what built its table, and how far in the log it stands."""

    name: str
    fingerprint: str
    generation: int
    position: int
    state: ViewState = "live"
    error: str | None = None
    rebuild_requested: bool = False


class Refused(Exception):
    """A table can't hold these rows or keys: a projection's mistake. The transaction is as it was before them."""


class ViewWriter(Protocol):
    """One write transaction of the read store."""

    def views(self) -> dict[str, StoredView]:
        """What is known of each view, by name: true until the transaction ends."""

    def load(self, table: Table, keys: Collection[Key]) -> dict[Key, Row | None]:
        """The rows at these keys, those found. Raises `Refused`."""

    def write(self, table: Table, rows: Mapping[Key, Row | None]) -> None:
        """Puts rows in place, all or none; None deletes the row at its key. Raises `Refused`."""

    def insert(self, table: Table, rows: Iterable[Row]) -> None:
        """Adds rows that are not there yet, in bulk, all or none. Raises `Refused`."""

    def put(self, view: StoredView) -> None:
        """Stores what is known of a view, in the same transaction."""

    def create_table(self, table: Table) -> None:
        """Creates a table without its indexes, empty, in place of one that an earlier build left behind."""

    def create_indexes(self, table: Table) -> None:
        """Raises `Refused` where an index is unique and the rows are not."""

    def drop_table(self, table: Table) -> None:
        """Drops a table, if it is there."""

    def swap(self, live: Table, built: Table) -> None:
        """Puts a table that was built aside in the live one's place."""


class ReadStore(Protocol):
    def reading(self) -> AbstractContextManager[Connection]:
        """A transaction that sees one state of every view."""

    def writing(self) -> AbstractContextManager[ViewWriter]: ...

    def views(self, connection: Connection | None = None) -> dict[str, StoredView]:
        """What is known of each view, by name; within `connection`'s transaction if given."""

    def rows(self, connection: Connection, projection: Projection) -> Iterator[tuple[Key, Row]]:
        """Every row of a view's live table."""

    def request_rebuild(self, names: Collection[str]) -> None:
        """Asks whichever process projects this store to rebuild these views."""

    def lock(self) -> AbstractContextManager[bool]:
        """Holds the right to project this store, if no other process does: whether it does."""
