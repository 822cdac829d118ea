"""Where a target stands among the others: each read model of targets tells it of its own."""

from __future__ import annotations

from typing import NamedTuple

from domain.values import Target


class Placed(NamedTuple):
    """What a target is called, and what stands above it, if anything does."""

    label: str
    """For people to read, in French: a name, « contrat MRH-1 », « sinistre n° 7 »."""
    above: Target | None = None
