"""The demonstration office, served by a process of its own, for tests that talk to it as its users do."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

GREFFIER = str(Path(sys.executable).with_name("greffier"))


def greffier(*arguments: str, data: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the command on the office in `data` until it ends."""
    return subprocess.run(
        [GREFFIER, *arguments],
        env={**os.environ, "GREFFIER_DATA": str(data), "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def demo_folder(parent: Path) -> Path:
    """A folder with the demonstration office, its mail imported."""
    folder = parent / "demo"
    done = greffier("--data", str(folder), "demo", "--once", "--json", data=folder)
    assert done.returncode == 0, done.stderr
    return folder


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
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
