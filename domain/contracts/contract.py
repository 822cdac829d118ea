"""A contract: what a client is insured by, under the number that the insurer gave it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field

from domain.aggregates import Aggregate
from domain.clients.client import Client
from domain.commands import Command, Streams, Warned, handles
from domain.companies.company import Company
from domain.events import Event, Sealed, Value
from domain.quoted_numbers.quoted_number import give_number, quotable
from domain.values import ClientId, ContractId, Name, ShortLine, Target

ContractStatus = Literal["in_force", "terminated"]


class Policy(Value):
    """How the insurer names the contract: `number` as it stands on its papers. Personal, and so sealed."""

    number: Name
    product: ShortLine = ""


class ContractEvent(Event):
    """A fact in the life of a contract."""


class ContractRegistered(ContractEvent):
    dossier_id: UUID
    """The client whose contract it is: it never changes."""
    company_id: UUID | None = None
    """The insurer, or the wholesale broker through whom it is placed."""
    starts_on: date | None = None
    """The first day of its cover, where the office knows it."""
    policy: Sealed[Policy]


class ContractTerminated(ContractEvent):
    """The office learned of the contract's end, or of another day for it."""

    effective_on: date
    """The day on which the cover ends."""


class Contract(Aggregate):
    kind = "contract"
    event_type = ContractEvent

    dossier_id: UUID | None = None
    ends_on: date | None = None

    def register(
        self, dossier_id: UUID, company_id: UUID | None, starts_on: date | None, policy: Policy
    ) -> Sequence[ContractEvent]:
        return [ContractRegistered(dossier_id=dossier_id, company_id=company_id, starts_on=starts_on, policy=policy)]

    def terminate(self, effective_on: date) -> Sequence[ContractEvent]:
        """Ends the cover on that day; one that was to end on another day ends on this one instead."""
        return [] if self.ends_on == effective_on else [ContractTerminated(effective_on=effective_on)]

    def evolve(self, event: Event) -> Self:
        match event:
            case ContractRegistered():
                return self.having(dossier_id=event.dossier_id)
            case ContractTerminated():
                return self.having(ends_on=event.effective_on)
            case _:
                return self

    @property
    def client(self) -> Target:
        assert self.dossier_id is not None  # noqa: S101  # a contract that was loaded was registered
        return Target(kind="client", id=self.dossier_id)


class RegisterContract(Command):
    """Registers a client's contract: tickets can be filed on it from now on.

    The answer warns of other contracts under that policy number: insurers don't ask each other.
    """

    contract_id: ContractId
    client_id: ClientId
    policy_number: Annotated[Name, Field(description="The number that its insurer gave it")]
    product: Annotated[ShortLine, Field(description="What it insures, in the office's words")] = ""
    company_id: Annotated[
        UUID | None, Field(description="The insurer, or the wholesale broker through whom it is placed")
    ] = None
    starts_on: Annotated[date | None, Field(description="The first day of its cover")] = None


class TerminateContract(Command):
    """Records on which day a contract's cover ends; again with another day corrects it. Tickets can still be filed on it."""

    contract_id: ContractId
    effective_on: Annotated[date, Field(description="The day on which the cover ends")]


@handles(RegisterContract)
def register_contract(command: RegisterContract, streams: Streams) -> Contract:
    streams.load(Client, command.client_id)
    if command.company_id is not None:
        streams.load(Company, command.company_id, field="company_id")
    contract = streams.find(Contract, command.contract_id)
    if contract.dossier_id is not None:
        return contract
    policy = Policy(number=command.policy_number, product=command.product)
    registered = contract.register(command.client_id, command.company_id, command.starts_on, policy)
    contract = streams.save(contract, registered)
    file = Target(kind="contract", id=contract.id)
    others = give_number(quotable(policy.number), file, command.client_id, streams)
    if taken := tuple(other.id for other in others if other.kind == "contract"):
        streams.warn(Warned(code="policy_number_taken", field="policy_number", ids=taken))
    return contract


handles(TerminateContract, by=Contract.terminate)
