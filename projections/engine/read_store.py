"""What the engine and the queries ask of the read store, where the views lie."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from sqlalchemy import Connection, Index, Table

from projections.engine.projection import Key, Projection, Row

ViewState = Literal["live", "faulted", "building"]
"""Follows the log; stands before an event that it can't fold; or has no table yet."""


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
    rebuilt_to: int | None = None
    """How far a rebuild that is going on has come."""
    rate: float = 0.0
    """Events a second, when it last moved or was rebuilt."""
    moved_at: datetime | None = None


class Unavailable(Exception):
    """A store can't be read or written now. Try again later."""


class Refused(Exception):
    """A table can't hold these rows or keys: a projection's mistake. The transaction is as it was before them."""


class CarelessTransaction(Exception):
    """A table refused something, and with it the whole transaction: it is to be tried again with care."""


class Overtaken(Exception):
    """A view is not where it was, or no longer live: nothing of the transaction is to stay."""


class Busy(Exception):
    """Readers are in the way of a swap: it can be tried again at once, for those that `readers` tells."""

    def __init__(self, readers: str | None) -> None:
        super().__init__(readers)
        self.readers = readers


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

    def move(self, views: Collection[StoredView], to: int, rate: float) -> None:
        """Moves views that follow the log on to a position, in the same transaction. Raises `Overtaken`."""

    def create_table(self, table: Table) -> None:
        """Creates a table without key or indexes, empty, in place of one that an earlier build left behind."""

    def create_key(self, table: Table) -> None:
        """Makes the key of a table that has none yet. Raises `Refused` where two rows have the same."""

    def create_index(self, index: Index) -> None:
        """Raises `Refused` where an index is unique and the rows are not."""

    def make_searchable(self, table: Table, after: int | None) -> int | None:
        """Indexes the words of a table (`full_text`), whose indexes are made, or of some of its rows, those after a
        position: gives where to go on, or None when all is done, and from then on kept up. Raises `Refused`.
        """

    def drop_table(self, table: Table) -> None:
        """Drops a table, if it is there."""

    def swap(self, live: Table, built: Table, readers: str | None) -> None:
        """Puts a table that was built aside in the live one's place. Raises `Busy`, with nothing done.

        Readers count that began before the first try, or before those that an earlier `Busy` told.
        """


class ReadStore(Protocol):
    def reading(self) -> AbstractContextManager[Connection]:
        """A transaction that sees one state of every view."""

    def writing(self, *, careful: bool = True) -> AbstractContextManager[ViewWriter]:
        """A transaction, the only one of its kind at a time.

        One that is not careful is quicker, and raises `CarelessTransaction` where another raises `Refused`.
        """

    def building(self) -> AbstractContextManager[ViewWriter]:
        """A transaction for tables that nobody else knows of yet: it may go on beside the one that writes."""

    def views(self, connection: Connection | None = None) -> dict[str, StoredView]:
        """What is known of each view, by name; within `connection`'s transaction if given."""

    def rows(self, connection: Connection, projection: Projection) -> Iterator[tuple[Key, Row]]:
        """Every row of a view's live table."""

    def count(self, connection: Connection, projection: Projection) -> int:
        """How many rows a view's live table has."""

    def request_rebuild(self, names: Collection[str]) -> None:
        """Asks whichever process projects this store to rebuild these views."""

    def retry(self, name: str) -> bool:
        """Lets a view that stopped at an event try it again: whether it had stopped."""

    def note_unknown_topic(self, topic: str, position: int) -> None:
        """Keeps where an event of a type that this code doesn't know was met first, for every process to tell."""

    def unknown_topics(self) -> dict[str, int]:
        """What `note_unknown_topic` kept."""

    def lock(self) -> AbstractContextManager[Hold | None]:
        """Holds the right to project this store, if no other process does: then a hold, else None."""


class Hold(Protocol):
    def confirm(self) -> None:
        """Raises where the hold was lost: another process may project now."""
