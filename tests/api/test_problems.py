"""Every error is a problem (RFC 9457) that names what is wrong, and nothing of the inside."""

import asyncio
import json
from uuid import uuid4

import pytest

from adapters.databases import StoreUnavailable
from adapters.staff import COMMAND_LINE
from api import answering
from api.answering import Answered
from api.routes import office_operations
from domain.office.office import WelcomeCollaborator
from projections import clients, collaborators, ticket_history
from tests.api.letters import letter
from tests.api.office import COLLABORATOR, opened, serving

UUID = "11111111-1111-4111-8111-111111111111"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One office for all questions that change nothing."""
    with opened(tmp_path_factory.mktemp("problems") / "office") as greffier:
        yield greffier


@pytest.fixture(scope="module")
def asked(shared):
    with serving(shared) as api:
        api.register("Bonnet")
        yield api


@pytest.fixture(scope="module")
def ticket_id(asked):
    return asked.receive(letter())


def problem(answer, status, name):
    """The answer's problem, once it is one, of that status and type."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["type"] == f"/problems/{name}"
    assert told["status"] == status
    assert told["title"]
    assert told["detail"]
    return told


def fields(answer):
    return [error["field"] for error in problem(answer, 422, "invalid")["errors"]]


# --- who asks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer greffier_unknown", "Basic YTpi", "greffier_x", "Bearer \xe9\xff"]
)
def test_a_request_without_a_valid_token_is_unauthenticated(asked, header):
    answer = asked.get("/tickets", headers={"Authorization": header.encode("latin-1")})

    problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == 'Bearer realm="greffier"'


@pytest.mark.parametrize("operation", office_operations(), ids=lambda operation: operation.name)
def test_every_operation_asks_for_a_token_before_anything_else(asked, operation):
    path = operation.path.replace("{part}", "x")

    answer = asked.request(
        operation.method, path, params={"nonsense": 1}, content=b"\xff", headers={"Authorization": "Bearer greffier_no"}
    )

    problem(answer, 401, "unauthenticated")


@pytest.mark.parametrize("scheme", ["Basic", "Token", "Bearers", "Bear er"])
def test_a_valid_token_counts_under_no_other_scheme(asked, scheme):
    token = asked.headers["authorization"].removeprefix("Bearer ")

    problem(asked.get("/tickets", headers={"Authorization": f"{scheme} {token}"}), 401, "unauthenticated")
    problem(asked.get("/tickets", headers={"Authorization": token}), 401, "unauthenticated")


@pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
def test_the_scheme_s_case_does_not_matter(asked, scheme):
    token = asked.headers["authorization"].removeprefix("Bearer ")

    assert asked.get("/tickets", headers={"Authorization": f"{scheme}  {token}"}).status_code == 200


def test_who_may_not_do_it_is_told_so(asked, monkeypatch):
    monkeypatch.setattr(answering, "may", lambda _, action: action != "manage_dossiers")

    problem(asked.post("/clients", json={}), 403, "forbidden")
    assert asked.get("/clients").status_code == 200


# --- where -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/tickets/", f"/tickets/{UUID}/", "/tickets//raw", "/%2e%2e/etc", "/é"]
)
def test_nothing_lies_at_an_unknown_path(asked, path):
    problem(asked.get(path), 404, "no-such-route")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/clients", {"GET", "HEAD", "POST"}),
        ("OPTIONS", "/tickets", {"GET", "HEAD"}),
        ("GET", "/messages", {"POST"}),
        ("PATCH", f"/clients/{UUID}/email-addresses/{UUID}", {"DELETE"}),
        ("POST", "/health", {"GET", "HEAD"}),
    ],
)
def test_a_method_that_a_path_does_not_know_is_answered_with_those_it_does(asked, method, path, allowed):
    answer = asked.request(method, path)

    problem(answer, 405, "method-not-allowed")
    assert set(answer.headers["allow"].replace(" ", "").split(",")) == allowed


def test_head_is_answered_like_get(asked):
    assert asked.head("/tickets").status_code == 200


# --- what is sent ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"{", b"{'on': 1}", b"\xff\xfe", b'{"on": NaN', b"[" * 5000, b'"\\ud800"'])
def test_a_body_that_is_not_json_is_malformed(asked, ticket_id, body):
    answer = asked.post(f"/tickets/{ticket_id}/file", content=body, headers={"Content-Type": "application/json"})

    assert problem(answer, 400, "malformed")["detail"].startswith("the body is not JSON: ")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/json5"])
def test_a_body_of_another_type_is_unsupported(asked, kind):
    answer = asked.post("/clients", content=b"{}", headers={"Content-Type": kind})

    assert problem(answer, 415, "unsupported-media-type")["detail"] == "the body must be application/json"


