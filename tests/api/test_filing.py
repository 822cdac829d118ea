"""How tickets find their file: what the office can do, asked over HTTP."""

import pytest

CLAIRE = "claire@courriel.example"
PAUL = "paul@courriel.example"


@pytest.fixture
def bonnet(api):
    """A client without any address."""
    return api.register("Bonnet", active=True)


@pytest.fixture
def petit(api):
    """Somebody else, who has an address."""
    return api.register("Petit", PAUL)


@pytest.mark.behaviour("T1")
@pytest.mark.parametrize("active", [False, True], ids=["prospect", "client"])
def test_a_ticket_is_filed_on_a_prospect_or_client(api, petit, active):
    dossier = api.register("Bonnet", active=active)
    ticket_id = api.receive_from(CLAIRE)

    filed = api.file(ticket_id, dossier)

    assert filed["filed_on"] == {"kind": "client", "id": dossier}
    assert api.ticket(ticket_id)["filed_on"] == {"kind": "client", "id": dossier}
    assert api.tickets_of(dossier) == [ticket_id]
    assert api.tickets_of(petit) == []


@pytest.mark.behaviour("T2")
@pytest.mark.parametrize("active", [False, True], ids=["prospect", "client"])
@pytest.mark.parametrize("written", [CLAIRE, CLAIRE.upper(), f"=?utf-8?q?Cl=C3=A9?= <{CLAIRE}>"])
def test_a_message_from_a_known_address_is_filed_on_arrival(api, petit, active, written):
    dossier = api.register("Bonnet", CLAIRE, active=active)

    ticket_id = api.receive_from(written)

    ticket = api.ticket(ticket_id)
    assert (ticket["filed_on"], ticket["unfiled_reason"]) == ({"kind": "client", "id": dossier}, None)
    assert api.tickets_of(dossier) == [ticket_id]
    assert api.tickets_of(petit) == []


@pytest.mark.behaviour("T3")
def test_a_message_from_an_unknown_address_waits_until_someone_decides(api, bonnet, petit):
    ticket_id = api.receive_from(CLAIRE)
    later = api.receive_from(PAUL)

    ticket = api.ticket(ticket_id)
    assert (ticket["filed_on"], ticket["unfiled_reason"], ticket["candidates"]) == (None, "unknown_address", [])
    assert [line["ticket_id"] for line in api.read("/tickets", filed=False)["items"]] == [ticket_id]
    assert api.ticket(later)["filed_on"]["id"] == petit

    api.file(ticket_id, bonnet)

    assert api.read("/tickets", filed=False)["items"] == []
    assert api.ticket(ticket_id)["unfiled_reason"] is None


@pytest.mark.behaviour("T3")
def test_a_message_without_a_usable_address_waits(api, petit):
    ticket_id = api.receive_from("undisclosed")

    assert api.ticket(ticket_id)["unfiled_reason"] == "no_sender_address"


@pytest.mark.behaviour("T4")
@pytest.mark.parametrize("typed", ["lefevre", "LEFÈVRE Zoé", "zoe lef", "  zoé   "])
def test_filing_starts_from_a_search_of_clients_and_prospects_by_name(api, petit, typed):
    client = api.register("Lefèvre", active=True, identity=person("Zoé", "Lefèvre"))
    prospect = api.register("Lefèvre", identity=person("Zoé-Marie", "Lefèvre"))
    ticket_id = api.receive_from(CLAIRE)

    found = api.read("/clients", name=typed)["items"]

    assert {line["client_id"]: line["status"] for line in found} == {client: "active", prospect: "prospect"}
    api.file(ticket_id, found[0]["client_id"])
    assert api.ticket(ticket_id)["filed_on"]["id"] == found[0]["client_id"]


@pytest.mark.behaviour("T4")
@pytest.mark.parametrize("typed", ["Lefèvre", "petit zoé", "%", "_", "-"])
def test_a_search_that_fits_nobody_finds_nobody(api, petit, typed):
    assert api.read("/clients", name=typed)["items"] == []


