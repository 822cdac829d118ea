"""Messages as the office receives them, right and wrong, and what it reads in them."""

import base64
import codecs
import encodings
import importlib.util
import pkgutil
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mail import mime
from adapters.mail.charsets import text_of
from adapters.mail.parser import NoSuchPart, NotAMessage, ParsedMessage, attachment_bytes, parse_message

PDF = b"%PDF-1.4 devis"

CLAIM = """\
From: =?utf-8?q?H=C3=A9l=C3=A8ne_Garnier?= <helene.garnier@Courriel.EXAMPLE>
To: Cabinet <contact@cabinet.example>, sinistres@cabinet.example
Cc: "Garnier, Paul" <paul@courriel.example>
Reply-To: helene@famille-garnier.example
Subject: =?iso-8859-1?q?D=E9g=E2t_des_eaux?=
Date: Tue, 3 Mar 2026 09:15:00 +0100
Message-ID: <a1@courriel.example>
In-Reply-To: <a0@cabinet.example>
References: <z9@cabinet.example>
 <a0@cabinet.example>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="==x=="

--==x==
Content-Type: multipart/alternative; boundary="==y=="

--==y==
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

Bonjour, la cuisine est inondée.
--==y==
Content-Type: text/html; charset=utf-8

<p>Bonjour, la <b>cuisine</b> est inondée.</p>
--==y==--

--==x==
Content-Type: application/pdf; name="devis.pdf"
Content-Disposition: attachment; filename="devis.pdf"
Content-Transfer-Encoding: base64

JVBERi0xLjQgZGV2aXM=
--==x==
Content-Type: text/plain; name="vide.txt"
Content-Disposition: attachment; filename="vide.txt"


--==x==--
""".encode()


def message(*headers: str | bytes, body: bytes = b"Bonjour\n") -> bytes:
    lines = [line if isinstance(line, bytes) else line.encode() for line in headers]
    return b"\n".join([*lines, b"", body])


def attached(*headers: str | bytes, body: bytes = b"x") -> str:
    """The name under which a lone attachment is listed."""
    (attachment,) = parse_message(message("From: luc@essai.example", *headers, body=body)).attachments
    return attachment.name


# --- a message in order ---------------------------------------------------------------------------


def test_a_message_in_order_is_read_whole():
    parsed = parse_message(CLAIM)
    assert parsed.from_email == "helene.garnier@courriel.example"
    assert parsed.from_name == "Hélène Garnier"
    assert parsed.to == ("contact@cabinet.example", "sinistres@cabinet.example")
    assert parsed.cc == ("paul@courriel.example",)
    assert parsed.reply_to == ("helene@famille-garnier.example",)
    assert parsed.subject == "Dégât des eaux"
    assert parsed.date == datetime(2026, 3, 3, 8, 15, tzinfo=UTC)
    assert parsed.message_id == "a1@courriel.example"
    assert parsed.in_reply_to == "a0@cabinet.example"
    assert parsed.references == ("z9@cabinet.example", "a0@cabinet.example")
    assert not parsed.automatic
    assert parsed.text == "Bonjour, la cuisine est inondée."
    assert parsed.html == "<p>Bonjour, la <b>cuisine</b> est inondée.</p>"
    assert [(a.name, a.content_type, a.size) for a in parsed.attachments] == [("devis.pdf", "application/pdf", 14)]
    assert parsed.empty_attachments == ("vide.txt",)
    assert parsed.notes == ()


def test_an_attachment_is_fetched_by_its_part():
    (devis,) = parse_message(CLAIM).attachments
    assert attachment_bytes(CLAIM, devis.part) == PDF


@pytest.mark.parametrize("part", [-1, 0, 1, 99])
def test_a_part_that_is_no_leaf_is_refused(part):
    with pytest.raises(NoSuchPart):
        attachment_bytes(CLAIM, part)


# --- no message at all ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "empty"),
        (b"\n\n", "no header field"),
        (b"The MIT License\n\nPermission is hereby granted...\n", "no header field"),
        (b"PK\x03\x04\x14\x00\x00\x00\x08\x00", "no header field"),
    ],
)
def test_what_has_no_header_field_is_not_a_message(raw, reason):
    with pytest.raises(NotAMessage, match=reason):
        parse_message(raw)


