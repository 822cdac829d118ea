"""What queries read with: one state of the views, as one collaborator may see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy import ColumnElement, Connection, Select

from domain.access import Viewer

if TYPE_CHECKING:  # a projection knows what of it is searched, and that is a query
    from projections.projection import Projection

Query = TypeVar("Query", bound=Callable[..., Any])
S = TypeVar("S", bound=Select[Any])


class Reading:
    """A transaction that sees one state of every view, and the viewer for whom it is asked."""

    __slots__ = ("connection", "execute", "scalar", "scalars", "viewer")

    def __init__(self, connection: Connection, viewer: Viewer) -> None:
        self.connection: Final = connection
        self.viewer: Final = viewer
        self.execute: Final = connection.execute
        self.scalar: Final = connection.scalar
        self.scalars: Final = connection.scalars

    def visible(self, statement: S, dossier: ColumnElement[Any]) -> S:  # noqa: ARG002  # nothing is hidden yet
        """What of a statement's rows the viewer may see, by the client under which each is: so far, all of them."""
        return statement


def reads(*views: Projection) -> Callable[[Query], Query]:
    """Says which projections a query needs, with all that it calls: they stand in its `views`."""

    def mark(query: Query) -> Query:
        query.views = views  # type: ignore[attr-defined]  # functions take attributes
        return query

    return mark
