import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.clients.client import Company, Person
from domain.clients.prefill import prefilled_identity


@pytest.mark.parametrize(
    ("from_name", "first_name", "last_name"),
    [
        ("Claire Dupont", "Claire", "Dupont"),
        ("DUPONT Claire", "Claire", "Dupont"),
        ("DUPONT, Claire", "Claire", "Dupont"),
        ("LE GOFF Anne-Marie", "Anne-Marie", "Le Goff"),
        ("Claire", "", "Claire"),
        ("Jean de La Fontaine", "Jean", "de La Fontaine"),
        ("CLAIRE DUPONT", "CLAIRE", "DUPONT"),
        ("Claire - Dupont", "Claire", "Dupont"),
    ],
)
def test_a_sender_who_gives_a_name_is_a_person(from_name, first_name, last_name):
    assert prefilled_identity(from_name, None) == Person(first_name=first_name, last_name=last_name)


@pytest.mark.parametrize("name", ["Garage Martin", "MARTIN SARL", "Étude Roy et associés"])
def test_a_sender_with_a_business_s_word_is_a_company(name):
    assert prefilled_identity(name, "x@example.fr") == Company(company_name=name)


def test_a_sender_without_a_name_is_read_from_the_address():
    assert prefilled_identity("", "claire.dupont@example.fr") == Person(first_name="Claire", last_name="Dupont")
    assert prefilled_identity(" ", "claire_dupont@example.fr") == Person(first_name="Claire", last_name="Dupont")


@pytest.mark.parametrize(
    ("name", "address"), [("", None), (",", None), ("", "1234@example.fr"), ("\x01 - \u200b", None)]
)
def test_where_nothing_tells_a_name_nothing_is_prefilled(name, address):
    assert prefilled_identity(name, address) is None


@given(st.text(max_size=500), st.none() | st.emails())
def test_whatever_a_sender_writes_can_be_prefilled(name, address):
    prefilled_identity(name, address)
