"""The engine: runs every projection, live and rebuilding, exactly once per event.

A batch of the log is read and decoded once and given to every projection that wants it. Their rows are loaded with one
statement per table, all folds run before any write, and rows and positions are written in one transaction. A fold that
raises stops its own projection before that event; the others go on.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlalchemy import Index, MetaData, Table

from domain.events import Recorded
from projections.log import EventReader, Unreadable
from projections.projection import Key, Projection, Row, fold_all
from projections.read_store import ReadStore, StoredView, ViewWriter

BATCH: Final = 2_000
REBUILD_BEYOND: Final = 50_000
"""A view that lies further behind than this many events is rebuilt aside instead of followed up."""

_POLL_SECONDS: Final = 0.02

_log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]


def _no_progress(done: int, total: int) -> None:
    """Nobody watches."""


class UnknownView(LookupError):
    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f"there is no view {name!r}: there are {', '.join(sorted(known))}")


class CannotFold(Exception):
    """A rebuild or a replay met an event that can't be folded: the view stays as it was."""


@dataclass(frozen=True, slots=True)
class ViewStatus:
    """How a view stands: its state, its position in the log and how many events it lies behind the head."""

    name: str
    version: int
    state: str
    position: int
    lag: int
    error: str | None


@dataclass(frozen=True, slots=True)
class Verification:
    """A view compared row by row with a naive replay of the log up to the view's position."""

    name: str
    position: int
    rows: int
    missing: tuple[Key, ...] = ()
    unexpected: tuple[Key, ...] = ()
    different: tuple[Key, ...] = ()

    @property
    def equal(self) -> bool:
        return not (self.missing or self.unexpected or self.different)


@dataclass(slots=True)
class _Folding:
    """A projection's share of one batch: the rows that it touches, and where it stopped if it did."""

    projection: Projection
    events: list[Recorded[Any] | Unreadable] = field(default_factory=list)
    changed: dict[Key, Row | None] = field(default_factory=dict)
    fault: tuple[int, str] | None = None

    def keys(self) -> set[Key]:
        """The rows that the batch concerns. An event whose keys can't be told is a fault when its turn comes."""
        keys: set[Key] = set()
        for event in self.events:
            if isinstance(event, Recorded):
                try:
                    keys.update(self.projection.keys_of(event))
                except Exception:  # noqa: BLE001  # whatever a projection raises is its fault alone
                    break
        return keys

    def fold(self, rows: dict[Key, Row | None]) -> None:
        """Folds the events, up to the first that can't be folded."""
        for event in self.events:
            try:
                if isinstance(event, Unreadable):
                    raise ValueError(event.reason)  # noqa: TRY301, TRY004
                now = self.projection.apply(event, rows)
            except Exception as error:  # noqa: BLE001  # whatever a fold raises is that projection's fault alone
                self.fault = (event.position, f"event {event.position}: {type(error).__name__}: {error}")
                return
            rows.update(now)
            self.changed.update(now)


