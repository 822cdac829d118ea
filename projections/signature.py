"""Who seems to have written a message: the name that its sender shows, and the names that it ends with."""

from __future__ import annotations

import re
from typing import Final

from projections.queries.name_search import name_key

MOST_NAMES: Final = 8
_MOST_LINES: Final = 12
_MOST_WORDS: Final = 5
_LONGEST_LINE: Final = 80
_QUOTED: Final = re.compile(
    r"^\s*(>|-{2,}\s*\w|_{5,}|(le|on)\b.{5,200}:\s*$|(de|from)\s*:)", re.IGNORECASE | re.MULTILINE
)


def names_signed(from_name: str, text: str) -> list[str]:
    """What may be the sender's name, as `name_key` has it: first the one shown with the address, then the short lines
    with which the text ends, what it quotes left out.
    """
    quoted = _QUOTED.search(text)
    lines = (text[: quoted.start()] if quoted else text).rstrip().splitlines()[-_MOST_LINES:]
    candidates = [from_name, *(line for line in reversed(lines) if len(line) <= _LONGEST_LINE)]
    keys = (name_key(candidate) for candidate in candidates)
    named = (key for key in keys if 1 < len(key.split()) <= _MOST_WORDS and not any(map(str.isdigit, key)))
    return list(dict.fromkeys(named))[:MOST_NAMES]
