import mailbox
import re
from collections import Counter
from contextlib import closing
from datetime import date, timedelta
from email import message_from_bytes, policy
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime

import pytest

from adapters.demo_office import demo_messages, demo_office, personal_values, write_mbox

LAST_DAY = date(2026, 3, 31)
TRANSPORT = {"Return-Path", "Received"}


@pytest.fixture(scope="module")
def office():
    return demo_office()


@pytest.fixture(scope="module")
def messages(office):
    return demo_messages(office, last_day=LAST_DAY)


@pytest.fixture(scope="module")
def parsed(messages):
    """Only what has headers; `compat32` reads what stricter policies raise on."""
    return [message for message in map(parse, messages) if message.keys()]


@pytest.fixture(scope="module")
def texts(parsed):
    return "\n".join(map(readable, parsed))


def parse(raw: bytes) -> Message:
    return message_from_bytes(raw, policy=policy.compat32)


def unfolded(header: object) -> str:
    return re.sub(r"\r?\n(?=[ \t])", "", str(header))


def header_text(value: str) -> str:
    pieces = decode_header(unfolded(value))
    return "".join(
        piece.decode("latin-1" if charset == "x-poste-ancien" else charset or "latin-1")
        if isinstance(piece, bytes)
        else piece
        for piece, charset in pieces
    )


def readable(message: Message) -> str:
    """Everything a reader could find in a message: headers decoded, parts decoded, nested messages too."""
    found = []
    for part in message.walk():
        found += [header_text(value) for value in part.values()]
        content = part.get_payload(decode=True)
        if isinstance(content, bytes):
            charset = part.get_content_charset("utf-8")
            found.append(content.decode("latin-1" if charset == "x-poste-ancien" else charset, "replace"))
    return "\n".join(found)


def only(found):
    assert len(found) == 1
    return found[0]


def having(parsed, predicate):
    return [message for message in parsed if predicate(message)]


def file_names(message):
    return [part.get_filename() for part in message.walk() if part.get_filename()]


def senders(message):
    return [address for _, address in getaddresses(message.get_all("From", []))]


def test_the_office_is_the_same_every_time_and_of_the_announced_size(office):
    assert office == demo_office()
    assert len(office.collaborators) == 4
    kinds = Counter(dossier.kind for dossier in office.dossiers)
    assert kinds["person"] >= 30
    assert kinds["company"] == 13
    assert Counter(dossier.status for dossier in office.dossiers)["prospect"] == 12
    assert any(not dossier.emails for dossier in office.dossiers)
    assert any(len(dossier.emails) == 2 for dossier in office.dossiers)


def test_a_dossier_has_a_persons_names_or_a_companys(office):
    for dossier in office.dossiers:
        if dossier.kind == "person":
            assert dossier.first_name
            assert dossier.last_name
            assert not dossier.company_name
        else:
            assert dossier.company_name
            assert not dossier.first_name + dossier.last_name


def test_two_families_share_an_address_and_no_one_else_does(office):
    owners = Counter(email for dossier in office.dossiers for email in dossier.emails)
    assert {email for email, count in owners.items() if count > 1} == office.shared_emails
    assert len(office.shared_emails) == 2


def test_personal_values_are_names_and_addresses_long_enough_to_look_for(office):
    values = personal_values(office)
    assert {"N'Diaye", "Müller-Roux", "Boulangerie Petitjean", "claire.bonnet@courriel.example"} <= values
    assert {collaborator.email for collaborator in office.collaborators} <= values
    assert not {"Zoé", "Noé", ""} & values
    assert office.email not in values
    assert min(map(len, values)) == 5


def test_the_same_arguments_give_the_same_messages(office, messages):
    assert demo_messages(office, seed=2026, last_day=LAST_DAY) == messages


def test_about_two_hundred_messages_arrive_in_order_over_the_thirty_days_that_end_on_the_last(messages, parsed):
    assert 190 <= len(messages) <= 215
    arrivals = [parsedate_to_datetime(unfolded(message["Received"]).rpartition(";")[2].strip()) for message in parsed]
    assert arrivals == sorted(arrivals)
    assert arrivals[0].date() >= LAST_DAY - timedelta(days=29)
    assert arrivals[-1].date() <= LAST_DAY


