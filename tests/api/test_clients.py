"""Dossiers: opened, found, activated, and their addresses."""

from uuid import uuid4

import pytest

CLAIRE = "claire@courriel.example"
PAUL = "paul@courriel.example"


@pytest.fixture
def petit(api):
    return api.register("Petit", PAUL)


def test_a_prospect_is_opened_with_the_addresses_that_are_its_own(api, petit):
    identity = {"kind": "person", "title": "Mme", "first_name": "Claire", "last_name": "Bonnet"}

    answer = api.post("/clients", json={"identity": identity, "email_addresses": [CLAIRE, "c.bonnet@travail.example"]})

    opened = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/clients/{opened['id']}"
    assert answer.headers["etag"] == f'"{opened["version"]}"'
    shown = api.get(answer.headers["location"], params={"min_position": opened["position"]}).json()
    assert {name: shown[name] for name in identity} == identity
    assert (shown["status"], shown["label"], shown["activated_at"]) == ("prospect", "Mme Claire Bonnet", None)
    assert [owned["address"] for owned in shown["email_addresses"]] == ["c.bonnet@travail.example", CLAIRE]
    assert not any(owned["shared"] for owned in shown["email_addresses"])


def test_a_company_is_opened_as_a_client(api, petit):
    body = {"identity": {"kind": "company", "company_name": "Boulangerie Petitjean"}, "active": True}

    shown = api.read(f"/clients/{api.do('/clients', body)['id']}")

    assert (shown["kind"], shown["status"]) == ("company", "active")
    assert (shown["company_name"], shown["last_name"]) == ("Boulangerie Petitjean", None)
    assert shown["activated_at"] >= shown["registered_at"]


def test_every_dossier_has_a_number_of_its_own(api):
    numbers = [api.read(f"/clients/{api.register(name)}")["number"] for name in ("A", "B", "C")]

    assert numbers == [1, 2, 3]


def test_an_address_of_another_refuses_the_whole_dossier(api, petit):
    answer = api.post(
        "/clients", json={"identity": {"kind": "person", "last_name": "Bonnet"}, "email_addresses": [CLAIRE, PAUL]}
    )

    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/address-belongs-to-another")
    assert answer.json()["owners"] == [{"kind": "client", "id": petit, "label": "Petit"}]
    assert [line["client_id"] for line in api.read("/clients")["items"]] == [petit]
    assert api.do(f"/clients/{petit}/email-addresses", {"address": CLAIRE})["version"] == 1


def test_dossiers_are_listed_by_name_and_filtered_by_status(api):
    for name, active in (("Écuyer", True), ("Zola", False), ("ebner", True)):
        api.register(name, active=active)

    everyone = api.read("/clients", total=True)
    active = api.read("/clients", status="active", total=True)

    assert [line["label"] for line in everyone["items"]] == ["ebner", "Écuyer", "Zola"]
    assert everyone["total"] == 3
    assert [line["label"] for line in active["items"]] == ["ebner", "Écuyer"]
    assert active["total"] == 2
    assert api.read("/clients")["total"] is None


def test_a_list_goes_on_where_it_stopped_though_others_came_meanwhile(api):
    for name in ("B", "D", "D", "F"):
        api.register(name)
    first = api.read("/clients", limit=2)
    for name in ("A", "E"):
        api.register(name)

    second = api.read("/clients", limit=2, cursor=first["next_cursor"])
    third = api.read("/clients", limit=2, cursor=second["next_cursor"])

    pages = [[line["label"] for line in page["items"]] for page in (first, second, third)]
    assert pages == [["B", "D"], ["D", "E"], ["F"]]
    assert third["next_cursor"] is None
    assert first["items"][1]["client_id"] != second["items"][0]["client_id"]


