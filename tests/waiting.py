"""Waiting until something has happened: a machine that is slow only takes longer."""

import time

PATIENCE = 300.0
"""Seconds after which something that was waited for will not come."""


def wait_until(holds, what):
    """Looks again and again until `holds()` is true; gives what it gave."""
    deadline = time.monotonic() + PATIENCE
    while not (found := holds()):
        assert time.monotonic() < deadline, f"{what}: never came"
        time.sleep(0.002)
    return found
