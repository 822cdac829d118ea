"""The databases of the stores, SQLite or PostgreSQL, through SQLAlchemy, with the transactions and locks that we mean.

What differs between the two is known here; the stores say the same to both.
"""

from sqlalchemy import URL

from adapters.databases.addresses import BadStoreUrl, libpq_url, shown_url, sqlite_url, store_url
from adapters.databases.database import (
    BUSY_TIMEOUT_SECONDS,
    BigId,
    Database,
    Hold,
    Migrations,
    NewerSchema,
    StoreUnavailable,
    first_line,
    quoted,
)
from adapters.databases.sqlite import SQLiteDatabase, use_wal

__all__ = [
    "BUSY_TIMEOUT_SECONDS",
    "BadStoreUrl",
    "BigId",
    "Database",
    "Hold",
    "Migrations",
    "NewerSchema",
    "SQLiteDatabase",
    "StoreUnavailable",
    "first_line",
    "libpq_url",
    "open_database",
    "quoted",
    "shown_url",
    "sqlite_url",
    "store_url",
    "use_wal",
]


def open_database(store: str, url: URL, *, durable: bool) -> Database:
    """The database at this address, which need not be there yet."""
    if url.get_backend_name() == "sqlite":
        return SQLiteDatabase(store, url, durable=durable)
    from adapters.databases.postgres import PostgresDatabase  # its driver is loaded where there is something to drive

    return PostgresDatabase(store, url, durable=durable)
