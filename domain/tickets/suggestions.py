"""Which files a ticket could go to: the policy, as a list of named rules, each with its reason and its strength.

What several rules say for one file is combined as independent evidence: `1 - (1 - a)(1 - b) …` (the noisy-or of Pearl,
*Probabilistic Reasoning in Intelligent Systems*, 1988, 4.3.2). A suggestion never files: somebody chooses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import Field

from domain.events import Value
from domain.tickets.filing import Candidate
from domain.values import Target

MOST_SUGGESTIONS: Final = 5

SuggestionReason = Annotated[
    Literal[
        "owns_address",
        "shares_address",
        "number_quoted",
        "original_sender",
        "receives",
        "conversation",
        "name_shown",
        "name_signed",
        "filed_for_sender",
        "filed_for_domain",
    ],
    Field(
        description="The sender's address is that file's (`owns_address`), or its among others' (`shares_address`); the "
        "subject quotes a number of it (`number_quoted`); it is whose message was forwarded (`original_sender`); the office "
        "wrote to it (`receives`); the message refers to one that is there (`conversation`); its name is shown with the "
        "address (`name_shown`), or stands where the message is signed (`name_signed`); or messages from this sender, or "
        "from others of its domain, were filed there before (`filed_for_sender`, `filed_for_domain`)"
    ),
]


class Reason(Value):
    """One thing that speaks for a file, and how much: from 0 to 1."""

    reason: SuggestionReason
    strength: Annotated[float, Field(description="From 0 to 1")]


class Suggested(Value):
    """A file that a ticket could go to. `strength`, from 0 to 1, is that of its reasons together."""

    target: Target
    strength: float
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Clues:
    """What is known about a ticket. Earlier filings are counted by file."""

    owners: Sequence[Target] = ()
    """Of the sender's address."""
    candidates: Sequence[Candidate] = ()
    """What the message's arrival found."""
    conversation: Sequence[Target] = ()
    """Where the messages are that it refers to."""
    shown: Sequence[Target] = ()
    """Who have the name that is shown with the address."""
    signed: Sequence[Target] = ()
    """Who have a name with which the message ends."""
    filed_for_sender: Mapping[Target, int] = field(default_factory=dict)
    filed_for_domain: Mapping[Target, int] = field(default_factory=dict)


class Found(NamedTuple):
    target: Target
    reason: SuggestionReason
    strength: float


def whose_the_address_is(clues: Clues) -> Iterable[Found]:
    reason: SuggestionReason = "owns_address" if len(clues.owners) == 1 else "shares_address"
    return _shared_out(clues.owners, reason, 0.9)


def whose_number_is_quoted(clues: Clues) -> Iterable[Found]:  # T19
    return _shared_out([c.target for c in clues.candidates if c.reason == "number_quoted"], "number_quoted", 0.8)


def whose_message_was_forwarded(clues: Clues) -> Iterable[Found]:  # T21
    return _shared_out([c.target for c in clues.candidates if c.reason == "original_sender"], "original_sender", 0.9)


def to_whom_the_office_wrote(clues: Clues) -> Iterable[Found]:
    return _shared_out([c.target for c in clues.candidates if c.reason == "receives"], "receives", 0.9)


def where_the_conversation_is(clues: Clues) -> Iterable[Found]:
    return _shared_out(clues.conversation, "conversation", 0.7)


def whose_name_is_shown(clues: Clues) -> Iterable[Found]:
    return _shared_out(clues.shown, "name_shown", 0.7)


def whose_name_is_signed(clues: Clues) -> Iterable[Found]:
    return _shared_out(clues.signed, "name_signed", 0.6)


def where_this_sender_was_filed(clues: Clues) -> Iterable[Found]:
    return _in_proportion(clues.filed_for_sender, "filed_for_sender", 0.6)


def where_this_domain_was_filed(clues: Clues) -> Iterable[Found]:
    return _in_proportion(clues.filed_for_domain, "filed_for_domain", 0.3)


RULES: Final[tuple[Callable[[Clues], Iterable[Found]], ...]] = (
    whose_the_address_is,
    whose_number_is_quoted,
    whose_message_was_forwarded,
    to_whom_the_office_wrote,
    where_the_conversation_is,
    whose_name_is_shown,
    whose_name_is_signed,
    where_this_sender_was_filed,
    where_this_domain_was_filed,
)


def suggest(clues: Clues, lineage: Callable[[Target], Sequence[Target]]) -> list[Suggested]:
    """The files that a ticket could go to, the strongest first, `MOST_SUGGESTIONS` at most.

    `lineage` gives a file and what it belongs to: what speaks for a client speaks for that client's contract too, where
    something else names the contract.
    """
    reasons: dict[Target, list[Reason]] = {}
    for rule in RULES:
        for target, reason, strength in rule(clues):
            reasons.setdefault(target, []).append(Reason(reason=reason, strength=round(strength, 2)))
    suggested = []
    for target, own in reasons.items():
        found = tuple(own + [one for above in lineage(target)[1:] for one in reasons.get(above, ())])
        strength = 1 - prod(1 - one.strength for one in found)
        suggested.append(Suggested(target=target, strength=round(strength, 2), reasons=found))
    suggested.sort(key=lambda one: (-one.strength, str(one.target)))
    return suggested[:MOST_SUGGESTIONS]


def _shared_out(targets: Sequence[Target], reason: SuggestionReason, strength: float) -> Iterable[Found]:
    """What speaks for several files alike speaks the less for each."""
    files = list(dict.fromkeys(targets))
    return [Found(file, reason, strength / len(files)) for file in files]


def _in_proportion(counted: Mapping[Target, int], reason: SuggestionReason, strength: float) -> Iterable[Found]:
    filed = sum(counted.values())
    return [Found(file, reason, strength * count / filed) for file, count in counted.items()]
