"""Attachments become documents of clients, contracts and claims."""

from datetime import timedelta

import pytest

from tests.api.letters import letter

CLAIRE = "claire@courriel.example"
NOBODY = "77777777-7777-4777-8777-777777777777"
SCAN = b"%PDF-1.7 carte grise"


@pytest.fixture
def bonnet(api):
    return api.register("Bonnet", active=True)


@pytest.fixture
def martin(api):
    return api.register("Martin")


@pytest.fixture
def contract(api, bonnet):
    return api.register_contract(bonnet, "MRH-2201457")


@pytest.fixture
def claim(api, contract):
    return api.open_claim(contract)


@pytest.fixture
def scan(api):
    """An attachment of Claire's message."""
    return api.attachment_of(api.receive(letter(CLAIRE, attached={"scan0001.pdf": SCAN})))


@pytest.fixture
def conversation(api):
    """A ticket of two messages, and the scan that came with the second one."""
    ticket_id = api.receive(letter(CLAIRE, message_id="<first@courriel.example>"))
    answer = letter(CLAIRE, answers="<first@courriel.example>", attached={"scan0001.pdf": SCAN})
    assert api.receive(answer) == ticket_id
    return api.attachment_of(ticket_id)


def index_path(attachment):
    return "/tickets/{ticket_id}/messages/{mail_id}/attachments/{part}/index".format(**attachment)


def told(api, ticket_id):
    return [line["sentence"] for line in api.read(f"/tickets/{ticket_id}/history")["items"]]


def problem(answer):
    return answer.status_code, answer.json()["type"]


# --- T20 --------------------------------------------------------------------------------------------------


@pytest.mark.behaviour("T20")
@pytest.mark.parametrize("kind", ["client", "contract", "claim"])
def test_an_attachment_is_indexed_as_a_document_of_a_client_a_contract_or_a_claim(
    api, bonnet, contract, claim, martin, scan, kind
):
    file_id = {"client": bonnet, "contract": contract, "claim": claim}[kind]
    document_id = api.index(scan, file_id, "vehicle_registration", kind)
    (line,) = api.read(f"/{kind}s/{file_id}/documents", total=True)["items"]
    assert (line["document_id"], line["document_type"], line["label"]) == (
        document_id,
        "vehicle_registration",
        "carte grise",
    )
    assert (line["name"], line["content_type"], line["size"]) == ("scan0001.pdf", "application/pdf", len(SCAN))
    assert (line["on"], line["source"]) == ({"kind": kind, "id": file_id}, scan)
    label = {"client": "Bonnet", "contract": "contrat MRH-2201457", "claim": "sinistre n° 1"}[kind]
    assert line["filed_under"][0] == {"kind": kind, "id": file_id, "label": label}
    assert api.documents_of(scan["ticket_id"], "tickets") == [document_id]
    assert api.get(f"/documents/{document_id}/content").content == SCAN
    assert api.documents_of(martin) == []
    assert told(api, scan["ticket_id"])[-1].endswith(f"Pièce jointe indexée comme carte grise sur « {label} ».")


@pytest.mark.behaviour("T20")
def test_a_document_shows_on_its_file_and_on_those_above(api, bonnet, contract, claim, martin, scan):
    other_contract, other_claim = api.register_contract(bonnet, "AUTO-5510"), api.open_claim(contract)
    of_claim = api.index(scan, claim, "claim_report", "claim")
    of_contract = api.index(scan, contract, "contract", "contract")
    of_client = api.index(scan, bonnet, "bank_details")
    assert api.documents_of(claim, "claims") == [of_claim]
    assert api.documents_of(contract, "contracts") == [of_contract, of_claim]
    assert api.documents_of(bonnet) == [of_client, of_contract, of_claim]
    assert api.documents_of(other_claim, "claims") == api.documents_of(other_contract, "contracts") == []
    assert api.documents_of(martin) == []


@pytest.mark.behaviour("T20")
def test_a_document_stays_where_it_was_indexed_when_its_ticket_is_filed_elsewhere(api, bonnet, martin, scan):
    api.file(scan["ticket_id"], bonnet)
    document_id = api.index(scan, bonnet, "invoice")
    api.file(scan["ticket_id"], martin)
    api.do(f"/tickets/{scan['ticket_id']}/unfile")
    assert (api.documents_of(bonnet), api.documents_of(martin)) == ([document_id], [])
    assert api.get(f"/documents/{document_id}/content").content == SCAN


@pytest.mark.behaviour("T20")
def test_a_document_goes_on_when_its_message_is_split_off(api, bonnet, conversation):
    before = api.index(conversation, bonnet, "invoice")
    old = conversation["ticket_id"]
    new = api.do(f"/tickets/{old}/messages/{conversation['mail_id']}/split")["id"]
    after = api.index(conversation | {"ticket_id": new}, bonnet, "quote")
    assert api.documents_of(bonnet) == api.documents_of(new, "tickets") == [after, before]
    assert api.documents_of(old, "tickets") == []
    assert api.read(f"/documents/{before}")["source"] == conversation | {"ticket_id": new}
    for document_id in (before, after):
        assert api.get(f"/documents/{document_id}/content").content == SCAN
    assert "Pièce jointe indexée comme facture sur « Bonnet »" in told(api, old)[-2]


