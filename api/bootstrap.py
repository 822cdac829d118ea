"""The composition root: builds the office from its settings. Nothing else constructs adapters, but for the vault,
which `adapters/master_key.py` opens under the key in force.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.databases import open_database, shown_url
from adapters.desk import Desk
from adapters.event_store.log import EventLog
from adapters.files import FileStore
from adapters.master_key import create_vault, has_vault, open_vault
from adapters.numbering import number_after, remember_numbered
from adapters.projecting import ViewKeeping
from adapters.read_store import open_read_store
from adapters.restore_marker import is_restoring
from adapters.vault import Vault
from api.settings import Settings
from domain.events import office_event_types
from projections.engine.engine import Engine
from projections.office import office_projections

if TYPE_CHECKING:
    from adapters.mail.intake import MailIntake


class NoOffice(Exception):
    """There is no office where the settings say."""

    def __init__(self, place: str) -> None:
        super().__init__(f"there is no office in {place}: `greffier init` opens one, `greffier demo` shows one")


class RestoreUnfinished(NoOffice):
    """A backup is being restored where the settings say, or its restore was cut short."""

    def __init__(self, folder: Path) -> None:
        Exception.__init__(
            self,
            f"a restore into {folder} is at work or was cut short: wait for it, or run `greffier restore` again, "
            "which clears away what it left",
        )


class OfficeExists(Exception):
    def __init__(self, place: str) -> None:
        super().__init__(f"there is an office in {place} already")


@dataclass(frozen=True, kw_only=True)
class Greffier(ViewKeeping):
    """An office's parts, put together."""

    settings: Settings
    vault: Vault
    desk: Desk
    files: FileStore

    @cached_property
    def intake(self) -> MailIntake:
        """What takes messages in: its readers of mail are loaded where there is mail to read."""
        from adapters.mail.intake import MailIntake

        return MailIntake(self.log, self.files, self.desk, max_bytes=self.settings.max_message_bytes)


def has_office(settings: Settings) -> bool:
    """Whether an office was made; its opening may have been cut short since. Raises `StoreUnavailable`."""
    return has_vault(settings.key_place)


def place_of(settings: Settings) -> str:
    """Where the office is, as people are told: its folder, or its vault's address where that is elsewhere."""
    vault = settings.stores.vault
    if vault.database == str(settings.data / "vault.sqlite"):
        return str(settings.data)
    return shown_url(vault)


def create_office(settings: Settings) -> None:
    """Makes the data folder, the stores' databases, the vault and, unless it is given by the settings, its master key.

    A folder that it makes is its owner's alone: the views in it are in the clear. Raises `OfficeExists`.
    """
    if is_restoring(settings.data):
        raise RestoreUnfinished(settings.data)
    if has_office(settings):
        raise OfficeExists(place_of(settings))
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, url in settings.stores._asdict().items():
        with closing(open_database(name, url, durable=True)) as database:
            database.create()
    create_vault(settings.key_place)


@contextmanager
def open_greffier(settings: Settings) -> Iterator[Greffier]:
    """The office where the settings say. Raises `NoOffice`, `MasterKeyError`, `StoreUnavailable`."""
    check_office(settings)
    with open_unchecked(settings) as greffier:
        yield greffier


def check_office(settings: Settings) -> None:
    """Raises `NoOffice`, and `StoreUnavailable` where it can't be told."""
    if is_restoring(settings.data):
        raise RestoreUnfinished(settings.data)
    if not has_office(settings):
        raise NoOffice(place_of(settings))


@contextmanager
def open_unchecked(settings: Settings) -> Iterator[Greffier]:
    """The office of which a restore is not finished yet, or which was found already."""
    stores = settings.stores
    with ExitStack() as opened:
        vault = open_vault(settings.key_place)
        opened.callback(vault.close)
        desk = Desk(stores.desk, vault)
        opened.callback(desk.close)
        log = EventLog(stores.log, vault, office_event_types(), next_number=desk.next_number)
        opened.callback(log.close)
        number_after(log, desk)
        opened.callback(remember_numbered, log, desk)
        views = open_read_store(stores.views)
        opened.callback(views.close)
        yield Greffier(
            settings=settings,
            vault=vault,
            desk=desk,
            log=log,
            files=FileStore(settings.files),
            views=views,
            engine=Engine(log, views, office_projections()),
        )
