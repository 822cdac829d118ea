"""Companies that the office works with: insurers, wholesale brokers, referrers, partners."""

from typing import Final

from api.operations import Operations
from api.routes.targets import offer_addresses, offer_tickets
from domain.companies.company import Company, RegisterCompany
from projections import companies

operation: Final = Operations("companies", Company, "manage_dossiers")

operation.creates(
    "/companies",
    "Register a company",
    RegisterCompany,
    examples=[{"role": "insurer", "name": "Mutuelle des Deux Rives"}],
)
operation.lists("/companies", "Search companies by name", companies.search)
operation.shows("/companies/{company_id}", "One company", companies.company)

offer_tickets(operation, "company")
offer_addresses(operation, "company")
