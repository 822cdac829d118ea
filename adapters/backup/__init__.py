"""Backups: the rows of the log, the vault and the desk, and the sealed files, in one file that fits either kind of store.

The views are never in it: they are rebuilt. The master key is never in it.
"""

from adapters.backup.archive import BackupDamaged
from adapters.backup.inventory import Summary
from adapters.backup.opening import check_events
from adapters.backup.place import Place
from adapters.backup.restoring import NotEmpty, restoring
from adapters.backup.taking import BackupExists, check_backup, take_backup

__all__ = [
    "BackupDamaged",
    "BackupExists",
    "NotEmpty",
    "Place",
    "Summary",
    "check_backup",
    "check_events",
    "restoring",
    "take_backup",
]
