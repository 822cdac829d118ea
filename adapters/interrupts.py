"""Interrupts from the keyboard that come at a moment when Python can only ignore them."""

from __future__ import annotations

import signal
import sys
from _thread import get_ident, start_new_thread


def outlive_finalizers() -> None:
    """From now on, an interrupt that reaches the main thread within a finalizer (`__del__`) is raised again after it.

    Python tells of it on standard error, and goes on as if nobody had interrupted: nothing can be raised from there.
    """
    sys.unraisablehook = _raised_again


def _raised_again(unraisable: sys.UnraisableHookArgs) -> None:
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        # By another thread: what this one sent itself would be raised right here, and be ignored again.
        start_new_thread(signal.pthread_kill, (get_ident(), signal.SIGINT))
    else:
        sys.__unraisablehook__(unraisable)
