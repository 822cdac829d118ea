"""Writes the golden file of each event type that has none for its class version: `python -m tests.golden`.

A golden file holds one event's facts as the log stores them, and is a promise: what stands in it must be readable for
ever. This command never overwrites one; where a test says that a file no longer reads to the same, give the event a new
`class_version` and an upcaster, and run it again.
"""

import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import NAMESPACE_OID, UUID, uuid5

from pydantic import BaseModel

from domain.events import STORED, Event, office_event_types

FOLDER = Path(__file__).parent


def main() -> None:
    for event_type in office_event_types():
        path = FOLDER / f"{event_type.topic()}.v{event_type.class_version}.json"
        if not path.exists():
            path.write_text(json.dumps(golden(event_type), ensure_ascii=False, indent=2) + "\n", "utf-8")
            sys.stdout.write(f"wrote {path}\n")


def golden(event_type: type[Event]) -> dict[str, Any]:
    event = event_type.model_validate(sample(event_type, ""), context=STORED)
    facts = event.model_dump(mode="json")
    sealed = {} if event.sealed_field is None else {"sealed": facts.pop(event.sealed_field)}
    return {"topic": event.topic(), "class_version": event.class_version, "facts": facts, **sealed}


def sample(annotation: Any, name: str) -> Any:
    """A value of this type with nothing left out: of several possible types it has the first."""
    arguments = get_args(annotation)
    match get_origin(annotation) or annotation:
        case origin if origin is Annotated:
            return sample(arguments[0], name)
        case origin if origin is Literal:
            return arguments[0]
        case origin if origin in {Union, UnionType}:
            return sample(next(one for one in arguments if one is not NoneType), name)
        case origin if origin is tuple and len(arguments) > 1 and arguments[1] is not ...:
            return [sample(one, f"{name} {number}") for number, one in enumerate(arguments, 1)]
        case origin if origin in {tuple, list, frozenset, set}:
            return [sample(arguments[0], name)]
        case origin if origin is dict:
            return {sample(arguments[0], name): sample(arguments[1], name)}
        case origin if issubclass(origin, BaseModel):
            return {inner: sample(field.annotation, f"{name}.{inner}") for inner, field in origin.model_fields.items()}
        case origin:
            return _LEAVES[origin](name)


_LEAVES: dict[type, Any] = {
    str: lambda name: f"{name.lstrip('.')} à l’œuvre",
    int: lambda name: 1000 + len(name),
    bool: lambda _: True,
    UUID: lambda name: str(uuid5(NAMESPACE_OID, name)),
    datetime: lambda _: datetime(2026, 3, 31, 9, 30, 15, 123456, UTC).isoformat(),
    date: lambda _: date(2026, 3, 31).isoformat(),
}

if __name__ == "__main__":
    main()
