"""Writing an invented office of any size, with years behind it, to measure and to try things on."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from adapters.generated_office import Extent, NotEmpty, TooFewEvents
from adapters.generated_office import generate as write_history
from api.bootstrap import create_office, has_office, open_greffier
from api.cli.session import (
    CommandFailed,
    JsonOption,
    as_shown,
    console,
    print_json,
    print_table,
    progress_bar,
    settings,
)


def generate(
    clients: Annotated[int, typer.Option(min=1, help="How many clients and prospects the office comes to have.")],
    seed: Annotated[int, typer.Option(help="Another number tells another history; the same, the same one again.")] = 1,
    events: Annotated[
        int | None, typer.Option(min=1, help="About how many events; as many as such clients bring, if not given.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write an invented office with five years of mail and work behind it, in bulk. Nobody in it exists."""
    try:
        extent = Extent(clients, seed, events)
    except TooFewEvents as error:
        raise typer.BadParameter(str(error), param_hint="--events") from None
    in_force = settings()
    if not has_office(in_force):
        create_office(in_force)
    started = time.monotonic()
    with open_greffier(in_force) as greffier, progress_bar("Generating", silent=as_json) as show:
        try:
            written = write_history(greffier.log, greffier.files, extent, show)
        except NotEmpty:
            folder = as_shown(in_force.data)
            raise CommandFailed(
                f"{folder} holds a history already: an invented one needs an office of its own"
            ) from None
    seconds = time.monotonic() - started
    by_type = dict(sorted(written.items()))
    if as_json:
        result = {"clients": clients, "seed": seed, "events": written.total(), "by_type": by_type}
        print_json(result | {"seconds": round(seconds, 3)})
        return
    print_table(("events", "of the type"), [(many, topic) for topic, many in by_type.items()])
    rate = f"{written.total()} events in {seconds:.0f} s, {written.total() / seconds:,.0f} a second."
    console.print(f"\n{rate} The views follow with the next command that asks them.", highlight=False)
