"""What goes on beside builds: a thread that writes, what is told of how far they are, a collector out of their way."""

from __future__ import annotations

import gc
import time
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, Self

from projections.engine.building import Step
from projections.engine.folding import Progress
from projections.engine.read_store import ReadStore

_NOTE_SECONDS: Final = 1.0
_STEPS_AHEAD: Final = 3


class Noted:
    """Tells whoever watches how far a build is, here and, once a second, in the store."""

    def __init__(self, store: ReadStore, names: Collection[str], progress: Progress) -> None:
        self._store = store
        self._names = names
        self._progress = progress
        self._noted_at = time.monotonic()
        self._noted = 0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._noted_at > _NOTE_SECONDS:
            rate = (done - self._noted) / (now - self._noted_at)
            with self._store.writing() as writer:
                for name, view in writer.views().items():
                    if name in self._names:
                        writer.put(replace(view, rebuilt_to=done, rate=rate, moved_at=datetime.now(UTC)))
            self._noted_at, self._noted = now, done
        self._progress(done, total)


class Writing:
    """Takes the steps of builds in a thread of its own, one after the other: folding goes on while a store writes."""

    def __init__(self, store: ReadStore) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, "building")
        self._pending: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(cancel_futures=True)

    def take(self, steps: Iterable[Step]) -> None:
        """Raises what an earlier step raised. Waits where steps are given faster than they are taken."""
        for step in steps:
            self._pending.append(self._thread.submit(self._run, step))
            while self._pending and (step.awaited or len(self._pending) > _STEPS_AHEAD or self._pending[0].done()):
                self._pending.popleft().result()

    def is_done(self, timeout: float) -> bool:
        """Whether no step is left, within so many seconds. Raises what a step raised."""
        wait(self._pending, timeout)
        while self._pending and self._pending[0].done():
            self._pending.popleft().result()
        return not self._pending

    def _run(self, step: Step) -> None:
        with self._store.building() as writer:
            step.work(writer)


@contextmanager
def many_objects() -> Iterator[None]:
    """Spares the collector the rows that a build holds: it would look through all of them again and again."""
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
