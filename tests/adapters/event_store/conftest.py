import json
import struct
from contextlib import closing, contextmanager

import pytest
from eventsourcing.persistence import StoredEvent
from sqlalchemy import text

from adapters.databases import open_database
from adapters.event_store.opening import open_recorder
from adapters.vault import seal


@pytest.fixture(params=["sqlite", "postgres"])
def stores(request, stores_in):
    """The log in either; the vault and the desk, which are others' to test, in SQLite."""
    log, others = stores_in(request.param), stores_in("sqlite")
    return lambda name: (log if name == "log" else others)(name)


@pytest.fixture
def url(stores):
    return stores("log")


@pytest.fixture
def open_recorders(url):
    """Opens the log, as often as asked: as several processes would."""
    opened = []

    def open_one():
        opened.append(open_recorder(url))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


@pytest.fixture
def recorder(open_recorders):
    return open_recorders()


class RawLog:
    """The log's database, behind the recorder's back."""

    def __init__(self, url):
        self.is_sqlite = url.get_backend_name() == "sqlite"
        self._url = url

    @contextmanager
    def writing(self):
        """A transaction that holds the log's write lock."""
        with closing(open_database("log", self._url, durable=True)) as database, database.writing() as connection:
            yield connection

    def change(self, statement, **values):
        with self.writing() as connection:
            connection.execute(text(statement), values)

    def rows(self, statement, **values):
        with closing(open_database("log", self._url, durable=True)) as database, database.reading() as connection:
            return [tuple(row) for row in connection.execute(text(statement), values)]


@pytest.fixture
def raw(url):
    return RawLog(url)


@pytest.fixture(scope="session")
def frame():
    """An event's stored bytes, put together from their description in `adapters/event_store/mapper.py`."""

    def build(topic, class_version, facts, *, stream_id, version=1, personal=None, key=None, frame_format=1):
        context, plain = b"{}", json.dumps(facts).encode()
        sealed = b""
        if key is not None:
            key_id, cipher = key
            bound_to = stream_id.bytes + version.to_bytes(8)
            sealed = struct.pack(">q", key_id) + seal(cipher, json.dumps(personal).encode(), bound_to)
        head = struct.pack(">BHII", frame_format, class_version, len(context), len(plain))
        return StoredEvent(stream_id, version, topic, head + context + plain + sealed)

    return build