def test_a_prospect_is_activated_once(api, petit):
    first = api.do(f"/clients/{petit}/activate")
    activated_at = api.read(f"/clients/{petit}")["activated_at"]

    again = api.do(f"/clients/{petit}/activate")

    assert (first["version"], again["version"], again["position"]) == (2, 2, first["position"])
    assert api.read(f"/clients/{petit}")["activated_at"] == activated_at
    assert api.read(f"/clients/{petit}")["status"] == "active"


def test_a_change_made_on_an_old_reading_is_refused(api, petit):
    etag = api.get(f"/clients/{petit}", params={"min_position": api.position}).headers["etag"]
    api.do(f"/clients/{petit}/activate", headers={"If-Match": etag})

    stale = api.post(f"/clients/{petit}/activate", headers={"If-Match": etag})

    assert (stale.status_code, stale.json()["type"]) == (412, "/problems/stale-version")


def test_an_address_is_put_on_a_dossier(api, petit):
    given = api.do(f"/clients/{petit}/email-addresses", {"address": "Claire@Courriel.EXAMPLE"})

    owned = api.read(f"/clients/{petit}")["email_addresses"]
    assert {one["address"]: one["address_id"] for one in owned}["Claire@courriel.example"] == given["id"]


def test_an_address_is_one_however_it_is_spelt(api, petit):
    bonnet = api.register("Bonnet")

    answer = api.post(f"/clients/{bonnet}/email-addresses", json={"address": PAUL.upper()})

    assert answer.status_code == 409
    assert answer.json()["address_id"] == api.addresses_of(petit)[PAUL]


@pytest.mark.parametrize(("how", "left"), [("share", [PAUL]), ("move", [])])
def test_an_address_of_another_is_shared_or_moved_by_name(api, petit, how, left):
    bonnet = api.register("Bonnet")

    api.do(f"/clients/{bonnet}/email-addresses", {"address": PAUL, "how": how})

    assert list(api.addresses_of(bonnet)) == [PAUL]
    assert list(api.addresses_of(petit)) == left


def test_an_address_is_not_taken_off_a_file_that_does_not_have_it(api, petit):
    bonnet = api.register("Bonnet", CLAIRE)
    address_id = api.addresses_of(petit)[PAUL]

    answer = api.delete(f"/clients/{bonnet}/email-addresses/{address_id}")

    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (404, "/problems/address-not-on-file")
    assert (problem["address_id"], problem["owner"]) == (
        address_id,
        {"kind": "client", "id": bonnet, "label": "Bonnet"},
    )
    assert list(api.addresses_of(petit)) == [PAUL]


@pytest.mark.parametrize(
    ("method", "of", "body"),
    [
        ("GET", "", None),
        ("GET", "/tickets", None),
        ("POST", "/activate", None),
        ("POST", "/email-addresses", {"address": CLAIRE}),
        ("DELETE", "/email-addresses/00000000-0000-4000-8000-000000000000", None),
    ],
)
def test_a_dossier_that_is_not_there_is_not_found(api, petit, method, of, body):
    answer = api.request(method, f"/clients/{uuid4()}{of}", json=body)

    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


def test_a_ticket_s_id_is_no_dossier_s(api, petit):
    ticket_id = api.receive_from(PAUL)

    answers = [api.get(f"/clients/{ticket_id}"), api.post(f"/clients/{ticket_id}/activate")]

    assert [answer.status_code for answer in answers] == [404, 404]


def test_a_dossier_lists_its_own_tickets_page_by_page(api, petit):
    bonnet = api.register("Bonnet", CLAIRE)
    own = [api.receive_from(CLAIRE) for _ in range(3)]
    api.receive_from(PAUL)

    first = api.read(f"/clients/{bonnet}/tickets", limit=2, total=True)
    second = api.read(f"/clients/{bonnet}/tickets", limit=2, cursor=first["next_cursor"])

    assert [line["ticket_id"] for page in (first, second) for line in page["items"]] == own[::-1]
    assert (first["total"], second["next_cursor"]) == (3, None)
