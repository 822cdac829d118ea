"""Tickets found by what their messages say, over HTTP."""

import pytest

from tests.api.letters import letter

CLAIRE = "Claire Bonnet <claire@courriel.example>"
PAUL = "Paul Petit <paul@courriel.example>"
NOBODY = "77777777-7777-4777-8777-777777777777"


def found(page):
    return [one["ticket"]["ticket_id"] for one in page["items"]]


@pytest.fixture
def search(api):
    return lambda **options: found(api.read("/tickets/search", **options))


def test_a_message_is_found_by_its_words_as_soon_as_it_was_taken_in(api, search):
    for number in range(5):
        ticket_id = api.receive_from(CLAIRE, subject="Résiliation", text=f"Je résilie le contrat n{number}.")
        api.receive_from(PAUL, subject="Sinistre", text="Un dégât des eaux.")
        assert search(text=f"bonnet resili* n{number}") == [ticket_id]


def test_what_is_found_tells_the_ticket_the_message_and_the_words(api):
    bonnet = api.register("Bonnet")
    ticket_id = api.receive_from(CLAIRE, subject="Contrat", text="Bonjour,\n\nje résilie mon contrat.")
    api.receive_from(PAUL)
    api.file(ticket_id, bonnet)
    (mail,) = api.read(f"/tickets/{ticket_id}/messages")["items"]

    (one,) = api.read("/tickets/search", text="résil*")["items"]

    (row,) = (row for row in api.read("/tickets")["items"] if row["ticket_id"] == ticket_id)
    line = {name: told for name, told in row.items() if name not in {"actions", "suggestions"}}
    assert one == {
        "ticket": line,
        "mail_id": mail["mail_id"],
        "received_at": mail["received_at"],
        "direction": "incoming",
        "from_address": "claire@courriel.example",
        "from_name": "Claire Bonnet",
        "subject": "Contrat",
        "part": "body",
        "snippet": {"text": "Bonjour, je résilie mon contrat.", "hits": [[12, 19]]},
    }


def test_a_filing_and_an_assignment_show_at_once(api, search):
    bonnet, petit = api.register("Bonnet"), api.register("Petit")
    contract = api.register_contract(bonnet, "MRH-1")
    on_contract, on_petit, unfiled = (api.receive_from(CLAIRE, text="attestation") for _ in range(3))
    api.file(on_contract, contract, "contract")
    api.file(on_petit, petit)
    api.do(f"/tickets/{unfiled}/wait")

    assert search(text="attestation", on_kind="client", on_id=bonnet) == [on_contract]
    assert search(on_kind="client", on_id=petit) == [on_petit]
    assert search(text="attestation", filed=False, state="waiting", assigned=False) == [unfiled]
    assert search(text="sinistre", on_kind="client", on_id=bonnet) == []


def test_what_was_dismissed_or_merged_is_found_where_it_is(api, search):
    first, second, third = (api.receive_from(CLAIRE, text=f"attestation n{number}") for number in (1, 2, 3))
    api.do(f"/tickets/{first}/dismiss", {"reason": "junk"})
    api.do(f"/tickets/{third}/merge", {"other_id": second})

    assert search(text="attestation") == [third]
    assert search(text="n2") == [third]
    assert search(text="attestation", with_dismissed=True) == [third, first]


def test_an_answer_shows_the_ticket_once_with_its_newest_hit(api):
    ticket_id = api.receive(letter(CLAIRE, text="attestation un", message_id="<un@courriel.example>"))
    other = api.receive_from(PAUL, text="attestation")
    answer = letter(CLAIRE, text="attestation deux").replace(
        b"Subject:", b"In-Reply-To: <un@courriel.example>\nSubject:"
    )
    assert api.receive(answer) == ticket_id

    page = api.read("/tickets/search", text="attestation")

    assert found(page) == [ticket_id, other]
    assert page["items"][0]["snippet"]["text"] == "attestation deux"
    assert found(api.read("/tickets/search", text="attestation un")) == [ticket_id]


