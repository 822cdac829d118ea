"""Rebuilding every read model from the log of a generated office: beside a loop written by hand, the library's runner,
and a smaller log.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import URL, Connection, Table, create_engine, select

from adapters.databases import libpq_url, store_url
from adapters.databases.postgres import postgres_options
from adapters.generated_office import Extent, generate
from adapters.master_key import master_key
from api.bootstrap import Greffier, create_office, open_greffier
from api.settings import Settings
from projections.engine.projection import fold_all, views
from projections.office import office_projections
from tests.bench.bare_library import every_topic
from tests.bench.bare_runner import BareRunner
from tests.bench.handwritten import READ_MODELS, SCHEMA, rebuild_postgres, rebuild_sqlite
from tests.bench.measuring import Measurement, Pair, seconds
from tests.postgres import PostgresServer, running_postgres

EVENTS = 30_000
_EVENTS_A_CLIENT = 60
_TIMES_MORE = 10
_QUICK = 100


Place = Callable[[Path], Settings]
"""Where an office is, whose folder is that one."""


@contextmanager
def in_sqlite() -> Iterator[Place]:
    yield lambda folder: Settings(data=folder)


@contextmanager
def in_postgres() -> Iterator[Place]:
    with running_postgres() as server:
        yield lambda folder: _on(server, folder)


def _on(server: PostgresServer, folder: Path) -> Settings:
    return Settings(data=folder, store=store_url(server.url(server.new_name())))


@dataclass(frozen=True)
class Store:
    """A kind of store, and how the hand-written loop works on an office in it."""

    name: str
    places: Callable[[], AbstractContextManager[Place]]
    rebuild_by_hand: Callable[[Greffier], None]
    forget: Callable[[Greffier], None]
    """Drops what the loop wrote."""
    handwritten: Callable[[Greffier], AbstractContextManager[Connection]]
    """Reads it."""
    read_bare: Callable[[Greffier], int]
    """Reads every event's row and does nothing with it: how many there were."""


# --- SQLite -----------------------------------------------------------------------------------


def _by_hand_sqlite(office: Greffier) -> None:
    stores = office.settings.stores
    rebuild_sqlite(_path(stores.log), _path(stores.vault), _key(office), _beside(office))


def _forget_sqlite(office: Greffier) -> None:
    _beside(office).unlink(missing_ok=True)


@contextmanager
def _handwritten_sqlite(office: Greffier) -> Iterator[Connection]:
    engine = create_engine(URL.create("sqlite", database=str(_beside(office))))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def _read_bare_sqlite(office: Greffier) -> int:
    with closing(sqlite3.connect(_path(office.settings.stores.log))) as log:
        return sum(1 for _ in log.execute("SELECT * FROM events ORDER BY position"))


def _path(url: URL) -> Path:
    return Path(str(url.database))


def _beside(office: Greffier) -> Path:
    return office.settings.data / "handwritten.sqlite"


# --- PostgreSQL -------------------------------------------------------------------------------


def _by_hand_postgres(office: Greffier) -> None:
    stores = office.settings.stores
    log, vault = _libpq(stores.log, "log"), _libpq(stores.vault, "vault")
    rebuild_postgres(log, vault, _key(office), libpq_url(stores.views))


def _forget_postgres(office: Greffier) -> None:
    with psycopg.connect(libpq_url(office.settings.stores.views)) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")


@contextmanager
def _handwritten_postgres(office: Greffier) -> Iterator[Connection]:
    options = f"-c search_path={SCHEMA} -c timezone=UTC"
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(libpq_url(office.settings.stores.views), options=options),
    )
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def _read_bare_postgres(office: Greffier) -> int:
    log = _libpq(office.settings.stores.log, "log")
    with (
        psycopg.connect(log) as connection,
        connection.cursor() as cursor,
        cursor.copy("COPY events TO STDOUT") as copy,
    ):
        return sum(1 for _ in copy)


def _libpq(url: URL, store: str) -> str:
    return psycopg.conninfo.make_conninfo(libpq_url(url), options=postgres_options(store, durable=False))


# --- measuring --------------------------------------------------------------------------------


def _key(office: Greffier) -> bytes:
    return master_key(office.settings.key_place).raw


@contextmanager
def _office(store: Store, folder: Path, events: int) -> Iterator[Greffier]:
    with store.places() as place, generated(place(folder / "office"), events) as office:
        yield office


