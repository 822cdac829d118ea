"""Filing on contracts, claims, companies and contacts, and finding each exchange from every file that it concerns."""

import pytest

from tests.api.letters import letter

CLAIRE = "claire@courriel.example"
GESTION = "gestion@deux-rives.example"
NOBODY = "77777777-7777-4777-8777-777777777777"


@pytest.fixture
def bonnet(api):
    return api.register("Bonnet", active=True)


@pytest.fixture
def contract(api, bonnet):
    return api.register_contract(bonnet, "MRH-2201457", product="Multirisque habitation")


@pytest.fixture
def claim(api, contract):
    return api.open_claim(contract, insurer_reference="SIN-88-20417")


@pytest.fixture
def insurer(api):
    return api.register_company("Mutuelle des Deux Rives")


@pytest.fixture
def ferrand(api, insurer):
    return api.register_contact("Ferrand", insurer)


def under(ticket):
    return [(file["kind"], file["label"]) for file in ticket["filed_under"]]


def problem(answer):
    return answer.status_code, answer.json()["type"]


@pytest.mark.behaviour("T1")
@pytest.mark.parametrize("kind", ["contract", "claim", "company", "contact"])
def test_a_ticket_is_filed_on_a_contract_a_claim_a_company_or_a_contact(
    api, bonnet, contract, claim, insurer, ferrand, kind
):
    file_id = {"contract": contract, "claim": claim, "company": insurer, "contact": ferrand}[kind]
    ticket_id = api.receive_from(CLAIRE)
    assert api.file(ticket_id, file_id, kind)["filed_on"] == {"kind": kind, "id": file_id}
    assert api.ticket(ticket_id)["filed_on"] == {"kind": kind, "id": file_id}
    assert api.tickets_of(file_id, {"company": "companies"}.get(kind, f"{kind}s")) == [ticket_id]
    told = [line["sentence"] for line in api.read(f"/tickets/{ticket_id}/history")["items"]]
    label = {
        "contract": "contrat MRH-2201457",
        "claim": "sinistre n° 1",
        "company": "Mutuelle des Deux Rives",
        "contact": "Ferrand",
    }[kind]
    assert f"Classé sur « {label} »" in told[-1]


@pytest.mark.behaviour("T11")
def test_a_message_on_a_contract_shows_on_the_contract_and_on_its_client(api, bonnet, contract):
    another = api.register_contract(bonnet, "AUTO-5510")
    ticket_id = api.receive_from(CLAIRE)
    api.file(ticket_id, contract, "contract")
    assert api.tickets_of(contract, "contracts") == api.tickets_of(bonnet) == [ticket_id]
    assert api.tickets_of(another, "contracts") == []
    assert under(api.ticket(ticket_id)) == [("contract", "contrat MRH-2201457"), ("client", "Bonnet")]


@pytest.mark.behaviour("T12")
def test_a_message_on_a_claim_shows_on_the_claim_its_contract_and_its_client(api, bonnet, contract, claim):
    another = api.open_claim(contract)
    ticket_id = api.receive_from(CLAIRE)
    api.file(ticket_id, claim, "claim")
    assert api.tickets_of(claim, "claims") == [ticket_id]
    assert api.tickets_of(contract, "contracts") == api.tickets_of(bonnet) == [ticket_id]
    assert api.tickets_of(another, "claims") == []
    shown = [("claim", "sinistre n° 1"), ("contract", "contrat MRH-2201457"), ("client", "Bonnet")]
    assert under(api.ticket(ticket_id)) == shown
    assert [under(line) for line in api.read("/tickets")["items"]] == [shown]


@pytest.mark.behaviour("T13")
def test_a_message_is_filed_on_a_company_or_on_one_contact_in_it(api, insurer, ferrand):
    of_company, of_contact = api.receive_from(GESTION), api.receive_from("o.ferrand@deux-rives.example")
    api.file(of_company, insurer, "company")
    api.file(of_contact, ferrand, "contact")
    assert api.tickets_of(insurer, "companies") == [of_contact, of_company]
    assert api.tickets_of(ferrand, "contacts") == [of_contact]
    assert under(api.ticket(of_contact)) == [("contact", "Ferrand"), ("company", "Mutuelle des Deux Rives")]


@pytest.mark.behaviour("T14")
@pytest.mark.parametrize("kind", ["company", "contact"])
def test_an_address_associated_with_a_company_or_its_contact_brings_later_messages_there(api, insurer, ferrand, kind):
    file_id, plural = {"company": (insurer, "companies"), "contact": (ferrand, "contacts")}[kind]
    first = api.receive_from(GESTION)
    api.file(first, file_id, kind, address="associate")
    later = api.receive_from(GESTION)
    ticket = api.ticket(later)
    assert ticket["filed_on"] == {"kind": kind, "id": file_id}
    assert ticket["evidence"]["kind"] == "address_owned"
    assert list(api.addresses_of(file_id, plural)) == [GESTION]


