"""Clients, contracts, claims, companies, contacts and their addresses on the command line."""

from uuid import UUID

import pytest

from api.staff import collaborator_id
from tests.cli.command_line import errors
from tests.end_to_end.mailboxes import letter

UNKNOWN = "00000000-0000-4000-8000-000000000000"
CLAIRE = "claire@courriel.example"


@pytest.fixture
def office(opened):
    """An office with Léa on its staff."""
    opened("token", "lea@cabinet.example", "--first-name", "Léa", "--last-name", "Dumoulin")
    return opened


@pytest.fixture
def claire(office):
    return office.json("clients", "add", "--title", "Mme", "--first-name", "Claire", "--last-name", "Bonnet")


@pytest.fixture
def contract(office, claire):
    return office.json("contracts", "add", "--client", claire["number"], "--number", "MRH-2201457")


@pytest.fixture
def insurer(office):
    return office.json("companies", "add", "Mutuelle des Deux Rives", "--role", "insurer")


# --- clients ----------------------------------------------------------------------------------------------


def test_clients_are_added_and_found_by_name(office, claire):
    added = office("clients", "add", "--company-name", "Garage Bonnet", "--active", "--address", CLAIRE).stdout
    (garage,) = office.json("clients", "list", "garage")["items"]
    assert added == f"The client n° {garage['number']}, Garage Bonnet, is registered.\n"
    assert (garage["kind"], garage["status"]) == ("company", "active")
    everyone = office.json("clients", "list", "BONNET")
    assert [line["client_id"] for line in everyone["items"]] == [claire["client_id"], garage["client_id"]]
    assert [line["client_id"] for line in office.json("clients", "list", "--status", "prospect")["items"]] == [
        claire["client_id"]
    ]
    assert "Mme Claire Bonnet" in office("clients", "list").stdout
    assert [owned["address"] for owned in office.json("addresses", "list", "--client", garage["number"])] == [CLAIRE]


def test_a_prospect_becomes_a_client(office, claire):
    answer = office.json("clients", "activate", claire["number"])
    assert (answer["client_id"], answer["version"]) == (claire["client_id"], 2)
    assert [line["status"] for line in office.json("clients", "list")["items"]] == ["active"]


# --- contracts and claims ---------------------------------------------------------------------------------


def test_a_contract_is_registered_and_terminated(office, claire, insurer):
    added = office.json(
        "contracts", "add", "--client", claire["number"], "--number", "MRH-2201457", "--product", "Habitation",
        "--company", "mutuelle des deux rives", "--starts-on", "2026-01-01",
    )  # fmt: skip
    other = office.json("contracts", "add", "--client", claire["client_id"], "--number", "AUTO-5510")
    said = office("contracts", "terminate", "MRH-2201457", "--effective-on", "2026-12-31").stdout
    assert said == "The contract ends on 2026-12-31.\n"
    later, first = office.json("contracts", "list", "--client", claire["number"])["items"]
    assert (later["contract_id"], later["starts_on"], later["ends_on"]) == (other["contract_id"], None, None)
    assert (first["contract_id"], first["company_id"]) == (added["contract_id"], insurer["company_id"])
    assert (first["starts_on"], first["ends_on"], first["status"]) == ("2026-01-01", "2026-12-31", "terminated")
    shown = office("contracts", "list", "--client", claire["number"]).stdout
    assert "2026-12-31" in shown
    assert "2 of 2" in shown


def test_a_claim_is_opened_closed_and_reopened(office, contract):
    opened = office.json(
        "claims", "open", "--contract", "MRH-2201457", "--reference", "SIN-88", "--occurred-on", "2026-03-09"
    )

    def claim():
        (line,) = office.json("claims", "list", "--contract", contract["contract_id"])["items"]
        return line

    assert (claim()["claim_id"], claim()["number"]) == (opened["claim_id"], opened["number"])
    assert (claim()["insurer_reference"], claim()["occurred_on"]) == ("SIN-88", "2026-03-09")
    assert office("claims", "close", opened["number"]).stdout == "The claim is closed.\n"
    assert claim()["status"] == "closed"
    office("claims", "reopen", opened["claim_id"])
    assert claim()["status"] == "open"
    assert "SIN-88" in office("claims", "list", "--contract", "MRH-2201457").stdout


