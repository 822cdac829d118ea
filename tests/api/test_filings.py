"""What an office does about many tickets at once, and what it is offered with each (T15, X3, X4)."""

import pytest

from tests.api.letters import letter

CLAIRE = "claire@courriel.example"
GARAGE = "atelier@garage.example"
UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def bonnet(api):
    return api.register("Bonnet")


@pytest.fixture
def petit(api):
    return api.register("Petit")


def target(client_id):
    return {"kind": "client", "id": client_id}


def actions(ticket):
    return {one["action"]: one["href"] for one in ticket["actions"]}


def suggested(ticket):
    return [(one["file"]["id"], [reason["reason"] for reason in one["reasons"]]) for one in ticket["suggestions"]]


# --- what is offered with a ticket --------------------------------------------------------------


@pytest.mark.behaviour("T15")
def test_rows_and_tickets_carry_what_may_be_done_with_them(api, bonnet):
    ticket_id = api.receive_from(CLAIRE)

    for ticket in (api.ticket(ticket_id), *api.read("/tickets")["items"]):
        offered = actions(ticket)
        assert offered["file"] == f"/tickets/{ticket_id}/file"
        assert not {"refile", "unfile", "reopen", "bring_back"} & offered.keys()

    api.do(actions(api.ticket(ticket_id))["file"], {"on": target(bonnet)})
    for ticket in (api.ticket(ticket_id), *api.read(f"/clients/{bonnet}/tickets")["items"]):
        offered = actions(ticket)
        assert {"refile", "unfile"} <= offered.keys()
        assert "file" not in offered
    api.do(actions(api.ticket(ticket_id))["unfile"])
    assert "file" in actions(api.ticket(ticket_id))


@pytest.mark.behaviour("T15")
def test_every_action_that_is_offered_is_done_where_it_says(api, bonnet):
    bodies = {
        "file": {"on": target(bonnet)},
        "refile": {"on": target(api.register("Autre"))},
        "assign": {"collaborator_id": None},
        "dismiss": {"reason": "junk"},
        "comment": {"text": "Rappeler"},
    }
    done = set()
    ticket_id = api.receive_from(CLAIRE)
    for name in ("file", "refile", "wait", "reopen", "close", "reopen", "assign", "comment", "unfile", "dismiss"):
        api.do(actions(api.ticket(ticket_id))[name], bodies.get(name))
        done.add(name)
    offered = actions(api.ticket(ticket_id))
    assert offered.keys() == {"bring_back", "comment"}
    api.do(offered["bring_back"])
    api.do(actions(api.ticket(ticket_id))["merge"], {"other_id": api.receive_from(GARAGE)})


@pytest.mark.behaviour("T15")
def test_rows_and_tickets_suggest_files_the_strongest_first(api, bonnet, petit):
    for owner in (bonnet, petit):
        api.do(f"/clients/{owner}/email-addresses", {"address": CLAIRE, "how": "share"})
    contract = api.register_contract(petit, "MRH-2201457")
    ticket_id = api.receive(letter(f"Bonnet <{CLAIRE}>", subject="Contrat MRH 2201457"))
    assert api.ticket(ticket_id)["filed_on"]["id"] == contract, "the number decides"
    api.do(f"/tickets/{ticket_id}/unfile")

    other = api.receive_from(CLAIRE, message_id="<2@courriel.example>")
    (row,) = [line for line in api.read("/tickets")["items"] if line["ticket_id"] == other]
    assert suggested(row) == suggested(api.ticket(other))
    assert {file for file, _ in suggested(row)} == {bonnet, petit}
    assert {one["filed_under"][0]["label"] for one in row["suggestions"]} == {"Bonnet", "Petit"}


@pytest.mark.behaviour("T15")
def test_a_name_an_earlier_filing_and_the_conversation_suggest_files(api, petit):
    claire = api.do("/clients", {"identity": {"kind": "person", "first_name": "Claire", "last_name": "Bonnet"}})["id"]
    by_name = api.ticket(api.receive(letter(f"BONNET Claire <{CLAIRE}>")))
    assert suggested(by_name) == [(claire, ["name_shown"])]

    signed = api.ticket(api.receive(letter(GARAGE, text="Bonjour,\n\nVoici.\n\nClaire Bonnet\n")))
    assert suggested(signed) == [(claire, ["name_signed"])]

    api.file(signed["ticket_id"], petit)
    again = api.ticket(api.receive_from(GARAGE, message_id="<9@garage.example>"))
    assert suggested(again) == [(petit, ["filed_for_sender", "filed_for_domain"])]
    colleague = api.ticket(api.receive_from("autre@garage.example"))
    assert suggested(colleague) == [(petit, ["filed_for_domain"])]

    stranger = letter("inconnu@ailleurs.example", answers=f"<{signed['message_id']}>")
    assert (petit, ["conversation"]) in suggested(api.ticket(api.receive(stranger)))


