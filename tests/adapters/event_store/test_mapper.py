import base64
import binascii
import json
import sys
from contextlib import closing
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, ClassVar, Literal, Union, get_args, get_origin
from uuid import UUID, uuid4

import annotated_types
import pytest
from eventsourcing.persistence import StoredEvent
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from adapters.databases import sqlite_url
from adapters.event_store.mapper import Draft, EventMapper, UnreadableEvent, context_json, sealing_key
from adapters.vault import KeyMissing, MasterKey, Vault
from domain.clients.client import ClientActivated, Company, Person, ProspectRegistered
from domain.events import (
    ERASED,
    STORED,
    Actor,
    Context,
    Event,
    EventTypes,
    Sealed,
    UnknownTopic,
    Value,
    office_event_types,
)
from tests.soak import times

STREAM = UUID("00000000-0000-8000-8000-00000000cafe")
CONTEXT = Context(
    actor=Actor.rule("a rule"), at=datetime(2026, 3, 31, 9, 30, tzinfo=UTC), command_id=uuid4(), causation_id=uuid4()
)
REGISTERED = ProspectRegistered(number=7, identity=Person(title="Mme", first_name="Zoé", last_name="Lefèvre-Quérou"))
SEALED_TYPES = [event_type for event_type in office_event_types() if event_type.sealed_field]


class Dossier(Value):
    name: str
    note: str | None


class DossierOpened(Event):
    """An event in its third shape: `size` was called `length`, and the name was neither sealed nor in a dossier."""

    class_version: ClassVar[int] = 3
    size: int
    dossier: Sealed[Dossier]

    @staticmethod
    def upcast_v1_v2(facts):
        facts["size"] = facts.pop("length")

    @staticmethod
    def upcast_v2_v3(facts):
        facts["dossier"] = {"name": facts.pop("name"), "note": None} if "name" in facts else facts["dossier"]


class DossierClosed(Event):
    """Its first shape has no upcaster."""

    class_version: ClassVar[int] = 2
    reason: str


@pytest.fixture(scope="module")
def vault(tmp_path_factory):
    with closing(Vault(sqlite_url(tmp_path_factory.mktemp("mapper") / "vault.sqlite"), MasterKey.generate())) as opened:
        yield opened


@pytest.fixture(scope="module")
def mapper(vault):
    return EventMapper(office_event_types(), vault)


@pytest.fixture
def local(vault):
    return EventMapper(EventTypes([DossierOpened, DossierClosed]), vault)


@pytest.fixture
def key(vault):
    return vault.new_key()


def draft(event, key=None, version=1):
    return Draft(STREAM, version, event, context_json(CONTEXT), key)


def altered(stored, **changes):
    of = StoredEvent(stored.originator_id, stored.originator_version, stored.topic, stored.state)
    return StoredEvent(**{name: changes.get(name, getattr(of, name)) for name in StoredEvent.__dataclass_fields__})


def values(annotation, metadata=()):
    """Any value of this type, as the JSON of facts allows it."""
    arguments = get_args(annotation)
    match get_origin(annotation) or annotation:
        case origin if origin is Annotated:
            inner = [
                one for part in arguments[1:] for one in (part.metadata if isinstance(part, FieldInfo) else [part])
            ]
            return values(arguments[0], inner)
        case origin if origin is Literal:
            return st.sampled_from(arguments)
        case origin if origin in {Union, UnionType}:
            return st.one_of(*map(values, arguments))
        case origin if origin is tuple and arguments[1] is not ...:
            return st.tuples(*map(values, arguments))
        case origin if origin is tuple:
            return st.lists(values(arguments[0]), max_size=3).map(tuple)
        case origin if origin is str:
            least = max((one.min_length for one in metadata if isinstance(one, annotated_types.MinLen)), default=0)
            most = min((one.max_length for one in metadata if isinstance(one, annotated_types.MaxLen)), default=50)
            return st.text(
                st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=least, max_size=most
            )
        case origin if issubclass(origin, BaseModel):
            fields = {name: values(one.annotation, one.metadata) for name, one in origin.model_fields.items()}
            return st.fixed_dictionaries(fields).map(lambda built: origin.model_validate(built, context=STORED))
        case origin:
            return LEAVES[origin]


