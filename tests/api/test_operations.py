"""Every operation of the document succeeds when it is asked what it is for, and every example of it works."""

import json

import pytest
import schemathesis

from adapters.staff import collaborator_id
from tests.api.document import DOCUMENT, IDENTIFIED, documented, required_query
from tests.api.letters import letter
from tests.api.office import COLLABORATOR

CLIENT, CLAIM = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
COLLABORATOR_ID = "33333333-3333-4333-8333-333333333333"
OTHER_TICKET = "44444444-4444-4444-8444-444444444444"
"""What stands in examples where a caller has an id of their own."""

STATUS = {"take_in": 201, "retry_quarantined": 202}
"""Where a success may have several: the one that is met here."""


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
        ("list_ticket_comments", "200", set()),
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


@pytest.mark.parametrize("identified", sorted(IDENTIFIED, key=lambda one: IDENTIFIED[one][0] == "DELETE"))
def test_every_operation_succeeds_as_documented(identified, demo_api, signed_in, real):
    method, path, operation = IDENTIFIED[identified]
    names = tuple(sorted(p["name"] for p in operation["parameters"] if p["in"] == "path")) if "{" in path else ()
    bodies = {
        "register_client": {"identity": {"kind": "company", "company_name": "Garage Garnier"}},
        "preview_filings": {"filed_on": {"kind": "client", "id": real.clients[0]}, "on": None},
        "file_many": {"tickets": [{"ticket_id": real.tickets[0]}], "on": None},
        "assign_ticket": {"collaborator_id": None},
        "take_in": letter("someone@courriel.example", message_id="<succeeds@courriel.example>"),
    }
    (content,) = operation.get("requestBody", {"content": {None: None}})["content"].items()
    example = first_example(content) and with_ids(
        first_example(content), {CLIENT: real.clients[0], CLAIM: real.claims[0], OTHER_TICKET: real.tickets[0]}
    )
    case = documented[path][method].Case(
        query=required_query(operation),
        path_parameters=dict(real.paths[names][-1]) if names else {},
        body=bodies.get(identified, schemathesis.core.NOT_SET if example is None else example),
        media_type=content[0],
    )

    answer = case.call_and_validate(headers=signed_in)

    succeeds = min(int(status) for status in operation["responses"] if status < "3")
    assert answer.status_code == STATUS.get(identified, succeeds), answer.text
    declared = operation["responses"][str(answer.status_code)].get("headers", {})
    assert {"etag", "location"} & answer.headers.keys() == {name.lower() for name in declared}


def first_example(content):
    """The first that is given for a body of JSON."""
    name = content[1]["schema"].get("$ref", "").rpartition("/")[2] if content[0] == "application/json" else ""
    return next(iter(DOCUMENT["components"]["schemas"].get(name, {}).get("examples", ())), None)


def with_ids(example, ids):
    """The example, with ids that are there in place of those that stand for them."""
    written = json.dumps(example)
    for stands, real in ids.items():
        written = written.replace(stands, real)
    return json.loads(written)


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

    answer = api.request(method, path, params=required_query(IDENTIFIED[identified][2]) | {name: example})

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
    acting = str(collaborator_id(greffier.log, COLLABORATOR.email_address))
    there = {
        OTHER_TICKET: api.receive_from("other@courriel.example"),
        CLIENT: client_id,
        CLAIM: ids["claim_id"],
        COLLABORATOR_ID: acting,
        '"version": 2': '"version": null',
    }
    body = with_ids(example, there)

    answer = api.request(method, path.format(**ids), json=body)

    assert answer.is_success, answer.text
