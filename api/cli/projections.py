"""The read models: how they stand, keeping them up, rebuilding, verifying and explaining them."""

from __future__ import annotations

import select
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import Annotated, Final

import orjson
import typer

from adapters.databases import StoreUnavailable
from api.bootstrap import Greffier
from api.cli.session import (
    CommandFailed,
    JsonOption,
    ViewsWrong,
    console,
    office,
    print_json,
    print_table,
    progress_bar,
)
from projections.engine.engine import UnknownView
from projections.engine.status import ViewStatus
from projections.office import office_projections

projections = typer.Typer(help="The read models: status, run, rebuild, verify, retry, explain.", no_args_is_help=True)

_NAMES: Final = [projection.name for projection in office_projections()]
NamesArgument = Annotated[list[str] | None, typer.Argument(help=f"Of {', '.join(_NAMES)}.")]
NameArgument = Annotated[str, typer.Argument(help=f"Of {', '.join(_NAMES)}.")]
_SHOW_AGAIN_SECONDS: Final = 0.5


@projections.command()
def status(as_json: JsonOption = False) -> None:
    """Show each view's state, its lag, and the progress of a rebuild; exit code 5 where one stands still."""
    with office() as greffier:
        views = greffier.engine.status()
        head = greffier.log.head()
    if as_json:
        print_json({"head": head, "views": [asdict(view) for view in views]})
    else:
        columns = ("view", "version", "state", "position", "lag", "for", "rate", "rebuild")
        print_table(columns, [_line(view, head) for view in views])
        console.print(f"The log's head is at {head}.")
        for view in views:
            if view.error:
                console.print(f"{view.name}: {view.error}", soft_wrap=True, markup=False, highlight=False)
    if faulted := [view.name for view in views if view.state == "faulted"]:
        raise ViewsWrong(f"at an event that can't be folded: {', '.join(faulted)}")


def _line(view: ViewStatus, head: int) -> tuple[object, ...]:
    waits = f"{view.lag_seconds:,.1f} s" if view.lag else None
    rate = f"{view.rate:,.0f}/s" if view.rate else None
    rebuild = None if view.rebuilt_to is None else f"{view.rebuilt_to / max(head, 1):.0%}"
    return view.name, view.version, view.state, view.position, view.lag, waits, rate, rebuild


# --- run ----------------------------------------------------------------------------------------


@projections.command()
def run(as_json: JsonOption = False) -> None:
    """Keep the views up until it is interrupted; while another process does, wait to take over."""
    tell = _tell_in_json if as_json else _tell
    with (
        office() as greffier,
        _until_told_to_stop() as is_told_to_stop,
        progress_bar("Projecting", silent=as_json) as show,
        greffier.projecting(tell),
    ):
        while not is_told_to_stop():
            with suppress(StoreUnavailable):  # the engine says so, and tries again
                show(*_progress(greffier))


def _tell(projects: bool) -> None:
    if projects:
        console.print("This process keeps the views up.")
    else:
        console.print("Another process keeps the views up: this one waits to take over.")


def _tell_in_json(projects: bool) -> None:
    print(orjson.dumps({"projecting": projects}).decode(), flush=True)


@contextmanager
def _until_told_to_stop() -> Iterator[Callable[[], bool]]:
    """Gives what waits for a moment, and says whether the process was told to stop; a second time, that ends it."""
    heard, hears = socket.socketpair()
    hears.setblocking(False)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    wakes = signal.set_wakeup_fd(hears.fileno())

    def stop_listening(*_: object) -> None:
        signal.set_wakeup_fd(wakes)
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in before:
        signal.signal(number, stop_listening)
    with heard, hears:
        try:
            yield lambda: bool(select.select([heard], [], [], _SHOW_AGAIN_SECONDS)[0])
        finally:
            stop_listening()


def _progress(greffier: Greffier) -> tuple[int, int]:
    """How far the views, or rebuilds of them, have come, of how many events."""
    reached = [view.position if view.rebuilt_to is None else view.rebuilt_to for view in greffier.engine.status()]
    return min(reached, default=0), greffier.log.head()


