"""Operations over HTTP: the bearer's token, the body on its way in, the thread pool, and every error as a problem."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import IO, Final

from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from adapters.spool import IN_MEMORY, Spool
from api import answering
from api.answering import Answered, Asked
from api.bootstrap import Greffier
from api.operations import Media, Operation
from api.problems import PayloadTooLarge, Unauthenticated, UnsupportedMediaType
from domain.access import Viewer

MAX_JSON_BYTES: Final = 1 << 20


async def respond(operation: Operation, greffier: Greffier, request: Request) -> Response:
    """Answers a request to an operation: what it answers, or the problem that stands in its way."""
    if operation.body is None:
        return _response(await run_in_threadpool(_answered, operation, greffier, request))
    viewer = None
    try:
        viewer = await run_in_threadpool(_admitted, operation, greffier, request)
        with await _raw_body(operation.body, greffier, request) as raw:  # nobody's who may not do this
            return _response(await run_in_threadpool(_answered, operation, greffier, request, viewer, raw))
    except Exception as error:  # noqa: BLE001  # every error is answered as a problem
        return _response(await run_in_threadpool(answering.problem, error, greffier, viewer))


def problem_response(error: Exception) -> Response:
    return _response(answering.problem(error))


def _answered(
    operation: Operation,
    greffier: Greffier,
    request: Request,
    viewer: Viewer | None = None,
    raw: IO[bytes] | None = None,
) -> Answered:
    try:
        viewer = viewer or _admitted(operation, greffier, request)
        asked = Asked(request.path_params, request.query_params.multi_items(), request.headers, raw)
        return answering.answer(operation, greffier, viewer, asked)
    except Exception as error:  # noqa: BLE001  # every error is answered as a problem
        return answering.problem(error, greffier, viewer)


def _response(answered: Answered) -> Response:
    return Response(answered.content, answered.status, dict(answered.headers), media_type=answered.media_type)


def _admitted(operation: Operation, greffier: Greffier, request: Request) -> Viewer:
    """The collaborator behind the request's token, where they may do this."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    collaborator_id = greffier.desk.collaborator_of(token.strip()) if scheme.lower() == "bearer" else None
    if collaborator_id is None:
        raise Unauthenticated
    viewer = Viewer(collaborator_id=collaborator_id)
    answering.admit(operation, viewer)
    return viewer


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