# --- the other tickets of a sender ----------------------------------------------------------------


@pytest.mark.behaviour("X4")
def test_when_an_address_is_associated_its_other_unfiled_tickets_are_offered_and_filed_in_the_same_step(api, bonnet):
    first, second, third = (api.receive_from(CLAIRE, message_id=f"<{n}@courriel.example>") for n in range(3))
    someone_else = api.receive_from(GARAGE)

    offered = [line["ticket_id"] for line in api.read(f"/tickets/{first}/same-sender")["items"]]
    assert offered == [third, second]

    filed = api.do(f"/tickets/{first}/file", {"on": target(bonnet), "address": "associate", "also": [third, UNKNOWN]})
    assert [one["id"] for one in filed["also"]["changed"]] == [third]
    (failed,) = filed["also"]["failed"]
    assert (failed["id"], failed["problem"]["status"]) == (UNKNOWN, 404)
    assert api.ticket(third)["filed_on"] == target(bonnet)
    assert api.ticket(second)["filed_on"] is None, "what was not asked for stays"
    assert api.ticket(someone_else)["filed_on"] is None
    assert [line["ticket_id"] for line in api.read(f"/tickets/{first}/same-sender")["items"]] == [second]


# --- many at once ----------------------------------------------------------------------------------


@pytest.fixture
def wrong_owner(api, bonnet, petit):
    """Claire's address was given to Petit: three of her messages went there, and one that is really theirs."""
    api.do(f"/clients/{petit}/email-addresses", {"address": CLAIRE})
    hers = [api.receive_from(CLAIRE, message_id=f"<{n}@courriel.example>") for n in range(3)]
    theirs = api.receive_from(GARAGE)
    api.file(theirs, petit)
    api.do(f"/clients/{bonnet}/email-addresses", {"address": CLAIRE, "how": "move"})
    return hers, theirs


@pytest.mark.behaviour("X3")
def test_what_went_to_a_wrong_owner_is_previewed_and_filed_elsewhere(api, wrong_owner, bonnet, petit):
    hers, theirs = wrong_owner

    selection = {"filed_on": target(petit), "from_address": CLAIRE, "by_rule": True, "on": target(bonnet)}
    previewed = api.post("/filings/preview", json=selection, params={"min_position": api.position}).json()["items"]

    assert [one["ticket"]["ticket_id"] for one in previewed] == hers[::-1]
    assert {one["ticket"]["filed_under"][0]["label"] for one in previewed} == {"Petit"}
    assert {one["to"][0]["label"] for one in previewed} == {"Bonnet"}
    assert all(one["changes"] for one in previewed)
    assert api.tickets_of(petit) == [theirs, *hers[::-1]], "a preview changes nothing"

    api.do(f"/tickets/{hers[0]}/close")  # somebody is at it meanwhile
    tickets = [{"ticket_id": one["ticket"]["ticket_id"], "version": one["ticket"]["version"]} for one in previewed]
    run = api.do("/filings", {"tickets": tickets, "on": target(bonnet)})

    assert [one["id"] for one in run["changed"]] == hers[:0:-1]
    (failed,) = run["failed"]
    assert (failed["id"], failed["problem"]["type"]) == (hers[0], "/problems/stale-version")
    assert api.tickets_of(bonnet) == hers[:0:-1]
    assert api.tickets_of(petit) == [theirs, hers[0]]


@pytest.mark.behaviour("X3")
def test_a_run_is_undone_but_for_what_was_filed_again_since(api, wrong_owner, bonnet, petit):
    hers, _ = wrong_owner
    third = api.register("Tiers")
    run = api.do("/filings", {"tickets": [{"ticket_id": one} for one in hers], "on": target(bonnet)})
    api.file(hers[1], third)
    left = api.read(f"/filings/runs/{run['run_id']}")["items"]
    assert {line["ticket_id"] for line in left} == {hers[0], hers[2]}

    undone = api.do(f"/filings/runs/{run['run_id']}/undo?min_position={api.position}")

    assert {one["id"] for one in undone["changed"]} == {hers[0], hers[2]}
    assert [api.ticket(one)["filed_on"]["id"] for one in hers] == [petit, third, petit]
    again = api.do(f"/filings/runs/{run['run_id']}/undo?min_position={api.position}")
    assert (again["changed"], again["failed"]) == ([], [])