def test_another_seed_and_last_day_give_another_month(office, messages):
    leap_day = date(2024, 2, 29)
    others = demo_messages(office, seed=7, last_day=leap_day)
    dates = [parsedate_to_datetime(message["Date"]).date() for message in map(parse, others) if message["Date"]]
    assert leap_day - timedelta(days=29) <= min(dates)
    assert max(dates) <= leap_day
    assert len(others) == len(messages)
    assert not set(others) & set(messages) - {raw for raw in messages if b"Date:" not in raw}


def test_every_address_and_every_link_is_of_a_reserved_domain(office, texts):
    addresses = {email for dossier in office.dossiers for email in dossier.emails} | {office.email}
    everything = "\n".join([*addresses, texts])
    domains = re.findall(r"@([\w.-]+)", everything) + re.findall(r"https?://([\w.-]+)", everything)
    assert len(domains) > 1000
    assert {domain for domain in domains if not domain.rstrip(".").endswith(".example")} == set()


def test_telephone_numbers_are_fictional_ones(texts):
    numbers = re.findall(r"\b0\d(?: \d\d){4}\b", texts)
    assert len(numbers) > 50
    assert {number[:8] for number in numbers} == {"01 99 00", "06 39 98"}


def test_about_half_comes_from_addresses_one_dossier_owns(office, parsed):
    owned = {email for dossier in office.dossiers for email in dossier.emails} - office.shared_emails
    from_owners = having(parsed, lambda m: len(senders(m)) == 1 and senders(m)[0] in owned)
    assert 0.45 <= len(from_owners) / len(parsed) <= 0.65
    assert len(having(parsed, lambda m: set(senders(m)) & office.shared_emails)) >= 6


def test_clients_also_write_from_addresses_their_dossiers_do_not_hold(office, parsed):
    names = {dossier.display_name for dossier in office.dossiers}
    known = {email for dossier in office.dossiers for email in dossier.emails}
    unknown = having(
        parsed, lambda m: m["From"] and header_text(m["From"]).split(" <")[0] in names and not known & set(senders(m))
    )
    assert len(unknown) >= 10


def test_replies_quote_and_refer_to_what_they_answer(parsed):
    known = {message["Message-ID"] for message in parsed if message["Message-ID"]}
    replies = having(parsed, lambda m: m["In-Reply-To"] in known)
    assert len(replies) == 16
    assert all(reply["In-Reply-To"] in reply["References"] for reply in replies)
    assert all("a écrit :\n> " in readable(reply).replace("\r\n", "\n") for reply in replies)
    assert having(parsed, lambda m: m["In-Reply-To"] and m["In-Reply-To"] not in known)


def test_attachments_look_like_what_their_names_promise(parsed):
    starts = {"pdf": b"%PDF-1.4", "jpg": b"\xff\xd8\xff", "png": b"\x89PNG", "docx": b"PK"}
    seen = set()
    for part in (part for message in parsed for part in message.walk()):
        suffix = (part.get_filename() or "").rpartition(".")[2]
        content = part.get_payload(decode=True)
        if suffix in starts and content:
            assert content.startswith(starts[suffix])
            seen.add(suffix)
    assert seen == set(starts)


def test_senders_missing_doubled_empty_or_in_a_group(parsed):
    without_from = having(parsed, lambda m: "From" not in m)
    assert {bool(m["Reply-To"]) for m in without_from} == {True, False}
    assert having(without_from, lambda m: m["Sender"])
    assert len(only(having(parsed, lambda m: len(m.get_all("From", [])) == 2)).get_all("From")) == 2
    only(having(parsed, lambda m: m["From"] == "<>"))
    only(having(parsed, lambda m: str(m["From"]).startswith('"" <>, ')))
    only(having(parsed, lambda m: re.match(r"[\w ]+: .*;$", str(m["From"]))))
    assert senders(only(having(parsed, lambda m: any(a.endswith(".") for a in senders(m)))))


def test_a_line_break_hides_in_an_address(messages):
    attack = only([raw for raw in messages if b"=0D=0A" in raw])
    with pytest.raises(ValueError, match="CR or LF"):
        str(message_from_bytes(attack, policy=policy.default)["From"])


