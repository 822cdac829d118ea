"""The read models: how each stands."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, Field

from api.calls import Call, Reply
from api.operations import Operations
from projections.engine.engine import UnknownView
from projections.engine.status import ViewStanding, ViewStatus

operation: Final = Operations("projections")


class View(BaseModel):
    """How a read model stands: its state, its place in the log, and how far it lies behind the head."""

    name: str = Field(description="The view's name")
    version: int = Field(description="The version of its folds")
    state: ViewStanding = Field(
        description="`live`: it follows the log. `faulted`: it stands before an event that it can't fold. `building`: "
        "it is built for the first time. `outdated`: another version of its code built it. `missing`: not built yet"
    )
    position: int = Field(description="The last event that it has taken in")
    lag: int = Field(description="How many events it lies behind the head of the log")
    lag_seconds: float = Field(description="How long the oldest event that it has still to take in has been in the log")
    rate: float = Field(description="How many events a second it, or its rebuild, goes through at present")
    rebuilt_to: int | None = Field(description="How far a rebuild that goes on has come; readers see the former view")
    error: str | None = Field(description="Why it stands still, or why its last rebuild failed")


class Views(BaseModel):
    """How each read model stands."""

    head: int = Field(description="The position of the log's last event")
    items: list[View] = Field(description="Every view")


@operation("GET", "/projections", "How the read models stand", "operate", answers={200: Views})
def list_projections(call: Call) -> Reply:
    """Each view's state, its lag in events and seconds, its rate, the progress of a rebuild, and its last error."""
    views = [_view(status) for status in call.greffier.engine.status()]
    return Reply(Views(head=call.greffier.log.head(), items=views))


@operation(
    "GET", "/projections/{name}", "How a read model stands", "operate", answers={200: View}, refuses=(UnknownView,)
)
def show_projection(call: Call) -> Reply:
    """One view's state, lag, rate, the progress of a rebuild of it, and its last error."""
    name = call.greffier.engine.named(call.path.name).name
    return Reply(next(_view(status) for status in call.greffier.engine.status() if status.name == name))


def _view(status: ViewStatus) -> View:
    return View.model_validate(status, from_attributes=True)
