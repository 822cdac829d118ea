"""One event per command a second, appended with its command's record, beside the library's stock recorders and pgbench."""

import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import psycopg
from eventsourcing.persistence import InfrastructureFactory, StoredEvent
from eventsourcing.postgres import PostgresFactory
from eventsourcing.sqlite import SQLiteFactory
from eventsourcing.utils import Environment
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL

from adapters.databases import sqlite_url, store_url
from adapters.databases.postgres import postgres_options
from adapters.event_store.opening import open_recorder
from adapters.event_store.recorder import CommandRecord
from tests.bench.measuring import Measurement, Pair, seconds
from tests.postgres import PostgresServer, running_postgres

Stores: TypeAlias = tuple[URL, InfrastructureFactory]
"""Where our log is to be, and the library's own."""

_STATE = os.urandom(400)
_TOPIC = "EmailAddressAssociated"
_DIGEST, _ANSWER = bytes(16), b'{"position":0,"versions":{"0b5e3c1e-5d39-4c57-8c70-8a3f7f0a5f11":1},"result":{}}'
_WARM_UP = 200

_ONE_ROW = f"""
INSERT INTO events (position, originator_id, originator_version, topic, state, recorded_at) VALUES
    (nextval('pgbench_position'), gen_random_uuid(), 1, '{_TOPIC}', '\\x{_STATE.hex()}', 1);
"""


@contextmanager
def _server(_folder: Path, _size: int) -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@contextmanager
def _sqlite(folder: Path) -> Iterator[Stores]:
    with closing(SQLiteFactory(Environment("Bare", {"SQLITE_DBNAME": str(folder / "stock.sqlite")}))) as stock:
        yield sqlite_url(folder / "log.sqlite"), stock


@contextmanager
def _postgres(server: PostgresServer) -> Iterator[Stores]:
    place = conninfo_to_dict(server.create_database())
    settings = {
        "POSTGRES_DBNAME": str(place["dbname"]),
        "POSTGRES_HOST": str(place["host"]),
        "POSTGRES_USER": str(place["user"]),
        "POSTGRES_PASSWORD": "none is asked",
    }
    with closing(PostgresFactory(Environment("Bare", settings))) as stock:
        yield store_url(server.create_database()), stock


def _repeated(work: Callable[[], object], times: int, threads: int) -> float:
    for _ in range(_WARM_UP // threads):
        work()

    def some() -> None:
        for _ in range(times // threads):
            work()

    def all_of_it() -> None:
        started = [threading.Thread(target=some) for _ in range(threads)]
        for thread in started:
            thread.start()
        for thread in started:
            thread.join()

    return seconds(all_of_it if threads > 1 else some)


def _our_appends(url: URL, size: int, threads: int) -> float:
    with closing(open_recorder(url)) as recorder:

        def append() -> None:
            stream = uuid4()
            record = CommandRecord(uuid4(), _DIGEST, _ANSWER)
            recorder.insert_events([StoredEvent(stream, 1, _TOPIC, _STATE)], expect={stream: 0}, commands=[(record, 1)])

        return _repeated(append, size, threads)


def _beside_stock(stores: Callable[[Any], AbstractContextManager[Stores]], threads: int, place: Any, size: int) -> Pair:
    with stores(place) as (url, stock):
        recorder = stock.application_recorder()
        ours = _our_appends(url, size, threads)
        return Pair(
            ours,
            _repeated(lambda: recorder.insert_events([StoredEvent(uuid4(), 1, _TOPIC, _STATE)]), size, threads),
        )


def _beside_pgbench(server: PostgresServer, size: int) -> Pair:
    """Beside the same events, without their commands, each a transaction of one prepared statement that checks nothing."""
    ours = _our_appends(store_url(server.create_database()), size, 1)
    url = server.create_database()
    open_recorder(store_url(url)).close()
    options = postgres_options("log", durable=True)
    with psycopg.connect(url, options=options, autocommit=True) as connection:
        connection.execute("CREATE SEQUENCE pgbench_position")
    command = [server.tools / "pgbench", "-n", "-M", "prepared", "-f", "/dev/stdin", "-t", str(size), url]
    told = subprocess.run(
        command,
        input=_ONE_ROW,
        env={**os.environ, "PGOPTIONS": options},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    found = re.search(r"tps = ([\d.]+)", told)
    assert found, told
    return Pair(ours, size / float(found[1]))


def _measurement(store: str, threads: int, at_least: float, **others: Any) -> Measurement:
    many = f"{threads} thread{'s' if threads > 1 else ''}"
    stores = {"SQLite": _sqlite, "PostgreSQL": _postgres}[store]
    prepare = {"SQLite": None, "PostgreSQL": _server}[store]
    beside = {"beside": "the library's stock recorder", "run": partial(_beside_stock, stores, threads)} | others
    return Measurement(
        what=f"events appended per second, each by a command, {many}",
        size=800,
        quick_size=8,
        at_least=at_least,
        store=store,
        prepare=prepare,
        **beside,
    )


APPENDS: tuple[Measurement, ...] = (
    _measurement("PostgreSQL", 8, at_least=5),
    _measurement("PostgreSQL", 1, at_least=2),
    _measurement("PostgreSQL", 1, at_least=0.4, beside="pgbench's one-row insert into that table", run=_beside_pgbench),
    _measurement("SQLite", 1, at_least=1),
    _measurement("SQLite", 8, at_least=3),
)