LEAVES = {
    NoneType: st.none(),
    bool: st.booleans(),
    int: st.integers(0, 2**53),
    UUID: st.uuids(),
    date: st.dates(),
    datetime: st.datetimes(
        min_value=datetime(1900, 1, 1),  # noqa: DTZ001  # Hypothesis wants it so, and adds the zone
        timezones=st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
    ),
}


# --- there and back ---------------------------------------------------------------------------


@pytest.mark.parametrize("event_type", list(office_event_types()), ids=lambda event_type: event_type.topic())
@settings(max_examples=times(10, soak=100))
@given(data=st.data())
def test_every_event_reads_back_equal(event_type, mapper, vault, data):
    event = data.draw(values(event_type))
    key = vault.new_key() if event_type.sealed_field else None
    read = mapper.to_event(mapper.to_stored_event(draft(event, key)))
    assert read == event
    assert type(read) is event_type


def test_an_event_reads_back_in_its_envelope(mapper, key):
    recorded = mapper.to_recorded(mapper.to_stored_event(draft(REGISTERED, key, version=4)), 17, 1_775_000_000_123_456)
    assert recorded.event == REGISTERED
    assert (recorded.stream_id, recorded.version, recorded.position) == (STREAM, 4, 17)
    assert recorded.recorded_at == datetime(2026, 3, 31, 23, 33, 20, 123_456, tzinfo=UTC)
    assert recorded.context == CONTEXT


def test_nothing_and_nested_values_survive(mapper, key):
    event = ProspectRegistered(number=1, ticket_id=None, identity=Company(company_name="Société d’à côté"))
    read = mapper.to_event(mapper.to_stored_event(draft(event, key)))
    assert read == event
    assert isinstance(read.identity, Company)
    without_title = event.model_copy(update={"identity": Person(last_name="Petit")})
    assert mapper.to_event(mapper.to_stored_event(draft(without_title, key))).identity.title is None


def test_an_event_as_its_description_says_is_read(mapper, frame, key):
    personal = {"kind": "person", "title": "Mme", "first_name": "Zoé", "last_name": "Lefèvre-Quérou"}
    facts = {"number": 7, "ticket_id": None}
    stored = frame("ProspectRegistered", 1, facts, stream_id=STREAM, version=3, personal=personal, key=key)
    assert mapper.to_event(stored) == REGISTERED


def test_a_stored_fact_is_not_held_to_the_rules_of_today(mapper, frame, key):
    personal = {"first_name": "", "last_name": "Petit", "email_address": "written before the rule"}
    facts = {"collaborator_id": str(STREAM)}
    stored = frame("CollaboratorJoined", 1, facts, stream_id=STREAM, personal=personal, key=key)
    assert mapper.to_event(stored).identity.email_address == "written before the rule"


# --- older and newer shapes -------------------------------------------------------------------


def test_facts_of_older_class_versions_are_upcast_step_by_step(local, frame, key):
    today = DossierOpened(size=3, dossier=Dossier(name="Petit", note=None))
    first = frame("DossierOpened", 1, {"length": 3, "name": "Petit"}, stream_id=STREAM)
    second = frame("DossierOpened", 2, {"size": 3, "name": "Petit"}, stream_id=STREAM)
    sealed = frame("DossierOpened", 2, {"size": 3}, stream_id=STREAM, personal={"name": "Petit", "note": None}, key=key)
    assert [local.to_event(stored) for stored in (first, second, sealed)] == [today, today, today]


def test_an_event_is_stored_under_its_class_version(local, key):
    event = DossierOpened(size=3, dossier=Dossier(name="Petit", note="x"))
    stored = local.to_stored_event(draft(event, key))
    assert stored.state[:3] == b"\x01\x00\x03"
    assert local.to_event(stored) == event