def test_a_body_that_is_too_large_is_refused(asked):
    answer = asked.post("/clients", json={"identity": {"kind": "person", "last_name": "x" * 2**20}})

    problem(answer, 413, "payload-too-large")


@pytest.mark.parametrize(
    ("sent", "wrong"),
    [
        ([], ["body"]),
        ("on", ["body"]),
        ({}, ["on"]),
        ({"on": {}}, ["on.kind"]),
        ({"on": "client"}, ["on"]),
        ({"on": {"kind": "folder", "id": UUID}}, ["on.kind"]),
        ({"on": {"kind": "client"}}, ["on.id"]),
        ({"on": {"kind": "client", "id": 7}}, ["on.id"]),
        ({"on": {"kind": "client", "id": UUID, "client": 1}}, ["on.client"]),
        ({"on": {"kind": "client", "id": UUID}, "address": "take"}, ["address"]),
        ({"on": {"kind": "client", "id": UUID}, "adress": "share"}, ["adress"]),
        ({"on": {"kind": "new_client"}}, ["on.identity"]),
        ({"on": {"kind": "new_client", "identity": {"last_name": "Bonnet"}}}, ["on.identity.kind"]),
        ({"on": {"kind": "new_client", "identity": {"kind": "company"}}}, ["on.identity.company_name"]),
        (
            {"on": {"kind": "new_client", "identity": {"kind": "company", "company_name": "\t "}}},
            ["on.identity.company_name"],
        ),
        (
            {
                "on": {
                    "kind": "new_client",
                    "identity": {"kind": "person", "title": "Dr", "nom": 1},
                    "active": "perhaps",
                }
            },
            ["on.identity.title", "on.identity.last_name", "on.identity.nom", "on.active"],
        ),
    ],
)
def test_wrong_fields_are_named_as_they_were_sent(asked, ticket_id, sent, wrong):
    assert fields(asked.post(f"/tickets/{ticket_id}/file", json=sent)) == wrong


@pytest.mark.parametrize(
    ("sent", "wrong"),
    [
        ({"email_addresses": ["a@courriel.example", "nobody", 3]}, ["email_addresses.1", "email_addresses.2"]),
        ({"email_addresses": "a@courriel.example"}, ["email_addresses"]),
        ({"email_addresses": [f"{n}@courriel.example" for n in range(21)]}, ["email_addresses"]),
        ({"identity": {"kind": "person", "last_name": "x" * 201}}, ["identity.last_name"]),
        ({"active": 1}, ["active"]),
        ({"active": "true"}, ["active"]),
        ({"kind": "identity", "identity": {"kind": "person"}}, ["identity.last_name", "kind"]),
    ],
)
def test_wrong_members_of_lists_are_named_by_their_place(asked, sent, wrong):
    answer = asked.post("/clients", json={"identity": {"kind": "person", "last_name": "Bonnet"}, **sent})

    assert fields(answer) == wrong


def test_a_wrong_field_is_told_what_would_be_right(asked):
    answer = asked.post(
        "/clients", json={"identity": {"kind": "person", "last_name": "B"}, "email_addresses": ["nobody"]}
    )

    (error,) = answer.json()["errors"]
    assert error["message"] == "not an e-mail address: An email address must have an @-sign."
    assert answer.json()["detail"] == f"email_addresses.0: {error['message']}"


@pytest.mark.parametrize(
    ("on", "message"),
    [
        ({"id": UUID}, "Field required"),
        (
            {"kind": "folder", "id": UUID},
            "Input should be 'client', 'contract', 'claim', 'company', 'contact', 'new_client'",
        ),
    ],
)
def test_a_wrong_kind_is_told_which_there_are(asked, ticket_id, on, message):
    answer = asked.post(f"/tickets/{ticket_id}/file", json={"on": on})

    assert answer.json()["errors"] == [{"field": "on.kind", "message": message}]


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("limit=0", ["query.limit"]),
        ("limit=201", ["query.limit"]),
        ("limit=ten", ["query.limit"]),
        ("limit=", ["query.limit"]),
        ("limit=10.0", ["query.limit"]),
        ("limit=1_0", ["query.limit"]),
        ("limit=%2B10", ["query.limit"]),
        ("limit=010", ["query.limit"]),
        ("total=on", ["query.total"]),
        ("total=1", ["query.total"]),
        ("filed=perhaps", ["query.filed"]),
        ("total=2", ["query.total"]),
        ("min_position=-1", ["query.min_position"]),
        ("unknown=1", ["query.unknown"]),
        ("limit=0&filed=x&other=", ["query.limit", "query.filed", "query.other"]),
        ("limit=1&limit=1", ["query.limit"]),
        ("limit=1&total=true&total=false", ["query.total"]),
        (f"cursor={'x' * 2001}", ["query.cursor"]),
        ("page=0", ["query.page"]),
        ("page=1_0", ["query.page"]),
        ("page=%2B1", ["query.page"]),
        ("page=1.0", ["query.page"]),
        ("filed=on", ["query.filed"]),
        ("min_position=1.0", ["query.min_position"]),
        ("page=2&cursor=WzFd", ["query.page"]),
    ],
)
def test_wrong_query_parameters_are_named(asked, query, wrong):
    assert sorted(fields(asked.get(f"/tickets?{query}"))) == sorted(wrong)


