"""The HTTP application: the operations as routes, and what needs no token: health and documentation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final, Literal

import orjson
from pydantic import BaseModel, Field, RootModel
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from api.bootstrap import Greffier
from api.docs_page import documentation_page
from api.openapi import Public, openapi_document
from api.operations import Media, Operation, answer, problem_response
from api.problems import Malformed, MethodNotAllowed, NoSuchRoute, Problem
from api.routes import clients, messages, tickets

OPERATIONS: Final[tuple[Operation, ...]] = tuple(
    one for module in (tickets, clients, messages) for one in module.operation.all
)

_LATE_AFTER_SECONDS: Final = 30.0


class ViewHealth(BaseModel):
    """A view: its state, how many events it lies behind the head of the log."""

    name: str
    state: str
    lag: int


class Health(BaseModel):
    """`ok`, or `degraded`: a view stands still, lies more than half a minute behind, or the log has unknown events."""

    status: Literal["ok", "degraded"]
    head: int = Field(description="The position of the log's last event")
    lag_seconds: float = Field(description="The age of the oldest event that a view has still to take in")
    views: list[ViewHealth]
    unknown_topics: dict[str, int] = Field(description="Event types that this version doesn't know, and where")


class Document(RootModel[dict[str, Any]]):
    """This document: OpenAPI 3.1."""


PUBLIC: Final = (
    Public("/health", "Health", {200: (Health,), 503: (Health, Problem)}),
    Public("/openapi.json", "This document", {200: (Document,)}),
    Public("/docs", "The documentation page", {200: (Media("text/html", "The page, with nothing to load"),)}),
)


def create_app(greffier: Greffier) -> Starlette:
    """The application of one office; it keeps the views up for as long as it runs."""
    document = openapi_document(OPERATIONS, PUBLIC)
    openapi_json = orjson.dumps(document)
    page = documentation_page(document)

    async def health(_: Request) -> Response:
        try:
            found = await run_in_threadpool(check_health, greffier)
        except Exception as error:  # noqa: BLE001  # every error is answered as a problem
            return problem_response(error)
        status = 200 if found.status == "ok" else 503
        return Response(found.model_dump_json(), status, media_type="application/json")

    async def openapi(_: Request) -> Response:
        return Response(openapi_json, media_type="application/json")

    async def docs(_: Request) -> Response:
        headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
        return HTMLResponse(page, headers=headers)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        with greffier.projecting():
            yield

    app = Starlette(
        routes=[
            *_routes(greffier),
            Route("/health", health),
            Route("/openapi.json", openapi),
            Route("/docs", docs),
        ],
        lifespan=lifespan,
        exception_handlers={HTTPException: _http_problem},
    )
    app.router.redirect_slashes = False  # what lies at no path is told so, whoever asks
    return app


def check_health(greffier: Greffier) -> Health:
    """How the office stands, by comparing every view with the head of the log. Raises `StoreUnavailable`."""
    views = greffier.engine.status()
    behind = min((view.position for view in views if view.lag > 0), default=None)
    waiting_since = None if behind is None else greffier.log.recorded_at(behind + 1)
    lag_seconds = 0.0 if waiting_since is None else (datetime.now(UTC) - waiting_since).total_seconds()
    ok = all(view.state == "live" for view in views) and lag_seconds < _LATE_AFTER_SECONDS
    return Health(
        status="ok" if ok and not greffier.engine.unknown_topics else "degraded",
        head=greffier.log.head(),
        lag_seconds=max(lag_seconds, 0.0),
        views=[ViewHealth(name=view.name, state=view.state, lag=view.lag) for view in views],
        unknown_topics=greffier.engine.unknown_topics,
    )


def _routes(greffier: Greffier) -> list[Route]:
    by_path: defaultdict[str, dict[str, Operation]] = defaultdict(dict)
    for operation in OPERATIONS:
        by_path[operation.path][operation.method] = operation
    return [Route(path, _endpoint(greffier, by_method), methods=list(by_method)) for path, by_method in by_path.items()]


def _endpoint(greffier: Greffier, by_method: dict[str, Operation]) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await answer(by_method[method], greffier, request)

    return endpoint


async def _http_problem(_: Request, error: Exception) -> Response:
    """Starlette's own refusals, as problems."""
    status = error.status_code if isinstance(error, HTTPException) else 400
    detail = error.detail if isinstance(error, HTTPException) else str(error)
    problem = {404: NoSuchRoute(), 405: MethodNotAllowed()}.get(status) or Malformed(detail)
    response = problem_response(problem)
    if isinstance(error, HTTPException) and error.headers:
        response.headers.update(error.headers)
    return response
