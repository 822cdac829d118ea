"""The inbox, a ticket's filing and its history; conditions and retries."""

from uuid import uuid4

import pytest

CLAIRE = "claire@courriel.example"
PAUL = "paul@courriel.example"


@pytest.fixture
def petit(api):
    return api.register("Petit", PAUL)


@pytest.fixture
def bonnet(api, petit):
    return api.register("Bonnet")


def ids(page):
    return [line["ticket_id"] for line in page["items"]]


# --- the inbox -----------------------------------------------------------------------------------------


def test_the_inbox_shows_the_newest_first_and_filters_by_filing(api, petit):
    filed, waiting, newest = api.receive_from(PAUL), api.receive_from(CLAIRE), api.receive_from(PAUL)

    assert ids(api.read("/tickets")) == [newest, waiting, filed]
    assert ids(api.read("/tickets", filed=True)) == [newest, filed]
    assert ids(api.read("/tickets", filed=False)) == [waiting]


def test_totals_count_what_the_filter_lets_through(api, petit):
    for sender in (PAUL, CLAIRE, PAUL):
        api.receive_from(sender)

    totals = [
        api.read("/tickets", total=True, limit=1, **of)["total"] for of in ({}, {"filed": True}, {"filed": False})
    ]

    assert totals == [3, 2, 1]
    assert api.read("/tickets")["total"] is None


def test_pages_neither_skip_nor_repeat_though_messages_arrive_meanwhile(api, petit):
    old = [api.receive_from(CLAIRE) for _ in range(5)][::-1]

    first = api.read("/tickets", limit=2)
    new = api.receive_from(CLAIRE)
    second = api.read("/tickets", limit=2, cursor=first["next_cursor"])
    api.receive_from(CLAIRE)
    third = api.read("/tickets", limit=2, cursor=second["next_cursor"])

    assert ids(first) + ids(second) + ids(third) == old
    assert third["next_cursor"] is None
    assert new in ids(api.read("/tickets"))


def test_a_page_that_ends_with_the_last_ticket_has_none_after_it(api):
    for _ in range(2):
        api.receive_from(CLAIRE)

    assert api.read("/tickets", limit=2)["next_cursor"] is None


def test_a_long_subject_is_shortened_in_lists_only(api):
    subject = "très " * 100
    ticket_id = api.receive_from(CLAIRE, subject=subject)

    (line,) = api.read("/tickets")["items"]

    assert (len(line["subject"]), line["subject"][-1]) == (200, "…")
    assert api.ticket(ticket_id)["subject"] == subject.strip()


# --- filing and unfiling ----------------------------------------------------------------------------------


def test_a_ticket_is_filed_elsewhere(api, bonnet, petit):
    ticket_id = api.receive_from(PAUL)

    api.file(ticket_id, bonnet)

    assert (api.tickets_of(bonnet), api.tickets_of(petit)) == ([ticket_id], [])
    assert list(api.addresses_of(petit)) == [PAUL]


def test_a_ticket_is_taken_off_its_file(api, bonnet, petit):
    ticket_id = api.receive_from(PAUL)

    unfiled = api.do(f"/tickets/{ticket_id}/unfile")

    ticket = api.ticket(ticket_id)
    assert (ticket["filed_on"], ticket["evidence"], ticket["version"]) == (None, None, unfiled["version"])
    assert api.tickets_of(petit) == []
    assert ids(api.read("/tickets", filed=False)) == [ticket_id]
    assert list(api.addresses_of(petit)) == [PAUL]
    assert api.read(f"/tickets/{ticket_id}/history")["items"][-1]["sentence"] == "Alice Martin : Retiré de « Petit »."


def test_what_changes_nothing_adds_nothing(api, bonnet, petit):
    ticket_id = api.receive_from(CLAIRE)
    filed = api.file(ticket_id, bonnet)

    assert api.file(ticket_id, bonnet)["position"] == filed["position"]
    unfiled = api.do(f"/tickets/{ticket_id}/unfile")
    assert api.do(f"/tickets/{ticket_id}/unfile")["position"] == unfiled["position"]


def test_a_ticket_without_an_address_has_none_to_associate(api, bonnet):
    ticket_id = api.receive_from("undisclosed")

    answer = api.post(
        f"/tickets/{ticket_id}/file", json={"on": {"kind": "client", "id": bonnet}, "address": "associate"}
    )

    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/no-sender-address")
    assert answer.json()["ticket_id"] == ticket_id
    assert api.ticket(ticket_id)["filed_on"] is None