@pytest.mark.behaviour("T5")
@pytest.mark.parametrize("active", [False, True], ids=["prospect", "client"])
def test_a_dossier_is_created_from_the_ticket_in_the_same_step_prefilled(api, petit, active):
    ticket_id = api.receive_from(f"BONNET Claire <{CLAIRE}>")
    prefill = api.read(f"/tickets/{ticket_id}/prefill")
    assert prefill == {"identity": person("Claire", "Bonnet", title=None), "email_address": CLAIRE}

    new = {"kind": "new_client", "identity": prefill["identity"], "active": active}
    filed = api.do(f"/tickets/{ticket_id}/file", {"on": new})

    created = api.read(f"/clients/{filed['filed_on']['id']}")
    assert (created["label"], created["status"]) == ("Claire Bonnet", "active" if active else "prospect")
    assert api.ticket(ticket_id)["filed_on"]["id"] == filed["filed_on"]["id"]
    assert created["email_addresses"] == []
    assert api.tickets_of(petit) == []


@pytest.mark.behaviour("T5")
def test_the_address_of_a_created_dossier_is_recorded_if_that_was_chosen(api, petit):
    ticket_id = api.receive_from(CLAIRE)

    new = {"kind": "new_client", "identity": person("Claire", "Bonnet")}
    filed = api.do(f"/tickets/{ticket_id}/file", {"on": new, "address": "associate"})

    assert list(api.addresses_of(filed["filed_on"]["id"])) == [CLAIRE]
    assert list(api.addresses_of(petit)) == [PAUL]


@pytest.mark.behaviour("T5")
def test_nothing_is_created_where_the_address_is_refused(api, petit):
    ticket_id = api.receive_from(PAUL)

    new = {"kind": "new_client", "identity": person("Claire", "Bonnet")}
    refused = api.post(f"/tickets/{ticket_id}/file", json={"on": new, "address": "associate"})

    assert refused.status_code == 409
    assert [line["client_id"] for line in api.read("/clients")["items"]] == [petit]
    assert api.ticket(ticket_id)["filed_on"]["id"] == petit


@pytest.mark.behaviour("T5")
def test_an_automatic_message_proposes_nobody(api, petit):
    ticket_id = api.receive(b"Auto-Submitted: auto-replied\r\n" + f"From: Claire <{CLAIRE}>\r\n\r\nAbsente".encode())

    assert api.read(f"/tickets/{ticket_id}/prefill") == {"identity": None, "email_address": None}


@pytest.mark.behaviour("T6")
def test_filing_does_not_associate_the_address_unless_it_is_said(api, bonnet, petit):
    ticket_id = api.receive_from(CLAIRE)

    api.file(ticket_id, bonnet)

    assert api.addresses_of(bonnet) == {}
    assert api.ticket(api.receive_from(CLAIRE))["unfiled_reason"] == "unknown_address"


@pytest.mark.behaviour("T7")
def test_an_associated_address_is_recorded_and_later_messages_follow_it(api, bonnet, petit):
    ticket_id = api.receive_from(CLAIRE)

    api.file(ticket_id, bonnet, address="associate")

    assert list(api.addresses_of(bonnet)) == [CLAIRE]
    later = api.receive_from(CLAIRE)
    assert api.tickets_of(bonnet) == [later, ticket_id]
    assert api.tickets_of(petit) == []


@pytest.mark.behaviour("T7")
def test_an_address_is_associated_with_a_ticket_that_stands_on_the_file_already(api, bonnet, petit):
    ticket_id = api.receive_from(CLAIRE)
    api.file(ticket_id, bonnet)

    api.file(ticket_id, bonnet, address="associate")

    assert list(api.addresses_of(bonnet)) == [CLAIRE]


@pytest.mark.behaviour("T8")
@pytest.mark.parametrize("said", [{}, {"address": None}], ids=["by default", "expressly"])
def test_a_third_party_s_message_is_filed_and_its_address_stays_unlinked(api, bonnet, petit, said):
    garage, neighbour = api.receive_from("garage@pieces.example"), api.receive_from(PAUL)

    api.file(garage, bonnet, **said)
    api.file(neighbour, bonnet, **said)

    assert api.tickets_of(bonnet) == [neighbour, garage]
    assert api.addresses_of(bonnet) == {}
    assert api.ticket(api.receive_from("garage@pieces.example"))["filed_on"] is None
    assert api.ticket(api.receive_from(PAUL))["filed_on"]["id"] == petit


