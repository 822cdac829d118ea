"""What was once written must be readable for ever: one file per event type and class version in `tests/golden`."""

import json
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from adapters.databases import sqlite_url
from adapters.event_store.mapper import EventMapper
from adapters.vault import MasterKey, Vault
from domain.events import Erased, office_event_types

FOLDER = Path(__file__).parents[2] / "golden"
FILES = sorted(FOLDER.glob("*.json"))
STREAM = UUID("00000000-0000-8000-8000-00000000cafe")


@pytest.fixture(scope="module")
def vault(tmp_path_factory):
    with closing(Vault(sqlite_url(tmp_path_factory.mktemp("golden") / "vault.sqlite"), MasterKey.generate())) as opened:
        yield opened


@pytest.fixture
def read(vault, frame):
    def read(golden):
        key = vault.new_key() if "sealed" in golden else None
        stored = frame(
            golden["topic"],
            golden["class_version"],
            golden["facts"],
            stream_id=STREAM,
            personal=golden.get("sealed"),
            key=key,
        )
        return EventMapper(office_event_types(), vault).to_event(stored)

    return read


@pytest.mark.parametrize("event_type", list(office_event_types()), ids=lambda event_type: event_type.topic())
def test_every_event_type_has_a_golden_file_for_its_class_version(event_type):
    path = FOLDER / f"{event_type.topic()}.v{event_type.class_version}.json"
    assert path in FILES, f"there is no {path.name}: `python -m tests.golden` writes it"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_golden_file_still_reads_to_the_same(path, read):
    golden = json.loads(path.read_text("utf-8"))
    event = read(golden)
    assert path.stem == f"{golden['topic']}.v{golden['class_version']}"
    assert event.topic() == golden["topic"]
    if golden["class_version"] < event.class_version:
        return  # upcasters made it readable; what they make of it is their own tests' matter
    facts = event.model_dump(mode="json")
    if event.sealed_field is not None:
        assert not isinstance(getattr(event, event.sealed_field), Erased)
        assert facts.pop(event.sealed_field) == golden["sealed"]
    assert facts == golden["facts"], f"{golden['topic']} changed: give it a new class_version and an upcaster"
