"""Keeping the views up, by whichever process holds their store: here, or by asking and following the one that does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from adapters.event_store.log import EventLog
from adapters.read_store import ReadStore
from projections.engine.engine import Engine
from projections.engine.folding import Progress, no_progress
from projections.engine.read_store import StoredView

_LOOK_AGAIN_SECONDS: Final = 0.2
_STANDS_STILL_SECONDS: Final = 600.0
"""What another process was asked for and has not moved for so long is given up."""


class NotRebuilt(Exception):
    """Views that another process was asked to rebuild, and could not."""


class StandsStill(Exception):
    """The process that projects a store does not get on with what it was asked for."""

    def __init__(self) -> None:
        super().__init__("the process that projects this store doesn't get on with it")


@dataclass(frozen=True, kw_only=True)
class ViewKeeping:
    """The log, the views of it, and the engine that makes those."""

    log: EventLog
    views: ReadStore
    engine: Engine

    @contextmanager
    def projecting(self, tell: Callable[[bool], None] = lambda _: None) -> Iterator[None]:
        """Keeps the views up with the log, in a thread, for as long as no other process does.

        `tell` hears whether it is this process that does, at first and whenever that changes.
        """
        stop = threading.Event()
        thread = threading.Thread(
            target=self.engine.run, args=(stop,), kwargs={"tell": tell}, name="projections", daemon=True
        )
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

    def rebuild(self, names: Sequence[str], show: Progress = no_progress) -> None:
        """Rebuilds views aside and swaps them in. Raises `CannotFold`, and where another process does it, `NotRebuilt`
        and `StandsStill`.
        """

        def how_far(now: Mapping[str, StoredView]) -> int | None:
            waiting = [now.get(name) for name in names if not _is_rebuilt(now.get(name))]
            return min((view.rebuilt_to or 0 if view else 0 for view in waiting), default=None)

        def ask() -> None:
            self.views.request_rebuild(names)

        if self._done_here(lambda: self.engine.rebuild(names, show), ask, how_far, show):
            return
        now = self.views.views()
        if failed := [f"{name}: {now[name].error}" for name in names if now[name].error]:
            raise NotRebuilt("; ".join(failed))

    def retry(self, name: str, show: Progress = no_progress) -> bool:
        """Lets a view that stopped at an event try it again, and brings it on; false for one that doesn't stand at one."""
        if not self.engine.retry(name):
            return False
        head = self.log.head()

        def how_far(now: Mapping[str, StoredView]) -> int | None:
            view = now[name]
            return None if view.state == "faulted" or view.position >= head else view.rebuilt_to or view.position

        # What was stored when it was to be retried tells another process enough.
        self._done_here(lambda: self.engine.catch_up(show), lambda: None, how_far, show)
        return True

    def _done_here(
        self,
        do: Callable[[], None],
        ask: Callable[[], None],
        how_far: Callable[[Mapping[str, StoredView]], int | None],
        show: Progress,
    ) -> bool:
        """Does it here, unless another process projects this store: asks that one, and follows it. Whether it was here.

        `how_far` that one has come is told by what is known of the views: None when done. It may be a command that ends
        before it has done it: then it falls to us.
        """
        asked = False
        seen: Mapping[str, StoredView] = {}
        moved_at = time.monotonic()
        while True:
            with self.views.lock() as held:
                if held:
                    do()
                    return True
            if not asked:
                ask()
                asked = True
            now = self.views.views()
            reached = how_far(now)
            if reached is None:
                return False
            show(reached, self.log.head())
            if now != seen:
                seen, moved_at = now, time.monotonic()
            elif time.monotonic() - moved_at > _STANDS_STILL_SECONDS:
                raise StandsStill
            time.sleep(_LOOK_AGAIN_SECONDS)


def _is_rebuilt(view: StoredView | None) -> bool:
    return view is not None and not view.rebuild_requested and view.state != "building"
