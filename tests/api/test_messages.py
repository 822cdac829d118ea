"""Taking messages in, reading them back, and quarantine."""

import base64
import re
from uuid import UUID, uuid4

import pytest

from api.bootstrap import open_greffier
from api.settings import Settings
from tests.api.letters import letter
from tests.api.office import serving

CLAIRE = "claire@courriel.example"


def multipart(*parts, headers=b"From: Claire <claire@courriel.example>\r\nMessage-ID: <parts@courriel.example>\r\n"):
    pieces = b"".join(b"--limit\r\n" + part + b"\r\n" for part in parts)
    return headers + b'Content-Type: multipart/mixed; boundary="limit"\r\n\r\n' + pieces + b"--limit--\r\n"


def attached(name, content, kind=b"application/pdf"):
    return (
        b"Content-Type: %s\r\nContent-Transfer-Encoding: base64\r\n" % kind
        + b'Content-Disposition: attachment; filename="%s"\r\n\r\n' % name
        + base64.b64encode(content)
    )


TEXT = b"Content-Type: text/plain; charset=utf-8\r\n\r\nBonjour"


# --- what becomes of a message ------------------------------------------------------------------------


def test_a_new_message_becomes_a_ticket(api):
    answer = api.send_in(letter(CLAIRE, subject="Ma voiture", text="Bonjour,\nquel est mon contrat ?\n"))

    taken = answer.json()
    assert (answer.status_code, taken["outcome"]) == (201, "ticket")
    assert (taken["quarantine_id"], taken["reason"]) == (None, None)
    assert answer.headers["location"] == f"/tickets/{taken['ticket_id']}"
    ticket = api.get(answer.headers["location"], params={"min_position": taken["position"]}).json()
    assert (ticket["from_address"], ticket["subject"]) == (CLAIRE, "Ma voiture")
    assert (ticket["excerpt"], ticket["number"]) == ("Bonjour, quel est mon contrat ?", 1)
    assert not ticket["same_message_id"]


def test_a_message_that_comes_again_is_a_duplicate(api):
    raw = letter(CLAIRE)
    ticket_id = api.receive(raw)

    again = api.send_in(raw)

    assert (again.status_code, again.json()["outcome"]) == (200, "duplicate")
    assert again.json()["ticket_id"] == ticket_id
    assert again.json()["position"] == api.position
    assert api.read("/tickets", total=True)["total"] == 1


def test_another_content_under_the_same_message_id_is_kept_and_marked(api):
    first = api.receive(letter(CLAIRE, message_id="<same@courriel.example>", text="Bonjour"))

    second = api.receive(letter(CLAIRE, message_id="<same@courriel.example>", text="Autre chose"))

    assert first != second
    assert [api.ticket(one)["same_message_id"] for one in (first, second)] == [False, True]
    assert api.get(f"/tickets/{second}/body").json()["text"] == "Autre chose"


def test_what_is_no_message_goes_to_quarantine(api):
    answer = api.send_in(b"no header at all")

    taken = answer.json()
    assert (answer.status_code, taken["outcome"], taken["ticket_id"]) == (202, "quarantined", None)
    assert taken["reason"] == "not an e-mail message: no header field"
    assert "location" not in answer.headers
    assert api.read("/tickets", min_position=taken["position"])["items"] == []


def test_an_empty_body_goes_to_quarantine(api):
    assert api.send_in(b"").json()["reason"] == "not an e-mail message: empty"


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "message/rfc822+x", "multipart/form-data"])
def test_another_media_type_is_refused(api, kind):
    answer = api.post("/messages", content=letter(), headers={"Content-Type": kind})

    assert (answer.status_code, answer.json()["type"]) == (415, "/problems/unsupported-media-type")
    assert api.read("/tickets")["items"] == []


@pytest.mark.parametrize("kind", ["message/rfc822", "Message/RFC822; charset=us-ascii"])
def test_the_media_type_is_read_as_rfc_9110_says(api, kind):
    answer = api.post("/messages", content=letter(), headers={"Content-Type": kind})

    assert answer.status_code == 201


# --- what a message says -------------------------------------------------------------------------------


def test_the_raw_message_comes_back_byte_for_byte(api):
    raw = b"From: a@courriel.example\nX-Odd:\t\x80\xff\x00 \r\nSubject: =?x?=\r\n\r\n\r\nbody\r" + bytes(range(256))

    answer = api.get(f"/tickets/{api.receive(raw)}/raw")

    assert answer.content == raw
    assert answer.headers["content-type"] == "message/rfc822"
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_attachments_are_listed_under_bare_names_and_come_back_whole(api):
    content = bytes(range(256)) * 5
    names = [b"../../etc/passwd", b"C:\\temp\\facture.pdf", b"..", b"/abs/devis.pdf"]
    ticket_id = api.receive(multipart(TEXT, *(attached(name, content + name) for name in names)))

    listed = api.ticket(ticket_id)["attachments"]

    assert [one["name"] for one in listed] == ["passwd", "facture.pdf", "sans-nom.pdf", "devis.pdf"]
    for name, one in zip(names, listed, strict=True):
        answer = api.get(f"/tickets/{ticket_id}/attachments/{one['part']}")
        assert answer.content == content + name
        assert one["size"] == len(answer.content)
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"] == f'attachment; filename="ticket-{ticket_id}-{one["part"]}"'
        assert answer.headers["content-security-policy"] == "sandbox"


