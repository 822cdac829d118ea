"""Waiting until views have come as far in the log as someone asks about."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection

from projections.engine.read_store import ReadStore, StoredView

_POLL_SECONDS: Final = 0.02
_FIRST_POLL_SECONDS: Final = 0.0005


class Readers:
    """Those who wait until views have come as far as they ask, whichever process projects them."""

    def __init__(self, store: ReadStore, fingerprints: Mapping[str, str]) -> None:
        self._store = store
        self._fingerprints = fingerprints
        self._moved = threading.Condition()
        self._moves = 0

    def wait_for(self, position: int, names: Collection[str], timeout: float) -> bool:
        """Waits until these views have reached `position`, whichever process projects them: whether they have."""
        with self.reading_at(position, names, timeout) as connection:
            return connection is not None

    @contextmanager
    def reading_at(self, position: int, names: Collection[str], timeout: float) -> Iterator[Connection | None]:
        """One state of the views in which these have reached `position` (X10); or None, where that takes too long."""
        deadline = time.monotonic() + timeout
        while True:
            with self._store.reading() as connection:
                if not self._short_of(position, names, self._store.views(connection)):
                    yield connection
                    return
            if not self._await_views(position, names, deadline):
                yield None
                return

    def tell_moved(self) -> None:
        """Wakes them, to look again."""
        with self._moved:
            self._moves += 1
            self._moved.notify_all()

    def _await_views(self, position: int, names: Collection[str], deadline: float) -> bool:
        """Whether these views reach `position` in time. One that stopped is waited for by nobody."""
        pause = _FIRST_POLL_SECONDS
        while True:
            moves = self._moves
            views = self._store.views()
            short = self._short_of(position, names, views)
            left = deadline - time.monotonic()
            if not short:
                return True
            if left <= 0 or any(name in views and views[name].state == "faulted" for name in short):
                return False
            self._await_move(moves, min(left, pause))  # another process's engine tells nobody here
            pause = min(1.5 * pause, _POLL_SECONDS)

    def _short_of(self, position: int, names: Collection[str], views: Mapping[str, StoredView]) -> list[str]:
        """Those that can't answer for `position`; what another version of its code built can't."""
        return [
            name
            for name in names
            if (view := views.get(name)) is None
            or view.fingerprint != self._fingerprints.get(name)
            or view.position < position
        ]

    def _await_move(self, seen: int, timeout: float) -> None:
        with self._moved:
            self._moved.wait_for(lambda: self._moves != seen, timeout)
