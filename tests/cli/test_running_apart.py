"""Views in PostgreSQL: servers that only serve, and a process beside them that projects."""

import json
import signal
import subprocess
from collections import Counter

import httpx
import pytest

from tests.cli.command_line import errors
from tests.end_to_end.mailboxes import letter
from tests.postgres import running_postgres
from tests.waiting import PATIENCE, wait_until


@pytest.fixture
def office(offices, postgres):
    """An office in PostgreSQL, just opened."""
    office = offices("office", GREFFIER_STORE=postgres.url(postgres.new_name()))
    office("init", "Cabinet Essai")
    return office


@pytest.fixture
def token(office):
    return office("token", "lea@cabinet.example", "--last-name", "Morel").stdout.strip()


@pytest.fixture
def clients(token):
    """Makes clients of servers, by their address."""
    made = []

    def client(address):
        made.append(httpx.Client(base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE))
        return made[-1]

    yield client
    for one in made:
        one.close()


def running(office):
    """A process that projects, or waits to; and what it said first."""
    process = office.start("projections", "run", "--json")
    return process, said(process)


def said(process):
    return json.loads(process.stdout.readline())


def receive(client, number):
    sent = client.post("/messages", content=letter(number), headers={"Content-Type": "message/rfc822"})
    assert sent.status_code == 201, sent.text
    return sent.json()["position"]


def metrics(client):
    lines = [line.rpartition(" ") for line in client.get("/metrics").text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


def test_when_the_process_that_projects_dies_all_say_so_and_the_next_one_takes_over(office, clients):
    served = [clients(office.serve()[1]) for _ in range(2)]
    assert {client.get("/health").json()["status"] for client in served} == {"not_ready"}
    first, told = running(office)
    assert told == {"projecting": True}
    second, told = running(office)
    assert told == {"projecting": False}
    for client in served:
        wait_until(lambda client=client: client.get("/health").status_code == 200, "the views")
    position = receive(served[0], 1)
    assert served[1].get("/tickets", params={"min_position": position}).status_code == 200

    second.kill()
    second.wait(PATIENCE)
    first.kill()
    first.wait(PATIENCE)
    position = receive(served[0], 2)

    for client in served:
        wait_until(lambda client=client: client.get("/health").json()["status"] == "degraded", "what nobody projects")
        told = metrics(client)
        assert told['greffier_view_lag_events{view="tickets"}'] > 0
        assert told['greffier_view_lag_seconds{view="tickets"}'] > 5
        assert told["greffier_log_head_position"] >= position

    third, told = running(office)
    assert told == {"projecting": True}
    wait_until(lambda: served[1].get("/health").status_code == 200, "the views")
    assert metrics(served[1])['greffier_view_lag_events{view="tickets"}'] == 0
    assert len(served[1].get("/tickets", params={"min_position": position}).json()["items"]) == 2
    third.send_signal(signal.SIGTERM)
    assert third.wait(PATIENCE) == 0


def test_who_waits_takes_over_as_soon_as_the_first_one_ends(office):
    first, told = running(office)
    assert told == {"projecting": True}
    second, told = running(office)
    assert told == {"projecting": False}
    first.send_signal(signal.SIGTERM)
    assert first.wait(PATIENCE) == 0
    assert said(second) == {"projecting": True}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_when_it_is_told_to(opened, number):
    process = opened.start("projections", "run")
    assert process.stdout.readline() == b"This process keeps the views up.\n"
    waiting = opened.start("projections", "run")
    assert waiting.stdout.readline() == b"Another process keeps the views up: this one waits to take over.\n"
    for one in (waiting, process):
        one.send_signal(number)
        assert one.wait(PATIENCE) == 0
        assert not one.stderr.read()


def test_a_rebuild_is_asked_of_the_process_that_projects(office, clients):
    client = clients(office.serve()[1])
    process, _ = running(office)
    wait_until(lambda: client.get("/health").status_code == 200, "the views")
    receive(client, 1)
    before = _generations(office)
    assert office.json("projections", "rebuild", "tickets")["rebuilt"] == ["tickets"]
    assert Counter(_generations(office)) - Counter(before) == {"tickets": 1}
    assert process.poll() is None


def _generations(office):
    with office.open() as opened:
        return {name: view.generation for name, view in opened.views.views().items()}


@pytest.mark.parametrize(("store", "flag", "projects"), [
    ("sqlite", "--no-project", False), ("postgres", "--project", True), ("postgres", "--no-project", False)
])  # fmt: skip
def test_a_server_projects_or_not_as_it_is_told(request, store, flag, projects):
    office = request.getfixturevalue({"sqlite": "opened", "postgres": "office"}[store])
    _, address = office.serve("serve", flag)
    if projects:
        wait_until(lambda: httpx.get(f"{address}/health").status_code == 200, "the views")
    process, told = running(office)
    assert told == {"projecting": not projects}
    process.terminate()
    assert process.wait(PATIENCE) == 0


@pytest.fixture
def server():
    with running_postgres() as server:
        yield server


def test_when_postgresql_comes_back_servers_and_the_process_that_projects_go_on(offices, server):
    office = offices("office", GREFFIER_STORE=server.url(server.new_name()))
    office("init", "Cabinet Essai")
    token = office("token", "lea@cabinet.example", "--last-name", "Morel").stdout.strip()
    _, address = office.serve()
    process = office.start("projections", "run", "--json", stderr=subprocess.DEVNULL)
    assert said(process) == {"projecting": True}
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE) as client:
        wait_until(lambda: client.get("/health").status_code == 200, "the views")
        server.kill()
        answer = client.get("/tickets")
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
        assert int(answer.headers["retry-after"]) > 0
        server.start()
        wait_until(lambda: client.get("/tickets").status_code == 200, "the stores")
        position = receive(client, 1)
        listed = wait_until(
            lambda: client.get("/tickets", params={"min_position": position}).json().get("items"), "the ticket"
        )
        assert len(listed) == 1
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0


def test_without_its_server_it_does_not_start(offices):
    office = offices("office", GREFFIER_STORE="postgresql://clerk@127.0.0.1:1/office")
    ran = office.run("projections", "run", exit_code=3, stdin=subprocess.DEVNULL)
    assert "can't be used now" in errors(ran)[-1]