@pytest.mark.behaviour("X3")
def test_a_dismissed_ticket_is_previewed_as_staying_where_it_is(api, wrong_owner, bonnet):
    hers, _ = wrong_owner
    api.do(f"/tickets/{hers[0]}/dismiss", {"reason": "junk"})

    selection = {"ticket_ids": hers, "on": target(bonnet)}
    previewed = api.post("/filings/preview", json=selection, params={"min_position": api.position}).json()["items"]

    assert {one["ticket"]["ticket_id"]: one["changes"] for one in previewed} == dict(
        zip(hers, [False, True, True], strict=True)
    )


@pytest.mark.behaviour("X3")
def test_a_ticket_that_was_merged_since_is_no_longer_of_the_run(api, wrong_owner, bonnet, petit):
    hers, _ = wrong_owner
    run = api.do("/filings", {"tickets": [{"ticket_id": one} for one in hers], "on": target(bonnet)})
    api.do(f"/tickets/{hers[0]}/merge", {"other_id": hers[1]})

    undone = api.do(f"/filings/runs/{run['run_id']}/undo?min_position={api.position}")

    assert ({one["id"] for one in undone["changed"]}, undone["failed"]) == ({hers[0], hers[2]}, [])
    assert [api.ticket(one)["filed_on"]["id"] for one in (hers[0], hers[2])] == [petit] * 2


@pytest.mark.behaviour("X3")
def test_many_are_taken_off_their_file_and_put_back(api, wrong_owner, petit):
    hers, _ = wrong_owner
    run = api.do("/filings", {"tickets": [{"ticket_id": one} for one in hers], "on": None})
    assert [api.ticket(one)["filed_on"] for one in hers] == [None] * 3
    api.do(f"/filings/runs/{run['run_id']}/undo?min_position={api.position}")
    assert [api.ticket(one)["filed_on"] for one in hers] == [target(petit)] * 3


@pytest.mark.behaviour("X3")
def test_a_filing_is_undone_once(api, bonnet, petit):
    ticket_id = api.receive_from(CLAIRE)
    for dossier in (bonnet, petit):
        api.file(ticket_id, dossier)

    api.do(f"/tickets/{ticket_id}/undo")
    assert api.ticket(ticket_id)["filed_on"] == target(bonnet)
    answer = api.post(f"/tickets/{ticket_id}/undo")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/nothing-to-undo")


def test_the_same_run_asked_for_twice_is_one(api, wrong_owner, bonnet):
    hers, _ = wrong_owner
    asked = {"tickets": [{"ticket_id": one} for one in hers], "on": target(bonnet)}
    first, second = (api.do("/filings", asked, headers={"Idempotency-Key": "k1"}) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("selection", "field"),
    [
        ({"on": None}, "body"),
        ({"ticket_ids": [UNKNOWN], "filed_on": target(UNKNOWN), "on": None}, "body"),
        ({"ticket_ids": [UNKNOWN], "by_rule": True, "on": None}, "body"),
        ({"ticket_ids": [], "on": None}, "ticket_ids"),
        ({"filed_on": target(UNKNOWN)}, "on"),
        ({"filed_on": target(UNKNOWN), "from_address": "nobody", "on": None}, "from_address"),
    ],
)
def test_what_is_wrong_with_a_selection_is_named(api, selection, field):
    answer = api.post("/filings/preview", json=selection)
    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("path", ["/filings/preview", "/filings"])
def test_a_file_that_is_not_there_is_told_once(api, path):
    ticket_id = api.receive_from(CLAIRE)
    body = {"/filings": {"tickets": [{"ticket_id": ticket_id}]}}.get(path, {"ticket_ids": [ticket_id]})
    of_another_kind = {"kind": "contract", "id": api.register("Bonnet")}
    for nowhere in (target(UNKNOWN), of_another_kind):
        answer = api.post(path, json={**body, "on": nowhere})
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["field"] == "on.id"
    assert api.ticket(ticket_id)["version"] == 2