@pytest.mark.behaviour("T14")
def test_a_message_of_a_company_is_filed_without_its_address(api, insurer):
    api.file(api.receive_from(GESTION), insurer, "company")
    assert api.addresses_of(insurer, "companies") == {}
    assert api.ticket(api.receive_from(GESTION))["filed_on"] is None


@pytest.mark.behaviour("T17")
def test_every_exchange_is_found_from_every_file_that_it_concerns(api, bonnet, contract, claim, insurer, ferrand):
    filed = {}
    for kind, file_id in (("client", bonnet), ("contract", contract), ("claim", claim), ("contact", ferrand)):
        filed[kind] = api.receive_from(CLAIRE)
        api.file(filed[kind], file_id, kind)
    assert set(api.tickets_of(bonnet)) == {filed["client"], filed["contract"], filed["claim"]}
    assert set(api.tickets_of(contract, "contracts")) == {filed["contract"], filed["claim"]}
    assert api.tickets_of(claim, "claims") == [filed["claim"]]
    assert api.tickets_of(insurer, "companies") == api.tickets_of(ferrand, "contacts") == [filed["contact"]]
    for ticket_id in filed.values():
        told = [line["what"] for line in api.read(f"/tickets/{ticket_id}/history")["items"]]
        assert told == ["TicketReceived", "TicketLeftUnfiled", "TicketClassified"]


def test_an_address_associated_with_a_claim_is_its_client_s(api, bonnet, claim):
    api.file(api.receive_from(CLAIRE), claim, "claim", address="associate")
    assert list(api.addresses_of(bonnet)) == [CLAIRE]
    assert api.ticket(api.receive_from(CLAIRE))["filed_on"] == {"kind": "client", "id": bonnet}


def test_who_owns_an_address_is_named_whatever_they_are(api, bonnet, ferrand):
    api.do(f"/contacts/{ferrand}/email-addresses", {"address": GESTION})
    refused = api.post(f"/clients/{bonnet}/email-addresses", json={"address": GESTION})
    assert problem(refused) == (409, "/problems/address-belongs-to-another")
    assert refused.json()["owners"] == [{"kind": "contact", "id": ferrand, "label": "Ferrand"}]


def test_an_address_is_taken_off_a_company(api, insurer):
    given = api.do(f"/companies/{insurer}/email-addresses", {"address": GESTION})
    api.do(f"/companies/{insurer}/email-addresses/{given['id']}", method="DELETE")
    assert api.addresses_of(insurer, "companies") == {}
    again = api.delete(f"/companies/{insurer}/email-addresses/{given['id']}")
    assert problem(again) == (404, "/problems/address-not-on-file")


def test_contracts_and_claims_live(api, bonnet, contract, claim, insurer):
    placed = api.register_contract(bonnet, "AUTO-5510", company_id=insurer, starts_on="2026-01-01")
    assert [line["policy_number"] for line in api.read(f"/clients/{bonnet}/contracts")["items"]] == [
        "AUTO-5510",
        "MRH-2201457",
    ]
    shown = api.read(f"/contracts/{placed}")
    assert (shown["company_id"], shown["starts_on"], shown["ends_on"]) == (insurer, "2026-01-01", None)
    ended = api.do(f"/contracts/{contract}/terminate", {"effective_on": "2026-12-31"})
    shown = api.read(f"/contracts/{contract}")
    assert (shown["status"], shown["ends_on"], shown["version"]) == ("terminated", "2026-12-31", ended["version"])
    assert shown["terminated_at"] >= shown["registered_at"]

    other = api.open_claim(contract, occurred_on="2026-03-09")
    assert api.read(f"/claims/{other}")["occurred_on"] == "2026-03-09"
    assert [line["number"] for line in api.read(f"/contracts/{contract}/claims")["items"]] == [2, 1]
    api.do(f"/claims/{other}/close")
    assert api.read(f"/claims/{other}")["status"] == "closed"
    api.do(f"/claims/{other}/reopen")
    shown = api.read(f"/claims/{other}")
    assert (shown["status"], shown["closed_at"]) == ("open", None)
    assert api.read(f"/claims/{claim}")["insurer_reference"] == "SIN-88-20417"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/contracts/{}/terminate", {"effective_on": "2026-12-31"}),
        ("/claims/{}/close", None),
        ("/claims/{}/reopen", None),
    ],
    ids=["terminate", "close", "reopen"],
)
def test_a_change_holds_to_the_version_that_was_read(api, contract, claim, path, body):
    path = path.format(contract if "contracts" in path else claim)
    assert problem(api.post(path, json=body, headers={"If-Match": '"7"'})) == (412, "/problems/stale-version")
    assert api.post(path, json=body, headers={"If-Match": '"1"'}).status_code == 200