@pytest.mark.behaviour("T20")
def test_a_document_goes_on_when_its_ticket_is_merged_into_another(api, bonnet, conversation):
    before = api.index(conversation, bonnet, "invoice")
    survivor = api.receive(letter(CLAIRE))
    api.do(f"/tickets/{survivor}/merge", {"other_id": conversation["ticket_id"]})
    here = conversation | {"ticket_id": survivor}
    after = api.index(here, bonnet, "quote")
    assert api.index(here, bonnet, "invoice") == before
    assert api.documents_of(bonnet) == api.documents_of(survivor, "tickets") == [after, before]
    assert api.read(f"/documents/{before}")["source"] == here
    for document_id in (before, after):
        assert api.get(f"/documents/{document_id}/content").content == SCAN
    sentences = told(api, survivor)
    assert [words for words in ("facture", "devis") if any(f"comme {words} sur" in line for line in sentences)] == [
        "facture",
        "devis",
    ]
    refused = api.post(
        index_path(conversation), json={"document_type": "photo", "on": {"kind": "client", "id": bonnet}}
    )
    assert (*problem(refused), refused.json()["into"]) == (409, "/problems/ticket-was-merged", survivor)


# --- how it is indexed ------------------------------------------------------------------------------------


def test_what_was_indexed_is_read_where_the_answer_says(api, bonnet, scan):
    body = {"document_type": "vehicle_registration", "on": {"kind": "client", "id": bonnet}, "name": " Carte  grise "}
    answer = api.post(index_path(scan), json=body)
    assert (answer.status_code, answer.headers["etag"]) == (201, '"1"')
    shown = api.get(answer.headers["location"], params={"min_position": answer.json()["position"]})
    assert (shown.status_code, shown.headers["etag"], shown.json()["version"]) == (200, '"1"', 1)
    assert (shown.json()["document_id"], shown.json()["name"]) == (answer.json()["id"], "Carte grise")


def test_an_attachment_is_indexed_once_on_a_file_as_a_type(api, bonnet, martin, scan):
    first = api.index(scan, bonnet, "invoice")
    position = api.position
    assert api.index(scan, bonnet, "invoice", name="Autre") == first
    assert api.position == position
    others = [api.index(scan, martin, "invoice"), api.index(scan, bonnet, "quote")]
    assert len({first, *others}) == 3
    assert api.documents_of(bonnet) == [others[1], first]
    assert api.documents_of(martin) == others[:1]


def test_a_retry_gets_the_first_answer(api, bonnet, scan):
    body = {"document_type": "invoice", "on": {"kind": "client", "id": bonnet}}
    first, again = (api.post(index_path(scan), json=body, headers={"Idempotency-Key": "scan-1"}) for _ in range(2))
    assert (first.json(), first.headers["location"]) == (again.json(), again.headers["location"])


def test_a_document_s_content_is_safe_to_download(api, bonnet, scan):
    document_id = api.index(scan, bonnet, "invoice")
    answer = api.get(f"/documents/{document_id}/content")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == f'attachment; filename="document-{document_id}"'
    assert answer.headers["content-security-policy"] == "sandbox"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "document_type"),
        ({"document_type": "passport"}, "document_type"),
        ({"document_type": "invoice", "on": {"kind": "company", "id": NOBODY}}, "on.kind"),
        ({"document_type": "invoice", "on": {"kind": "client", "id": NOBODY}}, "on.id"),
        ({"document_type": "invoice", "name": " "}, "name"),
    ],
)
def test_what_is_wrong_is_named(api, bonnet, scan, body, field):
    answer = api.post(index_path(scan), json={"on": {"kind": "client", "id": bonnet}} | body)
    assert problem(answer) == (422, "/problems/invalid")
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    ("elsewhere", "kind"),
    [
        ({"part": 99}, "no-such-attachment"),
        ({"mail_id": NOBODY}, "not-on-ticket"),
        ({"ticket_id": NOBODY}, "not-found"),
    ],
)
def test_an_attachment_that_is_not_there_is_not_found(api, bonnet, scan, elsewhere, kind):
    body = {"document_type": "invoice", "on": {"kind": "client", "id": bonnet}}
    assert problem(api.post(index_path(scan | elsewhere), json=body)) == (404, f"/problems/{kind}")


# --- corrected and removed --------------------------------------------------------------------------------