@pytest.mark.parametrize("before", [b"From luc@essai.example Tue Mar  3 09:15:00 2026\n", b"\n\n", b"\xef\xbb\xbf"])
def test_what_stands_before_the_headers_is_skipped(before):
    parsed = parse_message(before + CLAIM)
    assert parsed == parse_message(CLAIM)


# --- the sender -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "sender"),
    [
        (["From: luc@essai.example"], "luc@essai.example"),
        (["From: Luc.Petit@ESSAI.Example"], "Luc.Petit@essai.example"),
        (["From: luc@essai.example."], "luc@essai.example"),
        (["From: luc@essai.example (Luc Petit)"], "luc@essai.example"),
        (["From: Luc Petit luc@essai.example"], "luc@essai.example"),
        (["From  : luc@essai.example", "To :x"], "luc@essai.example"),
        (["From: <@relais.example,@b.example:luc@essai.example>"], "luc@essai.example"),
        (["From: Famille: luc@essai.example, zoe@essai.example;"], "luc@essai.example"),
        (["From: , <>, luc@essai.example"], "luc@essai.example"),
        (["From: <>", "From: luc@essai.example"], "luc@essai.example"),
        (["From: <>", "Reply-To: luc@essai.example"], "luc@essai.example"),
        (["Reply-To: nobody", "Sender: luc@essai.example"], "luc@essai.example"),
        (['From: "Luc Petit <luc@essai.example>'], "luc@essai.example"),
        (["From: (Luc <luc@essai.example>"], "luc@essai.example"),
        (["From: <=?utf-8?q?luc=40essai.example?=>"], "luc@essai.example"),
        (["From: Zoé <zoé@café.example>"], "zoé@café.example"),
        (["From: zoe@xn--caf-dma.example"], "zoe@xn--caf-dma.example"),
        (['From: "luc petit"@essai.example'], '"luc petit"@essai.example'),
        (["From: scanner@bureau"], "scanner@bureau"),
        (["From: undisclosed-recipients:;"], None),
        (["From: luc"], None),
        (["From: a@b@essai.example"], None),
        (["From: " + "a" * 400 + "@essai.example"], None),
        (["Subject: sans expéditeur"], None),
    ],
)
def test_the_sender_is_the_first_usable_address(headers, sender):
    assert parse_message(message(*headers)).from_email == sender


@pytest.mark.parametrize(
    "written",
    [
        "<luc@essai.example\n Bcc:zoe@essai.example>",
        "<luc@essai\n .example>",
        "luc@essai\n .example",
        "=?utf-8?q?luc=0D=0ABcc=3A?=@essai.example",
    ],
)
def test_an_address_with_a_line_break_is_rejected_and_the_message_kept(written):
    parsed = parse_message(message(f"From: Luc {written}" if written[0] == "<" else f"From: {written}"))
    assert parsed.from_email is None
    assert "sender address rejected: contains a line break" in parsed.notes
    assert parsed.text == "Bonjour"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ('"Petit, Luc" <luc@essai.example>', "Petit, Luc"),
        (r'"Luc \"Lulu\" Petit" <luc@essai.example>', 'Luc "Lulu" Petit'),
        ("luc@essai.example (Luc (dit Lulu) Petit)", "Luc dit Lulu Petit"),
        ('"=?windows-1252?q?Andr=E9?=" <luc@essai.example>', "André"),
        ("=?utf-8?b?w4k=?= =?utf-8?b?bWlsZQ==?= <luc@essai.example>", "Émile"),
        ("=?utf-8?q?Fran=C3?= =?utf-8?q?=A7ois?= <luc@essai.example>", "François"),
        ("=?utf-8?q?Luc=0D=0ABcc=3A_zoe?= <luc@essai.example>", "Luc Bcc: zoe"),
        ("Luc Petit luc@essai.example", "Luc Petit"),
        ("Luc Petit <>", "Luc Petit"),
        ("luc@essai.example", ""),
    ],
)
def test_the_name_of_the_sender_is_readable(written, name):
    assert parse_message(message(f"From: {written}")).from_name == name


