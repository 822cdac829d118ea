"""The mark of a restore that is at work in a data folder, or that was cut short there."""

from __future__ import annotations

from pathlib import Path


def restore_marker(folder: Path) -> Path:
    """The file that lies in the folder until the restore into it is whole."""
    return folder / "restore-unfinished"


def is_restoring(folder: Path) -> bool:
    """Whether a restore into this data folder is at work, or was cut short."""
    return restore_marker(folder).exists()
