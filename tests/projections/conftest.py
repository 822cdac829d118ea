import sqlite3
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Column, Index, Integer, MetaData, String, Table, Uuid

from adapters.databases import sqlite_url
from adapters.event_store.log import EventLog
from adapters.read_store import open_read_store
from domain.access import Viewer
from domain.clients.client import ActivateClient, ClientActivated, Person, ProspectRegistered, RegisterClient
from domain.events import Actor, Context, Recorded, office_event_types
from projections.engine.engine import Engine
from projections.engine.log import EventReader, LogBatch
from projections.engine.projection import Projection, fold_all, stream
from projections.queries.paging import Window
from projections.queries.reading import Reading


@pytest.fixture(params=["sqlite", "postgres"])
def views_url(request, stores_in):
    return stores_in(request.param)("views")


@pytest.fixture
def store(views_url):
    with closing(open_read_store(views_url)) as opened:
        yield opened


class Office:
    """An office in a temporary folder: what tests of projections write, and how they damage it."""

    def __init__(self, log, store, log_path):
        self.log = log
        self.store = store
        self._log_path = log_path
        self.actor = Actor.rule("test")

    def register(self, *names):
        """A prospect for each name: an event each. Gives their ids."""
        return [self._register(name) for name in names]

    def _register(self, name):
        client_id = uuid4()
        self.log.execute(RegisterClient(client_id=client_id, identity=Person(last_name=name)), self.actor)
        return client_id

    def activate(self, client_id):
        return self.log.execute(ActivateClient(client_id=client_id), self.actor).position

    def engine(self, *projections):
        return Engine(self.log, self.store, projections)

    def rows(self, projection):
        with self.store.reading() as connection:
            return dict(self.store.rows(connection, projection))

    def view(self, projection):
        return self.store.views()[projection.name]

    def replayed(self, projection):
        """What a naive replay of the whole log makes."""
        return fold_all(projection, self.log.read(0, 10_000, projection.topics).events)

    def damage_log(self, statement, *values):
        with closing(sqlite3.connect(self._log_path)) as connection:
            connection.execute(statement, values)
            connection.commit()


@pytest.fixture
def office(log, store, tmp_path):
    return Office(log, store, tmp_path / "log.sqlite")


@pytest.fixture
def reopened_log(tmp_path, vault, desk, log):
    """The same log as another process would open it."""
    url = sqlite_url(tmp_path / "log.sqlite")
    with closing(EventLog(url, vault, office_event_types(), next_number=desk.next_number)) as opened:
        yield opened


def names_table(name="names", *, extra=()):
    return Table(
        name,
        MetaData(),
        Column("client_id", Uuid, primary_key=True),
        Column("name", String, nullable=False),
        Column("seen", Integer, nullable=False),
        *extra,
        Index(f"{name}_by_name", "name"),
    )


class Names:
    """A projection of clients' names that counts the events of each, and can be told to break."""

    def __init__(self, name="names", *, version=1, table=None, row_per_event=False):
        self.fails_on = set()
        self.returns = {}
        self.folded = 0
        self.projection = Projection(
            name, version=version, table=names_table(name) if table is None else table, row_per_event=row_per_event
        )
        self.projection.on(ProspectRegistered, key=stream)(self._registered)
        if not row_per_event:
            self.projection.on(ClientActivated, key=stream)(self._activated)

    def _registered(self, _row, recorded):
        self.folded += 1
        name = recorded.event.identity.last_name
        if name in self.fails_on:
            raise LookupError(f"can't stand {name}")
        return self.returns.get(name) or {"name": name, "seen": 1}

    def _activated(self, row, _recorded):
        self.folded += 1
        return row and {**row, "seen": row["seen"] + 1}


@pytest.fixture
def names():
    return Names()


@pytest.fixture
def make_names():
    return Names


@contextmanager
def reading(store):
    with store.reading() as connection:
        yield Reading(connection, Viewer(collaborator_id=UUID(int=4)))


class Telling:
    """Feeds events to projections as the log would, and lets one ask the views what they make of them."""

    noon = datetime(2026, 3, 31, 12, tzinfo=UTC)

    def __init__(self, store, projections):
        self._log = MemoryLog()
        self._store = store
        self._engine = Engine(self._log, store, projections)

    def recorded(self, stream_id, *events, actor=None):
        """Records events, a second apart."""
        for event in events:
            position = len(self._log.events) + 1
            at = self.noon + timedelta(seconds=position)
            self._log.events.append(
                Recorded(
                    event,
                    stream_id=stream_id,
                    version=1 + sum(recorded.stream_id == stream_id for recorded in self._log.events),
                    position=position,
                    recorded_at=at,
                    context=Context(actor=actor or Actor.rule("mail_import"), at=at, command_id=uuid4()),
                )
            )

    def happened(self, stream_id, *events, actor=None):
        """Records events, and projects them. Gives the last position."""
        self.recorded(stream_id, *events, actor=actor)
        self._engine.catch_up()
        assert not [view.error for view in self._engine.status() if view.error]
        return len(self._log.events)

    def asked(self, query, *arguments, **options):
        with reading(self._store) as session:
            return query(session, *arguments, **options)

    def page(self, query, *ids, cursor=None, limit=50, page=None, total=False, **filters):
        window = Window(cursor=cursor, limit=limit, page=page, total=total)
        return self.asked(query, *ids, window, **filters)

    def equal_to_replay(self):
        return all(self._engine.verify(view.name).equal for view in self._engine.status())


class MemoryLog(EventReader):
    """A log in memory, which gives so many events at once."""

    def __init__(self, events=(), block=1_000):
        self.events = list(events)
        self.block = block

    def head(self):
        return len(self.events)

    def scan(self, after, upto, topics):
        for start in range(after, upto, self.block):
            found = self.events[start : min(start + self.block, upto)]
            yield LogBatch(found[-1].position, [one for one in found if one.event.topic() in topics])

    def recorded_at(self, position):
        return self.events[position - 1].recorded_at

    def wait(self, after, timeout):  # noqa: ARG002  # nothing comes while one waits
        return self.head()


@pytest.fixture
def telling(store):
    return lambda *projections: Telling(store, projections)


@pytest.fixture
def memory_log():
    return MemoryLog
