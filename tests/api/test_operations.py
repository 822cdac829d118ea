"""Every operation of the document succeeds when it is asked what it is for, and every example of it works."""

import json

import pytest
import schemathesis

from api.staff import collaborator_id
from tests.api.document import DOCUMENT, IDENTIFIED, documented
from tests.api.letters import letter
from tests.api.office import COLLABORATOR

CLIENT, CLAIM = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
COLLABORATOR_ID = "33333333-3333-4333-8333-333333333333"
OTHER_TICKET = "44444444-4444-4444-8444-444444444444"
"""What stands in examples where a caller has an id of their own."""

SUCCESSES = {
    "health": 200,
    "metrics": 200,
    "this_document": 200,
    "the_documentation_page": 200,
    "list_tickets": 200,
    "search_tickets": 200,
    "show_ticket": 200,
    "show_history": 200,
    "show_body": 200,
    "show_raw": 200,
    "show_attachment": 200,
    "show_prefill": 200,
    "file_ticket": 200,
    "undo_filing": 200,
    "unfile_ticket": 200,
    "list_same_sender": 200,
    "preview_filings": 200,
    "file_many": 200,
    "show_run": 200,
    "undo_run": 200,
    "put_ticket_on_hold": 200,
    "assign_ticket": 200,
    "close_ticket": 200,
    "reopen_ticket": 200,
    "dismiss_ticket": 200,
    "bring_back_ticket": 200,
    "comment_on_ticket": 201,
    "show_comments": 200,
    "list_messages": 200,
    "show_message_body": 200,
    "show_message_raw": 200,
    "show_message_attachment": 200,
    "index_attachment": 201,
    "list_ticket_documents": 200,
    "show_document": 200,
    "show_document_content": 200,
    "list_client_documents": 200,
    "list_contract_documents": 200,
    "list_claim_documents": 200,
    "correct_document": 200,
    "remove_document": 200,
    "split_message_off": 200,
    "merge_tickets": 200,
    "search_clients": 200,
    "register_client": 201,
    "show_client": 200,
    "list_client_tickets": 200,
    "activate_client": 200,
    "give_client_address": 200,
    "remove_client_address": 200,
    "list_contracts": 200,
    "register_contract": 201,
    "show_contract": 200,
    "terminate_contract": 200,
    "list_contract_tickets": 200,
    "list_claims": 200,
    "open_claim": 201,
    "show_claim": 200,
    "close_claim": 200,
    "reopen_claim": 200,
    "list_claim_tickets": 200,
    "list_collaborators": 200,
    "search_companies": 200,
    "register_company": 201,
    "show_company": 200,
    "list_company_tickets": 200,
    "give_company_address": 200,
    "remove_company_address": 200,
    "search_contacts": 200,
    "register_contact": 201,
    "show_contact": 200,
    "list_contact_tickets": 200,
    "give_contact_address": 200,
    "remove_contact_address": 200,
    "list_office_addresses": 200,
    "reserve_office_address": 200,
    "release_office_address": 200,
    "take_in": 201,
    "list_quarantine": 200,
    "show_quarantined": 200,
    "show_quarantined_raw": 200,
    "retry_quarantined": 202,
    "list_projections": 200,
    "show_projection": 200,
}


def test_the_document_itself_is_valid():
    documented.validate()


@pytest.mark.parametrize(
    ("identified", "status", "names"),
    [
        ("show_ticket", "200", {"ETag"}),
        ("show_client", "200", {"ETag"}),
        ("index_attachment", "201", {"ETag", "Location"}),
        ("show_document_content", "200", set()),
        ("file_ticket", "200", {"ETag"}),
        ("close_ticket", "200", {"ETag"}),
        ("comment_on_ticket", "201", {"ETag", "Location"}),
        ("show_comments", "200", set()),
        ("activate_client", "200", {"ETag"}),
        ("register_client", "201", {"ETag", "Location"}),
        ("take_in", "201", {"Location"}),
        ("take_in", "200", set()),
        ("retry_quarantined", "201", {"Location"}),
        ("list_tickets", "200", set()),
    ],
)
def test_an_answer_s_headers_are_declared(identified, status, names):
    _, _, operation = IDENTIFIED[identified]

    declared = operation["responses"][status].get("headers", {})

    assert declared.keys() == names
    assert all(header["required"] for header in declared.values())


def test_every_operation_is_known_to_succeed():
    assert SUCCESSES.keys() == IDENTIFIED.keys()


