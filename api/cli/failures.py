"""How commands fail: the exit code of each error, and what is said of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from pydantic import ValidationError

from adapters.backup import BackupDamaged, BackupExists, NotEmpty
from adapters.databases import StoreUnavailable
from adapters.demo_office import AnotherOffice
from adapters.event_store.log import CommandIdReused, StaleVersion
from adapters.event_store.mapper import UnreadableEvent
from adapters.files import FileDamaged
from adapters.mail.sources import SourceError
from adapters.projecting import NotRebuilt, StandsStill
from adapters.staff import NoSuchCollaborator
from adapters.vault import KeyMissing, MasterKeyError
from api.bootstrap import NoOffice, OfficeExists
from api.cli.session import CommandFailed, ViewsWrong
from api.problems import Invalid, RequestProblem, ViewsBehind
from api.settings import SettingsFileError
from domain.aggregates import Refusal
from domain.events import UnknownTopic
from projections.engine.engine import UnknownView
from projections.engine.folding import CannotFold
from projections.queries.paging import BadCursor


class Failure(NamedTuple):
    """How a command ends, and what it says of that, a line each."""

    exit_code: int
    lines: Sequence[str]


_EXIT_CODES: Final[dict[type[Exception], int]] = {
    CommandFailed: 1,
    Refusal: 1,
    Invalid: 2,
    RequestProblem: 1,
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
    StandsStill: 1,
    UnknownView: 1,
    FileDamaged: 1,
    UnreadableEvent: 1,
    UnknownTopic: 1,
    SettingsFileError: 2,
    ValidationError: 2,
    StoreUnavailable: 3,
    ViewsBehind: 3,
    OSError: 3,
    KeyMissing: 4,
    NoOffice: 4,
    MasterKeyError: 4,
    ViewsWrong: 5,
    NotRebuilt: 5,
    CannotFold: 5,
}


def failure_of(error: Exception) -> Failure | None:
    """How a command ends with this error; None for one that nobody foresaw."""
    kind = next((cls for cls in type(error).__mro__ if cls in _EXIT_CODES), None)
    return None if kind is None else Failure(_EXIT_CODES[kind], list(_told(error)))


def _told(error: Exception) -> Sequence[str]:
    match error:
        case ValidationError():
            return [
                f"{'.'.join(map(str, one['loc'])) or 'settings'}: {one['msg'].removeprefix('Value error, ')}"
                for one in error.errors(include_url=False)
            ]
        case Invalid():
            return [f"{one.field}: {one.message}" for one in error.errors]
        case RequestProblem() if not str(error):
            return [(type(error).__doc__ or "").strip()]
        case _:
            return [str(error), *getattr(error, "__notes__", ())]
