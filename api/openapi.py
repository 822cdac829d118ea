"""The OpenAPI document: made from the operations and from the models that validate."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import Any, Final

from openapi_pydantic import OpenAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from adapters.databases import StoreUnavailable
from adapters.event_store.log import CommandIdReused, StaleVersion
from api.operations import Media, Nothing, Operation
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
    "description": "Any text of yours: a retry under the same key gets the first answer, and is done once",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}


def openapi_document(operations: Iterable[Operation], public: dict[str, Any]) -> dict[str, Any]:
    """The document, as JSON: every operation, and the `public` path items that need no token."""
    operations = list(operations)
    references, definitions = models_json_schema(_models(operations), ref_template=_SCHEMAS)
    schema_of: dict[Any, Any] = {model: schema for (model, _), schema in references.items()}
    paths: defaultdict[str, dict[str, Any]] = defaultdict(dict)
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
        "paths": {**public, **paths},
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "A token that `greffier token` gave"}
            },
        },
    }
    return OpenAPI.model_validate(document).model_dump(mode="json", by_alias=True, exclude_none=True)


def _models(operations: list[Operation]) -> list[tuple[type[BaseModel], Any]]:
    used: dict[type[BaseModel], str] = {Problem: "serialization"}
    for operation in operations:
        if operation.body is not None and not isinstance(operation.body, Media):
            used[operation.body] = "validation"
        for answer in operation.answers.values():
            if not isinstance(answer, Media):
                used[answer] = "serialization"
    return list(used.items())


def _operation(operation: Operation, schema_of: dict[Any, Any]) -> dict[str, Any]:
    described = {
        "operationId": operation.route.__name__,
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
        described["description"] = inspect.cleandoc(operation.description)
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": _content(operation.body, schema_of)}
    return described


def _parameters(model: type[BaseModel], place: str) -> Iterator[dict[str, Any]]:
    schema = model.model_json_schema()
    for name, field in schema.get("properties", {}).items():
        description = field.pop("description", None)
        field.pop("title", None)
        yield {
            "name": name,
            "in": place,
            "required": place == "path" or name in schema.get("required", ()),
            "schema": field,
            **({"description": description} if description else {}),
        }


def _answer(operation: Operation, status: int, schema_of: dict[Any, Any]) -> dict[str, Any]:
    answer = operation.answers[status]
    described = {
        "description": answer.description if isinstance(answer, Media) else _first_line(answer),
        "content": _content(answer, schema_of),
    }
    if operation.conditional:
        described["headers"] = {"ETag": {"description": "The version, for `If-Match`", "schema": {"type": "string"}}}
    return described


def _content(shape: type[BaseModel] | Media, schema_of: dict[Any, Any]) -> dict[str, Any]:
    if isinstance(shape, Media):
        return {shape.type: {"schema": {"type": "string", "format": "binary"}}}
    return {"application/json": {"schema": schema_of[shape]}}


def _problems(operation: Operation, schema_of: dict[Any, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    by_status: defaultdict[int, list[str]] = defaultdict(list)
    for refusal in (*operation.refuses, *_common_refusals(operation)):
        by_status[STATUS[refusal]].append(_first_line(refusal))
    for status, reasons in sorted(by_status.items()):
        described: dict[str, Any] = {
            "description": " ".join(dict.fromkeys(reasons)),
            "content": {"application/problem+json": {"schema": schema_of[Problem]}},
        }
        if STATUS[ViewsBehind] == status:
            described["headers"] = {
                "Retry-After": {
                    "description": f"When to try again, in seconds: {RETRY_AFTER_SECONDS}",
                    "schema": {"type": "string"},
                }
            }
        yield str(status), described


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
