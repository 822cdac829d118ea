"""`greffier` as people run it: here where that is enough, in a process of its own where processes are the point, and
started anew where it is what a new process takes.
"""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

import pytest

from api.bootstrap import open_greffier
from api.cli import main
from api.settings import Settings
from tests.waiting import PATIENCE
from tests.warm import Started

GREFFIER = Path(sys.executable).with_name("greffier")


@dataclass(frozen=True)
class Ran:
    """A command that ended."""

    exit_code: int
    stdout: str
    stderr: str
    peak_bytes: int = 0
    """The most memory that its process held, where that was started anew; else 0."""

    @property
    def json(self):
        return json.loads(self.stdout)


class Office:
    """`greffier` on one data folder, and on the stores that the environment names."""

    def __init__(self, program, folder, **environment):
        self.folder = folder
        self._program = program
        self._environment = environment
        self._started = []

    def __call__(self, *arguments, stdin=b"", exit_code=0):
        """Runs the command in this process, and expects how it ends."""
        out, err = io.StringIO(), io.StringIO()
        before = sys.argv, sys.stdin
        sys.argv, sys.stdin = ["greffier", *self._with_data(arguments)], io.TextIOWrapper(io.BytesIO(stdin))
        try:
            with redirect_stdout(out), redirect_stderr(err), self._in_environment():
                main()
            ended = 0
        except SystemExit as end:
            ended = end.code or 0
        finally:
            sys.argv, sys.stdin = before
        return _expected(Ran(ended, out.getvalue(), err.getvalue()), exit_code)

    def json(self, *arguments, **how):
        return self(*arguments, "--json", **how).json

    def start(self, *arguments, **how):
        """Starts the command in a process of its own, which does not outlive the test."""
        return self._start(Started, self._program, arguments, how)

    def start_anew(self, *arguments, **how):
        """Starts it in a process that loads it, as the limits and the memory of a process are not forked."""
        return self._start(subprocess.Popen, GREFFIER, arguments, how)

    def _start(self, starting, program, arguments, how):
        how = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | how
        with self._in_environment():
            process = starting([program, *self._with_data(arguments)], **how)
        self._started.append(process)
        return process

    def run(self, *arguments, exit_code=0, **how):
        """Runs the command in a process of its own, and expects how it ends."""
        return _expected(replace(ended(self.start(*arguments, **how)), peak_bytes=0), exit_code)

    def run_anew(self, *arguments, exit_code=0, **how):
        return _expected(ended(self.start_anew(*arguments, **how)), exit_code)

    def serve(self, *arguments):
        """Serves the office on a free port: the process, and its address."""
        process = self.start(*(arguments or ("serve",)), "--port", "0", stderr=subprocess.DEVNULL)
        return process, address_of(process)

    def open(self):
        return open_greffier(self.settings())

    def settings(self):
        with self._in_environment():
            return Settings(data=self.folder)

    def _in_environment(self):
        return mock.patch.dict(os.environ, self._environment)

    def stop(self):
        for process in self._started:
            if process.returncode is None:
                process.kill()
                process.communicate()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    stream.close()

    def _with_data(self, arguments):
        return ["--data", str(self.folder), *map(str, arguments)]


def ended(process):
    """What a process said once it has ended, and the memory that it took."""
    watch = threading.Timer(PATIENCE, process.kill)
    watch.start()
    stdout, stderr = process.stdout.read(), process.stderr.read()
    watch.cancel()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Ran(process.returncode, stdout.decode(), stderr.decode(), usage.ru_maxrss << 10)


def address_of(process):
    """The address that a server prints once it listens."""
    for line in iter(process.stdout.readline, b""):
        if line.startswith(b"Greffier answers on "):
            return line.split()[3].decode()
    raise AssertionError("the server ended before it said where it listens")


def interrupt(process):
    process.send_signal(signal.SIGINT)
    return process.wait(PATIENCE)


def errors(ran):
    """The lines of a command's standard error."""
    return ran.stderr.splitlines()


def _expected(ran, exit_code):
    assert ran.exit_code == exit_code, f"exit code {ran.exit_code}\n{ran.stdout[-2000:]}\n{ran.stderr[-2000:]}"
    return ran


@pytest.fixture
def apart(tmp_path, monkeypatch):
    """A working folder without settings, and an environment without any either."""
    for name in [name for name in os.environ if name.startswith("GREFFIER_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def offices(apart, warm):
    """Makes offices, each on a folder of this name; their processes end with the test."""
    made = []

    def office(name, **environment):
        made.append(Office(warm, apart / name, **environment))
        return made[-1]

    yield office
    for one in made:
        one.stop()


@pytest.fixture
def greffier(offices):
    """`greffier` on a folder that holds nothing yet."""
    return offices("office")


@pytest.fixture(scope="session")
def furnished(demonstration):
    """The demonstration's office, to be copied."""
    return demonstration.folder


@pytest.fixture
def demo(greffier, furnished):
    """`greffier` on the demonstration's office."""
    shutil.copytree(furnished, greffier.folder)
    return greffier


@pytest.fixture
def opened(greffier):
    """`greffier` on an office that was just opened."""
    greffier("init", "Cabinet Essai")
    return greffier
