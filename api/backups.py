"""Backing an office up, and restoring it where the settings say."""

from __future__ import annotations

from pathlib import Path

from adapters.backup import BackupDamaged, Place, Summary, restoring, take_backup
from api.bootstrap import Greffier, check_office, open_unchecked
from api.master_key import has_master_key, master_key
from api.settings import Settings
from domain.document import stored_file_of
from domain.events import office_event_types
from projections.folding import Progress, no_progress
from projections.log import Unreadable


def back_up_office(
    settings: Settings, path: Path, taking: Progress = no_progress, checking: Progress = no_progress
) -> Summary:
    """Backs the office up, which may be at work. It takes no master key.

    Raises `NoOffice`, `BackupExists`, `BackupDamaged`, `StoreUnavailable`.
    """
    check_office(settings)
    return take_backup(_place_of(settings), path, taking, checking)


def restore_office(
    settings: Settings, path: Path, checking: Progress = no_progress, loading: Progress = no_progress
) -> tuple[Summary, bool]:
    """Restores a backup where the settings say: what was in it, and whether its events were opened, which takes its
    master key.

    Raises `NotEmpty`, `BackupDamaged`, `MasterKeyError`, `StoreUnavailable`; then nothing of it is kept.
    """
    key = master_key(settings) if has_master_key(settings) else None
    with restoring(path, _place_of(settings), settings.data, key, checking, loading) as summary:
        if key is not None:
            with open_unchecked(settings) as greffier:
                _check_events(greffier, summary)
    return summary, key is not None


def _place_of(settings: Settings) -> Place:
    return Place(*settings.stores, files=settings.files)


def _check_events(greffier: Greffier, summary: Summary) -> None:
    """Raises `BackupDamaged` where an event does not open, or its file isn't there, unless it was so before."""
    if summary.defects:
        return
    for recorded in greffier.log.events({cls.topic() for cls in office_event_types()}):
        if isinstance(recorded, Unreadable):
            if recorded.known_topic:
                raise BackupDamaged(f"the event at position {recorded.position} can't be opened: {recorded.reason}")
        elif (kept := stored_file_of(recorded.event)) and kept.name not in greffier.files:
            raise BackupDamaged(f"the file {kept.name} of the event at position {recorded.position} is missing")
