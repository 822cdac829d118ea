"""One request to an operation, from wherever it came, once it is authenticated and validated; and what is answered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Self
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict, Field

from adapters.event_store.log import IfMatch
from api.bootstrap import Greffier
from api.problems import FieldError, Invalid, ViewsBehind
from domain.access import Viewer
from domain.commands import Answer, Command, WarningCode
from domain.events import Actor
from projections.engine.projection import Projection
from projections.queries.paging import Window
from projections.queries.reading import Reading


class Nothing(BaseModel):
    """No parameters."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AtPosition(BaseModel):
    """What every read of a view takes."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    min_position: Annotated[
        int,
        Field(
            ge=0,
            le=2**63 - 1,
            description="Answer once the views have reached this position of the log: read your own writes",
        ),
    ] = 0


class Listing(AtPosition, Window):
    """What every list of a view takes."""


class Caution(BaseModel):
    """What was done, and may have been meant otherwise."""

    code: WarningCode = Field(description="A stable name of what there is to look at")
    field: str | None = Field(description="The field of the request that it is about; null for all of it")
    message: str = Field(description="The same in a sentence")
    ids: tuple[UUID, ...] = Field(description="What it concerns")


class Changed(BaseModel):
    """What a command changed, as it left that; read it with this `position` as `min_position`."""

    id: UUID = Field(description="What was changed, or created")
    version: int = Field(description="The version now, for `If-Match`; a comment's is its ticket's")
    position: int = Field(description="The position in the log of the last event, for `min_position`")
    warnings: list[Caution] = Field(
        description="What may have been meant otherwise; the command was executed all the same"
    )

    @classmethod
    def by(cls, answer: Answer, created: UUID | None = None, **more: Any) -> Self:
        """What an answer says; of the thing `created`, where the command was about another."""
        cautions = [Caution(**dict(one), message=one.message) for one in answer.warnings]
        return cls(id=created or answer.id, version=answer.version, position=answer.position, warnings=cautions, **more)


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

    def execute(self, command: Command, on: UUID | None = None) -> Answer:
        """Executes in the viewer's name, if `on` is still at the version that `If-Match` names."""
        if_match = None if self.if_match is None or on is None else IfMatch(on, self.if_match)
        return self.greffier.log.execute(command, self.actor, command_id=self.command_id, if_match=if_match)

    @contextmanager
    def reading(self, *views: Projection) -> Iterator[Reading]:
        """The views as the viewer may see them, in one transaction, once these are built and have reached the position
        asked for. Raises `ViewsBehind`.
        """
        wanted, names = self.query.min_position, [view.name for view in views]
        engine = self.greffier.engine
        with engine.reading_at(wanted, names, timeout=0) as connection:
            if connection is not None:
                yield Reading(connection, self.viewer)
                return
        if wanted > self.greffier.log.head():
            raise Invalid([FieldError(field="query.min_position", message="lies beyond the end of the log")])
        with engine.reading_at(wanted, names, self.greffier.settings.read_timeout) as connection:
            if connection is None:
                raise ViewsBehind(f"the views have not reached position {wanted} yet")
            yield Reading(connection, self.viewer)
