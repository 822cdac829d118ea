"""An operation of the HTTP API, declared once: the route, what it takes, and the document all come from it.

A route parses, acts and answers; everything between the socket and it stands here: authentication, reading and
validating the request, the thread pool, conditions, idempotency, waiting for a position, and problems.
"""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import IO, Annotated, Any, Final, Literal, NamedTuple, TypeVar
from uuid import UUID, uuid4

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from adapters.databases import StoreUnavailable
from adapters.event_store.log import IfMatch
from adapters.spool import IN_MEMORY, Spool
from api.bootstrap import Greffier
from api.parameters import Parameters
from api.problems import (
    INTERNAL_ERROR,
    RETRY_AFTER_SECONDS,
    FieldError,
    Forbidden,
    Invalid,
    Malformed,
    PayloadTooLarge,
    Problem,
    Unauthenticated,
    UnsupportedMediaType,
    ViewsBehind,
    invalid,
    problem_of,
)
from api.runs import RunDone, Step, run
from domain.access import Action, Viewer, may
from domain.aggregates import NotFound
from domain.commands import Answer, Command
from domain.email_address import AddressBelongsToAnother
from domain.events import Actor
from projections import files
from projections.paging import Window
from projections.projection import Projection
from projections.reading import Reading

MAX_JSON_BYTES: Final = 1 << 20
_ETAG: Final = re.compile(r'(?:W/)?"([0-9]{1,18})"')
_KEY: Final = re.compile(r"[!-~]{1,255}")

_log = logging.getLogger(__name__)

T = TypeVar("T")


class AtPosition(Parameters):
    """What every read takes."""

    min_position: Annotated[
        int,
        Field(ge=0, description="Answer once the views have reached this position of the log: read your own writes"),
    ] = 0


class Listing(AtPosition, Window):
    """What every list of a view takes."""


class Nothing(BaseModel):
    """No parameters."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Media(NamedTuple):
    """Bytes of a media type, as a body or an answer."""

    type: str
    description: str


@dataclass(frozen=True)
class Reply:
    """What a route answers: a model; or bytes, to keep under the name `download`."""

    content: BaseModel | bytes
    status: int = 200
    version: int | None = None
    location: str | None = None
    download: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        headers = {}
        if self.version is not None:
            headers["ETag"] = f'"{self.version}"'
        if self.location is not None:
            headers["Location"] = self.location
        if self.download is not None:  # a browser must not show what a stranger sent
            headers["Content-Disposition"] = f'attachment; filename="{self.download}"'
            headers["Content-Security-Policy"] = "sandbox"
            headers["X-Content-Type-Options"] = "nosniff"
        return headers


@dataclass(frozen=True)
class Call:
    """One request, authenticated and validated."""

    greffier: Greffier
    viewer: Viewer
    path: Any
    query: Any
    body: Any
    if_match: int | None
    idempotency_key: str | None

    @property
    def actor(self) -> Actor:
        return Actor.collaborator(self.viewer.collaborator_id)

    @property
    def command_id(self) -> UUID | None:
        """The command's id: the same for every retry under one `Idempotency-Key` of one collaborator."""
        if self.idempotency_key is None:
            return None
        return self.greffier.log.keyed_id("idempotency_key", f"{self.viewer.collaborator_id}:{self.idempotency_key}")

    def new_id(self, kind: str) -> UUID:
        """The id of what this call creates: the same on every retry."""
        command_id = self.command_id
        return uuid4() if command_id is None else self.greffier.log.keyed_id(kind, str(command_id))

    def execute(self, command: Command, on: UUID) -> Answer:
        """Executes in the viewer's name, if `on` is still at the version that `If-Match` names."""
        if_match = None if self.if_match is None else IfMatch(on, self.if_match)
        return self.greffier.log.execute(command, self.actor, command_id=self.command_id, if_match=if_match)

    def run(self, steps: Iterable[Step]) -> RunDone:
        """Gives several commands in the viewer's name, each about a ticket."""
        return run(self.greffier.log, self.actor, steps, self.new_id("run"), self._step_id)

    def _step_id(self, ticket_id: UUID) -> UUID | None:
        command_id = self.command_id
        return command_id and self.greffier.log.keyed_id("step", f"{command_id}{ticket_id}")

    @contextmanager
    def reading(self, *views: Projection) -> Iterator[Reading]:
        """The views as one transaction, once these are built and have reached the position asked for.

        Raises `ViewsBehind`.
        """
        wanted, names = self.query.min_position, [view.name for view in views]
        engine = self.greffier.engine
        with engine.reading_at(wanted, names, timeout=0) as session:
            if session is not None:
                yield Reading(session, self.viewer)
                return
        if wanted > self.greffier.log.head():
            raise Invalid([FieldError(field="query.min_position", message="lies beyond the end of the log")])
        with engine.reading_at(wanted, names, self.greffier.settings.read_timeout) as session:
            if session is None:
                raise ViewsBehind(f"the views have not reached position {wanted} yet")
            yield Reading(session, self.viewer)


