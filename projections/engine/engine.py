"""The engine: runs every projection, live and rebuilding, exactly once per event.

A batch of the log is read and decoded once and given to every projection that wants it. Their rows are loaded with one
statement per table, all folds run before any write, and rows and positions are written in one transaction. A fold that
raises stops its own projection before that event; the others go on.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import replace
from itertools import chain
from typing import Any, Final

from sqlalchemy import Connection

from domain.events import Recorded, office_event_types
from projections.engine.building import Build
from projections.engine.folding import BATCH, CannotFold, Folding, Progress, batches, no_progress, share_out, stopped
from projections.engine.log import EventReader, LogBatch, Unreadable
from projections.engine.projection import Key, Projection
from projections.engine.read_store import Busy, CarelessTransaction, Hold, Overtaken, ReadStore, StoredView, Unavailable
from projections.engine.replay import Verification, explain, verify
from projections.engine.status import ViewStatus, status
from projections.engine.waiting import Readers
from projections.engine.while_building import Noted, Writing, many_objects

REBUILD_BEYOND: Final = 50_000
"""A view that lies further behind than this many events is rebuilt aside instead of followed up."""

_IDLE_SECONDS: Final = 0.25
"""How long an idle engine may take to notice that it is to stop, or that a rebuild is asked for."""
_CONFIRM_SECONDS: Final = 1.0
_READERS_MAY_TAKE_SECONDS: Final = 60.0
_A_MOMENT_SECONDS: Final = 0.02
_SWAP_TRIES: Final = 100
_SWAP_PAUSE_SECONDS: Final = 0.005

_log = logging.getLogger(__name__)


class UnknownView(LookupError):
    """There is no view of this name."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f"there is no view {name!r}: there are {', '.join(sorted(known))}")


class _Stopped(Exception):
    """A build was told to stop."""