@pytest.mark.parametrize("beyond", [1, 10**6, 10**30])
def test_a_position_beyond_the_log_is_refused(asked, shared, beyond):
    answer = asked.get("/tickets", params={"min_position": shared.log.head() + beyond})

    assert fields(answer) == ["query.min_position"]


@pytest.mark.parametrize("cursor", ["", "x", "!!!", "bnVsbA", "WyJhIl0", "WzEsMl0", "WzFlOTld", "é", "W3RydWVd"])
def test_a_cursor_that_the_list_never_gave_is_refused(asked, cursor):
    told = problem(asked.get("/tickets", params={"cursor": cursor}), 422, "bad-cursor")

    assert told["errors"] == [{"field": "query.cursor", "message": "not a cursor that this list gave"}]


@pytest.mark.parametrize("written", ["1", "x", "11111111-1111-4111-8111-11111111111g"])
def test_an_id_that_is_none_is_named(asked, written):
    assert fields(asked.get(f"/tickets/{written}")) == ["path.ticket_id"]


@pytest.mark.parametrize("part", [-1, 2**31 + 1, 10**30, "x", "1.5"])
def test_a_part_out_of_bounds_is_named(asked, part):
    assert fields(asked.get(f"/tickets/{UUID}/attachments/{part}")) == ["path.part"]


def test_what_is_missing_is_told_with_its_kind_and_id(asked):
    missing = str(uuid4())

    told = problem(asked.get(f"/clients/{missing}"), 404, "not-found")

    assert (told["kind"], told["id"]) == ("client", missing)
    assert told["detail"] == f"there is no client {missing}"


def test_a_stale_version_is_told_with_the_one_it_should_have_been(asked, ticket_id):
    told = problem(asked.post(f"/tickets/{ticket_id}/unfile", headers={"If-Match": '"7"'}), 412, "stale-version")

    assert (told["kind"], told["id"], told["expected"], told["actual"]) == ("ticket", ticket_id, 7, 2)
    assert told["detail"] == f"the ticket {ticket_id} is at version 2, not 7: read it again"


@pytest.mark.parametrize("etag", ['"0"', '"1"'])
@pytest.mark.parametrize("path", ["/tickets/{}/unfile", "/clients/{}/activate"])
def test_a_condition_on_what_is_not_there_is_not_found(asked, path, etag):
    problem(asked.post(path.format(uuid4()), headers={"If-Match": etag}), 404, "not-found")


# --- what goes wrong here ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "name"), [("desk", "collaborator_of"), ("views", "reading"), ("log", "head")], ids=["desk", "views", "log"]
)
def test_a_store_that_can_not_be_used_asks_to_try_again(halted, monkeypatch, part, name):
    greffier, api = halted
    greffier.catch_up()
    further = greffier.log.head() + 1  # the log is asked where the views don't know

    def full(*_):
        raise StoreUnavailable(part, "database or disk is full")

    monkeypatch.setattr(getattr(greffier, part), name, full)
    answer = api.get(f"/tickets?min_position={further}")

    assert problem(answer, 503, "store-unavailable")["detail"].endswith("database or disk is full")
    assert answer.headers["retry-after"] == "2"


def test_a_command_that_can_not_be_stored_asks_to_try_again(halted, monkeypatch):
    greffier, api = halted

    def full(*_, **__):
        raise StoreUnavailable("log", "database or disk is full")

    for method in ("execute", "execute_all"):
        monkeypatch.setattr(greffier.log, method, full)

    for answer in (
        api.post("/clients", json={"identity": {"kind": "person", "last_name": "B"}}),
        api.send_in(letter()),
    ):
        problem(answer, 503, "store-unavailable")
        assert answer.headers["retry-after"] == "2"


def test_a_view_that_is_behind_asks_to_try_again(halted):
    greffier, api = halted
    greffier.catch_up()
    api.register("Bonnet")

    answer = api.get("/clients", params={"min_position": api.position})

    assert str(api.position) in problem(answer, 503, "views-behind")["detail"]
    assert answer.headers["retry-after"] == "2"


