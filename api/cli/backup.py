"""Backing up and restoring an office."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from adapters.backup import Summary
from api.backups import back_up_office, restore_office
from api.bootstrap import place_of
from api.cli.session import CommandFailed, JsonOption, console, print_json, progress_bar, settings

FileArgument = Annotated[Path, typer.Argument(help="The backup's file.")]


def backup(file: FileArgument, as_json: JsonOption = False) -> None:
    """Back up the log, the vault, the desk and the files, while the office works, and check it by reading it back.

    The views are left out, since they are rebuilt, and so is the master key: keep a copy of it elsewhere.
    """
    in_force = settings()
    started = time.monotonic()
    with _bar("Backing up", as_json) as taking, _bar("Checking", as_json) as checking:
        summary = back_up_office(in_force, file, taking, checking)
    _tell(summary, file, started, as_json, lambda told: f"{told} are backed up in {file}, which was read back.")


def restore(file: FileArgument, as_json: JsonOption = False) -> None:
    """Restore a backup into an empty place, on either kind of store, whole or not at all."""
    in_force = settings()
    started = time.monotonic()
    with _bar("Checking", as_json) as checking, _bar("Restoring", as_json) as loading:
        summary, opened = restore_office(in_force, file, checking, loading)
    where = place_of(in_force)
    check = "each event was opened" if opened else "put the master key back: without it no event could be opened"
    _tell(summary, file, started, as_json, lambda told: f"{told} are restored in {where}; {check}.", opened=opened)


def _bar(label: str, as_json: bool) -> Any:
    return progress_bar(label, silent=as_json)


def _tell(
    summary: Summary, file: Path, started: float, as_json: bool, sentence: Callable[[str], str], **more: bool
) -> None:
    if as_json:
        seconds = round(time.monotonic() - started, 3)
        print_json({"file": file, **summary.model_dump(mode="json"), **more, "seconds": seconds})
    else:
        console.print(sentence(f"{summary.events} events and {summary.files} files"), markup=False, soft_wrap=True)
    if summary.defects:
        raise CommandFailed(f"it is whole, but the office itself was not: {'; '.join(summary.defects)}")
