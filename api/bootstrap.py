"""The composition root: builds the office from its settings. Nothing else constructs adapters."""

from __future__ import annotations

import fcntl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters.databases import StoreUnavailable
from adapters.desk import Desk, LogPoint
from adapters.event_store.log import EventLog
from adapters.files import FileStore
from adapters.mail.intake import MailIntake
from adapters.read_store import SQLiteReadStore
from adapters.vault import MasterKey, MasterKeyError, Vault
from api.settings import Settings
from domain.client import ProspectRegistered
from domain.events import office_event_types
from domain.ticket import TicketReceived
from projections.engine import Engine
from projections.folding import Progress
from projections.log import Unreadable
from projections.office import office_projections

_VAULT: Final = "vault.sqlite"
_LOOK_AGAIN_SECONDS: Final = 0.2
_EVENTS_AT_ONCE: Final = 2_000
_SERIES: Final = {ProspectRegistered.topic(): "client", TicketReceived.topic(): "ticket"}
"""The series that the number in an event of this topic was taken from."""


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

    def catch_up(self, progress: Progress | None = None, *, timeout: float = 30.0) -> bool:
        """Brings the views to the head of the log, here or by whichever process projects them: whether they are.

        That one may be a command that ends before our events: then it falls to us.
        """
        head = self.log.head()
        deadline = time.monotonic() + timeout
        while True:
            with self.views.lock() as held:
                if held:
                    self.engine.catch_up(progress or (lambda _done, _total: None))
                    return True
            following = [view.name for view in self.engine.status() if view.state != "faulted"]
            if self.engine.wait_for(head, following, _LOOK_AGAIN_SECONDS):
                return True
            if time.monotonic() > deadline:
                return False


def has_office(settings: Settings) -> bool:
    """Whether an office was made in the data folder; its opening may have been cut short since."""
    return (settings.data / _VAULT).exists()


def create_office(settings: Settings) -> None:
    """Makes the data folder's vault and, unless it is given by the settings, its master key. Raises `OfficeExists`.

    A folder that it makes is its owner's alone: the views in it are in the clear.
    """
    if has_office(settings):
        raise OfficeExists(settings.data)
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    if settings.master_key is None and not settings.key_file.exists():
        MasterKey.generate().write(settings.key_file)
    Vault(settings.data / _VAULT, master_key(settings)).close()


def master_key(settings: Settings) -> MasterKey:
    """The master key in force. Raises `MasterKeyError`."""
    if settings.master_key is not None:
        return MasterKey.parse(settings.master_key.get_secret_value(), "GREFFIER_MASTER_KEY")
    return MasterKey.read(settings.key_file)


def rotate_master_key(greffier: Greffier, new_key_file: Path | None) -> tuple[int, Path]:
    """Wraps every key under a new master key: how many were, and the file that holds the new key now.

    The key comes from `new_key_file`; without one it is made, and takes the former's place in its file. It is durable
    before anything depends on it: a rotation that is cut short is finished when the vault is next opened.
    """
    with _rotation_lock(greffier.settings):
        if new_key_file is not None:
            return greffier.vault.rotate(MasterKey.read(new_key_file)), new_key_file
        # Another's rotation may have been cut short after its last write to the vault: its successor is in force then.
        _finish_rotation(greffier.settings).close()
        key_file = greffier.settings.key_file
        successor = _successor(key_file)
        successor.unlink(missing_ok=True)
        new = MasterKey.generate()
        new.write(successor)
        try:
            rewrapped = greffier.vault.rotate(new)
        except MasterKeyError:
            successor.unlink()
            raise
        successor.replace(key_file)
        return rewrapped, key_file


def _successor(key_file: Path) -> Path:
    return key_file.with_name(key_file.name + ".new")


@contextmanager
def _rotation_lock(settings: Settings) -> Iterator[None]:
    """Between the vault and the key's file, one process at a time: or the only copy of a key could be overwritten."""
    with (settings.data / f"{_VAULT}.lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _open_vault(settings: Settings) -> Vault:
    try:
        return Vault(settings.data / _VAULT, master_key(settings))
    except MasterKeyError:
        if settings.master_key is not None:
            raise
    if _successor(settings.key_file).exists():
        with _rotation_lock(settings):
            return _finish_rotation(settings)
    return Vault(settings.data / _VAULT, master_key(settings))  # a rotation may have ended since the key was read


def _finish_rotation(settings: Settings) -> Vault:
    """Opens the vault; a rotation that was cut short after its last write to it is finished."""
    path, successor = settings.data / _VAULT, _successor(settings.key_file)
    try:
        return Vault(path, master_key(settings))
    except MasterKeyError:
        with suppress(MasterKeyError):
            vault = Vault(path, MasterKey.read(successor))
            successor.replace(settings.key_file)
            return vault
        raise


def _number_after(log: EventLog, desk: Desk) -> None:
    """Lets numbers go on after the highest in the log: the desk may be new, or older than the log."""
    end, seen = _end(log), desk.numbered_up_to()
    if seen == end:
        return
    position = seen.position if seen and seen.recorded_at == log.recorded_at(seen.position) else 0
    highest: Counter[str] = Counter()
    while position < end.position:
        batch = log.read(position, _EVENTS_AT_ONCE, _SERIES.keys())
        for recorded in batch.events:
            if not isinstance(recorded, Unreadable):
                series = _SERIES[recorded.event.topic()]
                highest[series] = max(highest[series], recorded.event.number)
        position = batch.last
    desk.number_after(highest, end)


def _remember_numbered(log: EventLog, desk: Desk) -> None:
    """Spares the next opening the reading of what was numbered from this desk."""
    with suppress(StoreUnavailable):
        end = _end(log)
        if end != desk.numbered_up_to():
            desk.number_after({}, end)


def _end(log: EventLog) -> LogPoint:
    head = log.head()
    return LogPoint(head, log.recorded_at(head))


@contextmanager
def open_greffier(settings: Settings) -> Iterator[Greffier]:
    """The office in the data folder. Raises `NoOffice`, `MasterKeyError`, `StoreUnavailable`."""
    folder = settings.data
    if not has_office(settings):
        raise NoOffice(folder)
    with ExitStack() as opened:
        vault = _open_vault(settings)
        opened.callback(vault.close)
        desk = Desk(folder / "desk.sqlite", vault)
        opened.callback(desk.close)
        log = EventLog(folder / "log.sqlite", vault, office_event_types(), next_number=desk.next_number)
        opened.callback(log.close)
        _number_after(log, desk)
        opened.callback(_remember_numbered, log, desk)
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
