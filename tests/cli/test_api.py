"""Any operation, asked from a terminal."""

import json
from uuid import uuid4

import pytest

from api.cli import api as asked
from api.routes import office_operations
from tests.cli.command_line import errors
from tests.end_to_end.mailboxes import letter

UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def staffed(opened):
    """`greffier` on an office that has a collaborator."""
    opened("token", "lea@cabinet.example", "--first-name", "Léa", "--last-name", "Morel")
    return opened


@pytest.fixture
def client_id(staffed):
    return staffed("api", "POST", "/clients", "identity.kind=person", "identity.last_name=Bonnet").json["id"]


def test_what_one_command_changed_the_next_one_reads(staffed):
    created = staffed(
        "api", "post", "/clients", "identity.kind=person", "identity.last_name=Bonnet", "identity.first_name=Claire",
        "active=true", "email_addresses=claire@courriel.example", "email_addresses=bonnet@courriel.example",
    ).json  # fmt: skip
    assert created["warnings"] == []
    shown = staffed("api", "GET", f"/clients/{created['id']}").json
    assert (shown["label"], shown["status"], shown["version"]) == ("Claire Bonnet", "active", created["version"])
    assert {one["address"] for one in shown["email_addresses"]} == {
        "claire@courriel.example",
        "bonnet@courriel.example",
    }
    found = staffed("api", "GET", "/clients", "name=bon", "total=true").json
    assert (found["total"], found["items"][0]["client_id"]) == (1, created["id"])


def test_a_body_is_given_whole_as_json(staffed, apart):
    body = {"identity": {"kind": "company", "company_name": "Boulangerie Petitjean"}}
    (apart / "body.json").write_text(json.dumps(body))
    from_file = staffed("api", "POST", "/clients", "--json", "body.json").json
    from_input = staffed("api", "POST", "/clients", "--json", "-", stdin=json.dumps(body).encode()).json
    assert from_file["id"] != from_input["id"]
    (line,) = errors(staffed("api", "POST", "/clients", "--json", "nowhere.json", exit_code=1))
    assert "nowhere.json" in line


def test_a_value_that_is_no_text_is_given_as_json(staffed, client_id):
    contract = staffed(
        "api", "POST", f"/clients/{client_id}/contracts", "policy_number=123456", "company_id:=null"
    ).json
    assert staffed("api", "GET", f"/contracts/{contract['id']}").json["policy_number"] == "123456"
    (line,) = errors(staffed("api", "POST", "/clients", "active:=yes", exit_code=2))
    assert "active:=yes" in line


def test_who_acts_is_who_is_named(staffed, client_id, apart):
    staffed("token", "paul@cabinet.example", "--last-name", "Petit")
    (apart / "1.eml").write_bytes(letter(1))
    staffed("api", "POST", "/messages", "--raw", "1.eml", "--as", "paul@cabinet.example")
    ticket_id = staffed.json("tickets", "list")["items"][0]["ticket_id"]
    staffed("api", "POST", f"/tickets/{ticket_id}/close", "--as", "paul@cabinet.example")
    assert [line["who"] for line in staffed.json("tickets", "history", "1")][-1] == "Petit"
    (line,) = errors(staffed("api", "GET", "/clients", "--as", "nobody@cabinet.example", exit_code=1))
    assert "nobody@cabinet.example" in line


def test_bytes_are_given_as_they_are(staffed, apart, capfdbinary):
    raw = letter(1)
    taken = staffed("api", "POST", "/messages", stdin=raw).json
    assert taken["outcome"] == "ticket"
    done = staffed.run("api", "GET", f"/tickets/{taken['ticket_id']}/raw")
    assert done.stdout.encode() == raw