def test_a_sender_taken_from_another_field_is_noted():
    parsed = parse_message(message("From: Luc <>", "From: <>", "Sender: luc@essai.example"))
    assert parsed.notes == (
        "several From fields",
        "sender address rejected: is empty",
        "sender taken from Sender",
    )


def test_members_of_a_group_are_recipients():
    parsed = parse_message(message("To: Cabinet: a@essai.example, Zoé <z@essai.example>;, c@essai.example", "Cc: :;"))
    assert parsed.to == ("a@essai.example", "z@essai.example", "c@essai.example")
    assert parsed.cc == ()


def test_a_recipient_that_is_no_address_is_noted_and_left_out():
    parsed = parse_message(message("To: a@essai.example, <nobody>"))
    assert parsed.to == ("a@essai.example",)
    assert "To address rejected: not an e-mail address" in parsed.notes


# --- subject, date, identifiers -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "subject"),
    [
        (b"Dossier \r\n\t n 12", "Dossier n 12"),
        ("Résiliation".encode(), "Résiliation"),
        ("Résiliation".encode("windows-1252"), "Résiliation"),
        (b"=?x-inconnu?q?R=E9siliation?=", "Résiliation"),
        (b"=?utf-8?b?UsOpc2lsaWF0aW9u!?=", "Résiliation"),
        (b"=?utf-8?b?UsOpc2lsaWF0aW9uZ?=", "Résiliation"),
        (b"=?utf-8?q?Qui_est_l=C3=A0_??=", "Qui est là ?"),
        (b"=?utf-8*fr?q?=C3=A9t=C3=A9?= 2026", "été 2026"),
        (b"=?utf-8?x?=C3=A9?=", "=?utf-8?x?=C3=A9?="),
        (b"=?utf-8?q?a=00b?=", "a\ufffdb"),
        (b"Zo\0e", "Zo\ufffde"),
        (b"", ""),
    ],
)
def test_a_subject_is_one_readable_line(written, subject):
    assert parse_message(message(b"Subject: " + written)).subject == subject


def test_a_very_long_subject_is_kept_whole():
    assert len(parse_message(message("Subject: " + "x" * 100_000)).subject) == 100_000


@pytest.mark.parametrize(
    ("written", "date"),
    [
        ("Tue, 3 Mar 2026 09:15:00 +0100", datetime(2026, 3, 3, 8, 15, tzinfo=UTC)),
        ("Tue, 3 Mar 2026 09:15:00 -0000", datetime(2026, 3, 3, 9, 15, tzinfo=UTC)),
        ("hier", None),
        ("Tue, 3 Mar 2026 09:15:00 +9999", None),
        ("Fri, 31 Dec 9999 23:30:00 -0100", None),
        ("Tue, 3 Mar " + "9" * 5000, None),
        ("", None),
    ],
)
def test_a_date_is_read_in_utc(written, date):
    parsed = parse_message(message("From: luc@essai.example", f"Date: {written}"))
    assert parsed.date == date
    assert ("date not understood" in parsed.notes) == bool(written and not date)


@pytest.mark.parametrize(
    ("written", "identifier"),
    [
        ("<a1@essai.example>", "a1@essai.example"),
        (" < a1 @essai.example > (note)", "a1@essai.example"),
        ("a1@essai.example", "a1@essai.example"),
        ("<<a1@essai.example>>", "a1@essai.example"),
        ("a1", "a1"),
        ("<>", None),
        ("", None),
    ],
)
def test_a_message_id_has_neither_brackets_nor_spaces(written, identifier):
    assert parse_message(message(f"Message-ID: {written}")).message_id == identifier


def test_references_are_gathered_from_every_form():
    parsed = parse_message(
        message("In-Reply-To: votre message <a0@b.example> du 3 mars", "References: <a@b.example><c@b.example>,<d@b")
    )
    assert parsed.in_reply_to == "a0@b.example"
    assert parsed.references == ("a@b.example", "c@b.example")
    assert parse_message(message("References: a@b.example, c@b.example")).references == ("a@b.example", "c@b.example")


