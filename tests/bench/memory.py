"""Memory over a million events: of a rebuild, and of following the log. Each is measured in a process of its own."""

import resource
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from adapters.databases import store_url
from adapters.generated_office import Extent, generate
from api.bootstrap import Greffier, create_office, open_greffier
from api.settings import Settings
from projections.engine import engine
from tests.bench.measuring import fresh_folder
from tests.postgres import running_postgres

EVENTS = 1_000_000
QUICK_EVENTS = 3_000
_EVENTS_A_CLIENT = 60
_FIRST_PART = 5
"""Following is measured after a fifth of the log, and at its end."""
_MEBIBYTE = 1 << 20
_REBUILD_AT_MOST = 1 << 30
_FOLLOWING_AT_MOST = 1.2


@dataclass(frozen=True)
class Figure:
    store: str
    what: str
    told: str
    target: str
    reached: bool


def measured(store: str | None, events: int) -> list[Figure]:
    return [
        figure
        for name, place in (("SQLite", _sqlite), ("PostgreSQL", _postgres))
        if store in {None, name}
        for figure in _measured(name, place, events)
    ]


@contextmanager
def _sqlite(_folder: Path) -> Iterator[str]:
    yield ""


@contextmanager
def _postgres(_folder: Path) -> Iterator[str]:
    with running_postgres() as server:
        yield server.url(server.new_name())


def _measured(store: str, place: Callable[[Path], AbstractContextManager[str]], events: int) -> Iterator[Figure]:
    with fresh_folder() as folder, place(folder) as url:
        _in_a_process("prepare", folder, url, events)
        first, last = _in_a_process("follow", folder, url, events)
        (most,) = _in_a_process("rebuild", folder, url, events)
    yield Figure(
        store,
        f"all read models rebuilt from {events:,} events",
        f"{most / _MEBIBYTE:,.0f} MiB at most",
        f"< {_REBUILD_AT_MOST / _MEBIBYTE:,.0f} MiB",
        most < _REBUILD_AT_MOST,
    )
    yield Figure(
        store,
        f"the log followed over {events:,} events, at the end beside after {events // _FIRST_PART:,}",
        f"{last / _MEBIBYTE:,.0f} MiB beside {first / _MEBIBYTE:,.0f} MiB: {last / first:.2f}",
        f"≤ {_FOLLOWING_AT_MOST:g}",
        last / first <= _FOLLOWING_AT_MOST,
    )


def _in_a_process(work: str, folder: Path, url: str, events: int) -> Sequence[int]:
    command = [sys.executable, "-m", "tests.bench.memory", work, str(folder / "office"), url, str(events)]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return [int(number) for number in told.split()]


# --- in a process of its own ------------------------------------------------------------------


def _prepare(settings: Settings, events: int) -> None:
    create_office(settings)
    with open_greffier(settings) as office:
        office.engine.catch_up()  # the views are there before the events are
        generate(office.log, office.files, Extent(clients=events // _EVENTS_A_CLIENT, seed=3, events=events))


def _follow(settings: Settings, events: int) -> None:
    engine.REBUILD_BEYOND = 2 * events  # type: ignore[misc]
    resident = psutil.Process().memory_info
    with open_greffier(settings) as office:
        while office.engine.advance():
            if _position(office) >= events // _FIRST_PART:
                break
        first = resident().rss
        while office.engine.advance():
            pass
        assert _position(office) == office.log.head()
        print(first, resident().rss)


def _position(office: Greffier) -> int:
    return min(view.position for view in office.engine.status())


def _rebuild(settings: Settings, _events: int) -> None:
    with open_greffier(settings) as office:
        office.engine.rebuild([view.name for view in office.engine.status()])
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def main(work: str, folder: str, url: str, events: str) -> None:
    settings = Settings(data=Path(folder), store=store_url(url) if url else None)
    {"prepare": _prepare, "follow": _follow, "rebuild": _rebuild}[work](settings, int(events))


if __name__ == "__main__":
    main(*sys.argv[1:])
