"""An invented office of any size with years behind it, written into a log in bulk, to measure and to test with.

Nobody here exists. Every event is what the domain decided on a real command, so that anything may go on from there.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from adapters.event_store.log import EventLog
from adapters.event_store.mapper import Draft
from adapters.files import FileStore
from adapters.generated_office.correspondents import Tell, Truth
from adapters.generated_office.history import Extent, History, TooFewEvents
from adapters.generated_office.letters import store_letters
from adapters.generated_office.streams import StreamsInMemory
from domain.office.office import OFFICE_ID, Office
from projections.engine.folding import Progress, no_progress

__all__ = ["Extent", "NotEmpty", "TooFewEvents", "Truth", "generate"]

_TOLD_EVERY = 500


class NotEmpty(Exception):
    """The log holds a history already, beside the office's opening."""


def generate(
    log: EventLog, files: FileStore, extent: Extent, progress: Progress = no_progress, tell: Tell | None = None
) -> Counter[str]:
    """Writes a history into the log of an office that has none: how many events of each type.

    `tell` is told of each message what it is really about, beside what the office makes of it.
    The same extent gives the same facts, but for ids that the vault's secret keys and the keys of stored files.
    Raises `NotEmpty` and `StoreUnavailable`; after that one a part may be written.
    """
    if log.head() != log.state(Office, OFFICE_ID).version:
        raise NotEmpty
    streams = StreamsInMemory(log)
    dice = Random(extent.seed)
    written: Counter[str] = Counter()

    def told(drafts: Iterator[Draft]) -> Iterator[Draft]:
        for number, draft in enumerate(drafts, 1):
            written[draft.event.topic()] += 1
            if number % _TOLD_EVERY == 0:
                progress(number, max(number, extent.about))
            yield draft

    with files.in_flight(), _no_search_for_cycles():
        history = History(extent, streams, store_letters(files, dice), dice, tell)
        log.append_drafts(told(history.drafts()))
    return written


@contextmanager
def _no_search_for_cycles() -> Iterator[None]:
    """A history makes next to none, and searching all that it remembers for them takes a quarter of its time."""
    searching = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searching:
            gc.enable()