# --- automatic messages ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "automatic"),
    [
        ("Auto-Submitted: auto-replied (vacances)", True),
        ("Auto-Submitted: auto-generated; owner=x", True),
        ("Auto-Submitted: no", False),
        ("Auto-Submitted: Auto-Forwarded", False),
        ("X-Autoreply: yes", True),
        ("X-Autoreply: no", False),
        ("X-Autorespond: absence", True),
        ("Precedence: auto_reply", True),
        ("Precedence: bulk", False),
        ("Content-Type: multipart/report; boundary=x", True),
        ("Return-Path: <>", True),
        ("Return-Path:", True),
        ("Return-Path: <luc@essai.example>", False),
        ("Auto-Submitted: (absence) auto-replied", True),
        ("Auto-Submitted: no\nAuto-Submitted: auto-generated", True),
        ("X-Auto-Response-Suppress: All", False),
    ],
)
def test_an_automatic_message_is_recognised(header, automatic):
    assert parse_message(message("From: luc@essai.example", header)).automatic is automatic


# --- bounces --------------------------------------------------------------------------------------

RETURNED = b"From: contact@cabinet.example\nSubject: Votre attestation\nMessage-ID: <a0@cabinet.example>\n\nMadame,\n"


def bounce(*headers: str, kind: str = "message/rfc822", outer: str = "report", returned: bytes = RETURNED) -> bytes:
    parts = [b"\n\nAdresse inconnue.\n", b"\nContent-Type: message/delivery-status\n\nAction: failed\n"]
    parts += [f"\nContent-Type: {kind}\n\n".encode() + returned + b"\n"]
    body = b"".join(b"--x" + part for part in parts) + b"--x--\n"
    return message("Subject: Non remis", *headers, f"Content-Type: multipart/{outer}; boundary=x", body=body)


@pytest.mark.parametrize(
    "raw",
    [
        bounce(),
        bounce(kind="text/rfc822-headers"),
        bounce(kind="message/global-headers"),
        bounce(kind="text/rfc822-headers\nContent-Transfer-Encoding: base64", returned=base64.b64encode(RETURNED)),
        bounce("Return-Path: <>", outer="mixed"),
        bounce("Auto-Submitted: auto-replied", outer="mixed"),
        bounce("From: Mail Delivery System <MAILER-DAEMON@essai.example>", outer="mixed"),
        bounce("References: <a0@cabinet.example>"),
    ],
)
def test_a_bounce_refers_to_the_message_that_it_returns(raw):
    assert parse_message(raw).references == ("a0@cabinet.example",)


def test_the_returned_message_comes_after_the_other_references():
    raw = bounce("References: <z9@cabinet.example> <z9@cabinet.example>")
    assert parse_message(raw).references == ("z9@cabinet.example", "a0@cabinet.example")


@pytest.mark.parametrize(
    "raw",
    [
        bounce(returned=b"Subject: Votre attestation\n\nMadame,\n"),
        bounce(returned=b""),
        bounce(kind="text/plain"),
        bounce("From: luc@essai.example", outer="mixed"),
    ],
)
def test_nothing_is_returned(raw):
    assert parse_message(raw).references == ()


# --- the text -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("charset", "body", "text", "note"),
    [
        ("utf-8", "été".encode(), "été", ""),
        ("iso-8859-1", "l’été à 10 €".encode("windows-1252"), "l’été à 10 €", ""),
        ("us-ascii", "été".encode(), "été", ""),
        ("us-ascii", "été".encode("windows-1252"), "été", "text is not valid us-ascii, read as windows-1252"),
        ("utf-8", "été".encode("windows-1252"), "été", "text is not valid utf-8, read as windows-1252"),
        ("utf-8", "été, café\xe9".encode()[:-1], "été, café\ufffd", "text is not valid utf-8, read as utf-8"),
        ("x-inconnu", "été".encode("windows-1252"), "été", "unknown charset x-inconnu read as windows-1252"),
        ("unicode_escape", rb"\x00", r"\x00", "unknown charset unicode_escape read as utf-8"),
        ("zlib", b"ete", "ete", "unknown charset zlib read as utf-8"),
        ("a b", b"ete", "ete", "unknown charset a b read as utf-8"),
        ("shift_jis", b"\x82\xa0\x82", "あ\ufffd", "text is not valid shift_jis, the rest was kept"),
        ("utf-16", "été".encode("utf-16"), "été", ""),
        ("utf-8", b"a\0b", "a\ufffdb", ""),
        ("utf-7", b"+2AA-", "\ufffd", ""),
    ],
)
def test_a_text_is_readable_whatever_charset_it_claims(charset, body, text, note):
    raw = message("From: luc@essai.example", f'Content-Type: text/plain; charset="{charset}"', body=body)
    parsed = parse_message(raw)
    assert parsed.text == text
    assert parsed.notes == ((note,) if note else ())


