"""What every command shares: the settings, the office that it works on, and what it prints."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer
from pydantic import BaseModel
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text

from api.bootstrap import Greffier, open_greffier
from api.problems import ViewsBehind
from api.settings import Settings, read_settings
from projections.engine.folding import no_progress

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else.")]
AsOption = Annotated[
    str | None, typer.Option("--as", help="The e-mail address of the collaborator who acts; the first, if not given.")
]

_NOT_SHOWN: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters but tab and line feed, marks that turn writing around, and halves of characters."""

console: Final = Console()
notices: Final = Console(stderr=True)


class CommandFailed(Exception):
    """A command that can't do what it was asked, and says why."""


class ViewsWrong(Exception):
    """A command did what it was asked, and found views that stand still, or that differ from what the log says."""


_flags_given: Final[ContextVar[dict[str, Any]]] = ContextVar("flags_given")


def remember_flags(**flags: Any) -> None:
    """Keeps the flags given before the command's name, for `settings`."""
    _flags_given.set(flags)


def settings(**flags: Any) -> Settings:
    """The settings in force for this command; its own flags give way to those before its name."""
    given = {name: value for name, value in _flags_given.get().items() if value is not None}
    return read_settings(**{**flags, **given})


@contextmanager
def office(**flags: Any) -> Iterator[Greffier]:
    """The office in the data folder."""
    with open_greffier(settings(**flags)) as greffier:
        yield greffier


def bring_up_to_date(greffier: Greffier) -> None:
    """Brings the views to the head of the log. Raises `ViewsBehind` where they don't get there."""
    if not greffier.catch_up():
        raise ViewsBehind("the views are behind the log, and the process that keeps them up isn't bringing them on")


def print_json(value: Any) -> None:
    print(to_json(value))


def to_json(value: Any) -> str:
    return orjson.dumps(value, default=_plain, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode()


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], title: str | None = None) -> None:
    headers = (Column(Text(as_shown(column)), no_wrap=column == "id") for column in columns)  # ids are copied
    table = Table(*headers, title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else as_shown(cell)) for cell in row))
    console.print(table)


def as_shown(value: object) -> str:
    """A text as a terminal may show it: what a message says must not command it, nor what a file is called."""
    return _NOT_SHOWN.sub("\ufffd", str(value))


@contextmanager
def progress_bar(label: str, *, silent: bool) -> Iterator[Any]:
    """A bar with rate and time left; gives a function of (done, total). Silent where JSON is asked for, or no one watches."""
    if silent or not notices.is_terminal:
        yield no_progress
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=notices, transient=True) as progress:
        task = progress.add_task(label, total=None)

        def show(done: int, total: int) -> None:
            if progress.finished and done < total:  # there is more to do since
                progress.reset(task)
            progress.update(task, completed=done, total=total)

        yield show


class _Rate(ProgressColumn):
    """How many are done a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s")


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Path):
        return str(value)
    raise TypeError(type(value).__name__)