# --- rebuild ------------------------------------------------------------------------------------


@projections.command()
def rebuild(
    names: NamesArgument = None,
    every: Annotated[bool, typer.Option("--all", help="Rebuild every view.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Rebuild views aside and swap them in; readers see the former ones meanwhile."""
    if bool(names) == every:
        raise typer.BadParameter("name the views to rebuild, or give --all")
    wanted = _known(names or _NAMES)
    started = time.monotonic()
    with office() as greffier, progress_bar("Rebuilding", silent=as_json) as show:
        greffier.rebuild(wanted, show)
        head = greffier.log.head()
    result = {"rebuilt": wanted, "events": head, "seconds": round(time.monotonic() - started, 3)}
    if as_json:
        print_json(result)
    else:
        console.print(f"Rebuilt {', '.join(wanted)} from {head} events.")


# --- verify, retry, explain ---------------------------------------------------------------------


@projections.command()
def verify(names: NamesArgument = None, as_json: JsonOption = False) -> None:
    """Compare views row by row with a naive replay of the log; exit code 5 where one is not equal to it."""
    wanted = _known(names or _NAMES)
    with office() as greffier:
        if not greffier.views.views():
            greffier.catch_up()
        results = []
        for name in wanted:
            with progress_bar(f"Verifying {name}", silent=as_json) as show:
                results.append(greffier.engine.verify(name, show))
    if as_json:
        print_json([asdict(result) | {"equal": result.equal} for result in results])
    else:
        print_table(
            ("view", "position", "rows", "missing", "unexpected", "different"),
            [(r.name, r.position, r.rows, len(r.missing), len(r.unexpected), len(r.different)) for r in results],
        )
    if wrong := [result.name for result in results if not result.equal]:
        raise ViewsWrong(f"not equal to a replay of the log: {', '.join(wrong)}")


@projections.command()
def retry(name: NameArgument, as_json: JsonOption = False) -> None:
    """Let a view that stopped at an event try it again; exit code 5 where it stops again."""
    with office() as greffier, progress_bar("Catching up", silent=as_json) as show:
        if not greffier.retry(name, show):
            raise CommandFailed(f"{name} does not stand at an event that can't be folded: there is nothing to retry")
        now = next(view for view in greffier.engine.status() if view.name == name)
    if as_json:
        print_json(asdict(now))
    if now.state == "faulted":
        raise ViewsWrong(f"{name} stopped again: {now.error}")
    if not as_json:
        console.print(f"{name} goes on: it stands at {now.position}.")


@projections.command()
def explain(
    name: NameArgument,
    key: Annotated[list[str], typer.Argument(help="The row's key, part by part.")],
    as_json: JsonOption = False,
) -> None:
    """List the events behind a row, oldest first."""
    with office() as greffier:
        projection = greffier.engine.named(name)
        try:
            parsed = projection.parse_key(key)
        except ValueError as error:
            raise CommandFailed(f"KEY: {error}") from None
        head = greffier.log.head()
        events = []
        with progress_bar("Looking", silent=as_json) as show:
            for recorded in greffier.engine.explain(name, parsed):
                events.append(recorded)
                show(recorded.position, head)
    if not events:
        raise CommandFailed(f"no event concerns the row {' '.join(key)} of {name}")
    shown = [
        {
            "position": recorded.position,
            "at": recorded.at,
            "actor": f"{recorded.actor.kind}:{recorded.actor.id}",
            "event": recorded.event.topic(),
            "stream_id": recorded.stream_id,
            "version": recorded.version,
        }
        for recorded in events
    ]
    if as_json:
        print_json(shown)
    else:
        print_table(("position", "at", "actor", "event", "stream", "version"), [tuple(s.values()) for s in shown])


def _known(names: list[str]) -> list[str]:
    for name in names:
        if name not in _NAMES:
            raise UnknownView(name, _NAMES)
    return names
