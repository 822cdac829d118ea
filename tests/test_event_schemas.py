"""What `docs/events` says of the events is what the log holds."""

import json
from pathlib import Path

import jsonschema_rs
import pytest

from domain.events import ERASED, STORED, office_event_types
from tests.event_schemas import FOLDER, documents

GOLDEN = Path(__file__).parent / "golden"
TYPES = pytest.mark.parametrize("event_type", list(office_event_types()), ids=lambda event_type: event_type.topic())


@pytest.mark.parametrize("name", sorted(documents()))
def test_every_schema_is_published_as_it_is_today(name):
    published = FOLDER / name
    assert published.is_file(), f"there is no {name}: `python -m tests.event_schemas` writes it"
    assert published.read_text("utf-8") == documents()[name], f"{name} is out of date: `python -m tests.event_schemas`"


def test_nothing_else_is_published():
    assert {path.name for path in FOLDER.iterdir()} == documents().keys()


@TYPES
def test_a_stored_event_is_as_its_schema_says_whether_it_is_erased_or_not(event_type):
    schema = json.loads((FOLDER / f"{event_type.topic()}.json").read_text("utf-8"))
    golden = json.loads((GOLDEN / f"{event_type.topic()}.v{event_type.class_version}.json").read_text("utf-8"))
    facts = golden["facts"]
    sealed = event_type.sealed_field
    assert [name for name, field in schema["properties"].items() if "x-sealed" in field] == ([sealed] if sealed else [])
    readings = [golden["sealed"], ERASED.model_dump(mode="json")] if sealed else [None]
    for reading in readings:
        whole = facts | ({sealed: reading} if sealed else {})
        event_type.model_validate(whole, context=STORED)
        jsonschema_rs.validate(schema, whole)
    with pytest.raises(jsonschema_rs.ValidationError):
        jsonschema_rs.validate(schema, {**facts, "unheard_of": 1})