def test_a_ticket_is_filed_on_dossiers_that_exist_only(api, bonnet):
    ticket_id, missing = api.receive_from(CLAIRE), str(uuid4())

    answer = api.post(f"/tickets/{ticket_id}/file", json={"on": {"kind": "client", "id": missing}})

    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid")
    assert answer.json()["errors"] == [{"field": "on.id", "message": f"there is no client {missing}"}]
    assert api.ticket(ticket_id)["filed_on"] is None


@pytest.mark.parametrize("of", ["file", "unfile"])
def test_a_ticket_that_is_not_there_is_not_filed(api, bonnet, of):
    body = {"on": {"kind": "client", "id": bonnet}} if of == "file" else None

    answer = api.post(f"/tickets/{bonnet}/{of}", json=body)

    assert (answer.status_code, answer.json()["kind"]) == (404, "ticket")


def test_the_history_tells_every_step_in_order(api, bonnet, petit):
    ticket_id = api.receive_from(CLAIRE)
    new = {"kind": "new_client", "identity": {"kind": "company", "company_name": "Garage Garnier"}}
    api.do(f"/tickets/{ticket_id}/file", {"on": new, "address": "associate"})
    api.file(ticket_id, bonnet, address="move")
    api.do(f"/tickets/{ticket_id}/unfile")

    lines = api.read(f"/tickets/{ticket_id}/history")["items"]

    assert [line["what"] for line in lines] == [
        "TicketReceived",
        "TicketLeftUnfiled",
        "ProspectRegistered",
        "EmailAddressAssociated",
        "TicketClassified",
        "EmailAddressMoved",
        "TicketClassified",
        "TicketUnclassified",
    ]
    assert [line["position"] for line in lines] == sorted(line["position"] for line in lines)
    assert lines[2]["sentence"] == "Alice Martin : Fiche créée depuis ce ticket : « Garage Garnier »."
    assert lines[5]["sentence"] == (
        "Alice Martin : Adresse de l’expéditeur déplacée de « Garage Garnier » à « Bonnet »."
    )


# --- If-Match ---------------------------------------------------------------------------------------------


def test_a_ticket_s_etag_is_its_version_and_guards_its_filing(api, bonnet, petit):
    ticket_id = api.receive_from(CLAIRE)
    path = f"/tickets/{ticket_id}/file"
    etag = api.get(f"/tickets/{ticket_id}", params={"min_position": api.position}).headers["etag"]

    filed = api.post(path, json={"on": {"kind": "client", "id": bonnet}}, headers={"If-Match": etag})
    stale = api.post(path, json={"on": {"kind": "client", "id": petit}}, headers={"If-Match": etag})

    assert (etag, filed.headers["etag"]) == ('"2"', '"3"')
    assert (stale.status_code, stale.json()["type"]) == (412, "/problems/stale-version")
    assert api.read(f"/tickets/{ticket_id}", min_position=filed.json()["position"])["filed_on"]["id"] == bonnet
    weak = api.post(path, json={"on": {"kind": "client", "id": petit}}, headers={"If-Match": 'W/"3"'})
    assert weak.status_code == 200


@pytest.mark.parametrize("of", ["file", "unfile"])
def test_a_stale_reading_changes_nothing(api, bonnet, petit, of):
    ticket_id = api.receive_from(PAUL)
    body = {"on": {"kind": "new_client", "identity": {"kind": "person", "last_name": "Neuf"}}} if of == "file" else None

    answer = api.post(f"/tickets/{ticket_id}/{of}", json=body, headers={"If-Match": '"1"'})

    assert answer.status_code == 412
    assert api.ticket(ticket_id)["filed_on"]["id"] == petit
    assert len(api.read("/clients")["items"]) == 2


def test_any_version_will_do_for_a_star(api, bonnet):
    ticket_id = api.receive_from(CLAIRE)

    answer = api.post(
        f"/tickets/{ticket_id}/file", json={"on": {"kind": "client", "id": bonnet}}, headers={"If-Match": "*"}
    )

    assert answer.status_code == 200


