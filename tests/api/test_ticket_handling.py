"""How tickets are seen to, over HTTP: their state, whose they are, what is put aside, and comments."""

from uuid import UUID, uuid4

import pytest

from adapters.staff import collaborator_id, welcome
from domain.office.office import CollaboratorIdentity
from tests.api.office import COLLABORATOR

CLAIRE = "claire@courriel.example"
PAUL = CollaboratorIdentity(first_name="Paul", last_name="Petit", email_address="paul@office.example")

COMMANDS = {
    "wait": None,
    "close": None,
    "reopen": None,
    "assign": {"collaborator_id": None},
    "dismiss": {"reason": "advertising"},
    "bring-back": None,
    "comments": {"text": "Rappeler"},
}
EVERY_COMMAND = pytest.mark.parametrize(("command", "body"), list(COMMANDS.items()), ids=list(COMMANDS))


@pytest.fixture
def ticket_id(api):
    return api.receive_from(CLAIRE)


@pytest.fixture
def other(api, ticket_id):
    """Another ticket, newer, that nothing happens to."""
    return api.receive_from(CLAIRE)


@pytest.fixture
def alice(greffier):
    return str(collaborator_id(greffier.log, COLLABORATOR.email_address))


@pytest.fixture
def paul(greffier):
    return str(welcome(greffier.log, PAUL))


@pytest.fixture
def give(api, ticket_id):
    return lambda command, **body: api.do(f"/tickets/{ticket_id}/{command}", body or COMMANDS[command])


@pytest.fixture
def refused(api, ticket_id):
    """The type of the problem that a command is answered with, and the problem."""

    def ask(command, body=None):
        answer = api.post(f"/tickets/{ticket_id}/{command}", json=COMMANDS[command] if body is None else body)
        assert answer.status_code in {404, 409}, answer.text
        return answer.status_code, answer.json()

    return ask


def ids(page):
    return [line["ticket_id"] for line in page["items"]]


def last_sentence(api, ticket_id):
    return api.read(f"/tickets/{ticket_id}/history")["items"][-1]["sentence"]


# --- its state --------------------------------------------------------------------------------------------


def test_a_ticket_waits_is_closed_and_reopened(api, ticket_id, other, give):
    assert api.ticket(ticket_id)["state"] == "open"

    told = []
    for command in ("wait", "close", "reopen"):
        changed = give(command)
        ticket = api.ticket(ticket_id)
        assert (changed["id"], changed["version"]) == (ticket_id, ticket["version"])
        told.append((ticket["state"], last_sentence(api, ticket_id)))

    assert told == [
        ("waiting", "Alice Martin : Ticket mis en attente."),
        ("closed", "Alice Martin : Ticket fermé."),
        ("open", "Alice Martin : Ticket rouvert."),
    ]
    assert api.ticket(other)["state"] == "open"


def test_the_inbox_is_filtered_by_state(api, ticket_id, other, give):
    give("close")

    assert ids(api.read("/tickets")) == [other, ticket_id]
    assert ids(api.read("/tickets", state="closed")) == [ticket_id]
    assert ids(api.read("/tickets", state="open")) == [other]
    assert api.read("/tickets", state="waiting", total=True)["total"] == 0
    assert [line["state"] for line in api.read("/tickets")["items"]] == ["open", "closed"]


def test_a_closed_ticket_is_reopened_before_anyone_sees_to_it(ticket_id, give, refused):
    give("close")

    for command in ("wait", "assign"):
        status, problem = refused(command)
        assert (status, problem["type"], problem["ticket_id"]) == (409, "/problems/ticket-is-closed", ticket_id)
    give("reopen")
    give("wait")


def test_a_closed_ticket_is_filed(api, ticket_id, give):
    client_id = api.register("Bonnet")
    give("close")

    api.file(ticket_id, client_id)

    ticket = api.ticket(ticket_id)
    assert (ticket["filed_on"]["id"], ticket["state"]) == (client_id, "closed")


# --- whose it is ------------------------------------------------------------------------------------------


@EVERY_COMMAND
def test_every_command_answers_alike(api, ticket_id, command, body):
    answered = api.do(f"/tickets/{ticket_id}/{command}", body)
    assert answered.keys() == {"id", "version", "position", "warnings"}
    assert (answered["id"] == ticket_id) == (command != "comments")
    assert (answered["version"], answered["warnings"]) == (api.ticket(ticket_id)["version"], [])


def test_whom_a_ticket_can_be_assigned_to_is_listed_by_name(api, ticket_id, give, alice, paul):
    staff = api.read("/collaborators", min_position=api.get("/health").json()["head"])["items"]
    assert [(one["collaborator_id"], one["label"]) for one in staff] == sorted(
        [(alice, f"{COLLABORATOR.first_name} {COLLABORATOR.last_name}"), (paul, "Paul Petit")], key=lambda one: one[1]
    )
    give("assign", collaborator_id=staff[0]["collaborator_id"])
    assert api.ticket(ticket_id)["assigned_to"] == staff[0]["collaborator_id"]