def test_a_text_without_charset_is_read_as_what_it_is():
    for charset in ("utf-8", "windows-1252"):
        parsed = parse_message(message("From: luc@essai.example", body="été".encode(charset)))
        assert parsed.text == "été"
        assert parsed.notes == ()


@pytest.mark.parametrize(
    ("encoding", "body", "text"),
    [
        ("base64", b"w6l0w6k=", "été"),
        ("BASE64 ;", b"w6l0\n!w6k", "été"),
        ("base64", b"w6k=w6k=", "éé"),
        ("base64", b"YWJjZ", "abc"),
        ("base64", "é!".encode(), "é!"),
        ("quoted-printable", b"=C3=A9t=C3=A9=\n !", "été !"),
        ("Quoted_Printable", b"=C3=A9", "é"),
        ("x-uuencode", b"begin 644 a\n%8F]N:F\\\n`\nend\n", "bonjo"),
        ("8-bit", "é".encode(), "é"),
        ("rot13", "é".encode(), "é"),
    ],
)
def test_a_body_is_decoded_as_far_as_it_can_be(encoding, body, text):
    parsed = parse_message(message("From: luc@essai.example", f"Content-Transfer-Encoding: {encoding}", body=body))
    assert parsed.text == text
    assert ("unknown transfer encoding, content kept as it came" in parsed.notes) == (encoding == "rot13")


def alternative(*parts: tuple[str, str], kind: str = "alternative") -> bytes:
    inner = b"".join(f"--x\nContent-Type: {kind}\n\n{text}\n".encode() for kind, text in parts)
    return message("From: luc@essai.example", f"Content-Type: multipart/{kind}; boundary=x", body=inner + b"--x--\n")


def test_the_plain_text_is_preferred_to_the_html():
    parsed = parse_message(alternative(("text/plain", "Bonjour"), ("text/html", "<p>Bonjour, madame</p>")))
    assert parsed.text == "Bonjour"
    assert parsed.html == "<p>Bonjour, madame</p>"


def test_a_blank_plain_text_does_not_hide_the_html():
    parsed = parse_message(alternative(("text/plain", " "), ("text/html", "<p>Bonjour, madame</p>")))
    assert parsed.text.strip() == "Bonjour, madame"


def test_a_footer_in_plain_text_does_not_hide_the_letter_in_html():
    parsed = parse_message(alternative(("text/html", "<p>Bonjour</p>"), ("text/plain", "Sans virus"), kind="mixed"))
    assert parsed.text == "Bonjour\n\nSans virus"


def test_plain_texts_are_joined():
    parsed = parse_message(alternative(("text/plain", "Bonjour"), ("text/plain", "Sans virus"), kind="mixed"))
    assert parsed.text == "Bonjour\n\nSans virus"
    assert parsed.html is None


def test_lines_of_the_text_end_as_in_python():
    assert parse_message(message("From: luc@essai.example", body=b"a\r\nb\rc\n\n")).text == "a\nb\nc"


