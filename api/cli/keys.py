"""The master key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from adapters.master_key import rotate_master_key
from api.cli.session import CommandFailed, JsonOption, console, office, print_json

keys = typer.Typer(help="The office's master key.", no_args_is_help=True)


@keys.callback()
def about() -> None:
    """The office's master key."""


@keys.command()
def rotate(
    new_key_file: Annotated[
        Path | None, typer.Option(help="A file that holds the new key (32 bytes, base64); made, if not given.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Wrap every key of the vault under a new master key. Start running servers again afterwards."""
    with office() as greffier:
        if new_key_file is None and greffier.settings.master_key is not None:
            raise CommandFailed("the master key is set by GREFFIER_MASTER_KEY: give the new one with --new-key-file")
        rewrapped, path = rotate_master_key(greffier.vault, greffier.settings.key_place, new_key_file)
        in_force = greffier.settings.master_key is None and path == greffier.settings.key_file
    if as_json:
        print_json({"rewrapped": rewrapped, "master_key_file": path})
        return
    console.print(f"{rewrapped} keys are wrapped under the new master key in {path}. The former one opens nothing now.")
    if not in_force:
        console.print(f"Set GREFFIER_MASTER_KEY_FILE={path}, or GREFFIER_MASTER_KEY to what it holds.")
