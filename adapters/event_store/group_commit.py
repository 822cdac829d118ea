"""Concurrent commands of one process share one transaction: one of them commits what the others queued meanwhile."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from eventsourcing.persistence import OperationalError

_AT_ONCE: Final = 256
"""Commands that share one transaction, at most."""
_PATIENCE_SECONDS: Final = 0.0005
"""How long a leader lets other threads run, for those of the last group to come again."""

Append = TypeVar("Append")
Done = TypeVar("Done")


class _Queued(Generic[Append, Done]):
    __slots__ = ("append", "called", "done", "refusal")

    def __init__(self, append: Append) -> None:
        self.append = append
        self.done: Done | None = None
        self.refusal: Exception | None = None
        self.called = threading.Lock()
        self.called.acquire()


class GroupCommit(Generic[Append, Done]):
    """`commit` writes many appends in one transaction, all or none, in order, and gives what was done for each.

    Who finds no leader leads: commits all that is queued, in order of arrival, and calls the others, and the next leader.
    Who is alone waits for nobody.
    """

    def __init__(self, commit: Callable[[Sequence[Append]], Sequence[Done]]) -> None:
        self._commit = commit
        self._mutex = threading.Lock()
        self._queue: deque[_Queued[Append, Done]] = deque()
        self._leader: _Queued[Append, Done] | None = None
        self._last_size = 1
        self._gathering: threading.Lock | None = None

    def append(self, append: Append) -> Done:
        """What was done, once it is committed. Raises what `commit` raises about this append alone, and
        `OperationalError` where the transaction that it shared failed, or was interrupted.
        """
        mine: _Queued[Append, Done] = _Queued(append)
        try:
            with self._mutex:
                self._queue.append(mine)
                self._leader = self._leader or mine
                leads = self._leader is mine
                if self._gathering is not None and len(self._queue) >= self._last_size:
                    self._gathering.release()
                    self._gathering = None
            if not leads:  # who is made a leader from here on is called, too
                mine.called.acquire()
            if self._leader is mine:
                self._lead()
        except BaseException:
            self._withdraw(mine)
            raise
        if mine.refusal is not None:
            raise mine.refusal
        return mine.done  # type: ignore[return-value]  # it is done, or was refused

    def _lead(self) -> None:
        group: list[_Queued[Append, Done]] = []
        try:
            self._let_others_come()
            with self._mutex:
                group += [self._queue.popleft() for _ in range(min(len(self._queue), _AT_ONCE))]
            self._last_size = len(group)
            self._commit_group(group)
        finally:
            for one in group:
                one.called.release()
            with self._mutex:
                self._pass_on()

    def _let_others_come(self) -> None:
        """Waits a moment for those of the last group, who may be about to come again."""
        with self._mutex:
            if len(self._queue) >= self._last_size:
                return
            self._gathering = gathering = threading.Lock()
            gathering.acquire()
        gathering.acquire(timeout=_PATIENCE_SECONDS)
        with self._mutex:
            self._gathering = None

    def _pass_on(self) -> None:
        self._leader = self._queue[0] if self._queue else None
        if self._leader is not None:
            self._leader.called.release()

    def _withdraw(self, mine: _Queued[Append, Done]) -> None:
        """Who was interrupted has given up: nobody may append it later, nor wait for it to lead."""
        with self._mutex:
            if mine in self._queue:
                self._queue.remove(mine)
            if self._leader is mine:
                self._pass_on()

    def _commit_group(self, group: Sequence[_Queued[Append, Done]]) -> None:
        try:
            self._decide(group)
        except OperationalError as error:
            _fail(group, error)
        except BaseException as interruption:
            _fail(group, interruption)
            raise

    def _decide(self, group: Sequence[_Queued[Append, Done]]) -> None:
        try:
            for one, done in zip(group, self._commit([one.append for one in group]), strict=True):
                one.done = done
        except OperationalError:
            raise
        except Exception as refusal:  # noqa: BLE001  # whatever it is, it is the answer to one of them
            if len(group) == 1:
                group[0].refusal = refusal
                return
            for one in group:
                self._decide([one])


def _fail(group: Sequence[_Queued[Append, Done]], reason: BaseException) -> None:
    for one in group:
        if one.done is None and one.refusal is None:
            one.refusal = OperationalError(str(reason) or "the append was interrupted")
