"""Companies that the office works with: insurers, wholesale brokers, referrers, partners."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from api.operations import AtPosition, Call, Listing, Operations, Reply, found
from api.routes.files import offer_addresses, offer_tickets
from domain.aggregates import NotFound
from domain.company import Company, CompanyRole, RegisterCompany
from domain.values import Name
from projections import companies, email_addresses
from projections.companies import CompanyDetails, CompanyLine
from projections.paging import Page

operation: Final = Operations("companies")


class CompanyPath(BaseModel):
    company_id: UUID


class CompanyAddressPath(CompanyPath):
    address_id: UUID


class CompanySearch(Listing):
    name: Annotated[str, Field(max_length=200, description="Words of the name, in any order, case or accents")] = ""
    role: CompanyRole | None = None


class NewCompany(BaseModel):
    """A company to register."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"role": "insurer", "name": "Mutuelle des Deux Rives"}]}
    )

    role: CompanyRole
    name: Name


class CompanyChanged(BaseModel):
    """The company as the command left it; read it with this `position` as `min_position`."""

    company_id: UUID
    version: int
    position: int


@operation(
    "POST",
    "/companies",
    "Register a company",
    "manage_dossiers",
    body=NewCompany,
    answers={201: CompanyChanged},
    is_command=True,
    versioned=True,
)
def register_company(call: Call) -> Reply:
    """Registers a company: tickets can be filed on it, and addresses given to it, from now on."""
    body: NewCompany = call.body
    company_id = call.new_id("company")
    answer = call.execute(RegisterCompany(company_id=company_id, role=body.role, name=body.name), company_id)
    version = answer.version or 0
    changed = CompanyChanged(company_id=company_id, version=version, position=answer.position)
    return replace(Reply(changed, version=version), status=201, location=f"/companies/{company_id}")


@operation(
    "GET",
    "/companies",
    "Search companies by name",
    "read",
    query_model=CompanySearch,
    answers={200: Page[CompanyLine]},
)
def search_companies(call: Call) -> Reply:
    """Companies whose name holds every word, in alphabetical order."""
    query: CompanySearch = call.query
    with call.reading(companies.companies) as session:
        return Reply(companies.search(session, query, name=query.name, role=query.role))


@operation(
    "GET",
    "/companies/{company_id}",
    "One company",
    "read",
    path_model=CompanyPath,
    query_model=AtPosition,
    answers={200: CompanyDetails},
    refuses=(NotFound,),
    versioned=True,
)
def show_company(call: Call) -> Reply:
    """The company and its addresses."""
    company_id: UUID = call.path.company_id
    with call.reading(companies.companies, email_addresses.email_addresses) as session:
        company = found(Company.kind, company_id, companies.company(session, company_id))
    return Reply(company, version=company.version)


offer_tickets(operation, "company", "/companies/{company_id}", CompanyPath)
offer_addresses(operation, "company", "/companies/{company_id}", CompanyPath, CompanyAddressPath)