def test_a_ticket_is_assigned_changes_hands_and_is_nobody_s(api, ticket_id, other, give, alice, paul):
    told = []
    for collaborator in (paul, alice, None):
        give("assign", collaborator_id=collaborator)
        told.append((api.ticket(ticket_id)["assigned_to"], last_sentence(api, ticket_id)))

    assert told == [
        (paul, "Alice Martin : Confié à Paul Petit."),
        (alice, "Alice Martin : Repris à Paul Petit et confié à Alice Martin."),
        (None, "Alice Martin : Repris à Alice Martin."),
    ]
    assert api.ticket(other)["assigned_to"] is None


def test_the_inbox_is_filtered_by_whose_tickets_are(api, ticket_id, other, give, alice, paul):
    give("assign", collaborator_id=paul)

    assert ids(api.read("/tickets", assigned_to=paul)) == [ticket_id]
    assert ids(api.read("/tickets", assigned_to=alice)) == []
    assert ids(api.read("/tickets", assigned=True)) == [ticket_id]
    assert ids(api.read("/tickets", assigned=False)) == [other]
    assert [line["assigned_to"] for line in api.read("/tickets")["items"]] == [None, paul]


def test_tickets_are_assigned_to_collaborators_only(api, ticket_id):
    stranger = str(uuid4())

    answer = api.post(f"/tickets/{ticket_id}/assign", json={"collaborator_id": stranger})

    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid")
    told = {"field": "collaborator_id", "message": f"there is no collaborator {stranger}"}
    assert answer.json()["errors"] == [told]
    assert api.ticket(ticket_id)["assigned_to"] is None


# --- put aside --------------------------------------------------------------------------------------------


def test_a_dismissed_ticket_leaves_the_inbox_and_comes_back_as_it_was(api, ticket_id, other, give):
    give("wait")

    give("dismiss", reason="advertising", note="Démarchage")

    assert ids(api.read("/tickets")) == [other]
    (aside,) = api.read("/tickets", dismissed=True)["items"]
    assert (aside["ticket_id"], aside["dismissed"], aside["state"]) == (ticket_id, "advertising", "waiting")
    assert api.ticket(ticket_id)["dismissal_note"] == "Démarchage"
    assert last_sentence(api, ticket_id) == "Alice Martin : Écarté (publicité)."

    give("bring-back")

    ticket = api.ticket(ticket_id)
    assert (ticket["state"], ticket["dismissed"], ticket["dismissal_note"]) == ("waiting", None, None)
    assert ids(api.read("/tickets")) == [other, ticket_id]
    assert api.read("/tickets", dismissed=True)["items"] == []
    assert last_sentence(api, ticket_id) == "Alice Martin : Rétabli."


def test_nothing_but_a_comment_is_done_with_a_dismissed_ticket(api, ticket_id, give, refused):
    client_id = api.register("Bonnet")
    give("dismiss", reason="junk")

    for command in ("wait", "close", "reopen", "assign", "dismiss"):
        status, problem = refused(command)
        assert (status, problem["type"]) == (409, "/problems/ticket-is-dismissed"), command
        assert (problem["ticket_id"], problem["reason"]) == (ticket_id, "junk")
    filing = {"on": {"kind": "client", "id": client_id}}
    for command, body in (("file", filing), ("unfile", None)):
        answer = api.post(f"/tickets/{ticket_id}/{command}", json=body)
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/ticket-is-dismissed")
    give("comments", text="Encore une publicité")
    assert len(api.read(f"/tickets/{ticket_id}/comments")["items"]) == 1


def test_a_dismissal_that_is_refused_opens_no_dossier(api, ticket_id, give):
    give("dismiss", reason="junk")
    new = {"kind": "new_client", "identity": {"kind": "person", "last_name": "Neuf"}}

    assert api.post(f"/tickets/{ticket_id}/file", json={"on": new}).status_code == 409
    assert api.read("/clients")["items"] == []


# --- comments ---------------------------------------------------------------------------------------------


def test_comments_say_who_wrote_what_oldest_first(api, ticket_id, other, give, alice):
    first = give("comments", text="Rappeler après 18 h.")
    give("comments", text="Rappelée :\nattestation envoyée.")

    shown = api.read(f"/tickets/{ticket_id}/comments")["items"]

    assert [comment["text"] for comment in shown] == ["Rappeler après 18 h.", "Rappelée :\nattestation envoyée."]
    assert shown[0]["comment_id"] == first["id"]
    assert (shown[0]["who"], shown[0]["author"]) == ("Alice Martin", {"kind": "collaborator", "id": alice})
    assert api.read(f"/tickets/{other}/comments")["items"] == []
    assert last_sentence(api, ticket_id) == "Alice Martin : Commentaire ajouté."