def test_lists_of_contracts_and_claims_come_in_pages(api, bonnet):
    contracts = [api.register_contract(bonnet, f"MRH-{number}") for number in range(3)]
    claims = [api.open_claim(contracts[0]) for _ in range(3)]
    for path, key, ids in (
        (f"/clients/{bonnet}/contracts", "contract_id", contracts),
        (f"/contracts/{contracts[0]}/claims", "claim_id", claims),
    ):
        first = api.read(path, limit=2, total=True)
        then = api.read(path, limit=2, cursor=first["next_cursor"])
        assert [line[key] for line in first["items"] + then["items"]] == ids[::-1]
        assert (first["total"], then["next_cursor"]) == (3, None)


def test_companies_and_contacts_are_found_by_name(api, insurer, ferrand):
    broker = api.register_company("Grossiste Éclair", "wholesale_broker")
    alone = api.register_contact("Ferrandon")
    assert [line["company_id"] for line in api.read("/companies", name="eclair")["items"]] == [broker]
    assert [line["company_id"] for line in api.read("/companies", role="insurer")["items"]] == [insurer]
    assert [line["contact_id"] for line in api.read("/contacts", name="ferrand")["items"]] == [ferrand, alone]
    assert [line["contact_id"] for line in api.read("/contacts", company_id=insurer)["items"]] == [ferrand]
    assert api.read(f"/companies/{insurer}")["role"] == "insurer"
    shown = api.read(f"/contacts/{ferrand}")
    assert (shown["number"], shown["company_id"], shown["label"]) == (1, insurer, "Ferrand")


@pytest.mark.parametrize("plural", ["clients", "contracts", "claims", "companies", "contacts"])
def test_what_is_not_there_has_no_tickets(api, plural):
    assert problem(api.get(f"/{plural}/{NOBODY}/tickets")) == (404, "/problems/not-found")
    assert problem(api.get(f"/{plural}/{NOBODY}")) == (404, "/problems/not-found")


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/clients/{client}/contracts", {}, "policy_number"),
        ("/clients/{client}/contracts", {"policy_number": " "}, "policy_number"),
        ("/companies", {"name": "Deux Rives", "role": "bank"}, "role"),
        ("/contacts", {"identity": {"last_name": ""}}, "identity.last_name"),
        ("/contracts/{contract}/claims", {"number": 7}, "number"),
        ("/contracts/{contract}/claims", {"occurred_on": "09/03/2026"}, "occurred_on"),
        ("/contracts/{contract}/terminate", {}, "effective_on"),
        ("/contracts/{contract}/terminate", {"effective_on": None}, "effective_on"),
        ("/contracts/{contract}/terminate", {"effective_on": "2026-02-30"}, "effective_on"),
    ],
)
def test_what_is_wrong_is_named(api, bonnet, contract, path, body, field):
    answer = api.post(path.format(client=bonnet, contract=contract), json=body)
    assert problem(answer) == (422, "/problems/invalid")
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/clients/{client}/contracts", {"policy_number": "MRH-1"}),
        ("/contacts", {"identity": {"last_name": "Ferrand"}}),
    ],
)
def test_a_company_that_a_body_names_and_is_not_there_is_a_wrong_field(api, bonnet, path, body):
    answer = api.post(path.format(client=bonnet), json=body | {"company_id": NOBODY})
    assert problem(answer) == (422, "/problems/invalid")
    assert answer.json()["errors"] == [{"field": "company_id", "message": f"there is no company {NOBODY}"}]


def test_what_the_path_names_and_is_not_there_is_not_found_whatever_the_body_says(api):
    missing = api.post(f"/clients/{NOBODY}/contracts", json={"policy_number": "MRH-1", "company_id": NOBODY})
    assert (*problem(missing), missing.json()["kind"]) == (404, "/problems/not-found", "client")


@pytest.mark.behaviour("X10")
def test_files_are_read_as_they_were_written(api, bonnet):
    """Each read names the position of the write just before it."""
    for number in range(5):
        contract = api.register_contract(bonnet, f"MRH-{number}")
        claim = api.open_claim(contract)
        ticket_id = api.receive(letter(CLAIRE))
        api.file(ticket_id, claim, "claim")
        assert api.tickets_of(claim, "claims") == api.tickets_of(contract, "contracts") == [ticket_id]
        assert api.tickets_of(bonnet)[0] == ticket_id


def test_what_a_ticket_can_be_filed_on_is_found_by_what_it_is_called(api):
    bonnet = api.register("Bonnet")
    contract = api.register_contract(bonnet, "MRH-1")
    (found,) = api.read("/targets", name="mrh-1", kind="contract")["items"]
    assert (found["id"], [file["label"] for file in found["filed_under"]]) == (contract, ["contrat MRH-1", "Bonnet"])
    assert [one["id"] for one in api.read("/targets", name=bonnet)["items"]] == [bonnet]
    assert api.read("/targets", name="x\0")["items"] == []
    assert [one["field"] for one in api.get("/targets", params={"name": ""}).json()["errors"]] == ["query.name"]
