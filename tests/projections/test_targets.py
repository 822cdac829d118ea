from datetime import date
from uuid import UUID

import pytest

from domain.claims.claim import ClaimClosed, ClaimOpened, ClaimReference
from domain.companies.company import CompanyName, CompanyRegistered
from domain.contacts.contact import ContactIdentity, ContactRegistered
from domain.contracts.contract import ContractRegistered, ContractTerminated, Policy
from domain.events import ERASED
from domain.tickets.events import TicketClassified
from domain.tickets.filing import CollaboratorChoice
from domain.values import Target
from projections import claims, companies, contacts, contracts, target_search, targets
from projections.tickets import inbox, ticket
from tests.projections.facts import person, received

CLAIRE, CONTRACT, CLAIM, COMPANY, CONTACT = (UUID(int=number) for number in range(1, 6))
TERMINATED = ContractTerminated(effective_on=date(2026, 6, 30))
EVERY = {"client": CLAIRE, "contract": CONTRACT, "claim": CLAIM, "company": COMPANY, "contact": CONTACT}


@pytest.fixture
def views(telling):
    told = telling(ticket.tickets, *targets.VIEWS)
    told.happened(CLAIRE, person("Dupont", "Claire", "Mme"))
    told.happened(COMPANY, CompanyRegistered(role="insurer", identity=CompanyName(name="Mutuelle des Deux Rives")))
    told.happened(CONTACT, ContactRegistered(number=1, company_id=COMPANY, identity=ContactIdentity(last_name="Roy")))
    told.happened(
        CONTRACT,
        ContractRegistered(dossier_id=CLAIRE, company_id=COMPANY, policy=Policy(number="MRH-1", product="MRH")),
    )
    told.happened(CLAIM, ClaimOpened(number=7, contract_id=CONTRACT, dossier_id=CLAIRE, reference=ClaimReference()))
    yield told
    assert told.equal_to_replay()


def filed_on(kind, id_):
    dossier = CLAIRE if kind in {"client", "contract", "claim"} else None
    return TicketClassified(filed_on=Target(kind=kind, id=id_), dossier_id=dossier, evidence=CollaboratorChoice())


def line(views, kind):
    target = Target(kind=kind, id=EVERY[kind])
    named = views.asked(targets.Targets, [target])
    return [(file.kind, file.label) for file in named.line(target)]


def test_a_file_is_named_with_everything_above_it(views):
    client = ("client", "Mme Claire Dupont")
    contract = ("contract", "contrat MRH-1")
    company = ("company", "Mutuelle des Deux Rives")
    assert line(views, "client") == [client]
    assert line(views, "contract") == [contract, client]
    assert line(views, "claim") == [("claim", "sinistre n° 7"), contract, client]
    assert line(views, "company") == [company]
    assert line(views, "contact") == [("contact", "Roy"), company]


@pytest.mark.parametrize(
    ("kind", "below"),
    [
        ("client", {CLAIRE, CONTRACT, CLAIM}),
        ("contract", {CONTRACT, CLAIM}),
        ("claim", {CLAIM}),
        ("company", {COMPANY, CONTACT}),
        ("contact", {CONTACT}),
    ],
)
def test_what_stands_under_a_file(views, kind, below):
    file = Target(kind=kind, id=EVERY[kind])
    for number, (one, id_) in enumerate(EVERY.items(), 1):
        views.happened(UUID(int=100 + number), received(number), filed_on(one, id_))
    assert {line.filed_on.id for line in views.page(inbox.of_file, file).items} == below
    assert views.asked(targets.exists, file)


@pytest.mark.parametrize("kind", EVERY)
def test_a_file_that_is_not_there_is_unknown(views, kind):
    nobody = Target(kind=kind, id=UUID(int=99))
    (only,) = views.asked(targets.Targets, [nobody]).line(nobody)
    assert only.label == "fiche inconnue"
    assert not views.asked(targets.exists, nobody)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("client", "1"),
        ("contract", "MRH-1"),
        ("claim", "7"),
        ("company", "mutuelle des deux rives"),
        ("contact", "1"),
        ("client", str(CLAIRE)),
    ],
)
def test_a_file_is_found_by_what_people_call_it(views, kind, name):
    (found,) = views.page(target_search.called, name=name, kind=kind).items
    assert (found.kind, found.id, found.exact) == (kind, EVERY[kind], True)
    assert found.filed_under[0].label == found.label
    assert found.id in {one.id for one in views.page(target_search.called, name=name).items}
    for other in ("2", "XYZ", "²", "-1", "9" * 30, str(UUID(int=99))):
        assert views.page(target_search.called, name=other, kind=kind).items == []