@pytest.mark.behaviour("T9")
def test_later_messages_follow_the_owner_whatever_ticket_the_address_was_seen_on(api, bonnet, petit):
    first = api.receive_from(CLAIRE)
    api.file(first, bonnet)
    api.do(f"/clients/{petit}/email-addresses", {"address": CLAIRE})

    later = api.receive_from(CLAIRE)

    assert api.tickets_of(bonnet) == [first]
    assert api.tickets_of(petit) == [later]


@pytest.mark.behaviour("T9")
def test_an_owned_address_is_not_given_to_another_by_chance(api, bonnet, petit):
    ticket_id = api.receive_from(PAUL)

    refused = api.post(
        f"/tickets/{ticket_id}/file", json={"on": {"kind": "client", "id": bonnet}, "address": "associate"}
    )

    problem = refused.json()
    assert (refused.status_code, problem["type"]) == (409, "/problems/address-belongs-to-another")
    assert problem["owners"] == [{"kind": "client", "id": petit, "label": "Petit"}]
    assert problem["address"] == PAUL
    assert problem["address_id"] == api.addresses_of(petit)[PAUL]
    assert api.tickets_of(petit) == [ticket_id]
    assert api.addresses_of(bonnet) == {}


@pytest.mark.behaviour("T9")
def test_a_moved_address_takes_later_messages_along(api, bonnet, petit):
    first = api.receive_from(PAUL)

    api.file(first, bonnet, address="move")

    later = api.receive_from(PAUL)
    assert api.tickets_of(bonnet) == [later, first]
    assert (list(api.addresses_of(bonnet)), api.addresses_of(petit)) == ([PAUL], {})


@pytest.mark.behaviour("T10")
def test_a_wrong_association_is_undone_by_removing_the_address(api, bonnet, petit):
    first = api.receive_from(CLAIRE)
    api.file(first, bonnet, address="associate")
    meanwhile = api.receive_from(CLAIRE)

    address_id = api.addresses_of(bonnet)[CLAIRE]
    api.do(f"/clients/{bonnet}/email-addresses/{address_id}", method="DELETE")

    assert api.addresses_of(bonnet) == {}
    later = api.receive_from(CLAIRE)
    assert api.ticket(later)["unfiled_reason"] == "unknown_address"
    assert api.tickets_of(bonnet) == [meanwhile, first]
    assert list(api.addresses_of(petit)) == [PAUL]


@pytest.mark.behaviour("T10")
def test_an_address_removed_from_one_file_follows_the_others_again(api, bonnet, petit):
    api.do(f"/clients/{bonnet}/email-addresses", {"address": PAUL, "how": "share"})
    address_id = api.addresses_of(bonnet)[PAUL]

    api.do(f"/clients/{bonnet}/email-addresses/{address_id}", method="DELETE")

    assert api.ticket(api.receive_from(PAUL))["filed_on"]["id"] == petit


@pytest.mark.behaviour("X1")
def test_a_filing_by_itself_says_which_rule_and_evidence(api, bonnet, petit):
    ticket_id = api.receive_from(PAUL)

    assert api.ticket(ticket_id)["evidence"] == {"kind": "address_owned", "address_id": api.addresses_of(petit)[PAUL]}
    received, filed = api.read(f"/tickets/{ticket_id}/history")["items"]
    assert received["what"] == "TicketReceived"
    assert filed["what"] == "TicketClassified"
    assert filed["why"] == "l’adresse de l’expéditeur appartient à cette fiche, et à elle seule"
    assert filed["sentence"] == f"Classement automatique : Classé sur « Petit » : {filed['why']}."


