"""The OpenAPI document: made from the operations and from the models that validate."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from openapi_pydantic import OpenAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from adapters.databases import StoreUnavailable
from adapters.event_store.log import CommandIdReused, StaleVersion
from api.calls import Nothing
from api.operations import Media, Operation
from api.problems import (
    RETRY_AFTER_SECONDS,
    STATUS,
    Forbidden,
    Invalid,
    Malformed,
    NoSuchRoute,
    PayloadTooLarge,
    Problem,
    Unauthenticated,
    UnsupportedMediaType,
    ViewsBehind,
)

_SCHEMAS: Final = "#/components/schemas/{model}"
_BYTES: Final = {"type": "string", "format": "binary"}
_IF_MATCH: Final = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "The `ETag` of a read: the command is refused (412) if the thing has changed since",
    "schema": {"type": "string", "pattern": '^(\\*|(W/)?"[0-9]{1,18}")$'},
}
_IDEMPOTENCY_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A text of yours: a retry under the same key gets the first answer, and is done once",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}


Shape = type[BaseModel] | Media


class Public(NamedTuple):
    """A page that needs no token: what a GET answers, in one or several shapes for each status; and what its headers tell."""

    path: str
    summary: str
    answers: Mapping[int, tuple[Shape, ...]]
    headers: Mapping[str, str] = MappingProxyType({})


def openapi_document(operations: Iterable[Operation], public: Iterable[Public]) -> dict[str, Any]:
    """The document, as JSON: every operation, and the pages that need no token."""
    operations, public = list(operations), list(public)
    references, definitions = models_json_schema(_models(operations, public), ref_template=_SCHEMAS)
    _require_kinds(definitions["$defs"], definitions["$defs"])
    schema_of: dict[Any, Any] = {model: schema for (model, _), schema in references.items()}
    paths: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for page in public:
        paths[page.path]["get"] = _page(page, schema_of)
    for operation in operations:
        paths[operation.path][operation.method.lower()] = _operation(operation, schema_of)
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": "Greffier",
            "version": version("greffier"),
            "description": (
                "The event-sourced core of an insurance broker's office. Every command answers with the log's "
                "`position`: give it to a read as `min_position` to read your own writes. "
                "Errors are problems (RFC 9457) with a stable `type`."
            ),
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "A token that `greffier token` gave"}
            },
        },
    }
    OpenAPI.model_validate(document)
    return document


def _models(operations: list[Operation], public: list[Public]) -> list[tuple[type[BaseModel], Any]]:
    answers: list[Shape] = [answer for operation in operations for answer in operation.answers.values()]
    answers += [answer for page in public for shapes in page.answers.values() for answer in shapes]
    bodies = [operation.body for operation in operations if operation.body is not None]
    used: dict[type[BaseModel], str] = {Problem: "serialization"}
    used |= {body: "validation" for body in bodies if not isinstance(body, Media)}
    used |= {answer: "serialization" for answer in answers if not isinstance(answer, Media)}
    return list(used.items())


def _require_kinds(part: Any, schemas: dict[str, Any]) -> None:
    """Marks as required what tells the members of a union apart: a default serves Python, not those who send JSON."""
    for member in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        _require_kinds(member, schemas)
    if isinstance(part, dict) and "mapping" in part and "propertyName" in part:
        for reference in part["mapping"].values():
            schema = schemas[reference.rpartition("/")[2]]
            schema["required"] = sorted({part["propertyName"], *schema.get("required", ())})


def _page(page: Public, schema_of: dict[Any, Any]) -> dict[str, Any]:
    return {
        "operationId": page.summary.lower().replace(" ", "_"),
        "tags": ["service"],
        "summary": page.summary,
        "security": [],
        "responses": {
            str(status): _response(_described(shapes[0]), _content(shapes, schema_of), page.headers)
            for status, shapes in page.answers.items()
        },
    }


def _operation(operation: Operation, schema_of: dict[Any, Any]) -> dict[str, Any]:
    described = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "parameters": [
            *_parameters(operation.path_model, "path"),
            *_parameters(operation.query_model, "query"),
            *([_IF_MATCH] if operation.conditional else []),
            *([_IDEMPOTENCY_KEY] if operation.is_command else []),
        ],
        "responses": {str(status): _answer(operation, status, schema_of) for status in operation.answers}
        | dict(_problems(operation, schema_of)),
    }
    if operation.description:
        described["description"] = operation.description
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": _content([operation.body], schema_of)}
    return described


def _parameters(model: type[BaseModel], place: str) -> Iterator[dict[str, Any]]:
    schema = model.model_json_schema()
    for name, declared in schema.get("properties", {}).items():
        field = _sendable(declared)
        description = field.pop("description", None)
        field.pop("title", None)
        yield {
            "name": name,
            "in": place,
            "required": place == "path" or name in schema.get("required", ()),
            "schema": field,
            **({"description": description} if description else {}),
        }


def _sendable(field: dict[str, Any]) -> dict[str, Any]:
    """A parameter's schema without null, which is sent by leaving the parameter out."""
    if "anyOf" not in field:
        return field
    choices = [choice for choice in field["anyOf"] if choice != {"type": "null"}]
    what = choices[0] if len(choices) == 1 else {"anyOf": choices}
    return {**{name: value for name, value in field.items() if name not in {"anyOf", "default"}}, **what}


def _answer(operation: Operation, status: int, schema_of: dict[Any, Any]) -> dict[str, Any]:
    answer = operation.answers[status]
    return _response(_described(answer), _content([answer], schema_of), operation.headers(status))


def _response(description: str, content: dict[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
    described: dict[str, Any] = {"description": description, "content": content}
    if headers:
        described["headers"] = {
            name: {"description": told, "required": True, "schema": {"type": "string"}}
            for name, told in headers.items()
        }
    return described


def _described(shape: Shape) -> str:
    return shape.description if isinstance(shape, Media) else _first_line(shape)


def _content(shapes: Iterable[Shape], schema_of: dict[Any, Any]) -> dict[str, Any]:
    return {_media_type(shape): {"schema": schema_of.get(shape, _BYTES)} for shape in shapes}


def _media_type(shape: Shape) -> str:
    if isinstance(shape, Media):
        return shape.type
    return "application/problem+json" if shape is Problem else "application/json"


def _problems(operation: Operation, schema_of: dict[Any, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    by_status: defaultdict[int, list[str]] = defaultdict(list)
    for refusal in (*operation.refuses, *_common_refusals(operation)):
        by_status[STATUS[refusal]].append(_first_line(refusal))
    for status, reasons in sorted(by_status.items()):
        may_be_tried = {"Retry-After": f"When to try again, in seconds: {RETRY_AFTER_SECONDS}"}
        headers = may_be_tried if STATUS[ViewsBehind] == status else {}
        yield str(status), _response(" ".join(dict.fromkeys(reasons)), _content([Problem], schema_of), headers)


def _common_refusals(operation: Operation) -> Iterator[type[Exception]]:
    yield from (Unauthenticated, Forbidden, StoreUnavailable)
    if operation.path_model is not Nothing:
        yield NoSuchRoute
    if operation.path_model is not Nothing or operation.query_model is not Nothing or operation.body is not None:
        yield Invalid
    if operation.query_model is not Nothing:
        yield ViewsBehind
    if operation.body is not None:
        yield from (Malformed, PayloadTooLarge, UnsupportedMediaType)
    if operation.is_command:
        yield CommandIdReused
    if operation.conditional:
        yield StaleVersion


def _first_line(cls: type) -> str:
    return inspect.cleandoc(cls.__doc__ or cls.__name__).splitlines()[0]
