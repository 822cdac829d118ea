"""The shorthand of commands: what a plain one needs is its decision, and it is checked when it is declared."""

from uuid import UUID

import pytest

from domain.aggregates import Aggregate, NotFound
from domain.commands import Command, handlers, handles
from domain.events import Event
from domain.tickets.arrival import ReceiveMessage
from tests.given_when_then import InMemoryStreams

BELL = UUID(int=70)


class BellEvent(Event):
    pass


class BellRung(BellEvent):
    times: int
    softly: bool


class Bell(Aggregate):
    kind = "bell"
    event_type = BellEvent

    rung: int = 0

    def ring(self, times: int, *, softly: bool = False):
        return [BellRung(times=times, softly=softly)] if times else []

    def evolve(self, event):
        return self.having(rung=self.rung + event.times)


class RingBell(Command):
    bell_id: UUID
    times: int
    softly: bool = False


class RingBellTwice(Command):
    bell_id: UUID
    loudly: bool


class RingSome(Command):
    times: int


ring = handles(RingBell, by=Bell.ring)


def test_a_plain_command_loads_decides_and_saves():
    streams = InMemoryStreams()
    streams.events[BELL] = [BellRung(times=1, softly=False)]
    left = ring(RingBell(bell_id=BELL, times=2, softly=True), streams)
    assert streams.appended == {BELL: [BellRung(times=2, softly=True)]}
    assert (left.id, left.version, left.rung) == (BELL, 2, 3)
    with pytest.raises(NotFound) as refused:
        ring(RingBell(bell_id=UUID(int=71), times=2), streams)
    assert refused.value.facts() == {"kind": "bell", "id": UUID(int=71)}


def test_a_command_whose_fields_are_not_what_the_decision_takes_is_refused_when_it_is_declared():
    with pytest.raises(TypeError, match="times"):
        handles(RingBellTwice, by=Bell.ring)
    with pytest.raises(TypeError, match="RingSome has no field bell_id"):
        handles(RingSome, by=Bell.ring)


def test_every_command_says_what_it_is_for():
    for command_type in handlers():
        assert command_type.__doc__, command_type.__name__
        assert command_type.__doc__ != Command.__doc__


def fields(schema, definitions):
    """Every field that a command's schema tells, those of the values in it, too, by its path."""
    for name, field in schema.get("properties", {}).items():
        yield name, field
        for part in (field, field.get("items", {}), *field.get("anyOf", ()), *field.get("oneOf", ())):
            if "$ref" in part:
                inner = definitions[part["$ref"].rpartition("/")[2]]
                yield from ((f"{name}.{path}", found) for path, found in fields(inner, definitions))


SENT = [
    pytest.param(field, id=f"{command_type.__name__}.{path}")
    for command_type in handlers()
    if command_type is not ReceiveMessage  # which nobody sends as it is
    for schema in [command_type.model_json_schema()]
    for path, field in dict(fields(schema, schema.get("$defs", {}))).items()
]


@pytest.mark.parametrize("field", SENT)
def test_what_callers_send_is_described_and_has_bounds(field):
    assert field["description"]
    for part in (field, *field.get("anyOf", ()), *field.get("oneOf", ())):
        match part.get("type"):
            case "string":
                assert "maxLength" in part or "enum" in part or "const" in part or part["format"] in {"uuid", "date"}
            case "integer":
                assert {"minimum", "maximum"} <= part.keys()
            case "array":
                assert "maxItems" in part
