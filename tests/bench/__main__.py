"""Runs the measurements, prints their table and writes `build/bench.json`."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.table import Table

from tests.bench import appends, commands, intake, memory, quality, rebuilding, searching, visible
from tests.bench.measuring import Figure, Measurement, measured, measured_quickly, print_table, told

MEASUREMENTS: Mapping[str, Sequence[Measurement]] = {
    "intake": (intake.STORED, intake.PARSED_AND_STORED),
    "import": intake.IMPORTED,
    "commands": (commands.EXECUTED,),
    "appends": appends.APPENDS,
    "rebuilds": rebuilding.REBUILDS,
    "runner": rebuilding.RUNNER,
    "growth": rebuilding.GROWTH,
    "visible": visible.VISIBLE,
    "search": searching.SEARCHES,
}

QUALITY = "quality"
"""Not a speed: how well mail files itself."""


def table(figures: Sequence[Figure]) -> Table:
    shown = Table("store", "what", "a second", "beside", "a second", "ratio", "target", "reached", "runs")
    for figure in figures:
        measurement = figure.measurement
        shown.add_row(
            measurement.store,
            measurement.what,
            f"{figure.ours:,.0f}",
            measurement.beside,
            f"{figure.beside:,.0f}",
            f"{figure.ratio:.2f}",
            measurement.target or "none yet",
            told(figure.reached),
            str(len(figure.pairs)),
        )
    return shown


def memory_table(figures: Sequence[memory.Figure]) -> Table:
    shown = Table("store", "what", "memory", "target", "reached")
    for figure in figures:
        shown.add_row(figure.store, figure.what, figure.told, figure.target, told(figure.reached))
    return shown


def quality_table(rows: Sequence[quality.Row]) -> Table:
    shown = Table("what", "messages", "share", "target", "reached")
    for row in rows:
        target = "none" if row.none else ""
        shown.add_row(row.what, f"{row.messages:,}", f"{row.messages / row.of:.1%}", target, told(row.reached))
    return shown


def main(arguments: Sequence[str]) -> None:
    names = [*MEASUREMENTS, QUALITY]
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which of {', '.join(names)}: all, if none")
    parser.add_argument("--store", choices=("SQLite", "PostgreSQL"), help="only what concerns this one")
    parser.add_argument("--quick", action="store_true", help="one tiny run of each: the figures mean nothing")
    parser.add_argument("--memory", action="store_true", help="measures memory over a million events instead")
    parser.add_argument("--output", type=Path, default=Path("build/bench.json"))
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in names]:
        parser.error(f"{', '.join(unknown)}: there are {', '.join(names)}")
    if options.memory:
        taken = memory.measured(options.store, memory.QUICK_EVENTS if options.quick else memory.EVENTS)
        print_table(memory_table(taken))
        return
    chosen = [
        measurement
        for name in options.names or MEASUREMENTS
        for measurement in MEASUREMENTS.get(name, ())
        if options.store in {None, measurement.store}
    ]
    figures = []
    for figure in measured_quickly(chosen) if options.quick else measured(chosen):
        print(f"{figure.measurement.store}: {figure.measurement.what}: {figure.ratio:.2f}", file=sys.stderr, flush=True)
        figures.append(figure)
    if figures:
        print_table(table(figures))
    rows = []
    if not options.names or QUALITY in options.names:
        rows = quality.measured(quality.QUICK_CLIENTS if options.quick else quality.CLIENTS)
        print_table(quality_table(rows))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps([figure.as_json() for figure in figures], ensure_ascii=False, indent=2) + "\n")
    if not options.quick and (slow := [figure for figure in figures if figure.measurement.must and not figure.reached]):
        sys.exit(f"{slow[0].measurement.what} ({slow[0].measurement.store}): too slow for what stands beside it")
    if not options.quick and (failed := [row for row in rows if row.reached is False]):
        sys.exit(f"{failed[0].what}: {failed[0].messages} of {failed[0].of}")


if __name__ == "__main__":
    main(sys.argv[1:])