def test_an_attached_page_is_never_served_as_one(api):
    ticket_id = api.receive(multipart(TEXT, attached(b"page.html", b"<script>alert(1)</script>", b"text/html")))
    (one,) = api.ticket(ticket_id)["attachments"]

    answer = api.get(f"/tickets/{ticket_id}/attachments/{one['part']}")

    assert (one["content_type"], answer.headers["content-type"]) == ("text/html", "application/octet-stream")


@pytest.mark.parametrize("part", [0, 99, 2**31])
def test_a_part_that_is_no_attachment_is_not_found(api, part):
    ticket_id = api.receive(multipart(TEXT, attached(b"a.pdf", b"a")))

    answer = api.get(f"/tickets/{ticket_id}/attachments/{part}")

    told = answer.json()
    assert (answer.status_code, told["type"]) == (404, "/problems/no-such-attachment")
    assert (told["ticket_id"], told["part"]) == (ticket_id, part)
    assert told["detail"] == f"there is no attachment {part} of ticket {ticket_id}"


def test_the_body_is_text_and_html_that_is_safe_to_show(api):
    html = (
        "<p onclick='steal()'>Bonjour <b>Alice</b></p><script>alert(1)</script><style>p{}</style>"
        "<img src='https://tracker.example/p.gif'><img src='cid:logo'><a href='javascript:x()'>ici</a> "
        "<a href='https://courriel.example/'>là</a><form action='https://evil.example'><input></form>"
        "<iframe src='https://evil.example'></iframe>"
    )
    raw = b"From: a@courriel.example\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + html.encode()

    body = api.get(f"/tickets/{api.receive(raw)}/body").json()

    assert body["text"].split() == ["Bonjour", "Alice", "ici", "là"]
    assert "<b>Alice</b>" in body["html"]
    assert 'href="https://courriel.example/"' in body["html"]
    assert "cid:logo" in body["html"]
    assert not re.search("script|onclick|style|tracker|evil|form|input|iframe|alert", body["html"])


def test_a_plain_message_has_no_html(api):
    body = api.get(f"/tickets/{api.receive(letter(text='Été & <b>'))}/body").json()

    assert body == {"text": "Été & <b>", "html": None}


def test_nul_and_lone_surrogates_are_replaced_everywhere(api):
    raw = (
        f"From: =?utf-7?q?N=00+2AA-?= <{CLAIRE}>\r\nSubject: =?utf-7?q?a=00b+2AA-c?=\r\n"
        "Content-Type: text/plain; charset=utf-7\r\n\r\nd\x00e+2AA-f"
    ).encode()

    ticket_id = api.receive(raw)

    ticket = api.ticket(ticket_id)
    assert (ticket["from_name"], ticket["subject"]) == ("N\ufffd\ufffd", "a\ufffdb\ufffdc")
    assert ticket["excerpt"] == api.get(f"/tickets/{ticket_id}/body").json()["text"] == "d\ufffde\ufffdf"
    assert api.read(f"/tickets/{ticket_id}/history")["items"]
    assert api.get("/health").json()["status"] == "ok"
    assert api.get(f"/tickets/{ticket_id}/raw").content == raw


def test_a_message_without_a_subject_shows_as_such(api):
    ticket_id = api.receive(f"From: {CLAIRE}\r\n\r\nBonjour".encode())

    assert api.ticket(ticket_id)["subject"] == "(sans objet)"


@pytest.mark.parametrize("of", ["", "/raw", "/body", "/history", "/prefill", "/attachments/1"])
def test_a_ticket_that_is_not_there_is_not_found(api, of):
    api.receive(letter())

    answer = api.get(f"/tickets/{uuid4()}{of}")

    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


# --- quarantine ----------------------------------------------------------------------------------------


def test_what_is_in_quarantine_is_listed_oldest_first_and_shown(api):
    entries = [api.send_in(raw).json() for raw in (b"first", b"second", b"third")]

    listed = api.get("/quarantine").json()["items"]

    assert [one["entry_id"] for one in listed] == [entry["quarantine_id"] for entry in entries]
    assert listed[0]["reason"] == entries[0]["reason"]
    assert [one["size"] for one in listed] == [5, 6, 5]
    assert listed[0]["origin"].startswith("http:")
    assert api.get(f"/quarantine/{listed[1]['entry_id']}").json() == listed[1]