@pytest.mark.parametrize("header", ["3", '"three"', '"1", "2"', '""', '"-1"', '"1234567890123456789"'])
def test_another_if_match_is_refused(api, bonnet, header):
    ticket_id = api.receive_from(CLAIRE)

    answer = api.post(f"/tickets/{ticket_id}/unfile", headers={"If-Match": header})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "header.If-Match")


# --- Idempotency-Key ---------------------------------------------------------------------------------------


def test_a_filing_that_creates_a_dossier_is_done_once_under_one_key(api, bonnet, petit):
    ticket_id = api.receive_from(CLAIRE)
    body = {"on": {"kind": "new_client", "identity": {"kind": "person", "last_name": "Neuf"}}, "address": "associate"}

    first, again = (
        api.do(f"/tickets/{ticket_id}/file", body, headers={"Idempotency-Key": "only-once"}) for _ in range(2)
    )

    assert first == again
    names = [line["label"] for line in api.read("/clients")["items"]]
    assert names == ["Bonnet", "Neuf", "Petit"]
    assert len(api.read(f"/tickets/{ticket_id}/history")["items"]) == 5


def test_without_a_key_two_filings_create_two_dossiers(api, bonnet, petit):
    ticket_id = api.receive_from(CLAIRE)
    body = {"on": {"kind": "new_client", "identity": {"kind": "person", "last_name": "Neuf"}}}

    first, again = (api.do(f"/tickets/{ticket_id}/file", body) for _ in range(2))

    assert first["filed_on"] != again["filed_on"]


def test_a_dossier_is_opened_once_under_one_key(api, petit):
    body = {"identity": {"kind": "person", "last_name": "Bonnet"}, "email_addresses": [CLAIRE]}

    first, again = (api.post("/clients", json=body, headers={"Idempotency-Key": "k"}) for _ in range(2))

    assert (first.status_code, again.status_code) == (201, 201)
    assert (first.json(), first.headers["location"]) == (again.json(), again.headers["location"])
    assert api.read("/clients", total=True, min_position=again.json()["position"])["total"] == 2


def test_a_retry_gets_the_first_answer_though_the_ticket_has_moved_on(api, bonnet, petit):
    ticket_id = api.receive_from(CLAIRE)
    key = {"Idempotency-Key": "k"}
    first = api.file(ticket_id, bonnet)
    keyed = api.do(f"/tickets/{ticket_id}/unfile", headers=key)
    api.file(ticket_id, petit)

    again = api.do(f"/tickets/{ticket_id}/unfile", headers=key)

    assert first["position"] < keyed["position"]
    assert [again[name] for name in ("version", "position")] == [keyed[name] for name in ("version", "position")]
    assert api.ticket(ticket_id)["filed_on"]["id"] == petit


def test_a_key_is_not_used_for_another_command(api, bonnet, petit):
    ticket_id = api.receive_from(CLAIRE)
    key = {"Idempotency-Key": "k"}
    api.do(f"/tickets/{ticket_id}/file", {"on": {"kind": "client", "id": bonnet}}, headers=key)

    reused = [
        api.post(f"/tickets/{ticket_id}/file", json={"on": {"kind": "client", "id": petit}}, headers=key),
        api.post(f"/tickets/{ticket_id}/unfile", headers=key),
        api.post("/clients", json={"identity": {"kind": "person", "last_name": "Neuf"}}, headers=key),
    ]

    assert [(one.status_code, one.json()["type"]) for one in reused] == [(422, "/problems/command-id-reused")] * 3
    assert api.ticket(ticket_id)["filed_on"]["id"] == bonnet


def test_a_refused_command_leaves_its_key_free(api, bonnet, petit):
    ticket_id = api.receive_from(PAUL)
    key = {"Idempotency-Key": "k"}
    body = {"on": {"kind": "client", "id": bonnet}}
    refused = api.post(f"/tickets/{ticket_id}/file", json={**body, "address": "associate"}, headers=key)

    assert refused.status_code == 409
    assert api.do(f"/tickets/{ticket_id}/file", body, headers=key)["filed_on"]["id"] == bonnet


@pytest.mark.parametrize("key", ["", "k" * 256, "two words", "clé".encode()])
def test_a_key_is_short_and_of_visible_ascii(api, bonnet, key):
    ticket_id = api.receive_from(CLAIRE)

    answer = api.post(f"/tickets/{ticket_id}/unfile", headers={"Idempotency-Key": key})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "header.Idempotency-Key")