def test_a_view_that_is_not_built_yet_asks_to_try_again(halted):
    _, api = halted

    for path in ("/tickets", "/clients"):
        answer = api.get(path)
        problem(answer, 503, "views-behind")
        assert answer.headers["retry-after"] == "2"


@pytest.mark.parametrize("behind", [clients.clients, collaborators.collaborators, ticket_history.ticket_history])
def test_a_history_waits_for_those_whom_it_names(halted, monkeypatch, behind):
    greffier, api = halted
    ticket_id = api.receive(letter())
    greffier.catch_up()

    def break_down(*_):
        raise RuntimeError("this event can't be folded")

    api.file(ticket_id, api.register("Bonnet"))
    greffier.log.execute(WelcomeCollaborator(collaborator_id=uuid4(), identity=COLLABORATOR), COMMAND_LINE)
    monkeypatch.setattr(behind, "apply", break_down)
    greffier.catch_up()
    answer = api.get(f"/tickets/{ticket_id}/history", params={"min_position": greffier.log.head()})

    problem(answer, 503, "views-behind")


def test_a_conflict_names_the_owners_ids_though_no_view_knows_their_names(halted):
    _, api = halted
    owner = api.register("Petit", "paul@courriel.example")

    told = api.post(
        "/clients",
        json={"identity": {"kind": "person", "last_name": "B"}, "email_addresses": ["paul@courriel.example"]},
    )

    assert problem(told, 409, "address-belongs-to-another")["owners"][0]["id"] == owner


def test_a_foreseen_error_of_ours_is_one_warning_in_the_log(halted, caplog):
    _, api = halted

    problem(api.get("/tickets"), 503, "views-behind")

    (warning,) = [record for record in caplog.records if record.name == "api.answering"]
    assert (warning.levelname, warning.exc_info) == ("WARNING", None)
    assert warning.getMessage() == "answered with /problems/views-behind: the views have not reached position 0 yet"


@pytest.mark.parametrize("path", ["/tickets", "/health"])
def test_an_unforeseen_error_says_nothing_of_the_inside(asked, shared, monkeypatch, caplog, path):
    def break_down(*_, **__):
        raise RuntimeError("the secret inside")

    monkeypatch.setattr("projections.tickets.inbox._page", break_down)
    monkeypatch.setattr(shared.engine, "status", break_down)
    answer = asked.get(path)

    assert problem(answer, 500, "internal-error") == {
        "type": "/problems/internal-error",
        "title": "Internal error",
        "status": 500,
        "detail": "this was recorded",
    }
    assert "the secret inside" in caplog.text
    assert "Traceback" in caplog.text


def test_a_damaged_file_is_a_problem_of_ours(asked, shared, ticket_id):
    (stored,) = shared.files.names()
    path = shared.settings.data / "files" / stored[:2] / stored
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        problem(asked.get(f"/tickets/{ticket_id}/raw"), 500, "file-damaged")
    finally:
        path.write_bytes(whole)
    assert asked.get(f"/tickets/{ticket_id}/raw").status_code == 200


def test_answers_are_made_off_the_event_loop(asked, monkeypatch):
    loops = []

    def made(*arguments, **more):
        try:
            loops.append(asyncio.get_running_loop())
        except RuntimeError:
            loops.append(None)
        return Answered(*arguments, **more)

    monkeypatch.setattr(answering, "Answered", made)

    assert asked.get("/tickets").status_code == 200
    assert loops == [None]


def test_no_token_is_ever_logged(asked, shared, monkeypatch, caplog):
    def break_down(*_, **__):
        raise RuntimeError

    token = asked.headers["authorization"].removeprefix("Bearer ")
    caplog.set_level("DEBUG")
    asked.get("/tickets")
    answers = [asked.get("/tickets", headers={"Authorization": "Bearer greffier_stranger"})]
    monkeypatch.setattr("projections.tickets.inbox._page", break_down)
    answers.append(asked.get("/tickets"))

    assert [answer.status_code for answer in answers] == [401, 500]
    for text in (caplog.text, *(answer.text for answer in answers)):
        assert token not in text
        assert "greffier_stranger" not in text


def test_a_failed_command_leaves_nothing_half_done(api, greffier):
    head = greffier.log.head()
    body = {
        "identity": {"kind": "person", "last_name": "Bonnet"},
        "email_addresses": ["a@courriel.example", "A@courriel.example", "nobody"],
    }

    problem(api.post("/clients", json=body), 422, "invalid")

    assert greffier.log.head() == head
    assert api.read("/clients")["items"] == []


def test_every_problem_can_be_serialised(asked, ticket_id):
    """Text that JSON can't hold as it came must not break the answer."""
    answer = asked.get("/clients", params={"name": "\udc80".encode("utf-8", "surrogatepass")})

    assert json.loads(answer.text)["items"] == []
