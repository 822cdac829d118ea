"""The demonstration office, served by a process of its own, for tests that talk to it as its users do."""

import fcntl
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from tests.waiting import PATIENCE

GREFFIER = str(Path(sys.executable).with_name("greffier"))


def greffier(*arguments: str, data: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the command on the office in `data` until it ends."""
    return subprocess.run(
        [GREFFIER, *arguments],
        env={**os.environ, "GREFFIER_DATA": str(data), "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


class Demonstration(NamedTuple):
    """The demonstration's office, its mail imported and its views up to date, to be copied; and what it printed."""

    folder: Path
    printed: str


def demonstration(place: Path) -> Demonstration:
    """The one that lies in this place; made by whichever process comes first, while others wait."""
    folder, printed = place / "demonstration" / "office", place / "demonstration" / "printed"
    place.mkdir(parents=True, exist_ok=True)
    with (place / "demonstration.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not printed.exists():
            done = greffier("--data", str(folder), "demo", "--once", data=folder)
            assert done.returncode == 0, done.stderr
            printed.write_text(done.stdout, "utf-8")
    return Demonstration(folder, printed.read_text("utf-8"))


@contextmanager
def served(folder: Path, **environment: str) -> Iterator[tuple[str, str]]:
    """The office in `folder`, served on a free port: its URL, and a token of its first collaborator."""
    token = greffier("token", data=folder, **environment).stdout.strip()
    process = subprocess.Popen(
        [GREFFIER, "serve", "--port", "0"],
        env={**os.environ, "GREFFIER_DATA": str(folder), "COLUMNS": "200", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with ended_at_last(process) as output:
        line = output.readline()
        found = re.search(r"http://\S+?:\d+", line)
        assert found, line + output.read()
        yield found[0], token


@contextmanager
def projected_apart(folder: Path, **environment: str) -> Iterator[None]:
    """A process of its own keeps the views of the office in `folder` up."""
    process = subprocess.Popen(
        [GREFFIER, "projections", "run", "--json"],
        env={**os.environ, "GREFFIER_DATA": str(folder), **environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    with ended_at_last(process) as output:
        assert json.loads(output.readline()) == {"projecting": True}
        yield


@contextmanager
def ended_at_last(process: subprocess.Popen[str]) -> Iterator[IO[str]]:
    """Gives what the process prints; whatever happens, it doesn't run on."""
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        process.terminate()
        process.stdout.close()
        try:
            process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