@dataclass(frozen=True)
class Operation:
    """One method of one path. `refuses` lists the errors of its own; those of all operations are added.

    `versioned` answers have the version as their `ETag`; what is created (201) has its `Location`.
    """

    method: Literal["GET", "POST", "DELETE"]
    path: str
    summary: str
    tag: str
    action: Action
    route: Callable[[Call], Reply]
    answers: Mapping[int, type[BaseModel] | Media]
    path_model: type[BaseModel] = Nothing
    query_model: type[BaseModel] = Nothing
    body: type[BaseModel] | Media | None = None
    refuses: tuple[type[Exception], ...] = ()
    is_command: bool = False
    conditional: bool = False
    versioned: bool = False
    description: str = ""

    def headers(self, status: int) -> dict[str, str]:
        """The headers that an answer tells something with, and what."""
        etag = {"ETag": "The version, for `If-Match`"} if self.versioned else {}
        location = {"Location": "Where the thing created lies"} if status == HTTPStatus.CREATED else {}
        return etag | location


def found(kind: str, of: UUID, thing: T | None) -> T:
    """What was looked for. Raises `NotFound` where that is nothing."""
    if not thing:
        raise NotFound(kind=kind, id=of)
    return thing


class Operations:
    """A list of operations, filled by decorating routes."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.all: list[Operation] = []

    def __call__(
        self, method: Literal["GET", "POST", "DELETE"], path: str, summary: str, action: Action, **more: Any
    ) -> Callable[[Callable[[Call], Reply]], Callable[[Call], Reply]]:
        def register(route: Callable[[Call], Reply]) -> Callable[[Call], Reply]:
            self.all.append(
                Operation(
                    method, path, summary, self.tag, action, route, description=(route.__doc__ or "").strip(), **more
                )
            )
            return route

        return register


async def answer(operation: Operation, greffier: Greffier, request: Request) -> Response:
    """Answers a request to an operation: its reply, or the problem that stands in its way."""
    viewer: Viewer | None = None
    try:
        if operation.body is None:
            return await run_in_threadpool(_answered, operation, greffier, request)
        viewer = await run_in_threadpool(_admitted, operation, greffier, request)
        with await _raw_body(operation.body, greffier, request) as raw:  # nobody's who may not do this
            return await run_in_threadpool(_routed, operation, greffier, viewer, request, raw)
    except Exception as error:  # noqa: BLE001  # every error is answered as a problem
        return await run_in_threadpool(problem_response, error, greffier, viewer)


def problem_response(error: Exception, greffier: Greffier | None = None, viewer: Viewer | None = None) -> Response:
    problem = problem_of(error)
    if problem is INTERNAL_ERROR:
        _log.error("answered with %s", problem.type, exc_info=error)
    elif problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:  # ours to look at, whatever it is
        _log.warning("answered with %s: %s", problem.type, problem.detail)
    if greffier is not None and viewer is not None and isinstance(error, AddressBelongsToAnother):
        with suppress(StoreUnavailable):  # without their names, the problem says who they are all the same
            problem = _naming_owners(problem, error, greffier, viewer)
    headers = {}
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="greffier"'
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    content = orjson.dumps(problem.model_dump(mode="json", exclude_none=True))
    return Response(content, problem.status, headers, media_type="application/problem+json")


def _naming_owners(problem: Problem, error: AddressBelongsToAnother, greffier: Greffier, viewer: Viewer) -> Problem:
    names = [view.name for view in files.VIEWS]
    greffier.engine.wait_for(greffier.log.head(), names, greffier.settings.read_timeout)
    with greffier.engine.reading_at(0, names, 0) as session:
        if session is None:
            return problem  # there is no such view yet
        known = files.Files(Reading(session, viewer), error.owners)
    owners = [
        {"kind": o.kind, "id": str(o.id), "display_name": known.label(o) if known.knows(o) else None}
        for o in error.owners
    ]
    return problem.model_copy(update={"owners": owners})


def _admitted(operation: Operation, greffier: Greffier, request: Request) -> Viewer:
    """The collaborator behind the request's token, where they may do this."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    collaborator_id = greffier.desk.collaborator_of(token.strip()) if scheme.lower() == "bearer" else None
    if collaborator_id is None:
        raise Unauthenticated
    viewer = Viewer(collaborator_id=collaborator_id)
    if not may(viewer, operation.action):
        raise Forbidden
    return viewer


