import subprocess
import sys
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from adapters.desk import Desk
from adapters.event_store.log import EventLog
from adapters.vault import MasterKey, Vault
from domain.events import Actor, office_event_types
from tests.postgres import running_postgres

ROOT = Path(__file__).parents[1]


@pytest.fixture
def master_key():
    return MasterKey.generate()


@pytest.fixture
def vault(tmp_path, master_key):
    with closing(Vault(tmp_path / "vault.sqlite", master_key)) as opened:
        yield opened


@pytest.fixture
def desk(tmp_path, vault):
    with closing(Desk(tmp_path / "desk.sqlite", vault)) as opened:
        yield opened


@pytest.fixture
def log(tmp_path, vault, desk):
    path = tmp_path / "log.sqlite"
    with closing(EventLog(path, vault, office_event_types(), next_number=desk.next_number)) as opened:
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
def postgres():
    """A PostgreSQL server for the tests; none stops or kills it: those that do start their own."""
    with running_postgres() as server:
        yield server
