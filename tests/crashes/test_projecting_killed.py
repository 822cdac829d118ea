"""An engine is killed (SIGKILL) at random moments of following the log and of rebuilding, while others write."""

import multiprocessing
import random
import threading
from contextlib import contextmanager
from functools import partial
from uuid import uuid4

import pytest
from sqlalchemy import inspect

from adapters.generated_office import Extent, generate
from adapters.staff import COMMAND_LINE
from api.bootstrap import create_office, open_greffier
from api.settings import Settings
from domain.clients.client import ActivateClient, Person, RegisterClient
from tests.soak import times
from tests.waiting import PATIENCE, wait_until

KILLS = times(10, soak=100)
"""On each kind of store: half of them while the views follow the log, half while they are rebuilt."""
LOOK_EVERY = 7
"""All rows are compared after so many kills: an odd number, so that it is after both kinds of work."""

starting = multiprocessing.get_context("forkserver")
starting.set_forkserver_preload(["tests.crashes.projecting"])


@pytest.fixture(params=["sqlite", "postgres"])
def settings(request, tmp_path):
    store = None
    if request.param == "postgres":
        postgres = request.getfixturevalue("postgres")
        store = postgres.url(postgres.new_name())
    made = Settings(data=tmp_path / "office", **({"store": store} if store else {}))
    create_office(made)
    with open_greffier(made) as office:
        generate(office.log, office.files, Extent(clients=40, seed=5, events=3_000), lambda *_: None)
        office.catch_up()
    return made


@pytest.mark.repeated
@pytest.mark.behaviour("X9")
def test_an_engine_that_is_killed_again_and_again_folds_every_event_once(settings):
    dice, in_the_middle = random.Random(9), {"follow": 0, "rebuild": 0}
    with open_greffier(settings) as office, writing(office):
        for kill in range(KILLS):
            work = ("follow", "rebuild")[kill % 2]
            before = reached(office)
            process, ready = projecting(settings, work)
            assert ready.recv() == "ready"
            wait_until(partial(has_begun, office, work, before), "the moment to kill")
            for _ in range(dice.randrange(30)):
                reached(office)  # each look lets it go on for a moment
            process.kill()
            process.join()
            in_the_middle[work] += is_in_the_middle(office, work)
            if kill % LOOK_EVERY == 0:
                check(office)
    with open_greffier(settings) as office:
        check(office)
    assert all(in_the_middle.values()), "some must die before they end, or nothing is tested"


def projecting(settings, work):
    from tests.crashes.projecting import project

    ours, its = starting.Pipe(duplex=False)
    process = starting.Process(target=project, args=(settings, work, its), daemon=True)
    process.start()
    its.close()
    return process, ours


@contextmanager
def writing(office):
    """Clients are registered and activated all the while."""
    stop = threading.Event()

    def write():
        while not stop.is_set():
            client_id = uuid4()
            office.log.execute(RegisterClient(client_id=client_id, identity=Person(last_name="Essai")), COMMAND_LINE)
            office.log.execute(ActivateClient(client_id=client_id), COMMAND_LINE)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def reached(office):
    return max(view.position for view in office.views.views().values())


def has_begun(office, work, before):
    return reached(office) > before if work == "follow" else is_in_the_middle(office, work)


def is_in_the_middle(office, work):
    if work == "follow":
        return office.log.head() > min(view.position for view in office.views.views().values())
    with office.views.reading() as connection:
        return any("__" in name for name in inspect(connection).get_table_names())


def check(office):
    assert office.catch_up(timeout=PATIENCE)
    for view in office.engine.status():
        assert view.state == "live", view
        found = office.engine.verify(view.name)
        assert found.equal, found