def test_a_file_is_found_by_words_of_its_name_after_what_bears_it_whole(views):
    rives = UUID(int=11)
    views.happened(rives, CompanyRegistered(role="insurer", identity=CompanyName(name="Rives")))
    found = views.page(target_search.called, name="rives").items
    assert [(one.id, one.exact) for one in found] == [(rives, True), (COMPANY, False)]
    assert views.page(target_search.called, name="rives", kind="client").items == []
    for beginning in ("MRH", "mrh-"):
        (one,) = views.page(target_search.called, name=beginning).items
        assert (one.id, one.exact) == (CONTRACT, False)


def test_what_several_contracts_are_called_names_them_all(views):
    other = UUID(int=11)
    views.happened(other, ContractRegistered(dossier_id=CLAIRE, policy=Policy(number="MRH-1")))
    found = views.page(target_search.called, name="MRH-1", total=True)
    assert ({one.id for one in found.items}, found.total) == ({CONTRACT, other}, 2)


def test_what_was_erased_is_in_no_list(views):
    contract, claim, contact = UUID(int=11), UUID(int=12), UUID(int=13)
    views.happened(contract, ContractRegistered(dossier_id=CLAIRE, policy=ERASED), TERMINATED)
    views.happened(claim, ClaimOpened(number=8, contract_id=CONTRACT, dossier_id=CLAIRE, reference=ERASED))
    views.happened(contact, ContactRegistered(number=2, identity=ERASED))
    views.happened(UUID(int=15), CompanyRegistered(role="referrer", identity=ERASED))
    assert views.asked(companies.company, UUID(int=15)) is None
    assert views.asked(contracts.contract, contract) is None
    assert views.asked(claims.claim, claim) is None
    assert views.asked(contacts.contact, contact) is None
    (left,) = views.page(contacts.search).items
    assert left.contact_id == CONTACT


def test_a_contract_shows_the_days_of_its_cover_and_a_claim_that_of_the_loss(views):
    contract, claim = UUID(int=11), UUID(int=12)
    january, march = date(2026, 1, 1), date(2026, 3, 9)
    views.happened(
        contract, ContractRegistered(dossier_id=CLAIRE, starts_on=january, policy=Policy(number="MRH-2")), TERMINATED
    )
    views.happened(
        claim,
        ClaimOpened(number=8, contract_id=contract, dossier_id=CLAIRE, occurred_on=march, reference=ClaimReference()),
        ClaimClosed(),
    )
    lines = views.page(contracts.of_client, CLAIRE).items
    assert [(line.starts_on, line.ends_on) for line in lines] == [(january, TERMINATED.effective_on), (None, None)]
    assert views.asked(contracts.contract, contract).ends_on == TERMINATED.effective_on
    (line,) = views.page(claims.of_contract, contract).items
    assert line.occurred_on == views.asked(claims.claim, claim).occurred_on == march
    assert views.asked(claims.claim, CLAIM).occurred_on is None


def test_a_contract_whose_termination_was_corrected_ends_on_the_later_told_day(views):
    views.happened(CONTRACT, TERMINATED, ContractTerminated(effective_on=date(2026, 12, 31)))
    assert views.asked(contracts.contract, CONTRACT).ends_on == date(2026, 12, 31)


def test_a_company_is_found_by_its_role(views):
    views.happened(UUID(int=14), CompanyRegistered(role="referrer", identity=CompanyName(name="Immobilière Éole")))
    found = views.page(companies.search, role="referrer", total=True)
    assert ([company.name for company in found.items], found.total) == (["Immobilière Éole"], 1)
