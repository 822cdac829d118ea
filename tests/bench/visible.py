"""How soon a command shows, over HTTP: the command and a read that waits for it, beside the command alone."""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx

from tests.bench.measuring import Measurement, Pair
from tests.postgres import running_postgres
from tests.served_office import greffier, projected_apart, served

_AT_FIRST = 20


@contextmanager
def _in_sqlite(folder: Path, _size: int) -> Iterator[httpx.Client]:
    with _opened(folder / "office") as client:
        yield client


@contextmanager
def _in_postgres(folder: Path, _size: int) -> Iterator[httpx.Client]:
    """As an office of some size runs: one process serves, another keeps the views up."""
    with running_postgres() as server:
        store = server.url(server.new_name())
        with _opened(folder / "office", GREFFIER_STORE=store, apart=True) as client:
            yield client


@contextmanager
def _opened(folder: Path, *, apart: bool = False, **environment: str) -> Iterator[httpx.Client]:
    names = ("--first-name", "Lise", "--last-name", "Roche")
    for command in (("init", "Banc d'essai"), ("token", "lise@cabinet.example.fr", *names)):
        done = greffier(*command, data=folder, **environment)
        assert done.returncode == 0, done.stderr
    with served(folder, **environment) as (url, token):
        client = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"})
        with client:
            if apart:
                with projected_apart(folder, **environment):
                    yield client
            else:
                yield client


def _command(client: httpx.Client) -> httpx.Response:
    answered = client.post("/clients", json={"identity": {"kind": "person", "last_name": "Essai"}})
    assert answered.status_code == 201, answered.text
    return answered


def _command_and_read(client: httpx.Client) -> None:
    answered = _command(client)
    position = answered.json()["position"]
    read = client.get(answered.headers["Location"], params={"min_position": position})
    assert read.status_code == 200, read.text


def _beside(client: httpx.Client, size: int) -> Pair:
    """A median of so many of each, in turns, as if all had taken as long."""
    alone, visible = [], []
    for number in range(_AT_FIRST + size):
        taken = _timed(partial(_command, client)), _timed(partial(_command_and_read, client))
        if number >= _AT_FIRST:
            alone.append(taken[0])
            visible.append(taken[1])
    return Pair(statistics.median(visible) * size, statistics.median(alone) * size)


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


VISIBLE = tuple(
    Measurement(
        "commands that show in a read model, over HTTP",
        "the commands alone, over HTTP",
        _beside,
        size=100,
        at_least=0.5,
        store=store,
        prepare=prepare,
        runs=5,
    )
    for store, prepare in (("SQLite", _in_sqlite), ("PostgreSQL", _in_postgres))
)