class Engine:
    """Keeps the views of `store` up with `log`. One engine at a time holds the store (`ReadStore.lock`)."""

    def __init__(self, log: EventReader, store: ReadStore, projections: Sequence[Projection]) -> None:
        self._log = log
        self._store = store
        self._projections = {projection.name: projection for projection in projections}
        self._fingerprints = {projection.name: projection.fingerprint for projection in projections}
        self._projecting = threading.RLock()
        self._readers = Readers(store, self._fingerprints)
        self._beat: Callable[[], None] = _no_beat
        self._kept_up_to = -1
        self._known: dict[str, StoredView] | None = None
        self._known_at = 0.0
        self._noted_topics: set[str] = set()

    # --- running ------------------------------------------------------------------------------

    def run(
        self,
        stop: threading.Event,
        *,
        poll_seconds: float = 1.0,
        tell: Callable[[bool], None] = lambda _: None,
    ) -> None:
        """Projects until `stop` is set, whenever no other process does. Runs in a thread of its own.

        `tell` hears whether it is this process that projects, at first and whenever that changes.
        """
        told: bool | None = None
        while not stop.is_set():
            try:
                with self._store.lock() as hold:
                    if told is not bool(hold):
                        told = bool(hold)
                        tell(told)
                    if hold:
                        self._beat = _Beat(stop, hold)
                        self.open()
                        while True:
                            self._beat()
                            with self._projecting:
                                moved = self._go_on(self._log.head(), self._known_views())
                            if not moved:
                                self._log.wait(self._kept_up_to, _IDLE_SECONDS)
            except _Stopped:
                return
            except Unavailable as error:  # a full disk, a store that is locked or gone: what is stored stays
                _log.warning("the engine was interrupted, and tries again: %s", error)
            except Exception:  # noqa: BLE001  # whatever it is, the engine must outlive it
                _log.exception("the engine was interrupted, and tries again")
            finally:
                self._beat = _no_beat
            stop.wait(poll_seconds)

    def open(self, progress: Progress = no_progress) -> None:
        """Builds the views that are missing, out of date or far behind; gives faulted ones another try."""
        with self._projecting:
            self._known = None
            with self._store.writing() as writer:
                stored = writer.views()
                for name in self._projections.keys() & stored.keys():
                    view = stored[name]
                    writer.drop_table(Build(self._projections[name], view).table)  # of a build that died
                    if view.state == "faulted":
                        view = replace(view, state="live", error=None)
                    writer.put(replace(view, rebuilt_to=None))
            self._build_what_is_stale(self._log.head(), self._store.views(), progress)

    def advance(self, progress: Progress = no_progress) -> bool:
        """Folds the next batch into every view that lies behind; whether there was one.

        A view that someone asked to rebuild, or that lies far behind, is rebuilt first; `progress` is told how far
        that is.
        """
        with self._projecting:
            return self._go_on(self._log.head(), self._store.views(), progress)

    def _go_on(self, head: int, stored: Mapping[str, StoredView], progress: Progress = no_progress) -> bool:
        return self._build_what_is_stale(head, stored, progress) or self._advance(head, stored)

    def _known_views(self) -> Mapping[str, StoredView]:
        """How the views stand, without a look at the store for each batch: nobody else moves them, and what someone
        asks of them, in any process, is seen a moment later.
        """
        if self._known is None or time.monotonic() - self._known_at > _IDLE_SECONDS:
            self._known, self._known_at = self._store.views(), time.monotonic()
        return self._known

    def _build_what_is_stale(self, head: int, stored: Mapping[str, StoredView], progress: Progress) -> bool:
        stale = [p for p in self._projections.values() if self._is_stale(p, stored.get(p.name), head)]
        if stale:
            self._build(stale, progress)
        return bool(stale)

    def _advance(self, head: int, stored: Mapping[str, StoredView]) -> bool:
        """The views that are ahead come first: one that lies behind holds nobody up for longer than its batch takes."""
        views = [view for view in self._live_views(stored) if head - view.position <= REBUILD_BEYOND]
        positions = sorted({view.position for view in views}, reverse=True)
        moved = False
        for position, next_ahead in zip(positions, [head, *positions], strict=False):
            upto = min(position + BATCH, next_ahead)
            if position < upto:
                moved |= self._follow([view for view in views if view.position == position], position, upto)
        if not moved:
            self._kept_up_to = head
        return moved

    def _follow(self, views: list[StoredView], position: int, upto: int) -> bool:
        started = time.monotonic()
        projections = [self._projections[view.name] for view in views]
        batch = self._read(projections, position, upto)
        if batch.last == position:
            return False
        try:
            return self._write(views, batch, self._shares(batch, projections), started, careful=False)
        except CarelessTransaction:
            return self._write(views, batch, self._shares(batch, projections), started, careful=True)

    def _write(
        self, views: list[StoredView], batch: LogBatch, shares: list[Folding], started: float, *, careful: bool
    ) -> bool:
        """Folds a batch and writes it, rows and positions in one transaction: unless another hand moved a view."""
        known, self._known = self._known, None
        try:
            with self._store.writing(careful=careful) as writer:
                of_some = [share for share in shares if share.events]
                for share in of_some:
                    share.fold_stored(writer, share.projection.table)
                for share in of_some:
                    share.write(writer, share.projection.table)
                rate = (batch.last - views[0].position) / max(time.monotonic() - started, 1e-9)
                writer.move(views, batch.last, rate)
                for share, view in zip(shares, views, strict=True):
                    if share.fault:
                        _log.error("the view %s stopped: %s", view.name, share.fault)
                        writer.put(stopped(writer.views()[view.name], share.fault))
        except Overtaken:
            return True  # what is so now has to be looked at
        if known and not any(share.fault for share in shares):
            self._known = known | {view.name: replace(view, position=batch.last) for view in views}
        self._readers.tell_moved()
        return True

    def catch_up(self, progress: Progress = no_progress) -> None:
        """Brings every view to the head of the log, as it stands now."""
        head = self._log.head()
        self.open(progress)
        while self._reached() < head and self.advance(progress):
            progress(self._reached(), head)

    def wait_for(self, position: int, names: Collection[str], timeout: float) -> bool:
        """Waits until these views have reached `position`, whichever process projects them: whether they have."""
        return self._readers.wait_for(position, names, timeout)

    def reading_at(
        self, position: int, names: Collection[str], timeout: float
    ) -> AbstractContextManager[Connection | None]:
        """One state of the views in which these have reached `position` (X10); or None, where that takes too long."""
        return self._readers.reading_at(position, names, timeout)

    def _is_stale(self, projection: Projection, view: StoredView | None, head: int) -> bool:
        """Whether a view is missing, out of date, far behind, asked to be rebuilt, or ahead of a log put back from a copy."""
        if view is None or view.fingerprint != self._fingerprints[projection.name] or view.rebuild_requested:
            return True
        return view.state == "live" and not head - REBUILD_BEYOND <= view.position <= head

    # --- building -----------------------------------------------------------------------------

    def rebuild(self, names: Collection[str], progress: Progress = no_progress) -> None:
        """Builds views aside and swaps each in when it has caught up; readers see the former one until then.

        Raises `UnknownView`, and `CannotFold` where folds stop at an event: the view that was there stays as it was,
        unless its code is another version's.
        """
        projections = [self.named(name) for name in names]
        with self._projecting:
            builds = self._build(projections, progress)
        if failed := [f"{build.projection.name}: {build.fault}" for build in builds if build.fault]:
            raise CannotFold("; ".join(failed))

    def retry(self, name: str) -> bool:
        """Lets a view that stopped at an event try it again, in whichever process projects: whether it had stopped.

        Raises `UnknownView`.
        """
        return self._store.retry(self.named(name).name)

    def _build(self, projections: list[Projection], progress: Progress) -> list[Build]:
        stored, self._known = self._store.views(), None
        builds = [Build(projection, stored.get(projection.name)) for projection in projections]
        with self._store.writing() as writer:
            for build in builds:
                build.start(writer)
                if build.projection.name not in stored:
                    writer.put(StoredView(build.projection.name, "", 0, 0, "building"))
        with many_objects(), Writing(self._store) as writing:
            self._fold_aside(builds, writing, Noted(self._store, [p.name for p in projections], progress))
            for step in chain.from_iterable(build.finish() for build in builds):
                writing.take([step])
                self._go_on_meanwhile()
            while not writing.is_done(_A_MOMENT_SECONDS):
                self._go_on_meanwhile()
        for build in builds:
            if build.refused:
                with self._store.building() as writer:
                    build.fold_again(writer)
            self._put_in_place(build)
        return builds

    def _go_on_meanwhile(self) -> None:
        """Between the last steps of builds, which may take long."""
        self._beat()
        with suppress(Unavailable):  # a large one may hold SQLite's only write lock for long
            self._keep_up()

    def _fold_aside(self, builds: list[Build], writing: Writing, progress: Progress) -> None:
        """Folds the whole log, while the live views follow it."""
        position = 0
        while position < (head := self._log.head()) and (healthy := [build for build in builds if build.is_healthy]):
            projections = [build.projection for build in healthy]
            with closing(batches(self._log, projections, position, head)) as following:
                for batch in following:
                    for build, share in zip(healthy, self._shares(batch, projections), strict=True):
                        if build.is_healthy:
                            writing.take(build.take(share, batch.last))
                    position = batch.last
                    progress(position, head)
                    self._beat()
                    self._keep_up()

    def _keep_up(self) -> None:
        """Lets the live views follow the log while others are built."""
        while (head := self._log.head()) != self._kept_up_to:
            self._advance(head, self._store.views())

    def _put_in_place(self, build: Build) -> None:
        """Lets a build follow the log to its head, and swaps it in at a moment when no reader is in the way."""
        warn_at = time.monotonic() + _READERS_MAY_TAKE_SECONDS
        while True:
            self._follow_to_the_head(build)
            readers: str | None = None
            for _ in range(_SWAP_TRIES):
                self._beat()
                try:
                    with self._store.writing() as writer:
                        build.put_in_place(writer, self._log.head(), readers)
                except Busy as busy:
                    readers = busy.readers
                    time.sleep(_SWAP_PAUSE_SECONDS)
                else:
                    self._known = None
                    self._readers.tell_moved()
                    return
            if time.monotonic() > warn_at:
                _log.warning("the view %s is built, and waits for old readers of the store", build.projection.name)
                warn_at = time.monotonic() + _READERS_MAY_TAKE_SECONDS

    def _follow_to_the_head(self, build: Build) -> None:
        self._keep_up()
        while not build.fault and build.position < (head := self._log.head()):
            batch = self._read([build.projection], build.position, min(head, build.position + BATCH))
            (share,) = self._shares(batch, [build.projection])
            with self._store.building() as writer:
                build.follow(share, batch.last, writer)
            self._beat()
            self._keep_up()

    # --- looking ------------------------------------------------------------------------------

    def status(self) -> list[ViewStatus]:
        """Every view's state: live, faulted, behind another version of its code (`outdated`), or `missing`."""
        return status(self._log, self._store, self._projections.values(), self._fingerprints)

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

    def _read(self, projections: list[Projection], after: int, upto: int) -> LogBatch:
        with closing(batches(self._log, projections, after, upto)) as following:
            return next(following, LogBatch(after, ()))

    def _shares(self, batch: LogBatch, projections: list[Projection]) -> list[Folding]:
        shares, unknown = share_out(batch, projections)
        for event in unknown:
            self._note_unknown(event)
        return shares

    def _note_unknown(self, event: Unreadable) -> None:
        if event.topic not in self._noted_topics:
            _log.warning("at position %d: %s", event.position, event.reason)
            self._store.note_unknown_topic(event.topic, event.position)
            self._noted_topics.add(event.topic)

    @property
    def unknown_topics(self) -> dict[str, int]:
        """Topics that the log holds and this code doesn't know, and where a process that projects first met each."""
        known = office_event_types()
        return {topic: at for topic, at in self._store.unknown_topics().items() if topic not in known}

    def _live_views(self, stored: Mapping[str, StoredView]) -> list[StoredView]:
        """The views that follow the log: in order, and built by today's code, so that its folds fit them."""
        return [
            view
            for view in stored.values()
            if view.state == "live" and view.fingerprint == self._fingerprints.get(view.name)
        ]

    def _reached(self) -> int:
        return min((view.position for view in self._live_views(self._store.views())), default=self._log.head())


def _no_beat() -> None:
    """Nobody stops who is not run."""


class _Beat:
    """Is called again and again by whoever works for long: it raises where that is to stop, or is another's work now."""

    def __init__(self, stop: threading.Event, hold: Hold) -> None:
        self._stop = stop
        self._hold = hold
        self._confirmed = time.monotonic()

    def __call__(self) -> None:
        if self._stop.is_set():
            raise _Stopped
        if time.monotonic() - self._confirmed > _CONFIRM_SECONDS:
            self._hold.confirm()
            self._confirmed = time.monotonic()
