"""A refusal is its reason, its facts, and a sentence made of them."""

from dataclasses import fields
from uuid import UUID

import pytest

from adapters.event_store.log import StaleVersion
from domain.aggregates import NotFound, Refusal
from domain.registry import defined_in
from domain.values import Target


def is_refusal(member):
    return isinstance(member, type) and issubclass(member, Refusal) and member is not Refusal


REFUSALS = [StaleVersion, *(refusal for _, refusal in defined_in("domain", is_refusal))]


def test_a_refusal_tells_its_facts():
    ticket = NotFound(kind="ticket", id=UUID(int=1))
    assert ticket.facts() == {"kind": "ticket", "id": UUID(int=1)}
    assert str(ticket) == f"there is no ticket {UUID(int=1)}"


def test_what_a_command_names_is_missing_under_its_field():
    client = NotFound(kind="client", id=UUID(int=1), field="on.id")
    assert client.facts() == {"kind": "client", "id": UUID(int=1), "field": "on.id"}


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.__name__)
def test_every_refusal_says_why_and_tells_its_facts_in_a_sentence(refusal):
    assert refusal.__doc__
    assert not refusal.__doc__.startswith(f"{refusal.__name__}("), "a sentence of one's own, not the constructor"
    owner = Target(kind="client", id=UUID(int=7))
    facts = {field.name: owner if field.name == "owner" else f"<{field.name}>" for field in fields(refusal)}
    assert "{" not in str(refusal(**facts))


def test_a_refusal_is_told_its_facts_when_it_is_raised():
    with pytest.raises(TypeError):
        NotFound(kind="ticket")
    with pytest.raises(TypeError):
        NotFound(kind="ticket", id=UUID(int=1), because="it is late")
