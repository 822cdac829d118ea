"""Numbers that people quote in subjects: an insurer's as it may be spelt, the office's own of claims and tickets (T19)."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.quoted_numbers.quoted_number import claim_number, quotable, quoted_in, quoted_ticket_numbers

NUMBER = "VAL-2012-00123"


@pytest.mark.parametrize(
    "subject",
    [
        "VAL-2012-00123",
        "val-2012-00123",
        "VAL 2012 00123",
        "val 2012 00123",
        "VAL/2012/00123",
        "VAL.2012_00123",
        "VAL201200123",
        "Contrat VAL-2012-00123 : attestation",
        "Mon contrat n°VAL-2012-00123, merci",
        "RE: TR: [VAL-2012-00123]",
        "(VAL-2012-00123)",
        "\uff36\uff21\uff2c-\uff12\uff10\uff11\uff12-00123",
        "VAL-2012-00123-2",
        "Avenant 2 VAL 2012 00123",
    ],
)
def test_an_insurers_number_is_found_however_it_is_spelt(subject):
    assert quotable(NUMBER) in quoted_in(subject)


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "Bonjour",
        "VAL-2012-00124",
        "VAL-2012-001",
        "XVAL-2012-00123",
        "VAL-2012-001234",
        "VAL, 2012, 00123",
        "VAL-2012 pour le 00123",
        "x" * 300 + " VAL-2012-00123",
    ],
)
def test_no_other_number_is_taken_for_it(subject):
    assert quotable(NUMBER) not in quoted_in(subject)


@pytest.mark.parametrize("number", ["", "12", "A-12", "MRH", "AB12", "-", "é", "1" * 41, "n° 12"])
def test_what_is_too_short_or_too_long_to_mean_anything_is_not_looked_for(number):
    assert quotable(number) is None
    assert quoted_in(number) == ()


@pytest.mark.parametrize("number", ["1234", "AB123", "A-1-2-3"])
def test_three_digits_and_four_characters_are_enough(number):
    assert quotable(number) == number.replace("-", "")
    assert quotable(number) in quoted_in(number)


@pytest.mark.parametrize(
    "subject",
    [
        "sinistre n° 12",
        "Sinistre 12",
        "SINISTRE N°12",
        "sinistre no 12",
        "sinistre nº 12",
        "sinistre #12",
        "sinistre : 12",
        "Sinistres n° 12 et suivants",
        "Sinistre n° 012",
        "RE: votre sinistre n°12 du 3 mars",
    ],
)
def test_the_offices_number_of_a_claim_is_found_where_it_is_called_one(subject):
    assert claim_number(12) in quoted_in(subject)


@pytest.mark.parametrize(
    "subject", ["12", "n° 12", "sinistre du 12", "sinistre 123456789012", "sinistre12e", "sinistré 12"]
)
def test_a_bare_number_is_no_claims(subject):
    assert claim_number(12) not in quoted_in(subject)


@pytest.mark.parametrize(
    ("subject", "numbers"),
    [
        ("ticket n° 12", (12,)),
        ("Ticket 12", (12,)),
        ("TICKET #12", (12,)),
        ("RE: [#12] Attestation", (12,)),
        ("[#12] et ticket 13, ticket 12", (12, 13)),
        ("#12", ()),
        ("12", ()),
        ("[12]", ()),
        ("tickets de métro", ()),
        ("ticket 12345678901", ()),
        ("x" * 300 + "[#12]", ()),
    ],
)
def test_tickets_that_a_subject_names(subject, numbers):
    assert quoted_ticket_numbers(subject) == numbers


def test_each_number_is_found_once():
    found = quoted_in("MRH-1001, mrh 1001 et MRH1001")
    assert found.count("MRH1001") == 1


words = st.text("AB12 -/.°#[]nsinistrek0²١é", max_size=400)


@given(st.text() | words)
def test_any_subject_is_read(subject):
    found = quoted_in(subject)
    assert len(set(found)) == len(found)
    assert all(number == quotable(number) or re.fullmatch(r"sinistre \d{1,9}", number) for number in found)
    assert all(0 <= number < 10**9 for number in quoted_ticket_numbers(subject))


@given(st.from_regex(r"[A-Z]{0,5}[0-9]{3,8}(-[0-9]{1,5}){0,2}", fullmatch=True), words.map(lambda text: text[:100]))
def test_a_number_that_stands_alone_between_commas_is_found_whatever_stands_around_it(number, around):
    plain = quotable(number)
    assert plain is None or plain in quoted_in(f"{around}, {number}, {around}")


@pytest.mark.parametrize(
    "hostile",
    [
        *("1-", "A1 ", "sinistre ", "sinistre n°", "[#", "n° ° ° ", "\ufdfa"),
        "\u0301\u0316",  # marks that normalising puts in order, one by one
        "ticket n" + " " * 290,
        "sinistre n" + "o " * 145,
    ],
)
def test_a_hostile_subject_takes_no_longer_than_any_other(hostile):
    subject = (hostile * 100_000)[:100_000]
    began = time.process_time()
    for _ in range(20):
        found = quoted_in(subject)
        quoted_ticket_numbers(subject)
    assert time.process_time() - began < 0.5
    assert len(found) < 1_000
