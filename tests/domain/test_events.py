from uuid import UUID

import pytest

from domain.clients.client import Identity, ProspectRegistered
from domain.commands import Command, handlers
from domain.events import ERASED, Actor, Context, Event, EventTypes, Recorded, Sealed, UnknownTopic, office_event_types
from domain.tickets.events import TicketReceived


def test_every_command_has_its_handler():
    def commands(family):
        return {found for each in family.__subclasses__() for found in ({each} | commands(each))}

    assert {command for command in commands(Command) if command.__module__.startswith("domain.")} == set(handlers())


def test_the_log_names_events_by_their_own_name_and_nothing_else():
    types = office_event_types()
    assert types["TicketReceived"] is TicketReceived
    assert "TicketEvent" not in {event_type.topic() for event_type in types}
    for topic in ("TicketEvent", "Event", "os.system", "domain.ticket:TicketReceived", ""):
        with pytest.raises(UnknownTopic) as refused:
            types[topic]
        assert refused.value.topic == topic


def test_personal_values_are_sealed_in_one_field():
    assert ProspectRegistered.sealed_field == "identity"
    with pytest.raises(TypeError, match="one sealed field at most"):
        type("Twice", (Event,), {"__annotations__": {"one": Sealed[Identity], "two": Sealed[Identity]}})


def test_an_erased_value_reads_as_erased():
    read = ProspectRegistered.model_validate_json('{"number": 1, "identity": {"erased": true}}')
    assert read.identity == ERASED


def test_an_envelope_is_parsed_when_it_is_asked_for(office):
    context = Context(actor=Actor.rule("mail_arrival"), at="2026-03-31T12:00:00Z", command_id=UUID(int=1))
    recorded = Recorded(
        office.activated(),
        stream_id=office.claire,
        version=2,
        position=7,
        recorded_at=context.at,
        context=context.model_dump_json().encode(),
    )
    assert (recorded.at, recorded.actor) == (context.at, Actor(kind="rule", id="mail_arrival"))
    assert recorded.context is recorded.context
    assert repr(recorded) == f"<ClientActivated {office.claire} v2 at 7>"


def test_an_actor_is_a_collaborator_or_a_rule():
    assert Actor.collaborator(UUID(int=1)) == Actor(kind="collaborator", id=str(UUID(int=1)))


def test_types_are_listed():
    assert list(EventTypes([TicketReceived])) == [TicketReceived]
