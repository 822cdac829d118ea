"""Numbers that people read are never given twice, even where the desk that counts them was lost or is an older copy."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Final

from adapters.databases import StoreUnavailable
from adapters.desk import Desk, LogPoint
from adapters.event_store.log import EventLog
from domain.claims.claim import ClaimOpened
from domain.clients.client import ProspectRegistered
from domain.contacts.contact import ContactRegistered
from domain.tickets.events import TicketReceived, TicketSplitOff
from projections.engine.log import Unreadable

_SERIES: Final = {
    ProspectRegistered.topic(): "client",
    TicketReceived.topic(): "ticket",
    TicketSplitOff.topic(): "ticket",
    ClaimOpened.topic(): "claim",
    ContactRegistered.topic(): "contact",
}
"""The series that the number in an event of this topic was taken from."""


def number_after(log: EventLog, desk: Desk) -> None:
    """Lets numbers go on after the highest in the log: the desk may be new, or older than the log."""
    end, seen = _end(log), desk.numbered_up_to()
    if seen == end:
        return
    position = seen.position if seen and seen.recorded_at == log.recorded_at(seen.position) else 0
    highest: Counter[str] = Counter()
    for recorded in log.events(_SERIES.keys(), after=position):
        if not isinstance(recorded, Unreadable):
            series = _SERIES[recorded.event.topic()]
            highest[series] = max(highest[series], recorded.event.number)
    desk.number_after(highest, end)


def remember_numbered(log: EventLog, desk: Desk) -> None:
    """Spares the next opening the reading of what was numbered from this desk."""
    with suppress(StoreUnavailable):
        end = _end(log)
        if end != desk.numbered_up_to():
            desk.number_after({}, end)


def _end(log: EventLog) -> LogPoint:
    head = log.head()
    return LogPoint(head, log.recorded_at(head))
