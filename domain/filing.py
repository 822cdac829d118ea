"""How a message finds its file: the policy, as a list of named rules, and the evidence that every filing records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import Field

from domain.email_address import EmailAddress
from domain.events import Value
from domain.values import Target


class AddressOwned(Value):
    """The sender's address belonged to that file, and to it alone, when the message came (T2)."""

    kind: Literal["address_owned"] = "address_owned"
    address_id: UUID


class CollaboratorChoice(Value):
    """A collaborator chose: who and when stand in the envelope."""

    kind: Literal["collaborator_choice"] = "collaborator_choice"


Evidence = Annotated[AddressOwned | CollaboratorChoice, Field(discriminator="kind")]


class Candidate(Value):
    """A file that the message could also concern, and why."""

    target: Target
    reason: Literal["owns_address", "shares_address"]


UnfiledReason = Literal["no_sender_address", "unknown_address", "shared_address"]


class Filing(Value):
    """What the policy found for an arriving message: its file and the evidence, or why it waits, with candidates."""

    target: Target | None = None
    evidence: Evidence | None = None
    reason: UnfiledReason | None = None
    candidates: tuple[Candidate, ...] = ()


def without_sender_waits(sender: EmailAddress | None) -> Filing | None:
    return Filing(reason="no_sender_address") if sender is None else None


def unknown_address_waits(sender: EmailAddress | None) -> Filing | None:  # T3
    return Filing(reason="unknown_address") if sender is not None and not sender.owners else None


def single_owner_files(sender: EmailAddress | None) -> Filing | None:  # T2, T9
    if sender is None or len(sender.owners) != 1:
        return None
    return Filing(target=sender.owners[0], evidence=AddressOwned(address_id=sender.id))


def shared_address_waits(sender: EmailAddress | None) -> Filing | None:  # X2
    if sender is None or len(sender.owners) < 2:  # noqa: PLR2004  # two owners are what sharing means
        return None
    return Filing(reason="shared_address", candidates=owners_as_candidates(sender))


RULES: Final[tuple[Callable[[EmailAddress | None], Filing | None], ...]] = (
    without_sender_waits,
    unknown_address_waits,
    shared_address_waits,
    single_owner_files,
)


def file_on_arrival(sender: EmailAddress | None) -> Filing:
    """What the first rule that applies says. Only a single certain owner files by itself."""
    return next(filing for rule in RULES if (filing := rule(sender)) is not None)


def owners_as_candidates(sender: EmailAddress) -> tuple[Candidate, ...]:
    reason: Literal["owns_address", "shares_address"] = "owns_address" if len(sender.owners) == 1 else "shares_address"
    return tuple(Candidate(target=owner, reason=reason) for owner in sender.owners)
