"""The `greffier` command.

Exit codes: 0 done; 1 refused, or something was not found; 2 the command line or a setting is wrong; 3 a store can't be
used now, try again; 4 there is no office here, or its master key is missing or wrong; 5 a view stands still, or is not
what the log says.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from api.cli import (
    backup,
    demo,
    generate,
    keys,
    mail,
    office,
    projections,
    receive,
    tickets,
)
from api.cli.session import Failure, failure_of, remember_flags

app = typer.Typer(
    name="greffier",
    help="Greffier: an insurance broker's office, where e-mails find their file and every fact can be proven.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def greffier(
    data: Annotated[Path | None, typer.Option(help="The office's data folder (environment: GREFFIER_DATA).")] = None,
) -> None:
    remember_flags(data=data)


office.register(app)
backup.register(app)
demo.register(app)
generate.register(app)
mail.register(app)
receive.register(app)
app.add_typer(mail.mail, name="mail")
app.add_typer(mail.quarantine, name="quarantine")
app.add_typer(tickets.tickets, name="tickets")
app.add_typer(projections.projections, name="projections")
app.add_typer(keys.keys, name="keys")


def main() -> None:
    """Runs the command; what goes wrong is said in one line, on standard error."""
    logging.basicConfig(level=logging.WARNING, format="greffier: %(message)s")
    try:
        sys.exit(app(standalone_mode=False))
    except (
        typer.TyperException
    ) as error:  # the command line is wrong; of help that was asked for there is no more to say
        if said := " ".join(error.format_message().split()):
            print(f"greffier: {said}", file=sys.stderr)
        sys.exit(error.exit_code)
    except ValidationError as error:
        for found in error.errors(include_url=False):
            where = ".".join(map(str, found["loc"])) or "settings"
            print(f"greffier: {where}: {found['msg'].removeprefix('Value error, ')}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        failure: Failure | None = failure_of(error)
        if failure is None:
            raise
        print(f"greffier: {failure.message}", file=sys.stderr)
        sys.exit(failure.exit_code)