@pytest.mark.parametrize(("identified", "status"), list(SUCCESSES.items()), ids=list(SUCCESSES))
def test_every_operation_succeeds_as_documented(identified, status, demo_api, signed_in, real):
    method, path, operation = IDENTIFIED[identified]
    names = tuple(sorted(p["name"] for p in operation["parameters"] if p["in"] == "path")) if "{" in path else ()
    bodies = {
        "file_ticket": {"on": {"kind": "client", "id": real.clients[0]}},
        "assign_ticket": {"collaborator_id": None},
        "dismiss_ticket": {"reason": "junk"},
        "comment_on_ticket": {"text": "Rappeler"},
        "preview_filings": {"filed_on": {"kind": "client", "id": real.clients[0]}, "on": None},
        "file_many": {"tickets": [{"ticket_id": real.tickets[0]}], "on": None},
        "reserve_office_address": {"address": "accueil@cabinet.example"},
        "index_attachment": {"document_type": "photo", "on": {"kind": "client", "id": real.clients[0]}},
        "correct_document": {"document_type": "invoice"},
        "merge_tickets": {"ticket_id": real.tickets[0]},
        "register_client": {"identity": {"kind": "company", "company_name": "Garage Garnier"}},
        "give_client_address": {"address": "new@courriel.example", "how": "share"},
        "give_company_address": {"address": "new@courriel.example", "how": "share"},
        "give_contact_address": {"address": "new@courriel.example", "how": "share"},
        "register_contract": {"policy_number": "MRH-1"},
        "terminate_contract": {"effective_on": "2026-12-31"},
        "open_claim": {},
        "register_company": {"name": "Deux Rives", "role": "insurer"},
        "register_contact": {"identity": {"last_name": "Ferrand"}},
        "take_in": letter("someone@courriel.example", message_id="<succeeds@courriel.example>"),
    }
    case = documented[path][method].Case(
        path_parameters=dict(real.paths[names][-1]) if names else {},
        body=bodies.get(identified, schemathesis.core.NOT_SET),
        media_type=next(iter(operation.get("requestBody", {"content": ()})["content"]), None),
    )

    answer = case.call_and_validate(headers=signed_in)

    assert answer.status_code == status, answer.text
    declared = operation["responses"][str(status)].get("headers", {})
    assert {"etag", "location"} & answer.headers.keys() == {name.lower() for name in declared}


# --- what is given as an example --------------------------------------------------------------------------


def examples(part):
    """Every example, wherever in the document it stands."""
    if isinstance(part, dict):
        yield from part.get("examples", ())
        yield from [part["example"]] if "example" in part else []
    for member in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from examples(member)


def examples_of_bodies():
    for identified, (_, _, operation) in IDENTIFIED.items():
        for content in operation.get("requestBody", {"content": {}})["content"].values():
            schema = DOCUMENT["components"]["schemas"].get(content["schema"].get("$ref", "").rpartition("/")[2], {})
            yield from ((identified, example) for example in schema.get("examples", ()))


def examples_of_parameters():
    for identified, (_, _, operation) in IDENTIFIED.items():
        for parameter in operation.get("parameters", ()):
            yield from ((identified, parameter["name"], one) for one in parameter["schema"].get("examples", ()))


def test_every_example_is_one_of_a_body_or_of_a_parameter():
    bodies = {json.dumps(body) for _, body in examples_of_bodies()}  # one body may be that of several operations
    of_parameters = [json.dumps(one) for _, _, one in examples_of_parameters()]
    assert sorted(map(json.dumps, examples(DOCUMENT))) == sorted([*bodies, *of_parameters])


@pytest.mark.parametrize(("identified", "name", "example"), list(examples_of_parameters()))
def test_every_example_of_a_parameter_works(api, identified, name, example):
    method, path, _ = IDENTIFIED[identified]

    answer = api.request(method, path, params={name: example})

    assert answer.is_success, answer.text


@pytest.mark.parametrize(("identified", "example"), list(examples_of_bodies()))
def test_every_example_works_as_it_stands(api, greffier, identified, example):
    method, path, _ = IDENTIFIED[identified]
    client_id, company_id = api.register("Petit"), api.register_company("Deux Rives")
    contract_id = api.register_contract(client_id, "MRH-1")
    attachment = api.attachment_of(api.receive(letter("unknown@courriel.example", attached={"scan.pdf": b"%PDF"})))
    ids = {
        "client_id": client_id,
        **attachment,
        "document_id": api.index(attachment, client_id, "photo"),
        "contract_id": contract_id,
        "claim_id": api.open_claim(contract_id),
        "company_id": company_id,
        "contact_id": api.register_contact("Ferrand", company_id),
    }
    written = json.dumps(example).replace(OTHER_TICKET, api.receive_from("other@courriel.example"))
    written = (
        written.replace('"version": 2', '"version": null').replace(CLIENT, client_id).replace(CLAIM, ids["claim_id"])
    )
    body = json.loads(written.replace(COLLABORATOR_ID, str(collaborator_id(greffier, COLLABORATOR.email_address))))

    answer = api.request(method, path.format(**ids), json=body)

    assert answer.is_success, answer.text