@pytest.mark.parametrize(
    ("topic", "class_version", "facts"),
    [
        ("DossierClosed", 1, {"reason": "no upcaster"}),
        ("DossierClosed", 0, {"reason": "no such version"}),
        ("DossierClosed", 3, {"reason": "newer code wrote it"}),
        ("DossierClosed", 2, {"reason": "a field too many", "by": "someone"}),
        ("DossierClosed", 2, {}),
        ("DossierClosed", 2, ["no object"]),
        ("DossierOpened", 1, {"neither": "length nor name"}),
        ("DossierOpened", 1, ["no object"]),
        ("DossierOpened", 3, {"size": 3}),  # its sealed part was cut off
    ],
)
def test_facts_of_no_known_shape_are_unreadable(local, frame, topic, class_version, facts):
    with pytest.raises(UnreadableEvent):
        local.to_event(frame(topic, class_version, facts, stream_id=STREAM))


def test_an_unknown_frame_format_is_unreadable(local, frame):
    with pytest.raises(UnreadableEvent, match="format 2"):
        local.to_event(frame("DossierClosed", 2, {"reason": "x"}, stream_id=STREAM, frame_format=2))


@pytest.mark.parametrize("topic", ["ContractSigned", "antigravity:geohash", "domain.client:ProspectRegistered", ""])
def test_an_unknown_topic_is_refused_and_nothing_is_imported(mapper, topic):
    imported = set(sys.modules)
    stored = mapper.to_stored_event(draft(ClientActivated()))
    with pytest.raises(UnknownTopic) as refusal:
        mapper.to_event(altered(stored, topic=topic))
    assert refusal.value.topic == topic
    assert set(sys.modules) == imported


# --- what is sealed ---------------------------------------------------------------------------


@pytest.mark.parametrize("event_type", SEALED_TYPES, ids=lambda event_type: event_type.topic())
def test_no_personal_value_is_readable_in_what_is_stored(event_type, mapper, key):
    golden = json.loads((Path(__file__).parents[2] / "golden" / f"{event_type.topic()}.v1.json").read_text("utf-8"))
    facts = golden["facts"] | {event_type.sealed_field: golden["sealed"]}
    event = event_type.model_validate(facts, context=STORED)
    state = mapper.to_stored_event(draft(event, key)).state
    personal = [text for text in texts(golden["sealed"]) if text.endswith("œuvre")]
    assert personal
    assert [text for text in personal if any(form in state for form in forms(text))] == []
    assert any(form in json.dumps(facts, ensure_ascii=False).encode() for form in forms(personal[0]))


