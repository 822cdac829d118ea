"""How texts are shown in lists."""

from __future__ import annotations

from typing import Final

_EXCERPT: Final = 240


def excerpt_of(text: str) -> str:
    """How the text begins, on one line."""
    begins = " ".join(text[: _EXCERPT + 60].split())
    if len(begins) <= _EXCERPT < len(text):  # there was more white space than words need
        begins = " ".join(text[: 4 * _EXCERPT].split())
    return begins[:_EXCERPT]
