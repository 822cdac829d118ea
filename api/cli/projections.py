"""The read models: how they stand, rebuilding, verifying and explaining them."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated, Any

import typer

from api.bootstrap import Greffier
from api.cli.session import CommandFailed, JsonOption, console, office, print_json, print_table, progress_bar
from projections.engine import UnknownView
from projections.office import office_projections

projections = typer.Typer(help="The read models: status, rebuild, verify, explain.", no_args_is_help=True)

_NAMES = [projection.name for projection in office_projections()]
NamesArgument = Annotated[list[str] | None, typer.Argument(help=f"Of {', '.join(_NAMES)}.")]
_REBUILD_BOUND_SECONDS = 600.0
_LOOK_AGAIN_SECONDS = 0.1


@projections.command()
def status(as_json: JsonOption = False) -> None:
    """Show each view's state, position and lag."""
    with office() as greffier:
        views = greffier.engine.status()
        head = greffier.log.head()
    if as_json:
        print_json({"head": head, "views": [asdict(view) for view in views]})
    else:
        print_table(
            ("view", "version", "state", "position", "lag", "error"), [tuple(asdict(view).values()) for view in views]
        )
        console.print(f"The log's head is at {head}.")


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
        _rebuild(greffier, wanted, show)
        head = greffier.log.head()
    result = {"rebuilt": wanted, "events": head, "seconds": round(time.monotonic() - started, 3)}
    if as_json:
        print_json(result)
    else:
        console.print(f"Rebuilt {', '.join(wanted)} from {head} events.")


def _rebuild(greffier: Greffier, names: list[str], show: Any) -> None:
    """Rebuilds here, or asks the process that projects this store, and waits for it."""
    asked = False
    deadline = time.monotonic() + _REBUILD_BOUND_SECONDS
    while True:
        with greffier.views.lock() as held:
            if held:
                greffier.engine.rebuild(names, show)
                return
        if not asked:
            greffier.views.request_rebuild(names)
            asked = True
        now = greffier.views.views()
        if all(name in now and not now[name].rebuild_requested for name in names):
            break
        if time.monotonic() > deadline:
            raise CommandFailed("the process that projects this store has not rebuilt the views")
        time.sleep(_LOOK_AGAIN_SECONDS)
    if failed := [f"{name}: {now[name].error}" for name in names if now[name].error]:
        raise CommandFailed("; ".join(failed))


@projections.command()
def verify(names: NamesArgument = None, as_json: JsonOption = False) -> None:
    """Compare views row by row with a naive replay of the log."""
    with office() as greffier, progress_bar("Verifying", silent=as_json) as show:
        if not greffier.views.views():
            greffier.catch_up()
        results = [greffier.engine.verify(name, show) for name in _known(names or _NAMES)]
    if as_json:
        print_json([asdict(result) | {"equal": result.equal} for result in results])
    else:
        print_table(
            ("view", "position", "rows", "missing", "unexpected", "different"),
            [(r.name, r.position, r.rows, len(r.missing), len(r.unexpected), len(r.different)) for r in results],
        )
    if wrong := [result.name for result in results if not result.equal]:
        raise CommandFailed(f"not equal to a replay of the log: {', '.join(wrong)}")


@projections.command()
def explain(
    name: Annotated[str, typer.Argument(help=f"Of {', '.join(_NAMES)}.")],
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
        events = list(greffier.engine.explain(name, parsed))
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
