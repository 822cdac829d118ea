"""A company that the office works with: an insurer, a wholesale broker, a referrer, a partner (T13)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field

from domain.aggregates import Aggregate
from domain.commands import Command, Streams, handles
from domain.events import Event, Sealed, Value
from domain.values import CompanyId, Name

CompanyRole = Literal["insurer", "wholesale_broker", "referrer", "partner"]


class CompanyName(Value):
    """The name, which may be a person's: a referrer often works in their own. So it is sealed."""

    name: Name


class CompanyEvent(Event):
    """A fact in the life of a company."""


class CompanyRegistered(CompanyEvent):
    """The office works with this company."""

    role: CompanyRole
    identity: Sealed[CompanyName]


class Company(Aggregate):
    kind = "company"
    event_type = CompanyEvent

    role: CompanyRole | None = None

    def register(self, role: CompanyRole, identity: CompanyName) -> Sequence[CompanyEvent]:
        """Registers the company; one that is registered stays as it is."""
        return [] if self.role else [CompanyRegistered(role=role, identity=identity)]

    def evolve(self, event: Event) -> Self:
        match event:
            case CompanyRegistered():
                return self.having(role=event.role)
            case _:
                return self


class RegisterCompany(Command):
    """Registers a company: tickets can be filed on it, and addresses given to it, from now on."""

    company_id: CompanyId
    role: Annotated[CompanyRole, Field(description="What the office works with it for")]
    name: Annotated[Name, Field(description="What it is called; a person's name, where that works in its own")]


@handles(RegisterCompany)
def register_company(command: RegisterCompany, streams: Streams) -> Company:
    company = streams.find(Company, command.company_id)
    return streams.save(company, company.register(command.role, CompanyName(name=command.name)))