def test_pages_show_each_ticket_once_though_mail_arrives_meanwhile(api):
    old = [api.receive_from(CLAIRE) for _ in range(5)][::-1]
    api.receive_from("Paul Petit <paul@courriel.example>")

    first = api.read("/tickets/search", text="bonnet", limit=2)
    new = api.receive_from(CLAIRE)
    second = api.read("/tickets/search", text="bonnet", limit=2, cursor=first["next_cursor"])
    third = api.read("/tickets/search", text="bonnet", limit=2, cursor=second["next_cursor"])

    assert found(first) + found(second) + found(third) == old
    assert third["next_cursor"] is None
    assert found(api.read("/tickets/search", text="bonnet", limit=1)) == [new]


def test_a_period_is_of_days_or_of_moments(api, search):
    ticket_id = api.receive_from(CLAIRE)
    api.receive_from(PAUL)
    (mail,) = api.read(f"/tickets/{ticket_id}/messages")["items"]
    at, day = mail["received_at"], mail["received_at"][:10]

    assert search(text="bonnet", since=at) == [ticket_id]
    assert search(text="bonnet", until=at) == []
    assert search(text="bonnet", since="2000-01-01", until="2999-12-31") == [ticket_id]
    assert search(text="bonnet", until="2000-01-01") == search(text="bonnet", since="2999-12-31") == []
    assert search(text="bonnet", since=day, until=day) == search(text="bonnet", until=day)


@pytest.mark.parametrize(
    ("query", "field", "told"),
    [
        ({"text": "…"}, "query.text", "has nothing that can be searched: give words or numbers"),
        ({"text": ""}, "query.text", "has nothing that can be searched: give words or numbers"),
        ({"text": "x" * 1001}, "query.text", "String should have at most 1000 characters"),
        ({"since": "yesterday"}, "query.since", "must be a day such as"),
        ({"since": "2026-02-30"}, "query.since", "must be a day such as"),
        ({"until": "2026-02-03T10:00:00"}, "query.until", "must be a day such as"),
        ({"until": "0001-01-01"}, "query.until", "must be a day such as"),
        ({"until": "9999-12-31"}, "query.until", "must be a day such as"),
        ({"since": "2026-02-03", "until": "2026-02-02"}, "query.until", "must lie after `since`"),
        ({"on_kind": "client"}, "query.on_id", "must be given: a file is a kind and an id"),
        ({"on_id": NOBODY}, "query.on_kind", "must be given: a file is a kind and an id"),
        ({"on_kind": "claim", "on_id": NOBODY}, "query.on_id", f"there is no claim {NOBODY}"),
        ({"cursor": "WzFd"}, "query.cursor", "not a cursor that this list gave"),
        ({"total": "true"}, "query.total", "Extra inputs are not permitted"),
    ],
)
def test_what_is_wrong_is_named(api, query, field, told):
    answer = api.get("/tickets/search", params=query)

    assert answer.status_code == 422
    assert [(error["field"], error["message"][: len(told)]) for error in answer.json()["errors"]] == [(field, told)]


def test_a_search_that_waits_for_a_position_says_when_it_can_t_be_had_yet(halted):
    greffier, api = halted
    api.receive_from(CLAIRE)
    late = api.get("/tickets/search", params={"text": "bonnet", "min_position": api.position})
    greffier.catch_up()
    then = api.read("/tickets/search", text="bonnet")

    assert (late.status_code, late.json()["type"]) == (503, "/problems/views-behind")
    assert len(then["items"]) == 1


def test_a_ticket_s_path_is_not_hidden_by_the_search_s(api):
    assert api.get(f"/tickets/{api.receive_from(CLAIRE)}", params={"min_position": api.position}).status_code == 200
    assert api.post("/tickets/search").status_code == 405
