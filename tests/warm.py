"""Starts `greffier` by forking a process that has loaded it already: what it does is the same, and it does it at once.

`python -m tests.warm FOLDER` is that process. It writes a program into the folder, to be started as `greffier` is: that
one hands over its arguments, folder, environment and standard streams, passes signals on, and ends as the forked
process ends. What is met only in a process of its own (its memory, its limits, how fast it starts) starts the real one.
"""

import gc
import marshal
import os
import pkgutil
import random
import selectors
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path

_PROGRAM = """#!{python} -IS
import marshal, os, signal, socket, sys

passed_on = {{signal.SIGHUP, signal.SIGINT, signal.SIGTERM}}
signal.pthread_sigmask(signal.SIG_BLOCK, passed_on)
warm = socket.socket(socket.AF_UNIX)
warm.connect({place!r})
asked = marshal.dumps((sys.argv[1:], os.getcwd(), dict(os.environ)))
socket.send_fds(warm, [len(asked).to_bytes(4, "big")], [0, 1, 2])
warm.sendall(asked)
process = int.from_bytes(warm.recv(4), "big")
for number in passed_on:
    signal.signal(number, lambda number, _: os.kill(process, number))
signal.pthread_sigmask(signal.SIG_UNBLOCK, passed_on)
if "TOLD_WHICH" in os.environ:
    os.write(int(os.environ["TOLD_WHICH"]), b"%d" % process)
    os.close(int(os.environ["TOLD_WHICH"]))
os.closerange(0, 3)
status = int.from_bytes(warm.recv(4), "big")
if os.WIFSIGNALED(status):
    signal.pthread_sigmask(signal.SIG_BLOCK, passed_on - {{os.WTERMSIG(status)}})
    if os.WTERMSIG(status) in passed_on:
        signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
    os.kill(os.getpid(), os.WTERMSIG(status))
os._exit(os.waitstatus_to_exitcode(status))
"""


@contextmanager
def warm_greffier(folder: Path):
    """The program in this folder, for as long as the process that it asks runs."""
    folder.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.warm", str(folder)],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,  # which ends with these tests
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout.readline() == b"ready\n"
        yield folder / "greffier"
    finally:
        process.communicate()


class Started(subprocess.Popen):
    """A program of the warm process: what is sent to it reaches the forked one, even a signal that can't be passed on."""

    def __init__(self, arguments, **how):
        told, tells = os.pipe()
        super().__init__(arguments, pass_fds=(tells,), env={**os.environ, "TOLD_WHICH": str(tells)}, **how)
        os.close(tells)
        with os.fdopen(told, "rb") as which:
            self.forked = int(which.read())

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.forked, number)


class _Warm:
    """The process that has loaded everything, and forks."""

    def __init__(self, folder: Path) -> None:
        place = str(folder / "socket")
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(place)
        self._listening.listen(64)
        self._ended, ends = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(ends)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._asking = {}
        program = folder / "greffier"
        program.write_text(_PROGRAM.format(python=sys.executable, place=place))
        program.chmod(0o755)

    def run(self) -> None:
        """Forks whoever is asked for, until nobody can ask any more; in the forked process, becomes that."""
        with selectors.DefaultSelector() as selector:
            for watched in (0, self._ended, self._listening):
                selector.register(watched, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fd == 0:
                        return
                    if key.fd == self._ended:
                        self._tell_who_ended()
                    elif asked := self._fork():
                        become(*asked)
                        return

    def _fork(self):
        """What the forked process is to be, in that one."""
        asking, _ = self._listening.accept()
        size, streams, _, _ = socket.recv_fds(asking, 4, 3)
        with asking.makefile("rb") as sent:
            asked = sent.read(int.from_bytes(size))
        process = os.fork()
        if process == 0:
            return streams, *marshal.loads(asked)  # noqa: S302  # our own program asks
        for stream in streams:
            os.close(stream)
        with suppress(BrokenPipeError):
            asking.sendall(process.to_bytes(4))
        self._asking[process] = asking
        return None

    def _tell_who_ended(self) -> None:
        os.read(self._ended, 4096)
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                process, status = ended
                with self._asking.pop(process) as asking, suppress(BrokenPipeError):
                    asking.sendall(status.to_bytes(4))


def become(streams, arguments, folder, environment) -> None:
    """Makes this process the one that was asked for."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.closerange(3, 256)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    random.seed()
    sys.argv[:] = ["greffier", *arguments]
    from api.cli import main

    main()


def load_all() -> None:
    """Loads whatever any command may need, and what the libraries load when they are first used."""
    for package in ("domain", "projections", "adapters", "api"):
        for found in pkgutil.walk_packages([package], f"{package}."):
            import_module(found.name)
    for module in ("email_validator", "uvicorn.loops.auto", "uvicorn.protocols.http.auto", "uvicorn.lifespan.on"):
        import_module(module)
    import_module("api.routes").office_operations()
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    load_all()
    warm = _Warm(Path(sys.argv[1]))
    print("ready", flush=True)
    warm.run()
