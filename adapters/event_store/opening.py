"""Opens the recorder that fits the log's address."""

from __future__ import annotations

from sqlalchemy import URL

from adapters.event_store.recorder import EventRecorder
from adapters.event_store.sqlite import SQLiteEventRecorder


def open_recorder(url: URL) -> EventRecorder:
    """Opens the log at `url`, and brings its schema up to date. Raises `StoreUnavailable`."""
    if url.get_backend_name() == "sqlite":
        return SQLiteEventRecorder(url)
    from adapters.event_store.postgres import PostgresEventRecorder  # its driver is loaded where there is one to drive

    return PostgresEventRecorder(url)
