"""An interrupt is heard whenever it comes."""

import subprocess
import sys

IN_A_FINALIZER = """
import signal
import threading
from adapters.interrupts import outlive_finalizers

class Interrupted:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

outlive_finalizers()
try:
    Interrupted()
    threading.Event().wait(300)
    print("nobody heard")
except KeyboardInterrupt:
    print("interrupted")
"""

FAILS_IN_A_FINALIZER = """
from adapters.interrupts import outlive_finalizers

class Failing:
    def __del__(self):
        raise ValueError("of its own")

outlive_finalizers()
Failing()
"""


def ran(script):
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)


def test_an_interrupt_within_a_finalizer_interrupts_after_it():
    done = ran(IN_A_FINALIZER)
    assert (done.stdout, done.stderr) == ("interrupted\n", "")


def test_what_else_fails_in_a_finalizer_is_told():
    assert "ValueError: of its own" in ran(FAILS_IN_A_FINALIZER).stderr