def test_an_added_comment_says_where_it_is_read(api, ticket_id):
    added = api.post(f"/tickets/{ticket_id}/comments", json={"text": "Rappeler"})

    assert (added.status_code, added.headers["location"]) == (201, f"/tickets/{ticket_id}/comments")
    shown = api.read(added.headers["location"], min_position=added.json()["position"])["items"]
    assert [comment["comment_id"] for comment in shown] == [added.json()["id"]]


def test_a_comment_is_added_once_under_one_key(api, ticket_id):
    first, again = (
        api.do(f"/tickets/{ticket_id}/comments", {"text": "Rappeler"}, headers={"Idempotency-Key": "k"})
        for _ in range(2)
    )

    assert first == again
    assert len(api.read(f"/tickets/{ticket_id}/comments")["items"]) == 1


def test_two_collaborators_may_choose_the_same_key(api, greffier, ticket_id, paul):
    as_paul = {"Authorization": f"Bearer {greffier.desk.issue_token(UUID(paul))}"}
    for told in ({}, as_paul):
        api.do(f"/tickets/{ticket_id}/comments", {"text": "Rappeler"}, headers={"Idempotency-Key": "k", **told})

    comments = api.read(f"/tickets/{ticket_id}/comments")["items"]
    assert [comment["who"] for comment in comments] == ["Alice Martin", "Paul Petit"]


def test_the_comments_of_a_ticket_that_does_not_exist(api):
    answer = api.get(f"/tickets/{uuid4()}/comments")

    assert (answer.status_code, answer.json()["kind"]) == (404, "ticket")


@pytest.mark.parametrize(
    ("command", "body", "field"),
    [
        ("comments", {"text": " \n"}, "text"),
        ("comments", {"text": "\u200b \u2060\ufeff"}, "text"),
        ("comments", {"text": "x" * 10_001}, "text"),
        ("comments", {}, "text"),
        ("dismiss", {"reason": "boring"}, "reason"),
        ("dismiss", {"reason": "other", "note": ""}, "note"),
        ("assign", {}, "collaborator_id"),
        ("assign", {"collaborator_id": "alice"}, "collaborator_id"),
        ("assign", {"collaborator_id": None, "because": 1}, "because"),
    ],
)
def test_what_is_wrong_is_named(api, ticket_id, command, body, field):
    answer = api.post(f"/tickets/{ticket_id}/{command}", json=body)

    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, [field])


def test_too_long_a_comment_is_told_how_long_it_may_be(api, ticket_id):
    answer = api.post(f"/tickets/{ticket_id}/comments", json={"text": "x" * 10_001})

    assert answer.json()["errors"] == [{"field": "text", "message": "may have 10000 characters at most"}]


# --- conditions and retries ---------------------------------------------------------------------------------


@EVERY_COMMAND
def test_a_ticket_that_is_not_there_is_not_seen_to(api, command, body):
    answer = api.post(f"/tickets/{api.register('Bonnet')}/{command}", json=body)

    assert (answer.status_code, answer.json()["kind"]) == (404, "ticket")


@EVERY_COMMAND
def test_a_stale_reading_changes_nothing(api, ticket_id, give, command, body):
    before = give("comments", text="Entre-temps")

    answer = api.post(f"/tickets/{ticket_id}/{command}", json=body, headers={"If-Match": '"2"'})

    assert (answer.status_code, answer.json()["type"]) == (412, "/problems/stale-version")
    assert api.ticket(ticket_id)["version"] == before["version"] == 3


@EVERY_COMMAND
def test_a_fresh_reading_may_act(api, ticket_id, command, body):
    answer = api.post(f"/tickets/{ticket_id}/{command}", json=body, headers={"If-Match": '"2"'})

    assert answer.status_code == (201 if command == "comments" else 200)
    assert answer.headers["etag"] == f'"{answer.json()["version"]}"'


def test_a_retry_gets_the_first_answer_though_the_ticket_has_moved_on(api, ticket_id, give):
    key = {"Idempotency-Key": "k"}
    first = api.do(f"/tickets/{ticket_id}/close", headers=key)
    give("reopen")

    assert api.do(f"/tickets/{ticket_id}/close", headers=key) == first
    assert api.ticket(ticket_id)["state"] == "open"


def test_a_key_is_one_commands_though_another_takes_the_same(api, ticket_id):
    key = {"Idempotency-Key": "k"}
    api.do(f"/tickets/{ticket_id}/close", headers=key)

    reused = api.post(f"/tickets/{ticket_id}/reopen", headers=key)

    assert (reused.status_code, reused.json()["type"]) == (422, "/problems/command-id-reused")
    assert api.ticket(ticket_id)["state"] == "closed"


def test_what_changes_nothing_adds_nothing(api, ticket_id, give):
    for command in ("wait", "close", "dismiss", "bring-back"):
        assert give(command)["position"] == give(command)["position"]
    assert give("reopen")["position"] == give("reopen")["position"]
    assert give("assign")["version"] == api.ticket(ticket_id)["version"]
