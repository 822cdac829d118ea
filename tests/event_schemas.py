"""Writes `docs/events`: the JSON Schema of each event type as it is stored today, and a page that lists them.

`python -m tests.event_schemas` writes what is missing or out of date, and removes what no type stands behind any more.
"""

import json
import re
import sys
from collections import defaultdict
from inspect import cleandoc, getmodule
from pathlib import Path
from typing import Any

from domain.events import Context, Event, office_event_types

FOLDER = Path(__file__).parents[1] / "docs" / "events"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_INDEX = """\
# Events

What the log holds: every event type, with the JSON Schema of its facts as they are stored today. An older event, of a
former `class_version`, reads as today's: upcasters see to that. This folder is written by `python -m tests.event_schemas`,
and a test fails where it is out of date.

## The envelope

Each event stands in the log in an envelope, which is the same for all:

| Field | Type | What it is |
|---|---|---|
| `position` | integer | its place in the log: from 1 on, never given twice |
| `stream_id` | UUID | the ticket, client, … that it is a fact of |
| `version` | integer | its place in that stream: from 1 on |
| `recorded_at` | time, UTC | when the log took it in; never decreases |
| `topic` | string | its type, as listed below |
| `context` | [Context](Context.json) | who acted, when, and in what exchange: the same for all events of a command |

## The types

A **sealed** field holds all of an event's personal values. It is encrypted under its stream's key; once that key is
destroyed, it reads as `{"erased": true}` for ever, and nothing else of the event changes. In the schemas it is marked with
`"x-sealed": true`.
"""


def main() -> None:
    wanted = documents()
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.iterdir():
        if path.name not in wanted:
            path.unlink()
            sys.stdout.write(f"removed {path}\n")
    for name, text in wanted.items():
        path = FOLDER / name
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            sys.stdout.write(f"wrote {path}\n")


def documents() -> dict[str, str]:
    """Every file of the folder, by name."""
    types = sorted(office_event_types(), key=lambda event_type: event_type.topic())
    schemas = {f"{event_type.topic()}.json": _json(schema_of(event_type)) for event_type in types}
    return {
        "README.md": _index(types),
        "Context.json": _json(_ordered(Context.model_json_schema(mode="serialization"))),
        **schemas,
    }


def schema_of(event_type: type[Event]) -> dict[str, Any]:
    """The schema of an event's facts, with the sealed field marked."""
    schema = event_type.model_json_schema(mode="serialization")
    if event_type.sealed_field is not None:
        schema["properties"][event_type.sealed_field] |= {
            "description": "Sealed under the stream's key; may be erased",
            "x-sealed": True,
        }
    return _ordered({"x-class-version": event_type.class_version, **schema})


def _ordered(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with what people look for first."""
    first = ("title", "description", "x-class-version", "type", "properties", "required", "additionalProperties")
    return {"$schema": _DIALECT} | {name: schema.pop(name) for name in first if name in schema} | schema


def _index(types: list[type[Event]]) -> str:
    by_module = defaultdict(list)
    for event_type in types:
        by_module[event_type.__module__].append(event_type)
    lines = [_INDEX]
    for name, members in sorted(by_module.items()):
        told = cleandoc(getmodule(members[0]).__doc__ or name).splitlines()[0]
        lines += [f"### `{name.replace('.', '/')}.py`", "", told, "", "| Type | What happened | Version | Sealed |"]
        lines += ["|---|---|---|---|", *map(_row, members), ""]
    return "\n".join(lines).rstrip() + "\n"


def _row(event_type: type[Event]) -> str:
    told = " ".join(cleandoc(event_type.__doc__ or _words(event_type)).partition("\n\n")[0].split())
    sealed = "" if event_type.sealed_field is None else f"`{event_type.sealed_field}`"
    return f"| [{event_type.topic()}]({event_type.topic()}.json) | {told} | {event_type.class_version} | {sealed} |"


def _words(event_type: type[Event]) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", event_type.topic()).capitalize() + "."


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    main()