@pytest.mark.behaviour("X1")
def test_a_filing_by_hand_says_who_chose_and_where_else_it_could_be(api, bonnet, petit):
    ticket_id = api.receive_from(PAUL)

    api.file(ticket_id, bonnet)

    ticket = api.ticket(ticket_id)
    assert ticket["evidence"] == {"kind": "collaborator_choice"}
    assert ticket["candidates"] == [{"target": {"kind": "client", "id": petit}, "reason": "owns_address"}]
    chosen = api.read(f"/tickets/{ticket_id}/history")["items"][-1]
    assert (chosen["who"], chosen["why"]) == ("Alice Martin", "choix d’un collaborateur")
    assert chosen["sentence"] == (
        "Alice Martin : Reclassé de « Petit » sur « Bonnet » (autres fiches possibles : « Petit ») : choix d’un collaborateur."
    )


@pytest.mark.behaviour("X1")
def test_a_ticket_that_waits_says_why(api, petit):
    ticket_id = api.receive_from(CLAIRE)

    waiting = api.read(f"/tickets/{ticket_id}/history")["items"][-1]
    assert waiting["sentence"] == (
        "Classement automatique : Laissé non classé : l’adresse de l’expéditeur n’est connue sur aucune fiche."
    )


@pytest.mark.behaviour("X2")
def test_a_message_from_a_shared_address_waits_with_every_owner_as_candidate(api, bonnet, petit):
    third = api.register("Garnier", CLAIRE)
    api.do(f"/clients/{bonnet}/email-addresses", {"address": PAUL, "how": "share"})

    ticket_id = api.receive_from(PAUL)

    ticket = api.ticket(ticket_id)
    assert (ticket["filed_on"], ticket["unfiled_reason"]) == (None, "shared_address")
    assert ticket["candidates"] == [
        {"target": {"kind": "client", "id": owner}, "reason": "shares_address"} for owner in (petit, bonnet)
    ]
    assert api.tickets_of(petit) == api.tickets_of(bonnet) == api.tickets_of(third) == []
    (owned,) = api.read(f"/clients/{petit}")["email_addresses"]
    assert owned["shared"]


@pytest.mark.behaviour("X2")
def test_an_address_is_shared_while_filing(api, bonnet, petit):
    ticket_id = api.receive_from(PAUL)

    api.file(ticket_id, bonnet, address="share")

    assert api.ticket(ticket_id)["filed_on"]["id"] == bonnet
    assert list(api.addresses_of(bonnet)) == list(api.addresses_of(petit)) == [PAUL]
    assert api.ticket(api.receive_from(PAUL))["unfiled_reason"] == "shared_address"


@pytest.mark.behaviour("X10")
def test_a_caller_reads_its_own_writes_at_once(api, petit):
    for number in range(25):
        client_id = api.register(f"Bonnet {number}")
        assert api.read(f"/clients/{client_id}")["label"] == f"Bonnet {number}"
        ticket_id = api.receive_from(CLAIRE)
        assert api.ticket(ticket_id)["filed_on"] is None
        filed = api.file(ticket_id, client_id)
        ticket = api.ticket(ticket_id)
        assert (ticket["filed_on"]["id"], ticket["version"]) == (client_id, filed["version"])
        assert api.tickets_of(client_id) == [ticket_id]


@pytest.mark.behaviour("X10")
def test_a_read_never_answers_from_before_the_position_asked_for(halted):
    greffier, api = halted
    client_id = api.register("Bonnet")
    greffier.catch_up()
    ticket_id = api.receive_from(CLAIRE)

    asked = {"min_position": api.position}
    behind = [
        api.get(path, params=asked) for path in ("/tickets", f"/tickets/{ticket_id}", f"/clients/{client_id}/tickets")
    ]

    assert [answer.status_code for answer in behind] == [503] * 3
    assert {answer.json()["type"] for answer in behind} == {"/problems/views-behind"}
    assert api.get("/tickets").json()["items"] == []
    greffier.catch_up()
    assert api.ticket(ticket_id)["ticket_id"] == ticket_id


def person(first_name, last_name, **more):
    return {"kind": "person", "first_name": first_name, "last_name": last_name, **more}
