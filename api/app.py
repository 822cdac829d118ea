"""The HTTP application: the operations as routes, and what needs no token: health, metrics and documentation."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from functools import cache
from http import HTTPStatus
from typing import Any, Final

import orjson
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from pydantic import RootModel
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.bootstrap import Greffier
from api.docs_viewer import viewer_routes
from api.health import Health, check_health
from api.http import problem_response, respond
from api.metrics import Metrics
from api.openapi import Public, openapi_document
from api.operations import Media, Operation
from api.problems import RETRY_AFTER_SECONDS, Malformed, MethodNotAllowed, NoSuchRoute, Problem
from api.routes import office_operations


class Document(RootModel[dict[str, Any]]):
    """This document: OpenAPI 3.1."""


PUBLIC: Final = (
    Public("/health", "Health", {200: (Health,), 503: (Health, Problem)}),
    Public("/metrics", "Metrics", {200: (Media("text/plain", "What Prometheus reads, in its text format"),)}),
    Public("/openapi.json", "This document", {200: (Document,)}),
    Public(
        "/docs",
        "The documentation page",
        {200: (Media("text/html", "The page: a viewer of this document"),)},
        {"ETag": "The page's digest, for `If-None-Match`"},
    ),
)


def create_app(greffier: Greffier, *, projects: bool = True) -> Starlette:
    """The application of one office; where it `projects`, it keeps the views up for as long as it runs."""
    metrics, _ = Metrics(greffier), greffier.intake  # made before several requests ask for it at once

    async def health(_: Request) -> Response:
        try:
            found = await run_in_threadpool(check_health, greffier)
        except Exception as error:  # noqa: BLE001  # every error is answered as a problem
            return problem_response(error)
        content = found.model_dump_json()
        if found.status == "ok":
            return Response(content, media_type="application/json")
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        return Response(content, HTTPStatus.SERVICE_UNAVAILABLE, headers, media_type="application/json")

    async def metrics_page(_: Request) -> Response:
        return Response(await run_in_threadpool(metrics.exposition), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    async def openapi(_: Request) -> Response:
        return Response(await run_in_threadpool(_openapi_json), media_type="application/json")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        with greffier.projecting() if projects else nullcontext():
            yield

    app = Starlette(
        routes=[
            *_routes(greffier, metrics),
            Route("/health", health),
            Route("/metrics", metrics_page),
            Route("/openapi.json", openapi),
            *viewer_routes(),
        ],
        lifespan=lifespan,
        exception_handlers={HTTPException: _http_problem},
    )
    app.router.redirect_slashes = False  # what lies at no path is told so, whoever asks
    return app


@cache
def _openapi_json() -> bytes:
    """The document of the operations: made when somebody asks for it."""
    return orjson.dumps(openapi_document(office_operations(), PUBLIC))


def _routes(greffier: Greffier, metrics: Metrics) -> list[Route]:
    by_path: defaultdict[str, dict[str, Operation]] = defaultdict(dict)
    for operation in office_operations():
        by_path[operation.path][operation.method] = operation
    return [
        Route(path, _endpoint(greffier, metrics, by_method), methods=list(by_method))
        for path, by_method in by_path.items()
    ]


def _endpoint(greffier: Greffier, metrics: Metrics, by_method: dict[str, Operation]) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        started = time.perf_counter()
        operation = by_method["GET" if request.method == "HEAD" else request.method]
        response = await respond(operation, greffier, request)
        metrics.answered(operation.name, response.status_code, time.perf_counter() - started)
        return response

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