def texts(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts(inner)


def forms(text):
    """The ways in which a text could stand in bytes, whatever stands around it."""
    for raw in (
        text.encode(),
        text.encode("utf-16-le"),
        json.dumps(text)[1:-1].encode(),
        text.encode("latin-1", "ignore"),
    ):
        yield raw
        yield binascii.hexlify(raw)
        yield binascii.hexlify(raw).upper()
        for shift in range(3):
            inner = base64.b64encode(raw[shift : shift + (len(raw) - shift) // 3 * 3])
            yield inner
            yield inner.translate(bytes.maketrans(b"+/", b"-_"))


def test_the_same_value_is_never_sealed_to_the_same_bytes(mapper, key):
    assert mapper.to_stored_event(draft(REGISTERED, key)).state != mapper.to_stored_event(draft(REGISTERED, key)).state


def test_personal_values_are_never_stored_without_a_key(mapper):
    with pytest.raises(ValueError, match="no key"):
        mapper.to_stored_event(draft(REGISTERED, None))


def test_any_altered_byte_of_what_is_sealed_makes_the_event_unreadable(mapper, key):
    stored = mapper.to_stored_event(draft(REGISTERED, key))
    plain = mapper.to_stored_event(draft(ClientActivated()))
    sealed_from = stored.state.rindex(b"}", 0, len(stored.state) - 100) + 1 + 8
    assert len(plain.state) < sealed_from < len(stored.state) - 28
    for place in range(sealed_from, len(stored.state)):
        state = bytearray(stored.state)
        state[place] ^= 1
        with pytest.raises(UnreadableEvent):
            mapper.to_event(altered(stored, state=bytes(state)))


@pytest.mark.parametrize(
    "elsewhere", [{"originator_version": 2}, {"originator_id": uuid4()}], ids=["another version", "another stream"]
)
def test_an_event_that_was_moved_is_unreadable(mapper, key, elsewhere):
    stored = mapper.to_stored_event(draft(REGISTERED, key))
    with pytest.raises(UnreadableEvent):
        mapper.to_event(altered(stored, **elsewhere))


@pytest.mark.parametrize("event", [REGISTERED, ClientActivated()], ids=["sealed", "plain"])
def test_an_event_that_was_cut_short_anywhere_is_unreadable(mapper, key, event):
    stored = mapper.to_stored_event(draft(event, key))
    for length in range(len(stored.state)):
        cut = altered(stored, state=stored.state[:length])
        sealing_key(cut.state)
        with pytest.raises(UnreadableEvent):
            mapper.to_event(cut)


@pytest.mark.parametrize("key_id", [b"\xff" * 8, b"\x7f" + b"\xff" * 7, b"\x00" * 8])
def test_an_event_that_names_no_key_of_the_vault_says_so(mapper, key, key_id):
    stored = mapper.to_stored_event(draft(REGISTERED, key))
    with pytest.raises(KeyMissing):
        mapper.to_event(altered(stored, state=stored.state.replace(key[0].to_bytes(8), key_id)))


def test_an_event_of_another_vault_misses_its_key(mapper, key, tmp_path):
    stored = mapper.to_stored_event(draft(REGISTERED, key))
    with (
        closing(Vault(sqlite_url(tmp_path / "vault.sqlite"), MasterKey.generate())) as another,
        pytest.raises(KeyMissing),
    ):
        EventMapper(office_event_types(), another).to_event(stored)


def test_the_fault_of_an_event_never_tells_its_personal_values(local, frame, key):
    personal = {"name": "Lefèvre", "note": ["Quérou"], "born": "1957-03-02"}
    stored = frame("DossierOpened", 3, {"size": 3}, stream_id=STREAM, personal=personal, key=key)
    with pytest.raises(UnreadableEvent, match="dossier") as fault:
        local.to_event(stored)
    assert not any(told in str(fault.value) for told in ("Lefèvre", "Quérou", "1957"))
    assert fault.value.__cause__ is None  # a traceback would tell them
    assert fault.value.__suppress_context__


# --- what was erased --------------------------------------------------------------------------


def test_once_its_key_is_destroyed_an_event_reads_as_erased_with_its_plain_facts(tmp_path):
    master_key = MasterKey.generate()
    with closing(Vault(sqlite_url(tmp_path / "vault.sqlite"), master_key)) as vault:
        mapper, key, other = EventMapper(office_event_types(), vault), vault.new_key(), vault.new_key()
        stored = mapper.to_stored_event(draft(REGISTERED, key))
        elsewhere = mapper.to_stored_event(draft(REGISTERED, other))
        vault.destroy([key[0]])
        assert mapper.to_event(stored) == REGISTERED.model_copy(update={"identity": ERASED})
        assert mapper.to_event(elsewhere) == REGISTERED
    with closing(Vault(sqlite_url(tmp_path / "vault.sqlite"), master_key)) as vault:
        mapper = EventMapper(office_event_types(), vault)
        assert mapper.to_event(stored) == REGISTERED.model_copy(update={"identity": ERASED})
        assert mapper.to_event(elsewhere) == REGISTERED


def test_a_stream_is_sealed_by_the_key_that_its_events_name_until_it_is_destroyed(mapper, vault, key):
    sealed = mapper.to_stored_event(draft(REGISTERED, key))
    plain = mapper.to_stored_event(draft(ClientActivated(), version=2))
    assert mapper.stream_key([]) is None
    assert mapper.stream_key([plain]) is None
    assert mapper.stream_key([sealed, plain]) == key
    vault.destroy([key[0]])
    assert mapper.stream_key([sealed, plain]) is None
