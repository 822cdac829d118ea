"""Documents on the command line."""

import pytest

from tests.cli.command_line import errors
from tests.end_to_end.mailboxes import letter

UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def office(opened, apart):
    """An office with a client, their contract and a claim, and a ticket with an attachment."""
    opened("token", "lea@cabinet.example", "--last-name", "Dumoulin")
    opened("clients", "add", "--last-name", "Bonnet")
    opened("contracts", "add", "--client", "1", "--number", "MRH-2201457")
    opened("claims", "open", "--contract", "MRH-2201457")
    (apart / "1.eml").write_bytes(letter(1, attached=9))
    opened("import-mail", "1.eml")
    return opened


@pytest.fixture
def martin(office):
    """The number of a second client."""
    return office.json("clients", "add", "--last-name", "Martin")["number"]


@pytest.fixture
def part(office):
    (attached,) = office.json("tickets", "show", "1")["attachments"]
    return attached["part"]


def documents_of(office, *file):
    return [line["document_id"] for line in office.json("documents", "list", *file)["items"]]


def test_an_attachment_is_indexed_on_a_client_a_contract_or_a_claim(office, martin, part):
    def index(document_type, *on):
        return office.json("documents", "index", "1", part, "--type", document_type, *on)["document_id"]

    of_client = index("vehicle_registration", "--client", "1")
    of_contract = index("contract", "--contract", "MRH-2201457")
    of_claim = index("claim_report", "--claim", "1")
    everything = [of_claim, of_contract, of_client]
    assert documents_of(office, "--client", "1") == documents_of(office, "--ticket", "1") == everything
    assert documents_of(office, "--contract", "MRH-2201457") == everything[:2]
    assert documents_of(office, "--claim", "1") == everything[:1]
    assert documents_of(office, "--client", martin) == []


def test_what_was_done_is_said(office, part):
    said = office("documents", "index", "1", part, "--type", "quote", "--client", "1", "--name", "Devis [bold]").stdout
    (document_id,) = documents_of(office, "--client", "1")
    assert said == f"The attachment is indexed as devis: document {document_id}.\n"
    shown = office("documents", "list", "--client", "1").stdout
    assert "devis" in shown
    assert "1 of 1" in shown
    assert "Pièce jointe indexée comme devis sur « Bonnet »" in office("tickets", "history", "1").stdout


def test_a_document_is_corrected_and_removed(office, martin, part):
    made = office.json("documents", "index", "1", part, "--type", "quote", "--client", martin)["document_id"]
    assert office("documents", "correct", made, "--type", "invoice").stdout == "The document is corrected.\n"
    office("documents", "correct", made, "--claim", "1")
    (line,) = office.json("documents", "list", "--client", "1")["items"]
    assert (line["document_id"], line["document_type"], line["on"]["kind"]) == (made, "invoice", "claim")
    assert office("documents", "remove", made).stdout == "The document is removed.\n"
    assert documents_of(office, "--client", "1") == []
    (refused,) = errors(office("documents", "correct", made, "--type", "photo", exit_code=1))
    assert refused == f"greffier: the document {made} was removed: index the attachment again"


def test_lists_come_in_pages(office, part):
    for document_type in ("quote", "photo", "other"):
        office("documents", "index", "1", part, "--type", document_type, "--client", "1")
    first = office.json("documents", "list", "--client", "1", "--limit", "2")
    then = documents_of(office, "--client", "1", "--limit", "2", "--cursor", first["next_cursor"])
    assert [line["label"] for line in first["items"]] == ["autre", "photo"]
    assert len(then) == 1


def test_a_message_is_named_where_several_have_an_attachment_of_that_number(office, apart, part):
    again = letter(3, 9).replace(b"personne.3@", b"personne.1@")
    (apart / "3.eml").write_bytes(again.replace(b"\nMIME", b"\nIn-Reply-To: <1@courriel.example>\nMIME"))
    office("import-mail", "3.eml")
    (refused,) = errors(office("documents", "index", "1", part, "--type", "photo", "--client", "1", exit_code=1))
    assert refused.startswith(f"greffier: --message: several have an attachment {part}: give the id of one (")
    message = refused.rpartition(", ")[2].rstrip(")")
    office("documents", "index", "1", part, "--type", "photo", "--client", "1", "--message", message)
    (line,) = office.json("documents", "list", "--client", "1")["items"]
    assert (line["source"]["mail_id"], line["name"]) == (message, "piece-3.pdf")


NOT_THERE = [
    (["index", "1", "9", "--type", "photo", "--client", "1"], "PART: no message of the ticket has an attachment 9"),
    (["index", "9", "2", "--type", "photo", "--client", "1"], "there is no ticket number 9"),
    (["index", "1", "2", "--type", "photo", "--client", "9"], "--client: no client has the number or id '9'"),
    (["list", "--ticket", UNKNOWN], f"there is no ticket {UNKNOWN}"),
    (["list", "--ticket", "one"], "--ticket: 'one' is neither a ticket's number nor its id"),
    (["correct", UNKNOWN, "--type", "photo"], f"there is no document {UNKNOWN}"),
    (["remove", UNKNOWN], f"there is no document {UNKNOWN}"),
]


def test_what_is_not_there_is_said(office):
    for arguments, said in NOT_THERE:
        (line,) = errors(office("documents", *arguments, exit_code=1))
        assert line == f"greffier: {said}"


NONSENSE = [
    (["index", "1"], "PART"),
    (["index", "1", "two", "--type", "photo", "--client", "1"], "PART"),
    (["index", "1", "2", "--client", "1"], "--type"),
    (["index", "1", "2", "--type", "passport", "--client", "1"], "--type"),
    (["index", "1", "2", "--type", "photo"], "--claim"),
    (["index", "1", "2", "--type", "photo", "--client", "1", "--claim", "1"], "--claim"),
    (["index", "1", "2", "--type", "photo", "--client", "1", "--message", "first"], "--message"),
    (["list"], "--claim"),
    (["list", "--client", "1", "--ticket", "1"], "--ticket"),
    (["correct", UNKNOWN], "--type"),
    (["correct", "first", "--type", "photo"], "DOCUMENT"),
    (["remove"], "DOCUMENT"),
]


def test_what_makes_no_sense_changes_nothing(office):
    for arguments, named in NONSENSE:
        (line,) = errors(office("documents", *arguments, exit_code=2))
        assert named in line
    assert documents_of(office, "--client", "1") == []
