"""A commit at work on an office of its own, driven from outside alone: by its command line, and over HTTP.

Nothing of the commit is imported, and little of what it answers is read, so that any two commits can be measured alike.
"""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

import httpx

from tests.served_office import GREFFIER, ended_at_last, greffier, projected_apart, served

CALLERS = 8
_BUILT_WITHIN_SECONDS = 120
_A_PAGE = 200
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
_WATCHED = """
import os, sys, time
start = time.perf_counter()
nowhere = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
process = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=nowhere)
_, status, used = os.wait4(process, 0)
print(time.perf_counter() - start, used.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""Watches a process. It is small itself, since the peak memory of what it starts counts from its own."""


class Process(NamedTuple):
    """What a whole process took."""

    seconds: float
    mebibytes: float
    """Of memory, at its peak."""


class Import(NamedTuple):
    """How long mail took to be taken in, and then the views to reach the log's head; without the process's start."""

    taking_in: float
    following: float


class Office(NamedTuple):
    """An office that is served, and what of it can be asked for."""

    url: str
    token: str
    tickets: list[str]
    client: str
    """The one with the most tickets."""


class Side:
    """A tree, and its office in `folder`; where it is to be in PostgreSQL, `store` is the URL."""

    def __init__(self, tree: Path, folder: Path, store: str | None) -> None:
        self.folder = folder
        self.mailboxes = 0
        """How many were imported."""
        self._environment = {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "", "PYTHONUNBUFFERED": "1"}
        self._projects_apart = store is not None
        if store is not None:
            self._environment["GREFFIER_STORE"] = store
        self._serving = ExitStack()
        self._office: Office | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.rest()

    # --- by the command line ------------------------------------------------------------------

    def generate(self, clients: int, seed: int) -> int:
        """How many events there are of it."""
        return int(self._told("generate", "--clients", str(clients), "--seed", str(seed))["events"])

    def rebuild(self) -> float:
        """Events a second."""
        told = self._told("projections", "rebuild", "--all")
        return float(told["events"] / told["seconds"])

    def import_mail(self, mailbox: Path, count: int) -> Import:
        self.mailboxes += 1
        process = subprocess.Popen(
            [GREFFIER, "import-mail", str(mailbox), "--report", "/dev/stdout", "--json"],
            env={**os.environ, "GREFFIER_DATA": str(self.folder), **self._environment},
            stdout=subprocess.PIPE,
            text=True,
        )
        with ended_at_last(process) as output:
            moments = []
            for _ in range(count + 1):  # a line for each message, then what became of them all
                line = output.readline()
                assert line, f"{self}: the import ended early"
                moments.append(time.perf_counter())
            summary = json.loads(line + output.read())
            assert summary["messages"] == count, summary
        return Import(moments[-2] - moments[0], moments[-1] - moments[-2])

    def run(self, *arguments: str) -> Process:
        """Runs a command, and watches its process from its start to its end."""
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _WATCHED, GREFFIER, *arguments],
            env={**os.environ, "GREFFIER_DATA": str(self.folder), "COLUMNS": "200", **self._environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        seconds, peak = done.stdout.split()
        return Process(float(seconds), int(peak) / 1024)

    def _told(self, *arguments: str) -> dict[str, Any]:
        done = greffier(*arguments, "--json", data=self.folder, **self._environment)
        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    # --- over HTTP ----------------------------------------------------------------------------

    def serve(self) -> Office:
        """The office, served from now on until it rests."""
        if self._office is None:
            url, token = self._serving.enter_context(served(self.folder, **self._environment))
            if self._projects_apart:
                self._serving.enter_context(projected_apart(self.folder, **self._environment))
            with _client(url, token) as client:
                _wait_for_the_views(client)
                tickets = [line["ticket_id"] for line in _items(client, f"/tickets?limit={_A_PAGE}")]
                self._office = Office(url, token, tickets, _busiest(client))
        return self._office

    def rest(self) -> None:
        self._office = None
        self._serving.close()

    def open_files(self, office_address: str, addresses: list[str]) -> None:
        """Makes the address the office's, and each of the others a client's."""
        office = self.serve()
        with _client(office.url, office.token) as client:
            _post(client, "/office/addresses", {"address": office_address})
            for address in addresses:
                identity = {"kind": "person", "last_name": address.partition("@")[0]}
                _post(client, "/clients", {"identity": identity, "active": True, "email_addresses": [address]})

    def asked(self, ask: "Ask", count: int) -> float:
        """Asks so often, as callers at once do: requests a second."""
        return asyncio.run(_asked(self.serve(), ask, count))


def _client(url: str, token: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60)


def _items(client: httpx.Client, path: str) -> list[dict[str, Any]]:
    answered = client.get(path)
    assert answered.status_code == 200, answered.text
    items: list[dict[str, Any]] = answered.json()["items"]
    return items


def _busiest(client: httpx.Client) -> str:
    """Of those whose names come first, one with the fullest page of tickets."""
    clients: list[str] = [line["client_id"] for line in _items(client, f"/clients?limit={_A_PAGE}")]
    return max(clients, key=lambda client_id: len(_items(client, f"/clients/{client_id}/tickets")))


def _post(client: httpx.Client, path: str, body: dict[str, Any]) -> None:
    answered = client.post(path, json=body)
    assert answered.is_success, answered.text


def _wait_for_the_views(client: httpx.Client) -> None:
    until = time.monotonic() + _BUILT_WITHIN_SECONDS
    while any(view["lag"] for view in _items(client, "/projections")):
        assert time.monotonic() < until, "the views don't get to the log's head"
        time.sleep(0.05)


# --- many at once -------------------------------------------------------------------------------


class Caller:
    """A connection that is kept. It costs little, since it takes its share of the machine that it measures."""

    def __init__(self, office: Office, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._headers = f"Host: {urlsplit(office.url).netloc}\r\nAuthorization: Bearer {office.token}\r\n"

    async def get(self, target: str) -> bytes:
        return await self._answered(f"GET {target} HTTP/1.1\r\n{self._headers}\r\n")

    async def post(self, target: str) -> bytes:
        return await self._answered(f"POST {target} HTTP/1.1\r\n{self._headers}Content-Length: 0\r\n\r\n")

    async def _answered(self, request: str) -> bytes:
        self._writer.write(request.encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        assert length, head
        body = await self._reader.readexactly(int(length[1]))
        assert head.startswith(b"HTTP/1.1 2"), request.partition("\r")[0] + ": " + (head + body).decode()
        return body

    async def hang_up(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


Ask = Callable[[Caller, Office, int], Awaitable[object]]
"""Asks something of an office; the number tells of how many asked before: caller `n` has `n`, `n + CALLERS` …"""


async def _asked(office: Office, ask: Ask, count: int) -> float:
    place = urlsplit(office.url)
    callers = [Caller(office, *await asyncio.open_connection(place.hostname, place.port)) for _ in range(CALLERS)]

    async def call(first: int, caller: Caller) -> None:
        for number in range(first, count, CALLERS):
            await ask(caller, office, number)

    try:
        started = time.perf_counter()
        await asyncio.gather(*(call(first, caller) for first, caller in enumerate(callers)))
        return count / (time.perf_counter() - started)
    finally:
        for caller in callers:
            await caller.hang_up()
