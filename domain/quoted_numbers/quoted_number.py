"""Numbers that people quote: a contract's, a claim's, a ticket's; the streams that say whose they are; and the subjects
of messages, in which they are looked for (T19).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final, Self
from uuid import UUID

from domain.aggregates import Aggregate
from domain.commands import KeyedIds, Streams
from domain.events import Event
from domain.values import Target

_WORD: Final = re.compile(r"[^\W_]+")
_NUMBER: Final = r"\s*+(?:n[\s°º.o]*+)?[:#]?\s*+"
_CLAIM: Final = re.compile(rf"\bsinistres?{_NUMBER}(\d{{1,9}})\b", re.IGNORECASE)
_TICKET: Final = re.compile(rf"(?:\bticket{_NUMBER}|\[#)(\d{{1,9}})\b", re.IGNORECASE)
_LEAST_DIGITS: Final = 3
_LEAST_LENGTH: Final = 4
_MOST_LENGTH: Final = 40
_MOST_WORDS: Final = 4
_LONGEST_PREFIX: Final = 5
_READ: Final = 300
"""How many characters of a subject are read."""


class QuotedNumberEvent(Event):
    """A fact about a number that people quote."""


class NumberGiven(QuotedNumberEvent):
    """That file goes by this number; another one may, too: insurers don't ask each other."""

    file: Target
    dossier_id: UUID
    """The client whose file that is."""


class QuotedNumber(Aggregate):
    """A number as people quote it. Its stream's id is keyed: the number itself stands, sealed, in the file's events."""

    kind = "quoted number"
    event_type = QuotedNumberEvent

    files: tuple[Target, ...] = ()

    def give(self, file: Target, dossier_id: UUID) -> Sequence[QuotedNumberEvent]:
        return [] if file in self.files else [NumberGiven(file=file, dossier_id=dossier_id)]

    def evolve(self, event: Event) -> Self:
        match event:
            case NumberGiven():
                return self.having(files=(*self.files, event.file))
            case _:
                return self


def quotable(number: str) -> str | None:
    """An insurer's number as it is compared, without case or punctuation; None where it is too short to mean anything."""
    plain = "".join(_WORD.findall(unicodedata.normalize("NFKC", number))).upper()
    digits = sum(map(str.isdigit, plain))
    return plain if digits >= _LEAST_DIGITS and _LEAST_LENGTH <= len(plain) <= _MOST_LENGTH else None


def claim_number(number: int) -> str:
    """The office's own number of a claim as it is compared: quoted as « sinistre n° 12 »."""
    return f"sinistre {number}"


def quoted_ticket_numbers(subject: str) -> tuple[int, ...]:
    """« ticket n° 12 », « [#12] »."""
    return tuple(dict.fromkeys(int(found[1]) for found in _TICKET.finditer(subject[:_READ])))


def quoted_in(subject: str) -> tuple[str, ...]:
    """What a subject may quote, as `quotable` and `claim_number` have it: each once, in its order."""
    return _quoted_in(subject[:_READ])


@lru_cache(maxsize=256)  # asked once ahead and once by the handler; and the messages of a conversation say the same
def _quoted_in(subject: str) -> tuple[str, ...]:
    subject = unicodedata.normalize("NFKC", subject)[:_READ]
    claims = (claim_number(int(found[1])) for found in _CLAIM.finditer(subject))
    return tuple(dict.fromkeys([*claims, *_runs(subject)]))


def _runs(subject: str) -> Iterator[str]:
    """Every run of words that could be one number: `VAL-2012-00123` may be written with blanks, or be part of a longer
    one.
    """
    words = list(_WORD.finditer(subject))
    joined = [
        (between := subject[one.end() : other.start()]) in {"-", "/", ".", "_"}
        or (between == " " and _is_piece(one[0]) and _is_piece(other[0]))
        for one, other in pairwise(words)
    ]
    for first in range(len(words)):
        for last in range(first, min(first + _MOST_WORDS, len(words))):
            if last > first and not joined[last - 1]:
                break
            if number := quotable("".join(word[0] for word in words[first : last + 1])):
                yield number


def _is_piece(word: str) -> bool:
    return any(map(str.isdigit, word)) or len(word) <= _LONGEST_PREFIX


def quoted_number_id(ids: KeyedIds, plain: str) -> UUID:
    return ids.keyed_id("quoted_number", plain)


def give_number(number: str | None, file: Target, dossier_id: UUID, streams: Streams) -> tuple[Target, ...]:
    """Lets a file be found by a number, where it is one that people can quote. Gives the others that go by it, too."""
    if number is None:
        return ()
    known = streams.find(QuotedNumber, quoted_number_id(streams, number))
    streams.save(known, known.give(file, dossier_id))
    return tuple(other for other in known.files if other != file)
