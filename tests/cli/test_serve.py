"""Serving."""

import signal
import socket

import httpx
import pytest

from tests.cli.command_line import errors
from tests.waiting import PATIENCE, wait_until


def test_a_port_that_is_taken_is_said(opened):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (line,) = errors(opened("serve", "--port", port, exit_code=1))
    assert line.startswith(f"greffier: can't listen on 127.0.0.1:{port}: ")
    assert "in use" in line


@pytest.mark.parametrize(
    ("arguments", "exit_code"), [(["--host", "no.such.host.invalid"], 1), (["--port", "70000"], 2)]
)
def test_a_place_where_nobody_can_listen_is_said(opened, arguments, exit_code):
    (line,) = errors(opened("serve", *arguments, exit_code=exit_code))
    assert line.startswith("greffier: ")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_answers_where_it_says_until_it_is_told_to_stop(opened, number):
    process, address = opened.serve()
    wait_until(lambda: httpx.get(f"{address}/health").status_code == 200, "the views")
    assert httpx.get(f"{address}/health").json()["head"] == 1
    assert httpx.get(f"{address}/docs").status_code == 200
    process.send_signal(number)
    assert process.wait(PATIENCE) in {0, 130, -number}
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address}/health")


def test_a_server_listens_on_ipv6_too(opened):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")
    _, address = opened.serve("serve", "--host", "::1")
    assert address.startswith("http://[::1]:")
    assert httpx.get(f"{address}/docs").status_code == 200


def test_a_server_takes_in_what_a_command_imports(demo):
    _, address = demo.serve()
    token = demo("token").stdout.strip()
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {token}"}) as client:
        before = client.get("/tickets", params={"total": "true"}).json()
        client_id = client.get("/clients").json()["items"][0]["client_id"]
        ticket = demo.json("tickets", "list", "--unfiled", "--limit", "1")["items"][0]["ticket_id"]
        position = demo.json("tickets", "file", ticket, "--client", client_id)["position"]
        shown = client.get(f"/tickets/{ticket}", params={"min_position": position}).json()
    assert before["items"]
    assert shown["filed_on"]["id"] == client_id
