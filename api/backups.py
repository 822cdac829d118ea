"""Backing an office up, and restoring it where the settings say."""

from __future__ import annotations

from pathlib import Path

from adapters.backup import Place, Summary, check_events, restoring, take_backup
from adapters.master_key import has_master_key, master_key
from api.bootstrap import check_office, open_unchecked
from api.settings import Settings
from projections.engine.folding import Progress, no_progress


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
    key = master_key(settings.key_place) if has_master_key(settings.key_place) else None
    with restoring(path, _place_of(settings), settings.data, key, checking, loading) as summary:
        if key is not None:
            with open_unchecked(settings) as greffier:
                check_events(greffier.log, greffier.files, summary)
    return summary, key is not None


def _place_of(settings: Settings) -> Place:
    return Place(*settings.stores, files=settings.files)