@contextmanager
def generated(settings: Settings, events: int) -> Iterator[Greffier]:
    """An office of so many events, without views."""
    create_office(settings)
    with open_greffier(settings) as office:
        generate(office.log, office.files, Extent(clients=events // _EVENTS_A_CLIENT, seed=3, events=events))
        yield office


def _rebuild(office: Greffier) -> float:
    """How long it takes in an office that was just opened, and remembers no key of an earlier run."""
    with open_greffier(office.settings) as opened:
        return seconds(lambda: opened.engine.rebuild(READ_MODELS))


def _beside_the_loop(store: Store, office: Greffier, _size: int) -> Pair:
    store.forget(office)
    ours = _rebuild(office)
    by_hand = seconds(lambda: store.rebuild_by_hand(office))
    _assert_same_rows(store, office)
    return Pair(ours, by_hand)


def _assert_same_rows(store: Store, office: Greffier) -> None:
    with office.views.reading() as ours, store.handwritten(office) as by_hand:
        for name in READ_MODELS:
            table = views.tables[name]
            compared = 0
            for row, handwritten in zip(_rows(ours, table), _rows(by_hand, table), strict=True):
                assert row == handwritten, f"{name}: {row} is not {handwritten}"
                compared += 1
            assert compared, f"{name} is empty"


def _rows(connection: Connection, table: Table) -> Iterator[Any]:
    return iter(connection.execute(select(table).order_by(*table.primary_key.columns)))


def _loop_beside_a_bare_read(store: Store, office: Greffier, _size: int) -> Pair:
    store.forget(office)
    by_hand = seconds(lambda: store.rebuild_by_hand(office))
    return Pair(by_hand, seconds(lambda: store.read_bare(office)))


@contextmanager
def _two_sizes(store: Store, folder: Path, size: int) -> Iterator[tuple[Greffier, Greffier]]:
    with (
        store.places() as place,
        generated(place(folder / "small"), size) as small,
        generated(place(folder / "large"), size * _TIMES_MORE) as large,
    ):
        yield small, large


def _large_beside_small(offices: tuple[Greffier, Greffier], _size: int) -> Pair:
    small, large = offices
    return Pair(_rebuild(large) / _TIMES_MORE, _rebuild(small))


@contextmanager
def _beside_the_library(folder: Path, size: int) -> Iterator[tuple[Greffier, BareRunner]]:
    """An office, and the first of its events in the library's own store."""
    with running_postgres() as server, generated(_on(server, folder), size * _TIMES_MORE) as office:
        library = BareRunner(server.create_database())
        library.store(islice(office.log.events(every_topic()), size))
        yield office, library


def _rebuild_beside_the_runner(offices: tuple[Greffier, BareRunner], size: int) -> Pair:
    """Ours is timed on the whole log: the little that a rebuild always costs would count for much on a part of it."""
    office, library = offices
    ours = _rebuild(office) * size / office.log.head()
    library.forget()
    theirs = seconds(lambda: library.project(size))
    with library.reading() as connection:
        for projection in office_projections():
            replayed = fold_all(projection, islice(office.log.events(every_topic()), size))
            built = [row._asdict() for row in _rows(connection, projection.table)]
            assert built == [replayed[key] for key in sorted(replayed)], projection.name
    return Pair(ours, theirs)


SQLITE = Store("SQLite", in_sqlite, _by_hand_sqlite, _forget_sqlite, _handwritten_sqlite, _read_bare_sqlite)
POSTGRES = Store(
    "PostgreSQL", in_postgres, _by_hand_postgres, _forget_postgres, _handwritten_postgres, _read_bare_postgres
)

_HAND = "a loop written by hand"


def _rebuilds(store: Store, loop_at_least: float) -> tuple[Measurement, ...]:
    prepare = partial(_office, store)
    return (
        Measurement(
            "events of all read models rebuilt per second",
            _HAND,
            partial(_beside_the_loop, store),
            size=EVENTS,
            at_least=0.5,
            store=store.name,
            prepare=prepare,
            runs=7,
            quick_size=_QUICK,
        ),
        Measurement(
            f"events of all read models rebuilt per second by {_HAND}",
            "events read, and nothing done with them",
            partial(_loop_beside_a_bare_read, store),
            size=EVENTS,
            at_least=loop_at_least,
            store=store.name,
            prepare=prepare,
            runs=7,
            quick_size=_QUICK,
            must=True,
        ),
    )


REBUILDS: tuple[Measurement, ...] = (
    *_rebuilds(SQLITE, loop_at_least=0.06),  # where no server stands between, reading costs half as much
    *_rebuilds(POSTGRES, loop_at_least=0.1),
)
RUNNER: tuple[Measurement, ...] = (
    Measurement(
        "events of all read models rebuilt per second",
        "the library's projection runner",
        _rebuild_beside_the_runner,
        size=2_000,
        at_least=40,
        store="PostgreSQL",
        prepare=_beside_the_library,
        runs=3,
        quick_size=_QUICK,
    ),
)
GROWTH: tuple[Measurement, ...] = tuple(
    Measurement(
        f"events of all read models rebuilt per second, from {_TIMES_MORE} times the events",
        "from the events once",
        _large_beside_small,
        size=EVENTS,
        at_least=0.9,
        store=store.name,
        prepare=partial(_two_sizes, store),
        runs=3,
        quick_size=_QUICK,
    )
    for store in (SQLITE, POSTGRES)
)
