"""Whether the office can be relied on now: every view compared with the head of the log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal

from pydantic import BaseModel, Field

from adapters.databases import StoreUnavailable
from api.bootstrap import Greffier, has_office
from projections.engine.status import ViewStanding, ViewStatus

LATE_AFTER_SECONDS: Final = 5.0
"""How long an event may wait for a view, unless views are being rebuilt."""

_NOT_THERE: Final = frozenset({"missing", "building", "outdated"})


class ViewHealth(BaseModel):
    """A view: its state, and how far it lies behind the head of the log."""

    name: str = Field(description="The view's name")
    state: ViewStanding = Field(description="As `GET /projections` has it")
    lag: int = Field(description="In events")
    lag_seconds: float = Field(description="How long the oldest event that it has still to take in has waited")
    rebuilding: bool = Field(description="Whether a rebuild of it goes on; readers see the former one meanwhile")


class Health(BaseModel):
    """`ok`; `not_ready`: a view has not been built yet; or `degraded`: a view stands still or is late, or the log has
    events of unknown types.
    """

    status: Literal["ok", "degraded", "not_ready"] = Field(description="How the office stands, all in all")
    head: int = Field(description="The position of the log's last event")
    lag_seconds: float = Field(description="The age of the oldest event that a view has still to take in")
    views: list[ViewHealth] = Field(description="Every view")
    unknown_topics: dict[str, int] = Field(description="Event types that this version doesn't know, and where")


def check_health(greffier: Greffier) -> Health:
    """How the office stands. Raises `StoreUnavailable`."""
    for reach in stores(greffier).values():
        reach()
    views = greffier.engine.status()
    unknown_topics = greffier.engine.unknown_topics
    return Health(
        status=_status(views, unknown_topics=bool(unknown_topics)),
        head=greffier.log.head(),
        lag_seconds=max((view.lag_seconds for view in views), default=0.0),
        views=[
            ViewHealth(
                **{name: getattr(view, name) for name in ("name", "state", "lag", "lag_seconds")},
                rebuilding=is_being_rebuilt(view),
            )
            for view in views
        ],
        unknown_topics=unknown_topics,
    )


def _status(views: list[ViewStatus], *, unknown_topics: bool) -> Literal["ok", "degraded", "not_ready"]:
    if any(view.state in _NOT_THERE for view in views):
        return "not_ready"
    excused = any(is_being_rebuilt(view) for view in views)
    late = not excused and any(view.lag_seconds > LATE_AFTER_SECONDS for view in views)
    if late or unknown_topics or any(view.state == "faulted" for view in views):
        return "degraded"
    return "ok"


def is_being_rebuilt(view: ViewStatus) -> bool:
    """Whether a rebuild goes on, and moves: one whose process died stands still."""
    return view.rebuilt_to is not None and view.rate > 0


def stores(greffier: Greffier) -> Mapping[str, Callable[[], object]]:
    """Each store by name, and what reads a little from it. That raises `StoreUnavailable`."""

    def vault() -> None:
        if not has_office(greffier.settings):
            raise StoreUnavailable("vault", "it is not there any more")

    return {
        "log": greffier.log.head,
        "vault": vault,
        "views": greffier.views.views,
        "desk": lambda: greffier.desk.collaborator_of(""),
    }