def _answered(operation: Operation, greffier: Greffier, request: Request) -> Response:
    return _routed(operation, greffier, _admitted(operation, greffier, request), request)


async def _raw_body(body: type[BaseModel] | Media, greffier: Greffier, request: Request) -> IO[bytes]:
    is_media = isinstance(body, Media)
    expected = body.type if isinstance(body, Media) else "application/json"
    given = request.headers.get("content-type", expected).partition(";")[0].strip().lower()
    if given != expected:
        raise UnsupportedMediaType(f"the body must be {expected}")
    limit = greffier.settings.max_message_bytes if is_media else MAX_JSON_BYTES
    spool = Spool()
    try:
        await _copy(request.stream(), spool, limit)
    except BaseException:
        spool.close()
        raise
    return spool


async def _copy(stream: AsyncIterator[bytes], spool: Spool, limit: int) -> None:
    size = 0
    async for chunk in stream:
        size += len(chunk)
        if size > limit:
            raise PayloadTooLarge(f"the body may have {limit} bytes at most")
        if size > IN_MEMORY:  # what goes to disk must not hold up the event loop
            await run_in_threadpool(spool.write, chunk)
        else:
            spool.write(chunk)
    await run_in_threadpool(spool.seek, 0)


def _routed(
    operation: Operation, greffier: Greffier, viewer: Viewer, request: Request, raw: IO[bytes] | None = None
) -> Response:
    path = _validated(operation.path_model, request.path_params, "path")
    query = _validated(operation.query_model, _query(request), "query")
    call = Call(
        greffier=greffier,
        viewer=viewer,
        path=path,
        query=query,
        body=_body(operation.body, raw) if raw is not None else None,
        if_match=_if_match(request.headers.get("if-match")) if operation.conditional else None,
        idempotency_key=_idempotency_key(request.headers.get("idempotency-key")) if operation.is_command else None,
    )
    try:
        return _response(operation, operation.route(call))
    except NotFound as error:
        field = None if error.id in dict(path).values() else _field_naming(error.id, call.body)
        if field is None:
            raise
        raise Invalid([FieldError(field=field, message=str(error))]) from None


def _field_naming(thing: UUID, body: Any) -> str | None:
    """The field of a body that names this thing by its id."""
    sent = body.model_dump() if isinstance(body, BaseModel) else {}
    return next((".".join(path) for path, value in _leaves(sent) if value == thing), None)


def _leaves(value: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _leaves(member, *path, name)
    else:
        yield path, value


def _query(request: Request) -> dict[str, str]:
    items = request.query_params.multi_items()
    values = dict(items)
    if len(values) < len(items):
        repeated = next(name for name, _ in items if sum(name == other for other, _ in items) > 1)
        raise Invalid([FieldError(field=f"query.{repeated}", message="is given more than once")])
    return values


def _validated(model: type[BaseModel], values: Mapping[str, Any], where: str) -> BaseModel:
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise invalid(error, model, where) from None


def _body(expected: type[BaseModel] | Media | None, raw: IO[bytes]) -> Any:
    if expected is None or isinstance(expected, Media):
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


def _response(operation: Operation, reply: Reply) -> Response:
    if isinstance(reply.content, bytes):
        media = operation.answers[reply.status]
        assert isinstance(media, Media)  # noqa: S101  # an operation declares what it answers
        return Response(reply.content, reply.status, reply.headers, media_type=media.type)
    content = orjson.dumps(reply.content.model_dump(mode="json"))
    return Response(content, reply.status, reply.headers, media_type="application/json")