@pytest.mark.parametrize(
    ("arguments", "exit_code", "named"),
    [
        (["GET", "/nowhere"], 1, "nothing lies at /nowhere"),
        (["DELETE", "/clients"], 1, "/clients knows GET, POST only"),
        (["GET", f"/clients/{UNKNOWN}"], 1, f"there is no client {UNKNOWN}"),
        (["GET", "/clients/12"], 2, "path.client_id"),
        (["GET", "/clients", "nonsense=1"], 2, "query.nonsense"),
        (["GET", "/clients", "limit=1_0"], 2, "query.limit"),
        (["GET", "/clients", "name"], 2, "name"),
        (["GET", "/clients", "--json", "-"], 2, "takes no body"),
        (["POST", "/messages", "a=b"], 2, "--raw"),
        (["POST", "/clients", "--raw", "-"], 2, "--json"),
        (["POST", "/clients", "identity.kind=person"], 2, "identity.last_name"),
        (["POST", "/contacts", "identity.last_name=Ferrand", f"company_id={UNKNOWN}"], 2, "company_id"),
        (["POST", "/clients", "identity.kind=person", "identity.kind.x=3"], 2, "identity.kind.x"),
        (["POST", "/filings/preview", "ticket_ids:=null", f"ticket_ids={UNKNOWN}"], 2, "ticket_ids"),
        (["GET", "/clients", "--if-match", "1"], 2, "--if-match"),
        (["POST", f"/claims/{UNKNOWN}/close"], 1, f"there is no claim {UNKNOWN}"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(staffed, arguments, exit_code, named):
    ran = staffed("api", *arguments, exit_code=exit_code)
    assert ran.stdout == ""
    (line,) = errors(ran)
    assert line.startswith("greffier: ")
    assert named in line


def test_what_has_a_body_takes_a_query_too(staffed, client_id):
    asked = ["on.kind=client", f"on.id={client_id}", "filed_on.kind=client", f"filed_on.id={client_id}"]
    assert staffed("api", "POST", "/filings/preview?limit=2&total=true", *asked).json["total"] == 0
    (line,) = errors(staffed("api", "POST", "/filings/preview?limit=0", *asked, exit_code=2))
    assert "query.limit" in line


def test_a_conflict_says_whose_it_is(staffed, client_id):
    staffed("api", "POST", f"/clients/{client_id}/email-addresses", "address=claire@courriel.example")
    other = staffed("api", "POST", "/companies", "role=insurer", "name=Axe").json["id"]
    ran = staffed("api", "POST", f"/companies/{other}/email-addresses", "address=claire@courriel.example", exit_code=1)
    assert errors(ran)[1:] == [f"greffier: client {client_id}: Bonnet"]


def test_a_version_that_is_no_longer_there_is_refused(staffed, client_id):
    path = f"/clients/{client_id}/activate"
    staffed("api", "POST", path, "--if-match", "1")
    (line,) = errors(staffed("api", "POST", path, "--if-match", "1", exit_code=1))
    assert "read it again" in line


def test_who_may_not_do_it_over_http_may_not_do_it_here(staffed, client_id, monkeypatch):
    monkeypatch.setattr("api.answering.may", lambda _viewer, action: action == "read")
    staffed("api", "GET", f"/clients/{client_id}")
    (line,) = errors(staffed("api", "POST", f"/clients/{client_id}/activate", exit_code=1))
    assert "may not" in line
    monkeypatch.setattr("api.answering.may", lambda *_: False)
    assert "may not" in errors(staffed("tickets", "list", exit_code=1))[0]


def test_paths_are_completed_with_those_of_the_method():
    class Typed:
        params = {"method": "delete"}

    assert set(asked._paths(Typed())) == {
        (one.path, one.summary) for one in office_operations() if one.method == "DELETE"
    }
    assert {"GET", "POST", "DELETE"} <= set(asked._methods())


def test_a_command_s_warning_is_shown(staffed, client_id):
    path = f"/clients/{client_id}/contracts"
    first = staffed("api", "POST", path, "policy_number=MRH-2201457").json
    second = staffed("api", "POST", path, "policy_number=mrh 2201457").json
    assert first["warnings"] == []
    (warning,) = second["warnings"]
    assert (warning["code"], warning["field"], warning["ids"]) == (
        "policy_number_taken",
        "policy_number",
        [first["id"]],
    )
    assert warning["message"]


def test_what_is_asked_for_by_its_kind_and_name_is_found(staffed, client_id):
    staffed("api", "POST", f"/clients/{client_id}/contracts", "policy_number=MRH-2201457")
    (contract,) = staffed("api", "GET", "/targets", "kind=contract", "name=MRH-2201457").json["items"]
    assert [above["label"] for above in contract["filed_under"]] == ["contrat MRH-2201457", "Bonnet"]
    assert staffed("api", "GET", "/targets", "kind=contract", f"name={uuid4()}").json["items"] == []
