"""How long tests go on: `make test` proves every rule once, `make soak` repeats what only repetition finds."""

import os

SOAKING = bool(os.environ.get("SOAK"))


def times(few: int, *, soak: int) -> int:
    """How often, or how much. Who asks is marked `repeated`, so that `make soak` runs it: but properties, which it runs all."""
    return soak if SOAKING else few