def test_a_document_is_given_its_right_type_and_its_right_file(api, bonnet, claim, martin, scan):
    document_id = api.index(scan, martin, "quote")
    api.do(f"/documents/{document_id}/correct", {"document_type": "invoice"})
    corrected = api.do(f"/documents/{document_id}/correct", {"on": {"kind": "claim", "id": claim}})
    shown = api.read(f"/documents/{document_id}")
    assert (shown["label"], shown["on"]) == ("facture", {"kind": "claim", "id": claim})
    assert shown["version"] == corrected["version"] == 3
    assert (api.documents_of(martin), api.documents_of(bonnet)) == ([], [document_id])
    assert api.get(f"/documents/{document_id}/content").content == SCAN
    assert told(api, scan["ticket_id"])[-1].endswith(
        "Document corrigé : facture sur « sinistre n° 1 », au lieu de facture sur « Martin »."
    )


def test_a_correction_makes_no_two_documents_one(api, bonnet, scan):
    first, other = api.index(scan, bonnet, "invoice"), api.index(scan, bonnet, "quote")
    refused = api.post(f"/documents/{other}/correct", json={"document_type": "invoice"})
    assert (*problem(refused), refused.json()["document_id"]) == (409, "/problems/document-stands-already", first)


def test_a_file_that_is_not_there_gets_no_document(api, bonnet, scan):
    document_id = api.index(scan, bonnet, "invoice")
    answer = api.post(f"/documents/{document_id}/correct", json={"on": {"kind": "contract", "id": NOBODY}})
    assert (problem(answer), answer.json()["errors"][0]["field"]) == ((422, "/problems/invalid"), "on.id")


def test_a_removed_document_is_gone_and_its_attachment_indexed_again(api, bonnet, scan):
    document_id = api.index(scan, bonnet, "invoice")
    api.do(f"/documents/{document_id}", method="DELETE")
    api.do(f"/documents/{document_id}", method="DELETE")
    assert api.documents_of(bonnet) == api.documents_of(scan["ticket_id"], "tickets") == []
    for path in (f"/documents/{document_id}", f"/documents/{document_id}/content"):
        assert problem(api.get(path, params={"min_position": api.position} if path.endswith(document_id) else {})) == (
            404,
            "/problems/not-found",
        )
    assert problem(api.post(f"/documents/{document_id}/correct", json={})) == (409, "/problems/document-was-removed")
    assert told(api, scan["ticket_id"])[-1].endswith("Document retiré : facture sur « Bonnet ».")
    again = api.index(scan, bonnet, "invoice")
    assert again != document_id
    assert api.documents_of(bonnet) == [again]


def test_a_change_holds_to_the_version_that_was_read(api, bonnet, scan):
    document_id = api.index(scan, bonnet, "invoice")
    for method, path, body in (("POST", "/correct", {"document_type": "quote"}), ("DELETE", "", None)):
        stale = api.request(method, f"/documents/{document_id}{path}", json=body, headers={"If-Match": '"7"'})
        assert problem(stale) == (412, "/problems/stale-version")
    assert [line["label"] for line in api.read(f"/clients/{bonnet}/documents")["items"]] == ["facture"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/documents/{}"),
        ("GET", "/documents/{}/content"),
        ("POST", "/documents/{}/correct"),
        ("DELETE", "/documents/{}"),
        ("GET", "/clients/{}/documents"),
        ("GET", "/contracts/{}/documents"),
        ("GET", "/claims/{}/documents"),
        ("GET", "/tickets/{}/documents"),
    ],
)
def test_what_is_not_there_is_not_found(api, method, path):
    answer = api.request(method, path.format(NOBODY), json={} if method == "POST" else None)
    assert problem(answer) == (404, "/problems/not-found")


def test_lists_of_documents_come_in_pages(api, bonnet, scan):
    made = [api.index(scan, bonnet, document_type) for document_type in ("invoice", "quote", "photo")]
    for path in (f"/clients/{bonnet}/documents", f"/tickets/{scan['ticket_id']}/documents"):
        first = api.read(path, limit=2, total=True)
        then = api.read(path, limit=2, cursor=first["next_cursor"])
        assert [line["document_id"] for line in first["items"] + then["items"]] == made[::-1]
        assert (first["total"], then["next_cursor"]) == (3, None)


@pytest.mark.behaviour("X10")
def test_documents_are_read_as_they_were_written(api, bonnet, scan):
    """Each read names the position of the write just before it."""
    for document_type in ("invoice", "quote", "photo"):
        document_id = api.index(scan, bonnet, document_type)
        assert api.documents_of(bonnet)[0] == document_id
        api.do(f"/documents/{document_id}", method="DELETE")
        assert api.documents_of(bonnet) == []


# --- its stored file --------------------------------------------------------------------------------------


def test_a_sweep_leaves_what_a_document_lies_in(api, greffier, bonnet, scan, monkeypatch):
    """Where nothing but the document names the file any more, as once its ticket is erased."""
    document_id = api.index(scan, bonnet, "invoice")
    events = greffier.log.events

    def of_documents(topics):
        return (recorded for recorded in events(topics) if recorded.event.topic().startswith("Document"))

    monkeypatch.setattr(greffier.log, "events", of_documents)
    greffier.intake.sweep(timedelta(0))
    assert api.get(f"/documents/{document_id}/content").content == SCAN
