"""Timing two things in turns, and the figures that come of it."""

import gc
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

RUNS = 9
_WIDTH_IN_A_FILE = 180


class Pair(NamedTuple):
    """One run of each, in seconds."""

    ours: float
    beside: float


@dataclass(frozen=True)
class Measurement:
    what: str
    beside: str
    run: Callable[[Any, int], Pair]
    """Does both, so many times each, on a fresh folder, or on what `prepare` gives."""
    size: int
    at_least: float | None = None
    """The target: our rate, divided by the other's."""
    store: str = "SQLite"
    prepare: Callable[[Path, int], AbstractContextManager[Any]] | None = None
    """Makes, in a fresh folder, what all the runs work on: it is not timed."""
    runs: int = RUNS
    quick_size: int = 4
    must: bool = False
    """Whether the bench fails where the target is not reached: the figures beside would mean nothing."""

    @property
    def target(self) -> str | None:
        return None if self.at_least is None else f"≥ {self.at_least:g}"


@dataclass(frozen=True)
class Figure:
    """What a measurement came to."""

    measurement: Measurement
    size: int
    pairs: tuple[Pair, ...]

    @property
    def ours(self) -> float:
        """A second's worth."""
        return self.size / statistics.median(pair.ours for pair in self.pairs)

    @property
    def beside(self) -> float:
        return self.size / statistics.median(pair.beside for pair in self.pairs)

    @property
    def ratio(self) -> float:
        return self.ours / self.beside

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached; None where there is none."""
        at_least = self.measurement.at_least
        return None if at_least is None else self.ratio >= at_least

    def as_json(self) -> dict[str, object]:
        return {
            "store": self.measurement.store,
            "what": self.measurement.what,
            "beside": self.measurement.beside,
            "ours_per_second": round(self.ours),
            "beside_per_second": round(self.beside),
            "ratio": round(self.ratio, 3),
            "target": self.measurement.target,
            "reached": self.reached,
            "runs": len(self.pairs),
        }


def measured(measurements: Iterable[Measurement]) -> Iterator[Figure]:
    """As many pairs as each asks for; one more goes before them and is not counted."""
    for one, size, pairs in _timed(measurements, lambda one: one.size, lambda one: one.runs + 1):
        yield Figure(one, size, pairs[1:])


def measured_quickly(measurements: Iterable[Measurement]) -> Iterator[Figure]:
    """One tiny pair of each, to see that it runs: the figures mean nothing."""
    for one, size, pairs in _timed(measurements, lambda one: one.quick_size, lambda _one: 1):
        yield Figure(one, size, pairs)


def _timed(
    measurements: Iterable[Measurement], size_of: Callable[[Measurement], int], runs_of: Callable[[Measurement], int]
) -> Iterator[tuple[Measurement, int, tuple[Pair, ...]]]:
    """Neighbours that have one preparation, for one size, share what it makes."""
    for (prepare, size), several in groupby(measurements, lambda one: (one.prepare, size_of(one))):
        if prepare is None:
            for one in several:
                yield one, size, tuple(_on_a_fresh_folder(one, size) for _ in range(runs_of(one)))
        else:
            with fresh_folder() as folder, prepare(folder, size) as prepared:
                for one in several:
                    yield one, size, tuple(one.run(prepared, size) for _ in range(runs_of(one)))


def _on_a_fresh_folder(measurement: Measurement, size: int) -> Pair:
    with fresh_folder() as folder:
        return measurement.run(folder, size)


@contextmanager
def fresh_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="greffier-bench-", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def seconds(work: Callable[[], object]) -> float:
    """How long it takes, the collector's own work left out."""
    gc.collect()
    gc.disable()
    try:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start
    finally:
        gc.enable()


def print_table(shown: Table) -> None:
    console = Console()
    Console(width=console.width if console.is_terminal else _WIDTH_IN_A_FILE).print(shown)


def told(reached: bool | None) -> str:
    return "" if reached is None else "yes" if reached else "no"
