"""The engine: runs every projection, live and rebuilding, exactly once per event.

A batch of the log is read and decoded once and given to every projection that wants it. Their rows are loaded with one
statement per table, all folds run before any write, and rows and positions are written in one transaction. A fold that
raises stops its own projection before that event; the others go on.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from domain.events import Recorded
from projections.building import Build
from projections.folding import BATCH, CannotFold, Folding, Progress, no_progress, read_shares, stopped
from projections.log import EventReader, Unreadable
from projections.projection import Key, Projection
from projections.read_store import ReadStore, StoredView
from projections.replay import Verification, explain, verify

REBUILD_BEYOND: Final = 50_000
"""A view that lies further behind than this many events is rebuilt aside instead of followed up."""

_POLL_SECONDS: Final = 0.02
_IDLE_SECONDS: Final = 0.25
"""How long an idle engine may take to notice that it is to stop, or that a rebuild is asked for."""

_log = logging.getLogger(__name__)


class UnknownView(LookupError):
    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f"there is no view {name!r}: there are {', '.join(sorted(known))}")


class _Stopped(Exception):
    """A build was told to stop."""


@dataclass(frozen=True, slots=True)
class ViewStatus:
    """How a view stands: its state, its position in the log and how many events it lies behind the head."""

    name: str
    version: int
    state: str
    position: int
    lag: int
    error: str | None


class Engine:
    """Keeps the views of `store` up with `log`. One engine at a time holds the store (`ReadStore.lock`)."""

    def __init__(self, log: EventReader, store: ReadStore, projections: Sequence[Projection]) -> None:
        self._log = log
        self._store = store
        self._projections = {projection.name: projection for projection in projections}
        self._projecting = threading.RLock()
        self._moved = threading.Condition()
        self._moves = 0
        self.unknown_topics: dict[str, int] = {}
        """Topics that this code doesn't know, and where each was last seen."""

    # --- running ------------------------------------------------------------------------------

    def run(self, stop: threading.Event, *, poll_seconds: float = 1.0) -> None:
        """Projects until `stop` is set, whenever no other process does. Runs in a thread of its own."""

        def unless_stopped(_done: int, _total: int) -> None:
            if stop.is_set():
                raise _Stopped

        while not stop.is_set():
            try:
                with self._store.lock() as held:
                    if held:
                        self.open(unless_stopped)
                        self._run_live(stop, unless_stopped)
            except _Stopped:
                return
            except Exception:  # noqa: BLE001  # whatever it is, the engine must outlive it
                # A full disk, a store that is locked or gone: what is stored stays, and the engine tries again.
                _log.exception("the engine was interrupted, and tries again")
            stop.wait(poll_seconds)

    def _run_live(self, stop: threading.Event, progress: Progress) -> None:
        while not stop.is_set():
            head = self._log.head()
            if not self.advance(progress):
                self._log.wait(head, _IDLE_SECONDS)

    def open(self, progress: Progress = no_progress) -> None:
        """Builds the views that are missing, out of date or far behind; gives faulted ones another try."""
        with self._projecting:
            with self._store.writing() as writer:
                stored = writer.views()
                for name in self._projections.keys() & stored.keys():
                    writer.drop_table(Build(self._projections[name], stored[name]).table)  # of a build that died
                    if stored[name].state == "faulted":
                        writer.put(replace(stored[name], state="live", error=None))
            head = self._log.head()
            stale = [p for p in self._projections.values() if _is_stale(p, stored.get(p.name), head)]
            if stale:
                self._build(stale, progress)

    def advance(self, progress: Progress = no_progress) -> bool:
        """Folds the next batch into the views that lie furthest behind; whether there was one.

        A view that someone asked to rebuild is rebuilt first; `progress` is told how far that is.
        """
        with self._projecting:
            stored = self._store.views()
            if requested := [
                p for p in self._projections.values() if p.name in stored and stored[p.name].rebuild_requested
            ]:
                self._build(requested, progress)
                return True
            return self._advance()

    def _advance(self) -> bool:
        views = self._live_views()
        if not views:
            return False
        position = min(view.position for view in views)
        group = [view for view in views if view.position == position]
        ahead = [view.position - position for view in views if view.position > position]
        folding, last = self._read([self._projections[view.name] for view in group], position, min([BATCH, *ahead]))
        if last == position:
            return False
        with self._store.writing() as writer:
            stored = writer.views()
            if any(stored.get(view.name) != view for view in group):
                return True  # a request came, or another hand moved the view: look again
            for share in folding:
                share.fold_stored(writer, share.projection.table)
            for share, view in zip(folding, group, strict=True):
                share.write(writer, share.projection.table)
                writer.put(_after(view, share, last))
        self._tell_moved()
        return True

    def catch_up(self, progress: Progress = no_progress) -> None:
        """Brings every view to the head of the log, as it stands now."""
        head = self._log.head()
        self.open(progress)
        while self._reached() < head and self.advance(progress):
            progress(self._reached(), head)

    def wait_for(self, position: int, names: Collection[str], timeout: float) -> bool:
        """Waits until these views have reached `position`, whichever process projects them: whether they have."""
        deadline = time.monotonic() + timeout
        while True:
            moves = self._moves
            views = self._store.views()
            short = [name for name in names if name not in views or views[name].position < position]
            if not short:
                return True
            if any(name in views and views[name].state == "faulted" for name in short):
                return False  # it stands still until someone mends it: nobody is made to wait for that
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self._await_move(moves, min(left, _POLL_SECONDS))  # another process's engine tells nobody here

    # --- building -----------------------------------------------------------------------------

    def rebuild(self, names: Collection[str], progress: Progress = no_progress) -> None:
        """Builds views aside and swaps each in when it has caught up; readers see the former one until then.

        Raises `UnknownView`, and `CannotFold` where folds stop at an event: the view that was there stays as it was,
        unless its code is another version's.
        """
        with self._projecting:
            builds = self._build([self.named(name) for name in dict.fromkeys(names)], progress)
        if failed := [f"{build.projection.name}: {build.fault}" for build in builds if build.fault]:
            raise CannotFold("; ".join(failed))

    def _build(self, projections: list[Projection], progress: Progress) -> list[Build]:
        stored = self._store.views()
        builds = [Build(projection, stored.get(projection.name)) for projection in projections]
        with self._store.writing() as writer:
            for build in builds:
                writer.create_table(build.table)
        self._fold_aside(builds, progress)
        for build in builds:
            with self._store.writing() as writer:
                build.fill(writer)
            if build.refused:
                self._fold_again(build)
        with self._store.writing() as writer:
            stored = writer.views()
            for build in builds:
                build.finish(writer, stored.get(build.projection.name))
        self._tell_moved()
        return builds

    def _fold_aside(self, builds: list[Build], progress: Progress) -> None:
        """Folds the whole log, while the live views follow it."""
        position, head = 0, self._log.head()
        while position < head and (healthy := [build for build in builds if build.is_healthy]):
            folding, position = self._read([build.projection for build in healthy], position, BATCH)
            for build, share in zip(healthy, folding, strict=True):
                build.take(share, position)
            if flushed := [build for build in healthy if build.projection.row_per_event]:
                with self._store.writing() as writer:
                    for build in flushed:
                        build.flush(writer)
            progress(position, head)
            self._advance()
            head = self._log.head()

    def _fold_again(self, build: Build) -> None:
        """Folds what the table refused again, writing batch by batch: up to the event whose rows it refuses."""
        with self._store.writing() as writer:
            writer.create_table(build.table)
            writer.create_indexes(build.table)
        build.position, build.fault = 0, None
        head = self._log.head()
        while build.position < head and not build.fault:
            (share,), build.position = self._read([build.projection], build.position, BATCH)
            with self._store.writing() as writer:
                share.fold_stored(writer, build.table)
                share.write(writer, build.table)
            build.fault = share.fault

    # --- looking ------------------------------------------------------------------------------

    def status(self) -> list[ViewStatus]:
        """Every view's state: live, faulted, behind another version of its code (`outdated`), or `missing`."""
        stored = self._store.views()
        head = self._log.head()
        return [_status(projection, stored.get(projection.name), head) for projection in self._projections.values()]

    def verify(self, name: str, progress: Progress = no_progress) -> Verification:
        """Compares a view with a naive replay (`replay.verify`). Raises `UnknownView` and `CannotFold`."""
        return verify(self._log, self._store, self.named(name), progress)

    def explain(self, name: str, key: Key) -> Iterator[Recorded[Any]]:
        """The events behind a row, oldest first (`replay.explain`). Raises `UnknownView` and `CannotFold`."""
        return explain(self._log, self.named(name), key)

    def named(self, name: str) -> Projection:
        """The view of this name. Raises `UnknownView`."""
        try:
            return self._projections[name]
        except KeyError:
            raise UnknownView(name, self._projections) from None

    # --- reading ------------------------------------------------------------------------------

    def _read(self, projections: list[Projection], after: int, limit: int) -> tuple[list[Folding], int]:
        shares, last, unknown = read_shares(self._log, projections, after, limit)
        for event in unknown:
            self._note_unknown(event)
        return shares, last

    def _note_unknown(self, event: Unreadable) -> None:
        if event.topic not in self.unknown_topics:
            _log.warning("at position %d: %s", event.position, event.reason)
        self.unknown_topics[event.topic] = event.position

    def _live_views(self) -> list[StoredView]:
        """The views that follow the log: in order, and built by today's code, so that its folds fit them."""
        return [
            view
            for view in self._store.views().values()
            if view.state == "live"
            and (projection := self._projections.get(view.name))
            and view.fingerprint == projection.fingerprint
        ]

    def _reached(self) -> int:
        return min((view.position for view in self._live_views()), default=self._log.head())

    def _await_move(self, seen: int, timeout: float) -> None:
        with self._moved:
            self._moved.wait_for(lambda: self._moves != seen, timeout)

    def _tell_moved(self) -> None:
        with self._moved:
            self._moves += 1
            self._moved.notify_all()


def _is_stale(projection: Projection, view: StoredView | None, head: int) -> bool:
    """Whether a view is missing, out of date, far behind, asked to be rebuilt, or ahead of a log put back from a copy."""
    return (
        view is None
        or view.fingerprint != projection.fingerprint
        or view.rebuild_requested
        or not head - REBUILD_BEYOND <= view.position <= head
    )


def _after(view: StoredView, share: Folding, last: int) -> StoredView:
    if share.fault is None:
        return replace(view, position=last)
    _log.error("the view %s stopped: %s", view.name, share.fault)
    return stopped(view, share.fault)


def _status(projection: Projection, view: StoredView | None, head: int) -> ViewStatus:
    if view is None:
        return ViewStatus(projection.name, projection.version, "missing", 0, head, None)
    state = view.state if view.fingerprint == projection.fingerprint else "outdated"
    return ViewStatus(projection.name, projection.version, state, view.position, head - view.position, view.error)
