import os
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
from hypothesis import settings

from adapters.databases import sqlite_url, store_url
from adapters.desk import Desk
from adapters.event_store.log import EventLog
from adapters.vault import MasterKey, Vault
from domain.events import Actor, office_event_types
from tests.postgres import running_postgres
from tests.served_office import demonstration as demonstrated
from tests.soak import times
from tests.warm import warm_greffier

ROOT = Path(__file__).parents[1]

settings.register_profile("greffier", max_examples=times(25, soak=300), deadline=None)
settings.load_profile("greffier")


def pytest_collection_modifyitems(items):
    """Of tests with the same id, several processes would run one."""
    twice = [node_id for node_id, times in Counter(item.nodeid for item in items).items() if times > 1]
    if twice:
        raise pytest.UsageError(f"several tests go by the same id: {', '.join(twice)}")


@pytest.fixture
def master_key():
    return MasterKey.generate()


@pytest.fixture
def stores_in(request, tmp_path):
    """Gives, for `sqlite` or `postgres`, what gives a store's URL by its name."""
    created = []

    def stores_in(kind):
        if kind == "sqlite":
            return lambda name: sqlite_url(tmp_path / f"{name}.sqlite")
        url = store_url(request.getfixturevalue("postgres").create_database())
        created.append(url.database)
        return lambda _: url  # each has a schema of its own in it

    yield stores_in
    for database in created:
        request.getfixturevalue("postgres").drop_database(database)


@pytest.fixture
def stores(stores_in):
    """Gives a store's URL by its name. A module whose tests concern both kinds overrides it."""
    return stores_in("sqlite")


@pytest.fixture
def vault(stores, master_key):
    with closing(Vault(stores("vault"), master_key)) as opened:
        yield opened


@pytest.fixture
def desk(stores, vault):
    with closing(Desk(stores("desk"), vault)) as opened:
        yield opened


@pytest.fixture
def log(stores, vault, desk):
    with closing(EventLog(stores("log"), vault, office_event_types(), next_number=desk.next_number)) as opened:
        yield opened


@pytest.fixture
def actor():
    return Actor.collaborator(uuid4())


@pytest.fixture
def start_python():
    """Starts Python on a text of code, in a process of its own which does not outlive the test."""
    started = []

    def start(code, *arguments):
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def warm():
    """`greffier`, started at once (tests/warm.py)."""
    with TemporaryDirectory(prefix="greffier-") as folder, warm_greffier(Path(folder) / "warm") as program:
        yield program


@pytest.fixture(scope="session")
def demonstration(tmp_path_factory):
    """The demonstration's office and what it printed: one for all the processes of the tests."""
    folder = tmp_path_factory.getbasetemp()
    return demonstrated(folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder)


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server for the tests, which need not outlive the machine; who stops or kills one starts their own."""
    with running_postgres("fsync = off\n") as server:
        yield server