def test_quarantine_is_read_page_by_page(api):
    entries = [api.send_in(b"no message %d" % number).json()["quarantine_id"] for number in range(5)]

    first = api.get("/quarantine", params={"limit": 2}).json()
    second = api.get("/quarantine", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    third = api.get("/quarantine", params={"limit": 2, "cursor": second["next_cursor"]}).json()

    shown = [[one["entry_id"] for one in page["items"]] for page in (first, second, third)]
    assert shown == [entries[:2], entries[2:4], entries[4:]]
    assert third["next_cursor"] is None


@pytest.mark.parametrize(
    "key", [b'["x","y"]', b"[1,2]", b'["2026-01-01T00:00:00","not an id"]', b"[]", b"null", b"\xff"]
)
def test_a_cursor_of_another_list_is_refused(api, key):
    cursor = base64.urlsafe_b64encode(key).decode().rstrip("=")

    answer = api.get("/quarantine", params={"cursor": cursor})

    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/bad-cursor")


def test_bytes_in_quarantine_come_back_and_are_kept_once(api):
    raw = b"\x00\xff no header"
    entry_id = api.send_in(raw).json()["quarantine_id"]

    assert api.send_in(raw).json()["quarantine_id"] == entry_id
    assert len(api.get("/quarantine").json()["items"]) == 1
    answer = api.get(f"/quarantine/{entry_id}/raw")
    assert answer.content == raw
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == f'attachment; filename="quarantine-{entry_id}"'
    assert answer.headers["content-security-policy"] == "sandbox"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_bytes_that_leave_quarantine_while_they_are_asked_for_are_not_found(api, greffier, monkeypatch):
    entry_id = api.send_in(b"no header").json()["quarantine_id"]
    read = greffier.files.read

    def meanwhile_taken_in(name, key):
        greffier.desk.release(UUID(entry_id))
        greffier.files.discard(name)
        return read(name, key)

    monkeypatch.setattr(greffier.files, "read", meanwhile_taken_in)
    answer = api.get(f"/quarantine/{entry_id}/raw")

    assert (answer.status_code, answer.json()["kind"]) == (404, "quarantined message")


def test_bytes_that_are_damaged_in_quarantine_are_a_problem_of_ours(api, greffier):
    entry_id = api.send_in(b"no header").json()["quarantine_id"]
    greffier.files.discard(greffier.desk.quarantine_entry(UUID(entry_id)).file.name)

    assert api.get(f"/quarantine/{entry_id}/raw").json()["type"] == "/problems/file-damaged"


def test_a_retry_that_fails_leaves_the_message_in_quarantine(api):
    entry_id = api.send_in(b"no message").json()["quarantine_id"]

    answer = api.post(f"/quarantine/{entry_id}/retry")

    assert (answer.status_code, answer.json()["outcome"]) == (202, "quarantined")
    assert answer.json()["quarantine_id"] == entry_id
    assert api.get(f"/quarantine/{entry_id}").status_code == 200


@pytest.mark.parametrize(("method", "of"), [("GET", ""), ("GET", "/raw"), ("POST", "/retry")])
def test_what_is_not_in_quarantine_is_not_found(api, method, of):
    api.send_in(b"no message")

    answer = api.request(method, f"/quarantine/{uuid4()}{of}")

    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


def test_a_message_that_is_too_large_is_refused(greffier):
    with open_greffier(Settings(data=greffier.settings.data, max_message_bytes=300)) as small, serving(small) as api:
        answer = api.send_in(letter(text="x" * 400))

        assert (answer.status_code, answer.json()["type"]) == (413, "/problems/payload-too-large")
        assert answer.json()["detail"] == "the body may have 300 bytes at most"
        assert api.get("/quarantine").json()["items"] == []
        assert api.send_in(letter(text="x" * 20)).status_code == 201


def test_a_retry_succeeds_once_the_limit_was_raised(greffier):
    raw = letter(CLAIRE, text="x" * 4000)
    small = Settings(data=greffier.settings.data, max_message_bytes=300)
    with open_greffier(small) as office, (office.settings.data / "large.eml").open("w+b") as file:
        file.write(raw)
        file.seek(0)
        entry_id = office.intake.take_in("large.eml", len(raw), file).quarantine_id
        with serving(office) as api:
            answer = api.post(f"/quarantine/{entry_id}/retry")
            assert answer.status_code == 202
            assert "more than the 300" in answer.json()["reason"]

    with serving(greffier) as api:
        answer = api.post(f"/quarantine/{entry_id}/retry")

        assert (answer.status_code, answer.json()["outcome"]) == (201, "ticket")
        ticket_id = answer.json()["ticket_id"]
        assert answer.headers["location"] == f"/tickets/{ticket_id}"
        assert api.get(f"/tickets/{ticket_id}/raw").content == raw
        assert api.get("/quarantine").json()["items"] == []
        assert api.get(f"/quarantine/{entry_id}").status_code == 404
        assert api.post(f"/quarantine/{entry_id}/retry").status_code == 404