# --- attachments ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        (b'attachment; filename="../../etc/passwd"', "passwd"),
        (rb'attachment; filename="C:\docs\devis.pdf"', "devis.pdf"),
        (b"attachment; filename=Mon devis.pdf; size=3", "Mon devis.pdf"),
        (b"attachment filename=devis.pdf", "devis.pdf"),
        (b"filename=devis.pdf", "devis.pdf"),
        (b'attachment; filename="a\\"b.pdf"', 'a"b.pdf'),
        (b'attachment; filename="devis.pdf', "devis.pdf"),
        ('attachment; filename="relevé.pdf"'.encode("windows-1252"), "relevé.pdf"),
        (b'attachment; filename="=?utf-8?q?relev=C3=A9.pdf?="', "relevé.pdf"),
        (b"attachment; filename*=utf-8'fr'relev%C3%A9.pdf; filename=releve.pdf", "relevé.pdf"),
        (b"attachment; filename*0*=utf-8''relev%C3; filename*1*=%A9; filename*2=.pdf", "relevé.pdf"),
        (b"attachment; filename*1=.pdf; filename*0=devis; filename*=utf-8''x", "devis.pdf"),
        (b"attachment; filename*=relev%C3%A9.pdf", "relevé.pdf"),
        ("attachment; filename*=utf-8''relevé.pdf".encode(), "relevé.pdf"),
        (b"attachment; filename*99999=x.pdf", "sans-nom.pdf"),
        (b'attachment; filename="a\tb\x01\0c.pdf"', "a b\ufffdc.pdf"),
        ("attachment; filename=facture\u202efdp.exe".encode(), "facturefdp.exe"),
        (b"attachment; filename=..", "sans-nom.pdf"),
        (b"attachment", "sans-nom.pdf"),
        (b"attachment; filename=" + b"x" * 300 + b".pdf", "x" * 196 + ".pdf"),
        (b"attachment; filename=" + b"x" * 300, "x" * 200),
        (b"attachment; filename=x." + b"y" * 300, "x." + "y" * 198),
    ],
)
def test_an_attachment_has_a_safe_file_name(disposition, name):
    assert attached("Content-Type: application/pdf", b"Content-Disposition: " + disposition) == name


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("image/jpeg", "sans-nom.jpg"),
        ("image/jpg; name=photo.jpg", "photo.jpg"),
        ("text/calendar", "sans-nom.ics"),
        ("application/ms-tnef; name=winmail.dat", "winmail.dat"),
        ("application/pkcs7-signature; name=smime.p7s", "smime.p7s"),
        ("application/x-rien", "sans-nom"),
        ("text/plain; name=notes.txt", "notes.txt"),
    ],
)
def test_whatever_is_not_the_text_of_the_message_is_listed(kind, name):
    assert attached(f"Content-Type: {kind}") == name


def test_a_forwarded_message_is_one_attachment_of_exact_bytes():
    raw = message("From: zoe@essai.example", "Content-Type: message/rfc822", body=CLAIM)
    (forwarded,) = parse_message(raw).attachments
    assert (forwarded.name, forwarded.content_type) == ("Dégât des eaux.eml", "message/rfc822")
    assert attachment_bytes(raw, forwarded.part) == CLAIM


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        (["Content-Disposition: attachment; filename=transfert.eml"], "transfert.eml"),
        ([], "Contrat 3-4.eml"),
    ],
)
def test_a_forwarded_message_is_named_by_its_file_name_or_its_subject(headers, name):
    assert attached("Content-Type: message/rfc822", *headers, body=b"Subject: Contrat 3/4\n\nx") == name


def test_a_forwarded_message_without_subject_has_a_name_too():
    assert attached("Content-Type: message/rfc822", body=b"To: x\n\nx") == "sans-nom.eml"


# --- structures gone wrong ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "body", "note"),
    [
        (["Content-Type: multipart/mixed"], b"Bonjour", "multipart without a boundary"),
        (["Content-Type: multipart/mixed; boundary=x"], b"Bonjour", "multipart whose boundary never comes"),
        (["Content-Type: multipart/mixed; boundary=x"], b"--x\n\nBonjour", "multipart that is not closed"),
        (["Content-Type: multipart/mixed\n boundary=x"], b"--x\n\nBonjour", "multipart that is not closed"),
        (["Content-Type: pas-un-type"], b"Bonjour", ""),
        (["Content-Type: multipart/mixed; boundary*=x; boundary*0=y"], b"--x\n\nBonjour", "multipart that is not"),
    ],
)
def test_a_broken_structure_still_shows_its_text(headers, body, note):
    parsed = parse_message(message("From: luc@essai.example", *headers, body=body))
    assert "Bonjour" in parsed.text
    assert note in "".join(parsed.notes)


