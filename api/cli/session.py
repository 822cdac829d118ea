"""What every command shares: the office it works on, what it prints, and how it fails."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple, TypeVar

import orjson
import typer
from pydantic import BaseModel
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table
from rich.text import Text

from adapters.backup import BackupDamaged, BackupExists, NotEmpty
from adapters.databases import StoreUnavailable
from adapters.event_store.log import CommandIdReused, StaleVersion
from adapters.event_store.mapper import UnreadableEvent
from adapters.files import FileDamaged
from adapters.mail.sources import SourceError
from adapters.vault import KeyMissing, MasterKeyError
from api.bootstrap import Greffier, NoOffice, OfficeExists, open_greffier
from api.demo import AnotherOffice
from api.settings import Settings, SettingsFileError, read_settings
from api.staff import NoSuchCollaborator, find_collaborator
from domain.access import Viewer
from domain.aggregates import Refusal
from domain.events import UnknownTopic
from projections.engine import UnknownView
from projections.folding import CannotFold, no_progress
from projections.paging import DEFAULT_LIMIT, MAX_LIMIT, BadCursor, Page
from projections.reading import Reading

T = TypeVar("T", bound=BaseModel)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else.")]
AsOption = Annotated[
    str | None, typer.Option("--as", help="The e-mail address of the collaborator who acts; the first, if not given.")
]

LimitOption = Annotated[
    int, typer.Option(min=1, max=MAX_LIMIT, help=f"How many at most; {DEFAULT_LIMIT}, if not given.")
]
CursorOption = Annotated[str | None, typer.Option(help="`next_cursor` of the page before.")]


def day(text: str) -> date:
    """A day that an option gives. Raises `BadParameter`."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a day, such as 2026-12-31") from None


_NOT_SHOWN: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters but tab and line feed, marks that turn writing around, and halves of characters."""

console: Final = Console()
notices: Final = Console(stderr=True)


class Failure(NamedTuple):
    exit_code: int
    message: str


class CommandFailed(Exception):
    """A command that can't do what it was asked, and says why."""


class ViewsWrong(Exception):
    """A command did what it was asked, and found views that stand still, or that differ from what the log says."""


_EXIT_CODES: Final[dict[type[Exception], int]] = {
    CommandFailed: 1,
    Refusal: 1,
    BadCursor: 1,
    StaleVersion: 1,
    CommandIdReused: 1,
    NoSuchCollaborator: 1,
    OfficeExists: 1,
    BackupDamaged: 1,
    BackupExists: 1,
    NotEmpty: 1,
    AnotherOffice: 1,
    SourceError: 1,
    UnknownView: 1,
    FileDamaged: 1,
    UnreadableEvent: 1,
    UnknownTopic: 1,
    SettingsFileError: 2,
    StoreUnavailable: 3,
    OSError: 3,
    KeyMissing: 4,
    NoOffice: 4,
    MasterKeyError: 4,
    ViewsWrong: 5,
    CannotFold: 5,
}


def failure_of(error: Exception) -> Failure | None:
    """How a command ends with this error; None for one that nobody foresaw."""
    kind = next((cls for cls in type(error).__mro__ if cls in _EXIT_CODES), None)
    return None if kind is None else Failure(_EXIT_CODES[kind], str(error))


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


@contextmanager
def up_to_date_office() -> Iterator[Greffier]:
    """The office, its views at the head of the log. Raises `CommandFailed` where they don't get there."""
    with office() as greffier:
        bring_up_to_date(greffier)
        yield greffier


def bring_up_to_date(greffier: Greffier) -> None:
    if not greffier.catch_up():
        raise CommandFailed("the views are behind the log, and the process that keeps them up isn't bringing them on")


@contextmanager
def reading(greffier: Greffier, collaborator: str | None) -> Iterator[Reading]:
    """The views as the collaborator may see them; as the first one may, where none is named."""
    viewer = Viewer(collaborator_id=find_collaborator(greffier, collaborator))
    with greffier.views.reading() as connection:
        yield Reading(connection, viewer)


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


def print_page(page: Page[T], columns: Sequence[str], row: Callable[[T], Sequence[object]], *, as_json: bool) -> None:
    """One page of a list that was asked for with its total."""
    if as_json:
        print_json(page)
        return
    print_table(columns, [row(item) for item in page.items])
    console.print(f"{len(page.items)} of {page.total}" + (f", next: {page.next_cursor}" if page.next_cursor else ""))


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
