"""The `greffier` command. A command's module is loaded when it is called, and no other: so that it starts at once.

Exit codes: 0 done; 1 refused, or something was not found; 2 the command line or a setting is wrong; 3 a store can't be
used now, try again; 4 there is no office here, or its master key is missing or wrong; 5 a view stands still, or is not
what the log says.
"""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import typer
from typer.core import TyperGroup

from adapters.interrupts import outlive_finalizers


class Command(NamedTuple):
    """Where a command, or a group of them, is written, and what `--help` says of it."""

    module: str
    member: str
    help: str


COMMANDS: Final = {
    "init": Command("office", "init", "Open an office: its data folder, vault and master key."),
    "demo": Command("demo", "demo", "Show an invented office, a month of its mail, and its API."),
    "serve": Command("office", "serve", "Serve the API of the office."),
    "receive": Command("receive", "receive", "Receive mail by SMTP, as any mail server delivers it."),
    "import-mail": Command("mail", "import_mail", "Take messages in; done again, it adds nothing."),
    "api": Command("api", "api", "Ask an operation of the API, here and without a server."),
    "tickets": Command("tickets", "tickets", "List, search, show and file tickets, and tell their history."),
    "mail": Command("mail", "mail", "Look at messages."),
    "quarantine": Command("mail", "quarantine", "Messages that could not be taken in."),
    "projections": Command("projections", "projections", "The read models: how they stand, rebuilding, proving."),
    "backup": Command("backup", "backup", "Back up the office while it works."),
    "restore": Command("backup", "restore", "Restore a backup into an empty place."),
    "token": Command("office", "token", "Give a collaborator a token for the API; it is shown once."),
    "keys": Command("keys", "keys", "The office's master key."),
    "settings": Command("office", "show_settings", "Print the settings in force, secrets masked."),
    "generate": Command("generate", "generate", "Write an invented office with years behind it."),
}


class Root(TyperGroup):
    """All commands by their names: as `COMMANDS` tells of them, until one is called."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # typer asks so
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  # typer asks so
        return _as_told(cmd_name) if cmd_name in COMMANDS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        return name, command and _loaded(str(name)), rest


def _as_told(name: str) -> Any:
    told = typer.Typer(add_completion=False)
    told.command(name, help=COMMANDS[name].help)(lambda: None)
    return typer.main.get_command(told)


def _loaded(name: str) -> Any:
    command = COMMANDS[name]
    gc.disable()  # what is loaded stays: looking through it for garbage, again and again, is a tenth of a short command
    member = getattr(import_module(f"{__name__}.{command.module}"), command.member)
    gc.freeze()
    gc.enable()
    if not isinstance(member, typer.Typer):
        of_one = typer.Typer(add_completion=False)
        of_one.command(name)(member)
        member = of_one
    loaded = typer.main.get_command(member)
    loaded.name = name
    return loaded


app = typer.Typer(
    name="greffier",
    cls=Root,
    help="Greffier: an insurance broker's office, where e-mails find their file and every fact can be proven.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def greffier(
    data: Annotated[Path | None, typer.Option(help="The office's data folder (environment: GREFFIER_DATA).")] = None,
) -> None:
    from api.cli.session import remember_flags

    remember_flags(data=data)


def main() -> None:
    """Runs the command; what goes wrong is said in one line, on standard error."""
    outlive_finalizers()
    try:
        sys.exit(app(sys.argv[1:] or ["--help"], standalone_mode=False))
    except typer.TyperException as error:  # the command line is wrong; of help there is no more to say
        if said := " ".join(error.format_message().split()):
            print(f"greffier: {said}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        from api.cli.failures import failure_of

        failure = failure_of(error)
        if failure is None:
            raise
        for line in failure.lines:
            print(f"greffier: {line}", file=sys.stderr)
        sys.exit(failure.exit_code)