class Engine:
    """Keeps the views of `store` up with `log`. One engine at a time holds the store (`ReadStore.lock`)."""

    def __init__(self, log: EventReader, store: ReadStore, projections: Sequence[Projection]) -> None:
        self._log = log
        self._store = store
        self._projections = {projection.name: projection for projection in projections}
        self._moved = threading.Condition()
        self.unknown_topics: dict[str, int] = {}
        """Topics that this code doesn't know, and where each was last seen."""

    # --- running ------------------------------------------------------------------------------

    def run(self, stop: threading.Event, *, poll_seconds: float = 1.0) -> None:
        """Projects until `stop` is set, whenever no other process does. Runs in a thread of its own."""
        while not stop.is_set():
            try:
                with self._store.lock() as held:
                    if held:
                        self.open()
                        self._run_live(stop, poll_seconds)
            except Exception:  # noqa: BLE001  # whatever it is, the engine must outlive it
                # A full disk, a store that is locked or gone: what is stored stays, and the engine tries again.
                _log.exception("the engine was interrupted, and tries again")
            stop.wait(poll_seconds)

    def _run_live(self, stop: threading.Event, poll_seconds: float) -> None:
        while not stop.is_set():
            if not self.advance():
                self._log.wait(self._reached(), poll_seconds)

    def open(self, progress: Progress = _no_progress) -> None:
        """Builds the views that are missing, out of date or far behind; gives faulted ones another try."""
        stored = self._store.views()
        head = self._log.head()
        stale = [
            projection
            for projection in self._projections.values()
            if (view := stored.get(projection.name)) is None
            or view.fingerprint != projection.fingerprint
            or view.rebuild_requested
            or head - view.position > REBUILD_BEYOND
        ]
        with self._store.writing() as writer:
            for view in stored.values():
                if view.state == "faulted" and view.name in self._projections:
                    writer.put(replace(view, state="live", error=None))
        if stale:
            self._build(stale, progress)

    def advance(self) -> bool:
        """Folds the next batch into the views that lie furthest behind; whether there was one."""
        views = self._live_views()
        if requested := [self._projections[view.name] for view in views if view.rebuild_requested]:
            self._build(requested, _no_progress)
            return True
        return self._advance(views)

    def _advance(self, views: list[StoredView]) -> bool:
        if not views:
            return False
        position = min(view.position for view in views)
        group = [view for view in views if view.position == position]
        ahead = [view.position - position for view in views if view.position > position]
        folding, last = self._read([self._projections[view.name] for view in group], position, min([BATCH, *ahead]))
        if last == position:
            return False
        with self._store.writing() as writer:
            for share in folding:
                share.fold(writer.load(share.projection.table, share.keys()))
            for share, view in zip(folding, group, strict=True):
                if refused := writer.write(share.projection.table, share.changed):
                    share.fault = (position + 1, f"events {position + 1} to {last}: {refused}")
                writer.put(_after(view, share, last))
        self._tell_moved()
        return True

    def catch_up(self, progress: Progress = _no_progress) -> None:
        """Brings every view to the head of the log, as it stands now."""
        head = self._log.head()
        self.open(progress)
        while self._reached() < head and self.advance():
            progress(self._reached(), head)

    def wait_for(self, position: int, names: Collection[str], timeout: float) -> bool:
        """Waits until these views have reached `position`, whichever process projects them: whether they have."""
        while True:
            with self._moved:
                views = self._store.views()
                if all(name in views and views[name].position >= position for name in names):
                    return True
                if timeout <= 0:
                    return False
                self._moved.wait(_POLL_SECONDS)
            timeout -= _POLL_SECONDS

    # --- building -----------------------------------------------------------------------------

    def rebuild(self, names: Collection[str], progress: Progress = _no_progress) -> None:
        """Builds views aside and swaps each in when it has caught up; readers see the former one until then."""
        self._build([self._named(name) for name in names], progress)

    def _build(self, projections: list[Projection], progress: Progress) -> None:
        stored = self._store.views()
        builds = [_Build(projection, stored.get(projection.name)) for projection in projections]
        with self._store.writing() as writer:
            for build in builds:
                writer.create_table(build.table)
        position, head = 0, self._log.head()
        while position < head:
            healthy = [build for build in builds if not build.fault]
            folding, position = self._read([build.projection for build in healthy], position, BATCH)
            for build, share in zip(healthy, folding, strict=True):
                build.take(share)
            if flushed := [build for build in healthy if build.projection.row_per_event]:
                with self._store.writing() as writer:
                    for build in flushed:
                        build.flush(writer)
            progress(position, head)
            self._advance([view for view in self._live_views() if self._is_current(view)])
            head = self._log.head()
        current = self._store.views()
        with self._store.writing() as writer:
            for build in builds:
                build.finish(writer, position, current.get(build.projection.name))
        self._tell_moved()
        if failed := [f"{build.projection.name}: {build.fault}" for build in builds if not build.replaces]:
            raise CannotFold("; ".join(failed))

    def _is_current(self, view: StoredView) -> bool:
        """Whether today's code built this view's table, so that its folds fit it."""
        return view.fingerprint == self._projections[view.name].fingerprint

    # --- looking ------------------------------------------------------------------------------

    def status(self) -> list[ViewStatus]:
        """Every view's state: live, faulted, behind another version of its code (`outdated`), or `missing`."""
        stored = self._store.views()
        head = self._log.head()
        return [_status(projection, stored.get(projection.name), head) for projection in self._projections.values()]

    def verify(self, name: str, progress: Progress = _no_progress) -> Verification:
        """Compares a view's table with a naive replay of the log, row by row, at one position of both."""
        projection = self._named(name)
        with self._store.reading() as connection:
            view = self._store.views(connection).get(name)
            position = view.position if view else 0
            expected = fold_all(projection, self._events(projection, position, progress))
            missing, different, unexpected = dict(expected), [], []
            for key, row in self._store.rows(connection, projection) if view else ():
                if key not in missing:
                    unexpected.append(key)
                elif missing.pop(key) != row:
                    different.append(key)
        return Verification(name, position, len(expected), tuple(missing), tuple(unexpected), tuple(different))

    def explain(self, name: str, key: Key) -> Iterator[Recorded[Any]]:
        """The events behind a row, oldest first."""
        projection = self._named(name)
        events = self._events(projection, self._log.head(), _no_progress)
        return (event for event in events if key in projection.keys_of(event))

    def named(self, name: str) -> Projection:
        """Raises `UnknownView`."""
        return self._named(name)

    # --- reading ------------------------------------------------------------------------------

    def _read(self, projections: list[Projection], after: int, limit: int) -> tuple[list[_Folding], int]:
        topics = frozenset().union(*(projection.topics for projection in projections))
        batch = self._log.read(after, limit, topics)
        folding = [_Folding(projection) for projection in projections]
        for event in batch.events:
            topic = event.topic if isinstance(event, Unreadable) else event.event.topic()
            if isinstance(event, Unreadable) and not event.known_topic:
                self._note_unknown(event)
            for share in folding:
                if topic in share.projection.topics:
                    share.events.append(event)
        return folding, batch.last

    def _events(self, projection: Projection, last: int, progress: Progress) -> Iterator[Recorded[Any]]:
        position = 0
        while position < last:
            (share,), reached = self._read([projection], position, min(BATCH, last - position))
            if reached == position:
                return
            position = reached
            for event in share.events:
                if isinstance(event, Unreadable):
                    raise CannotFold(f"event {event.position}: {event.reason}")
                yield event
            progress(position, last)

    def _note_unknown(self, event: Unreadable) -> None:
        if event.topic not in self.unknown_topics:
            _log.warning("at position %d: %s", event.position, event.reason)
        self.unknown_topics[event.topic] = event.position

    def _live_views(self) -> list[StoredView]:
        return [v for v in self._store.views().values() if v.state == "live" and v.name in self._projections]

    def _reached(self) -> int:
        return min((view.position for view in self._live_views()), default=self._log.head())

    def _named(self, name: str) -> Projection:
        try:
            return self._projections[name]
        except KeyError:
            raise UnknownView(name, self._projections) from None

    def _tell_moved(self) -> None:
        with self._moved:
            self._moved.notify_all()