# --- companies and contacts -------------------------------------------------------------------------------


def test_companies_are_registered_and_found_by_name_and_role(office, insurer):
    assert office("companies", "add", "--role", "partner", "Éole [bold]").stdout == "Éole [bold] is registered.\n"
    assert [line["company_id"] for line in office.json("companies", "list", "rives")["items"]] == [
        insurer["company_id"]
    ]
    assert [line["name"] for line in office.json("companies", "list", "--role", "partner")["items"]] == ["Éole [bold]"]
    assert "Éole [bold]" in office("companies", "list", "eole").stdout


def test_contacts_are_entered_and_found_by_name_and_company(office, insurer):
    added = office.json(
        "contacts", "add", "--last-name", "Ferrand", "--first-name", "Odile", "--function", "Sinistres",
        "--company", insurer["company_id"],
    )  # fmt: skip
    office("contacts", "add", "--last-name", "Ferrandon")
    assert office.json("contacts", "list", "ferrand")["total"] == 2
    (line,) = office.json("contacts", "list", "--company", "Mutuelle des Deux Rives")["items"]
    assert (line["contact_id"], line["number"]) == (added["contact_id"], added["number"])
    assert "Mutuelle" in office("contacts", "list", "odile").stdout


# --- addresses --------------------------------------------------------------------------------------------


def test_an_address_is_given_shared_moved_and_taken_off(office, claire, insurer):
    def owned(*owner):
        return [(one["address"], one["shared"]) for one in office.json("addresses", "list", *owner)]

    client, company = ("--client", claire["number"]), ("--company", "Mutuelle des Deux Rives")
    assert office("addresses", "add", CLAIRE.upper(), *client).stdout == "CLAIRE@courriel.example is on the client.\n"
    (line,) = errors(office("addresses", "add", CLAIRE, *company, exit_code=1))
    assert CLAIRE in line
    office("addresses", "add", CLAIRE, *company, "--how", "share")
    assert owned(*company) == [(CLAIRE, True)]
    assert "shared" in office("addresses", "list", *client).stdout
    office("addresses", "add", CLAIRE, *company, "--how", "move")
    assert owned(*client) == []
    office("addresses", "remove", CLAIRE, *company)
    assert owned(*company) == []
    (line,) = errors(office("addresses", "remove", CLAIRE, *company, exit_code=1))
    assert line == f"greffier: ADDRESS: '{CLAIRE}' is not on this company"


def test_an_address_brings_later_messages_to_its_contact(office, apart):
    contact = office.json("contacts", "add", "--last-name", "Ferrand")
    (apart / "1.eml").write_bytes(letter(1))
    office("import-mail", "1.eml")
    sender = office.json("tickets", "show", "1")["from_address"]
    office("addresses", "add", sender, "--contact", contact["number"])
    (apart / "41.eml").write_bytes(letter(41))
    office("import-mail", "41.eml")
    (filed,) = office.json("tickets", "list", "--filed")["items"]
    assert filed["filed_on"] == {"kind": "contact", "id": contact["contact_id"]}


# --- how a file is named ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "where", "kind"),
    [
        (["contracts", "add", "--number", "MRH-1", "--client"], "--client", "client"),
        (["contracts", "list", "--client"], "--client", "client"),
        (["contracts", "terminate", "--effective-on", "2026-12-31"], "CONTRACT", "contract"),
        (["claims", "open", "--contract"], "--contract", "contract"),
        (["claims", "close"], "CLAIM", "claim"),
        (["contacts", "add", "--last-name", "Ferrand", "--company"], "--company", "company"),
        (["addresses", "list", "--contact"], "--contact", "contact"),
    ],
)
def test_what_names_no_file_is_said_with_its_option(office, contract, command, where, kind):
    for name in (UNKNOWN, "999", "9" * 30, "Sinistre", "²", "", "\udce9"):
        (line,) = errors(office(*command, name, exit_code=1))
        assert line.startswith(f"greffier: {where}: no {kind} has the ")
    assert office.json("claims", "list", "--contract", "MRH-2201457")["total"] == 0


