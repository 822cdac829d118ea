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


class ViewWriter(Protocol):
    """One write transaction of the read store."""

    def load(self, table: Table, keys: Collection[Key]) -> dict[Key, Row | None]:
        """The rows at these keys, those found."""

    def write(self, table: Table, rows: Mapping[Key, Row | None]) -> str | None:
        """Puts rows in place; None deletes the row at its key. All or none: why the table refuses them, if it does."""

    def insert(self, table: Table, rows: Iterable[Row]) -> None:
        """Adds rows that are not there yet, in bulk."""

    def put(self, view: StoredView) -> None:
        """Stores what is known of a view, in the same transaction."""

    def create_table(self, table: Table) -> None:
        """Creates a table without its indexes, empty, in place of one that an earlier build left behind."""

    def create_indexes(self, table: Table) -> None: ...

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
