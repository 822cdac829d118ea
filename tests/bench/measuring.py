"""Timing two things in turns, and the figures that come of it."""

import gc
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class Pair(NamedTuple):
    """One run of each, in seconds."""

    ours: float
    beside: float


@dataclass(frozen=True)
class Measurement:
    what: str
    beside: str
    run: Callable[[Path, int], Pair]
    """Does both on a fresh folder, so many times each."""
    size: int
    at_least: float | None = None
    """The target: our rate, divided by the other's."""

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

    def as_json(self) -> dict[str, object]:
        return {
            "what": self.measurement.what,
            "beside": self.measurement.beside,
            "ratio": round(self.ratio, 3),
            "target": self.measurement.target,
            "runs": len(self.pairs),
        }


def measured(measurement: Measurement, size: int, runs: int) -> Figure:
    """So many pairs, each on a fresh folder; one more goes before them and is not counted."""
    pairs = []
    for _ in range(runs + 1):
        with fresh_folder() as folder:
            pairs.append(measurement.run(folder, size))
    return Figure(measurement, size, tuple(pairs[1:]))


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
