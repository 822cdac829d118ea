"""Runs every measurement, prints their table and writes `build/bench.json`."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench import commands, intake
from tests.bench.measuring import Figure, Measurement, measured

MEASUREMENTS: tuple[Measurement, ...] = (intake.STORED, intake.PARSED_AND_STORED, commands.EXECUTED)
RUNS = 9
_QUICK_SIZE = 4


def figures(measurements: Sequence[Measurement], *, quick: bool) -> Iterator[Figure]:
    for measurement in measurements:
        yield measured(measurement, _QUICK_SIZE if quick else measurement.size, 1 if quick else RUNS)


def table(figures: Sequence[Figure]) -> Table:
    shown = Table("what", "a second", "beside", "a second", "ratio", "target", "runs")
    for figure in figures:
        as_json = figure.as_json()
        shown.add_row(
            figure.measurement.what,
            f"{figure.ours:,.0f}",
            figure.measurement.beside,
            f"{figure.beside:,.0f}",
            f"{figure.ratio:.2f}",
            figure.measurement.target or "none yet",
            str(as_json["runs"]),
        )
    return shown


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one tiny run of each: the figures mean nothing")
    parser.add_argument("--output", type=Path, default=Path("build/bench.json"))
    options = parser.parse_args(arguments)
    found = list(figures(MEASUREMENTS, quick=options.quick))
    Console().print(table(found))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps([figure.as_json() for figure in found], ensure_ascii=False, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
