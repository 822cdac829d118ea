"""Whether what was restored can be opened: every event, and the file that it names."""

from __future__ import annotations

from adapters.backup.archive import BackupDamaged
from adapters.backup.inventory import Summary
from adapters.event_store.log import EventLog
from adapters.files import FileStore
from domain.documents.document import stored_file_of
from domain.events import office_event_types
from projections.engine.log import Unreadable


def check_events(log: EventLog, files: FileStore, summary: Summary) -> None:
    """Raises `BackupDamaged` where an event does not open, or its file isn't there, unless it was so before."""
    if summary.defects:
        return
    for recorded in log.events({cls.topic() for cls in office_event_types()}):
        if isinstance(recorded, Unreadable):
            if recorded.known_topic:
                raise BackupDamaged(f"the event at position {recorded.position} can't be opened: {recorded.reason}")
        elif (kept := stored_file_of(recorded.event)) and kept.name not in files:
            raise BackupDamaged(f"the file {kept.name} of the event at position {recorded.position} is missing")