def test_a_line_among_the_headers_that_is_none_ends_them_with_a_note():
    parsed = parse_message(b"From: luc@essai.example\nceci n'est pas un en-tete\nBonjour\n")
    assert "Bonjour" in parsed.text
    assert parsed.notes == ("the headers end at a line that is not a header",)


def test_what_is_nested_too_deeply_is_kept_as_an_attachment():
    levels = range(3000)
    raw = b"From: luc@essai.example\n" + b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (level, level) for level in levels
    )
    parsed = parse_message(raw)
    assert [a.content_type for a in parsed.attachments] == ["application/octet-stream"]
    assert "nested more than 50 deep: kept as an attachment" in parsed.notes


def test_thousands_of_forwards_in_forwards_are_one_attachment():
    parsed = parse_message(b"From: luc@essai.example\n" + b"Content-Type: message/rfc822\n\n" * 3000)
    assert [a.name for a in parsed.attachments] == ["sans-nom.eml"]


def test_parts_beyond_the_limit_are_left_out_with_a_note(monkeypatch):
    monkeypatch.setattr(mime, "MAX_PARTS", 3)
    parsed = parse_message(alternative(*[("image/png", "x")] * 5, kind="mixed"))
    assert len(parsed.attachments) == 2
    assert parsed.notes == ("more than 3 parts: the others were left out",)
    nested = (
        b"--x\nContent-Type: multipart/mixed; boundary=y\nContent-Transfer-Encoding: base64\n\n--y\n\n--y\n\n--y--\n"
    )
    raw = message("From: luc@essai.example", "Content-Type: multipart/mixed; boundary=x", body=nested * 4)
    assert parse_message(raw).text == ""


# --- identity -------------------------------------------------------------------------------------


def digest(raw: bytes) -> bytes:
    return parse_message(raw).content_digest


@pytest.mark.parametrize(
    "raw",
    [
        CLAIM.replace(b"\n", b"\r\n"),
        CLAIM.replace(b"\n", b"\r"),
        CLAIM.rstrip(b"\n"),
        CLAIM + b"\r\n\n\n",
        b"From luc@essai.example Tue Mar  3 09:15:00 2026\n" + CLAIM,
        b"Return-Path: <helene@courriel.example>\nReceived: from a\n\tby b\n" + CLAIM,
        b"Return-Path: <>\r\nReceived-SPF: pass\r\n" + CLAIM.replace(b"\n", b"\r\n"),
        b"Delivered-To: x\nARC-Seal: i=1;\n b=abc\nX-Spam-Score: 3\nDKIM-Signature: v=1\n" + CLAIM,
        CLAIM.replace(b"Subject:", b"X-UID: 12\nStatus: RO\nX-Mozilla-Keys:\nSubject:", 1),
    ],
)
def test_the_same_message_by_another_way_has_the_same_digest(raw):
    assert digest(raw) == digest(CLAIM)


@pytest.mark.parametrize(
    "raw",
    [
        CLAIM.replace(b"cuisine", b"cave", 1),
        CLAIM.replace(b"Subject: ", b"Subject:  ", 1),
        CLAIM.replace(b"a1@", b"a2@", 1),
        b"X-Priority: 1\n" + CLAIM,
        CLAIM + b".",
        CLAIM.replace(b"\n\n", b"\n\n\n", 1),
        CLAIM.replace(b"\n\n--==y==", b"\n\nReceived: from a\n\n--==y==", 1),
    ],
)
def test_any_other_difference_makes_another_digest(raw):
    assert digest(raw) != digest(CLAIM)


def test_the_digest_does_not_depend_on_how_the_bytes_are_cut():
    body = b"a\r\n" * 400_000
    assert digest(message("From: luc@essai.example", body=body)) == digest(
        message("From: luc@essai.example", body=body.replace(b"\r\n", b"\n"))
    )


# --- whatever comes -------------------------------------------------------------------------------