class _Build:
    """A view being built aside, in a table of the next generation."""

    def __init__(self, projection: Projection, former: StoredView | None) -> None:
        self.projection = projection
        self.former = former
        self.generation = former.generation + 1 if former else 1
        self.table = _of_generation(projection.table, self.generation)
        self.rows: dict[Key, Row | None] = {}
        self.fault: str | None = None
        self._faulted_at = 0

    @property
    def replaces(self) -> bool:
        """Whether what was built goes in place, even if it stopped at a fault: nothing better is there."""
        return not self.fault or self.former is None or self.former.fingerprint != self.projection.fingerprint

    def take(self, share: _Folding) -> None:
        share.fold(self.rows)
        if share.fault:
            self._faulted_at, self.fault = share.fault

    def flush(self, writer: ViewWriter) -> None:
        writer.insert(self.table, [row for row in self.rows.values() if row is not None])
        self.rows.clear()

    def finish(self, writer: ViewWriter, position: int, current: StoredView | None) -> None:
        """Puts the table in place, up to where it could be folded; or leaves a healthy one there, faulted."""
        if self.replaces or current is None:
            self.flush(writer)
            writer.create_indexes(self.table)
            writer.swap(self.projection.table, self.table)
            current = StoredView(self.projection.name, self.projection.fingerprint, self.generation, position)
            if self.fault:
                current = replace(current, position=self._faulted_at - 1)
        if self.fault:
            current = replace(current, state="faulted", error=self.fault)
        writer.put(replace(current, rebuild_requested=False))


def _of_generation(table: Table, generation: int) -> Table:
    """The same table under the name of one generation; index names are a database's, so they carry it too."""
    built = table.to_metadata(MetaData(), name=f"{table.name}__{generation}")
    indexes: list[Index] = list(built.indexes)
    for index in indexes:
        index.name = f"{index.name}__{generation}"  # type: ignore[assignment]  # a name like any other
    return built


def _after(view: StoredView, share: _Folding, last: int) -> StoredView:
    if share.fault is None:
        return replace(view, position=last)
    position, error = share.fault
    _log.error("the view %s stopped: %s", view.name, error)
    return replace(view, position=position - 1, state="faulted", error=error)


def _status(projection: Projection, view: StoredView | None, head: int) -> ViewStatus:
    if view is None:
        return ViewStatus(projection.name, projection.version, "missing", 0, head, None)
    state = view.state if view.fingerprint == projection.fingerprint else "outdated"
    return ViewStatus(projection.name, projection.version, state, view.position, head - view.position, view.error)