def test_what_names_several_contracts_asks_for_the_id_of_one(office, claire, contract):
    again = office.json("contracts", "add", "--client", claire["number"], "--number", "MRH-2201457")
    (line,) = errors(office("claims", "open", "--contract", "MRH-2201457", exit_code=1))
    assert line.startswith("greffier: --contract: several have the policy number 'MRH-2201457'")
    assert contract["contract_id"] in line
    assert again["contract_id"] in line
    office("claims", "open", "--contract", again["contract_id"])


NONSENSE = [
    (["clients", "add"], "--last-name"),
    (["clients", "add", "--last-name", "A", "--company-name", "B"], "--company-name"),
    (["clients", "add", "--company-name", "B", "--title", "Mme"], "--title"),
    (["clients", "add", "--last-name", " "], "last_name"),
    (["clients", "add", "--last-name", "A", "--title", "Dr"], "--title"),
    (["clients", "add", "--last-name", "A", "--address", "nobody"], "email_addresses"),
    (["clients", "list", "--status", "gone"], "--status"),
    (["contracts", "add", "--number", "MRH-1"], "--client"),
    (["contracts", "add", "--client", "1"], "--number"),
    (["contracts", "add", "--client", "1", "--number", " "], "number"),
    (["contracts", "add", "--client", "1", "--number", "A", "--starts-on", "1/1/2026"], "--starts-on"),
    (["contracts", "terminate", "MRH-1"], "--effective-on"),
    (["contracts", "terminate", "MRH-1", "--effective-on", "2026-02-30"], "'2026-02-30' is not a day"),
    (["claims", "open"], "--contract"),
    (["companies", "add", "Axe", "--role", "bank"], "--role"),
    (["companies", "add", "Axe"], "--role"),
    (["contacts", "add"], "--last-name"),
    (["addresses", "add", CLAIRE], "--contact"),
    (["addresses", "add", CLAIRE, "--client", "1", "--company", "Axe"], "--company"),
    (["addresses", "add", "nobody", "--client", "1"], "address"),
    (["addresses", "add", CLAIRE, "--client", "1", "--how", "steal"], "--how"),
]


def test_what_makes_no_sense_changes_nothing(office, claire):
    for arguments, named in NONSENSE:
        (line,) = errors(office(*arguments, exit_code=2))
        assert line.startswith("greffier: ")
        assert named in line
    assert office.json("clients", "list")["total"] == 1
    assert office.json("companies", "list")["total"] == office.json("contacts", "list")["total"] == 0


def test_who_acts_is_on_record(office, claire):
    office("token", "paul@cabinet.example", "--last-name", "Ricard")
    added = office.json("companies", "add", "Axe", "--role", "referrer", "--as", "paul@cabinet.example")
    with office.open() as greffier:
        actors = [greffier.log.stream(UUID(id_))[0].actor for id_ in (claire["client_id"], added["company_id"])]
        assert [actor.id for actor in actors] == [
            str(collaborator_id(greffier, address)) for address in ("lea@cabinet.example", "paul@cabinet.example")
        ]


def test_lists_come_in_pages(office):
    for name in ("Axe", "Berge", "Cap"):
        office("companies", "add", name, "--role", "partner")
    first = office.json("companies", "list", "--limit", "2")
    then = office.json("companies", "list", "--limit", "2", "--cursor", first["next_cursor"])
    assert [line["name"] for line in first["items"] + then["items"]] == ["Axe", "Berge", "Cap"]
    assert f"2 of 3, next: {first['next_cursor']}" in office("companies", "list", "--limit", "2").stdout
