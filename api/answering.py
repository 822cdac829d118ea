"""Answering a request to an operation, from wherever it comes: the viewer's rights, validation, the route, problems."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import IO, Any, Final

import orjson
from pydantic import BaseModel, ValidationError

from adapters.databases import StoreUnavailable
from api.bootstrap import Greffier
from api.calls import Call, Reply
from api.operations import Media, Operation
from api.parameters import misspelt
from api.problems import (
    INTERNAL_ERROR,
    RETRY_AFTER_SECONDS,
    FieldError,
    Forbidden,
    Invalid,
    Malformed,
    invalid,
    problem_of,
)
from domain.access import Viewer, may
from domain.aggregates import NotFound, Refusal
from domain.values import Target
from projections import targets
from projections.queries.reading import Reading

_ETAG: Final = re.compile(r'(?:W/)?"([0-9]{1,18})"')
_KEY: Final = re.compile(r"[!-~]{1,255}")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asked:
    """What a request says: parameters of its path, pairs of its query, headers by their names in lower case, its body."""

    path: Mapping[str, str] = field(default_factory=dict)
    query: Iterable[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: IO[bytes] | None = None


@dataclass(frozen=True)
class Answered:
    """An answer, as bytes."""

    status: int
    content: bytes
    media_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


def admit(operation: Operation, viewer: Viewer) -> None:
    """Raises `Forbidden` where the viewer may not do this."""
    if not may(viewer, operation.action):
        raise Forbidden


def answer(operation: Operation, greffier: Greffier, viewer: Viewer, asked: Asked) -> Answered:
    """What the operation answers. Raises what stands in its way: `problem` tells it."""
    admit(operation, viewer)
    call = Call(
        greffier=greffier,
        viewer=viewer,
        path=_validated(operation.path_model, asked.path, "path"),
        query=_validated(operation.query_model, _each_once(asked.query), "query"),
        body=_body(operation.body, asked.body),
        if_match=_if_match(asked.headers.get("if-match")) if operation.conditional else None,
        idempotency_key=_idempotency_key(asked.headers.get("idempotency-key")) if operation.is_command else None,
    )
    try:
        return _written(operation, operation.route(call))
    except NotFound as error:
        if error.field is None or not _is_sent(error.field, call.body):
            raise
        raise Invalid([FieldError(field=error.field, message=str(error))]) from None


def _is_sent(name: str, body: object) -> bool:
    return isinstance(body, BaseModel) and name.partition(".")[0] in type(body).model_fields


def problem(error: Exception, greffier: Greffier | None = None, viewer: Viewer | None = None) -> Answered:
    """The problem that an error is answered with. What its facts name is called as the viewer may see it called."""
    told = problem_of(error)
    if told is INTERNAL_ERROR:
        _log.error("answered with %s", told.type, exc_info=error)
    elif told.status >= HTTPStatus.INTERNAL_SERVER_ERROR:  # ours to look at, whatever it is
        _log.warning("answered with %s: %s", told.type, told.detail)
    if greffier is not None and viewer is not None and isinstance(error, Refusal):
        with suppress(StoreUnavailable):  # without names, the problem says which they are all the same
            told = told.model_copy(update=_named(error, greffier, viewer))
    headers = {}
    if told.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="greffier"'
    if told.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    content = orjson.dumps(told.model_dump(mode="json", exclude_none=True))
    return Answered(told.status, content, "application/problem+json", headers)


def _named(error: Refusal, greffier: Greffier, viewer: Viewer) -> dict[str, Any]:
    """The facts that are files, as the problem tells them."""
    lines = {
        name: [one.model_dump(mode="json") for one in of] for name, of in labelled(error, greffier, viewer).items()
    }
    return {name: line if isinstance(error.facts()[name], tuple) else line[0] for name, line in lines.items()}


def labelled(error: Refusal, greffier: Greffier, viewer: Viewer) -> dict[str, list[targets.TargetLine]]:
    """The files that a refusal's facts name, as the viewer may see them called."""
    named = {name: several for name, fact in error.facts().items() if (several := _targets(fact))}
    if not named:
        return {}
    names = [view.name for view in targets.VIEWS]
    greffier.engine.wait_for(greffier.log.head(), names, greffier.settings.read_timeout)
    with greffier.engine.reading_at(0, names, 0) as connection:
        if connection is None:
            return {}  # there is no such view yet
        known = targets.Targets(Reading(connection, viewer), [one for several in named.values() for one in several])
    return {name: [known.line(one)[0] for one in several] for name, several in named.items()}


def _targets(fact: object) -> list[Target]:
    members = fact if isinstance(fact, tuple) else (fact,)
    return [member for member in members if isinstance(member, Target)]


def _each_once(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in pairs:
        if name in values:
            raise Invalid([FieldError(field=f"query.{name}", message="is given more than once")])
        values[name] = value
    return values


def _validated(model: type[BaseModel], values: Mapping[str, str], where: str) -> BaseModel:
    misread = list(misspelt(model, values, where))
    try:
        valid = model.model_validate(values)
    except ValidationError as error:
        told = {one.field for one in misread}
        raise Invalid(
            [*misread, *(one for one in invalid(error, model, where).errors if one.field not in told)]
        ) from None
    if misread:
        raise Invalid(misread)
    return valid


def _body(expected: type[BaseModel] | Media | None, raw: IO[bytes] | None) -> Any:
    if raw is None or expected is None or isinstance(expected, Media):
        return raw
    try:
        return expected.model_validate_json(raw.read(), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["type"] == "json_invalid":
            raise Malformed(f"the body is not JSON: {first['msg'].removeprefix('Invalid JSON: ')}") from None
        raise invalid(error, expected) from None


def _if_match(header: str | None) -> int | None:
    if header is None or header.strip() == "*":
        return None
    found = _ETAG.fullmatch(header.strip())
    if found is None:
        raise Invalid([FieldError(field="header.If-Match", message='must be an ETag that a read gave, such as "3"')])
    return int(found[1])


def _idempotency_key(header: str | None) -> str | None:
    if header is not None and not _KEY.fullmatch(header):
        message = "must have 1 to 255 characters: letters, digits and punctuation of ASCII"
        raise Invalid([FieldError(field="header.Idempotency-Key", message=message)])
    return header


def _written(operation: Operation, reply: Reply) -> Answered:
    if isinstance(reply.content, bytes):
        media = operation.answers[reply.status]
        assert isinstance(media, Media)  # noqa: S101  # an operation declares what it answers
        return Answered(reply.status, reply.content, media.type, reply.headers)
    content = reply.content.model_dump_json().encode()
    return Answered(reply.status, content, "application/json", reply.headers)