def test_headers_in_every_encoding(messages, parsed):
    heads = [raw.partition(b"\n\n")[0] for raw in messages]
    raw_subjects = [
        line for head in heads for line in head.split(b"\n") if line.startswith(b"Subject:") and not line.isascii()
    ]
    assert "Numérisation".encode() in only([line for line in raw_subjects if b"\xc3" in line])
    assert "échéance".encode("cp1252") in only([line for line in raw_subjects if b"\xc3" not in line])
    assert any(re.search(rb"Subject: =\?iso-8859-1\?Q\?", head) for head in heads)
    assert any(re.search(rb"Subject: =\?UTF-8\?B\?", head) for head in heads)
    unknown = only(having(parsed, lambda m: m.get_content_charset() == "x-poste-ancien"))
    with pytest.raises(LookupError):
        unknown.get_payload(decode=True).decode(unknown.get_content_charset())


def test_subjects_missing_and_too_long(parsed):
    only(having(parsed, lambda m: "Subject" not in m))
    assert max(len(header_text(m["Subject"])) for m in parsed if "Subject" in m) == 900


def test_automatic_mail(parsed):
    automatic = having(parsed, lambda m: m["Auto-Submitted"] == "auto-replied")
    assert all(m["Return-Path"] == "<>" for m in automatic)
    assert Counter(m.get_content_type() for m in automatic) == {"text/plain": 1, "multipart/report": 1}
    assert len(having(parsed, lambda m: m["List-Unsubscribe"])) == 2


def test_unusual_parts_and_file_names(parsed):
    names = Counter(name for message in parsed for name in file_names(message))
    assert names["winmail.dat"] == names["smime.p7s"] == names["../../etc/passwd"] == 1
    types = Counter(part.get_content_type() for message in parsed for part in message.walk())
    assert types["message/rfc822"] == 2
    assert types["message/delivery-status"] >= 1
    empty = [p for m in parsed for p in m.walk() if p.get_filename() and p.get_payload(decode=True) == b""]
    assert only(empty).get_filename() == "compteur.jpg"


def test_html_with_a_script_and_a_tracking_pixel(parsed):
    dangerous = having(parsed, lambda m: "<script>" in readable(m))
    assert all('width="1" height="1"' in readable(m) for m in dangerous)
    assert len(dangerous) == 2


def test_one_message_comes_twice_and_two_share_an_id(parsed):
    ids = Counter(m["Message-ID"] for m in parsed if m["Message-ID"])
    pairs = [
        having(parsed, lambda m, shared=shared: m["Message-ID"] == shared) for shared, count in ids.items() if count > 1
    ]
    assert len(pairs) == 2
    contents = [[([h for h in m.items() if h[0] not in TRANSPORT], m.get_payload()) for m in pair] for pair in pairs]
    assert sorted(first == second for first, second in contents) == [False, True]
    assert all(first["Received"] != second["Received"] for first, second in pairs)
    only(having(parsed, lambda m: not m["Message-ID"]))


def test_bytes_that_surprise(messages):
    assert only([raw for raw in messages if b"\x00" in raw.partition(b"\n\n")[2]]).count(b"\x00") == 1
    assert only([raw for raw in messages if raw.startswith(b"From ")])
    assert only([raw for raw in messages if b"\r\n\r\n" in raw and b"\n\n" not in raw])


def test_three_entries_cannot_be_taken_in_at_all(messages, parsed):
    hopeless = [raw for raw in messages if not parse(raw).keys()]
    assert len(hopeless) == 3
    assert b"" in hopeless
    assert len(parsed) == len(messages) - 3


def test_write_mbox_is_read_back_by_the_standard_library(messages, tmp_path):
    path = tmp_path / "contact.mbox"
    write_mbox(messages, path)
    with closing(mailbox.mbox(path, create=False)) as box:
        read = [box.get_bytes(key) for key in box.iterkeys()]
        first_lines = [box.get_bytes(key, from_=True).partition(b"\n")[0] for key in list(box.iterkeys())[:2]]
    unquoted = [re.sub(rb"(?m)^>(>*From )", rb"\1", raw) for raw in read]
    assert len(unquoted) == len(messages)
    assert all(got in {sent, sent + b"\n"} for got, sent in zip(unquoted, messages, strict=True))
    assert first_lines == [
        b"From MAILER-DAEMON Thu Jan  1 00:00:00 1970",
        b"From MAILER-DAEMON Thu Jan  1 00:01:00 1970",
    ]


def test_write_mbox_quotes_lines_that_begin_like_a_separator(tmp_path):
    path = tmp_path / "one.mbox"
    write_mbox([b"Subject: x\n\nFrom here\n>From there\nnot From\nend"], path)
    assert path.read_bytes().partition(b"\n")[2] == b"Subject: x\n\n>From here\n>>From there\nnot From\nend\n\n"
