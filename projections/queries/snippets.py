"""The piece of a text in which words were found, for a list of hits to show."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from projections.queries.full_text import Word, words_of
from projections.queries.name_search import plain, searched
from projections.queries.reading import Shown

LENGTH: Final = 160
_BEFORE: Final = 40
"""As much of what stands before the first word is shown, where there is place."""


class Snippet(Shown):
    """A piece of a text on one line."""

    text: str
    """« … » stands where more stands beside it."""
    hits: list[tuple[int, int]]
    """The first character, and the one after the last, of each word that was sought, counted in code points from 0."""


class _Place(NamedTuple):
    start: int
    end: int
    word: Word


def snippet(text: str, query: str, *, length: int = LENGTH) -> Snippet:
    """The piece of `text`, about so long, that holds the most of the words of `query`, the first such; or how it begins."""
    line = " ".join(text.split())
    places = list(_places(line, words_of(query)))
    begins, ends = _piece(line, _richest(places, length), length)
    shown = line[begins:ends]
    before, after = "… " if begins else "", " …" if ends < len(line) else ""
    hits = [
        (place.start - begins + len(before), min(place.end, ends) - begins + len(before))
        for place in places
        if begins <= place.start < ends
    ]
    return Snippet(text=f"{before}{shown}{after}", hits=hits)


def _places(line: str, words: Sequence[Word]) -> Iterator[_Place]:
    """Where the words stand, case and accents aside; no two overlap."""
    ended = 0
    for chunk in re.finditer(r"\S+", line):
        if any(word.is_in(found) for found in searched(chunk[0]).split() for word in words):
            for found, start, end in _words_in(chunk[0]):
                word = next((word for word in words if word.is_in(found)), None)
                if word and chunk.start() + start >= ended:  # « ½ » is two words at one place
                    ended = chunk.start() + end
                    yield _Place(chunk.start() + start, ended, word)


def _words_in(chunk: str) -> Iterator[tuple[str, int, int]]:
    """Each word of `searched(chunk)`, and where it stands in `chunk` itself."""
    word, start, end = "", 0, 0
    for at, character in enumerate(chunk):
        if unicodedata.combining(character):
            end = at + 1
        for made in plain(character):
            if made == " ":
                if word:
                    yield word, start, end
                word = ""
            else:
                if not word:
                    start = at
                word, end = word + made, at + 1
    if word:
        yield word, start, end


def _richest(places: Sequence[_Place], length: int) -> Sequence[_Place]:
    """The places within one piece, of the first with the most different words."""
    best: Sequence[_Place] = ()
    most, at_best = 0, len({place.word for place in places})
    for number, first in enumerate(places):
        within = [place for place in places[number : number + length] if place.end - first.start <= length] or [first]
        if (different := len({place.word for place in within})) > most:
            best, most = within, different
        if most == at_best:
            break
    return best


def _piece(line: str, places: Sequence[_Place], length: int) -> tuple[int, int]:
    """From where to where a piece of the line goes that holds these places, without cutting words if it can be."""
    if len(line) <= length:
        return 0, len(line)
    begins = 0
    if places:
        spare = length - min(places[-1].end - places[0].start, length)
        begins = min(max(places[0].start - min(spare, _BEFORE), 0), len(line) - length)
        if begins:
            begins = line.find(" ", begins - 1, places[0].start) + 1 or begins
    ends = min(begins + length, len(line))
    if ends < len(line):
        keep = places[-1].end if places else begins
        cut = line.rfind(" ", max(keep, begins + 1), ends + 1)
        ends = cut if cut > 0 else ends
    return begins, ends
