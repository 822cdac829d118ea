"""A claim: what happened under a contract, from its opening to its closing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field

from domain.aggregates import Aggregate
from domain.commands import Command, Streams, handles
from domain.contracts.contract import Contract
from domain.events import Event, Sealed, Value
from domain.quoted_numbers.quoted_number import claim_number, give_number, quotable
from domain.values import ClaimId, ContractId, ShortLine, Target

ClaimStatus = Literal["open", "closed"]


class ClaimReference(Value):
    """How the insurer names the claim, where it has said so. Personal, and so sealed."""

    insurer_reference: ShortLine = ""


class ClaimEvent(Event):
    """A fact in the life of a claim."""


class ClaimOpened(ClaimEvent):
    """A claim was opened under a contract, with a number of the office's own that is never given again."""

    number: int
    contract_id: UUID
    dossier_id: UUID
    """The client whose contract that is."""
    occurred_on: date | None = None
    """The day of the loss, where the office knows it."""
    reference: Sealed[ClaimReference]


class ClaimClosed(ClaimEvent):
    """Nothing is left to do for the claim."""


class ClaimReopened(ClaimEvent):
    """There is something left to do after all."""


class Claim(Aggregate):
    kind = "claim"
    event_type = ClaimEvent

    contract_id: UUID | None = None
    dossier_id: UUID | None = None
    status: ClaimStatus | None = None

    def open(
        self, number: int, contract: Contract, occurred_on: date | None, reference: ClaimReference
    ) -> Sequence[ClaimEvent]:
        return [
            ClaimOpened(
                number=number,
                contract_id=contract.id,
                dossier_id=contract.client.id,
                occurred_on=occurred_on,
                reference=reference,
            )
        ]

    def close(self) -> Sequence[ClaimEvent]:
        return [] if self.status == "closed" else [ClaimClosed()]

    def reopen(self) -> Sequence[ClaimEvent]:
        return [] if self.status == "open" else [ClaimReopened()]

    def evolve(self, event: Event) -> Self:
        match event:
            case ClaimOpened():
                return self.having(contract_id=event.contract_id, dossier_id=event.dossier_id, status="open")
            case ClaimClosed():
                return self.having(status="closed")
            case ClaimReopened():
                return self.having(status="open")
            case _:
                return self

    @property
    def contract(self) -> Target:
        assert self.contract_id is not None  # noqa: S101  # a claim that was loaded was opened
        return Target(kind="contract", id=self.contract_id)


class OpenClaim(Command):
    """Opens a claim under a contract, in force or terminated: tickets can be filed on it from now on.

    What happened before the contract's end may be told later. The office gives the claim a number of its own.
    """

    claim_id: ClaimId
    contract_id: ContractId
    insurer_reference: Annotated[ShortLine, Field(description="The insurer's, where it has given one")] = ""
    occurred_on: Annotated[date | None, Field(description="The day of the loss")] = None


class CloseClaim(Command):
    """Records that nothing is left to do. Tickets can still be filed on the claim."""

    claim_id: ClaimId


class ReopenClaim(Command):
    """Records that there is something left to do after all."""

    claim_id: ClaimId


@handles(OpenClaim)
def open_claim(command: OpenClaim, streams: Streams) -> Claim:
    contract = streams.load(Contract, command.contract_id)
    claim = streams.find(Claim, command.claim_id)
    if claim.status is not None:
        return claim
    number = streams.next_number("claim")
    reference = ClaimReference(insurer_reference=command.insurer_reference)
    claim = streams.save(claim, claim.open(number, contract, command.occurred_on, reference))
    for quoted in (claim_number(number), quotable(reference.insurer_reference)):
        give_number(quoted, Target(kind="claim", id=claim.id), contract.client.id, streams)
    return claim


handles(CloseClaim, by=Claim.close)
handles(ReopenClaim, by=Claim.reopen)
