"""The composition root: builds the office from its settings. Nothing else constructs adapters, but for the vault,
which `api/master_key.py` opens under the key in force.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters.desk import Desk
from adapters.event_store.log import EventLog
from adapters.files import FileStore
from adapters.mail.intake import MailIntake
from adapters.read_store import SQLiteReadStore
from adapters.vault import Vault
from api.master_key import create_vault, has_vault, open_vault
from api.numbering import number_after, remember_numbered
from api.settings import Settings
from domain.events import office_event_types
from projections.engine import Engine
from projections.folding import Progress, no_progress
from projections.office import office_projections

_LOOK_AGAIN_SECONDS: Final = 0.2


class NoOffice(Exception):
    """There is no office in the data folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"there is no office in {folder}: `greffier init` opens one, `greffier demo` shows one")


class OfficeExists(Exception):
    def __init__(self, folder: Path) -> None:
        super().__init__(f"there is an office in {folder} already")


@dataclass(frozen=True)
class Greffier:
    """An office's parts, put together."""

    settings: Settings
    vault: Vault
    desk: Desk
    log: EventLog
    files: FileStore
    intake: MailIntake
    views: SQLiteReadStore
    engine: Engine

    @contextmanager
    def projecting(self) -> Iterator[None]:
        """Keeps the views up with the log, in a thread, for as long as no other process does."""
        stop = threading.Event()
        thread = threading.Thread(target=self.engine.run, args=(stop,), name="projections", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def catch_up(self, progress: Progress = no_progress, *, timeout: float = 30.0) -> bool:
        """Brings the views to the head of the log, here or by whichever process projects them: whether they are.

        That one may be a command that ends before our events: then it falls to us.
        """
        head = self.log.head()
        deadline = time.monotonic() + timeout
        while True:
            with self.views.lock() as held:
                if held:
                    self.engine.catch_up(progress)
                    return True
            following = [view.name for view in self.engine.status() if view.state != "faulted"]
            if self.engine.wait_for(head, following, _LOOK_AGAIN_SECONDS):
                return True
            if time.monotonic() > deadline:
                return False


def has_office(settings: Settings) -> bool:
    """Whether an office was made in the data folder; its opening may have been cut short since."""
    return has_vault(settings)


def create_office(settings: Settings) -> None:
    """Makes the data folder's vault and, unless it is given by the settings, its master key. Raises `OfficeExists`.

    A folder that it makes is its owner's alone: the views in it are in the clear.
    """
    if has_office(settings):
        raise OfficeExists(settings.data)
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    create_vault(settings)


@contextmanager
def open_greffier(settings: Settings) -> Iterator[Greffier]:
    """The office in the data folder. Raises `NoOffice`, `MasterKeyError`, `StoreUnavailable`."""
    folder = settings.data
    if not has_office(settings):
        raise NoOffice(folder)
    with ExitStack() as opened:
        vault = open_vault(settings)
        opened.callback(vault.close)
        desk = Desk(folder / "desk.sqlite", vault)
        opened.callback(desk.close)
        log = EventLog(folder / "log.sqlite", vault, office_event_types(), next_number=desk.next_number)
        opened.callback(log.close)
        number_after(log, desk)
        opened.callback(remember_numbered, log, desk)
        views = SQLiteReadStore(folder / "views.sqlite")
        opened.callback(views.close)
        files = FileStore(folder / "files")
        yield Greffier(
            settings=settings,
            vault=vault,
            desk=desk,
            log=log,
            files=files,
            intake=MailIntake(log, files, desk, max_bytes=settings.max_message_bytes),
            views=views,
            engine=Engine(log, views, office_projections()),
        )
