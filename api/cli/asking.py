"""Asking the operations of the API from a terminal: in this process, in a collaborator's name and with their rights."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import orjson

from adapters.staff import find_collaborator
from api.answering import Answered, Asked, answer, labelled
from api.bootstrap import Greffier
from api.cli.session import bring_up_to_date, office
from api.routes import operation_at
from domain.access import Viewer
from domain.aggregates import Refusal
from projections.queries.paging import MAX_LIMIT


class Asking:
    """An office, as one collaborator asks it."""

    def __init__(self, greffier: Greffier, collaborator: str | None) -> None:
        self.greffier = greffier
        self.viewer = Viewer(collaborator_id=find_collaborator(greffier.log, collaborator))

    def ask(
        self,
        method: str,
        path: str,
        query: Iterable[tuple[str, str]] = (),
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answered:
        """What an operation answers. Raises what stands in its way; a refusal that names files is noted with their labels."""
        operation, named = operation_at(method, path)
        raw = None if body is None else io.BytesIO(body)
        try:
            return answer(operation, self.greffier, self.viewer, Asked(named, query, headers or {}, raw))
        except Refusal as error:
            for lines in labelled(error, self.greffier, self.viewer).values():
                for one in lines:
                    error.add_note(f"{one.kind} {one.id}: {one.label}")
            raise

    def get(self, path: str, **query: Any) -> Any:
        """What a read answers, as JSON has it. What is None is left out of the query."""
        given = [(name, _written(value)) for name, value in query.items() if value is not None]
        return orjson.loads(self.ask("GET", path, given).content)

    def every(self, path: str) -> Iterator[Any]:
        """Every item of a list, page by page."""
        cursor = None
        while True:
            page = self.get(path, limit=MAX_LIMIT, cursor=cursor)
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        return orjson.loads(self.ask("POST", path, body=None if body is None else orjson.dumps(body)).content)


@contextmanager
def asking(collaborator: str | None) -> Iterator[Asking]:
    """The office, its views at the head of the log, as the collaborator asks it; the first one, if none is named."""
    with office() as greffier:
        bring_up_to_date(greffier)
        yield Asking(greffier, collaborator)


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