def read_or_refuse(raw: bytes) -> None:
    """Parses, and checks what every result promises."""
    try:
        parsed = parse_message(raw)
    except NotAMessage:
        return
    lines = [parsed.from_name, parsed.subject, *parsed.to, *parsed.cc, *parsed.reply_to, *parsed.references]
    lines += [parsed.from_email or "", parsed.message_id or "", parsed.in_reply_to or "", *parsed.notes]
    lines += [parsed.forwarded.name, parsed.forwarded.email or ""] if parsed.forwarded else []
    lines += [*parsed.empty_attachments, *(a.name for a in parsed.attachments)]
    lines += [a.content_type for a in parsed.attachments]
    for line in lines:
        assert not set(line) & set("\r\n\0")
        line.encode()
    for text in (parsed.text, parsed.html or ""):
        assert "\0" not in text
        text.encode()
    for attachment in parsed.attachments:
        assert len(attachment_bytes(raw, attachment.part)) == attachment.size > 0
        assert 0 < len(attachment.name) <= 200


FRAGMENTS = [
    *(line + b"\n" for line in CLAIM.splitlines()),
    *(f"{field.name.replace('_', '-').title()}: ".encode() for field in fields(ParsedMessage)),
    *(b"From: ", b"Content-Type: ", b"Content-Disposition: attachment; filename", b"*0*=", b"*1=", b"utf-8''%"),
    *(b"Content-Transfer-Encoding: base64\n", b"Content-Transfer-Encoding: x-uuencode\n", b"begin 644 x\n"),
    *(b"multipart/digest; boundary=x\n", b"message/delivery-status\n", b"message/rfc822\n", b"text/html\n", b"--x\n"),
    *(b"=?utf-8?b?", b"=?x?q?", b"?=", b"\n", b"\r", b"\n\n", b"\0", b"\xe9", b"\xed\xa0\x80", b'"', b"\\", b"<", b">"),
    *(b"(", b")", b",", b";", b":", b"@", b"@essai.example", b"From x 10:00:00 2026\n", b"charset=idna\n"),
    *(b"charset=utf-16\n", b"charset=utf-7\n", b"+2AA-", b"&#" + b"9" * 30 + b";", b"9" * 30, b"Date: "),
]


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=30).map(b"".join))
def test_no_arrangement_of_fragments_breaks_the_parser(raw):
    read_or_refuse(raw)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_no_bytes_break_the_parser(head, body):
    read_or_refuse(head)
    read_or_refuse(b"From: " + head + b"\n\n" + body)


@given(st.data())
def test_no_damage_to_a_message_breaks_the_parser(data):
    start = data.draw(st.integers(0, len(CLAIM)))
    end = data.draw(st.integers(start, len(CLAIM)))
    read_or_refuse(CLAIM[:start] + data.draw(st.sampled_from(FRAGMENTS)) + CLAIM[end:])


@given(st.binary(max_size=60))
def test_no_charset_that_python_knows_breaks_the_parser(data):
    for codec in pkgutil.iter_modules(encodings.__path__):
        text, _ = text_of(data, codec.name)
        text.encode()


def test_every_name_that_python_gives_a_charset_is_read_or_noted():
    for name in {*encodings.aliases.aliases, *encodings.aliases.aliases.values()}:
        text, note = text_of(b"Bonjour", name)
        assert text or note or codecs.lookup(name)


def cpython_messages() -> list[Path]:
    found = importlib.util.find_spec("test.test_email")
    folders = found.submodule_search_locations if found else None
    return sorted(Path(folders[0], "data").glob("msg_*.txt")) if folders else []


@pytest.mark.skipif(not cpython_messages(), reason="this Python was installed without its own tests (test.test_email)")
def test_the_messages_that_python_is_tested_with_are_read_or_refused():
    for path in cpython_messages():
        raw = path.read_bytes()
        read_or_refuse(raw)
        read_or_refuse(raw[: len(raw) // 2])


def test_a_large_attachment_is_measured_and_given_back_whole():
    content = bytes(range(256)) * 20_000
    encoded = base64.encodebytes(content)
    raw = message(
        "From: luc@essai.example", "Content-Type: image/png", "Content-Transfer-Encoding: base64", body=encoded
    )
    (photo,) = parse_message(raw).attachments
    assert photo.size == len(content)
    assert attachment_bytes(raw, photo.part) == content
