"""The read store: the views' tables, and how far each has come; on SQLite or PostgreSQL."""

from sqlalchemy import URL

from adapters.databases import open_database
from adapters.read_store.sqlite import SQLiteReadStore
from adapters.read_store.store import ReadStore

__all__ = ["ReadStore", "open_read_store"]


def open_read_store(url: URL) -> ReadStore:
    """Opens or creates the read store at `url`. Raises `StoreUnavailable`."""
    database = open_database("read store", url, durable=False)
    if url.get_backend_name() == "sqlite":
        return SQLiteReadStore(database)
    from adapters.read_store.postgres import PostgresReadStore  # its driver is loaded where there is something to drive

    return PostgresReadStore(database)
