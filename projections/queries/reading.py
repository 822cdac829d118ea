"""What queries read with, one state of the views as one collaborator may see it; and what they show of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar
from uuid import UUID

from pydantic import ConfigDict
from sqlalchemy import Column, ColumnElement, Connection, RowMapping, Select, Table, bindparam, select

from domain.access import Viewer
from domain.events import Value

if TYPE_CHECKING:  # a projection knows what of it is searched, and that is a query
    from projections.engine.projection import Projection

Query = TypeVar("Query", bound=Callable[..., Any])
T = TypeVar("T")
S = TypeVar("S", bound=Select[Any])
M = TypeVar("M", bound="Shown")


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
        """What of a statement's rows the viewer may see, by the client under which each is, if any: so far, all of them."""
        return statement

    def rows(self, table: Table, *columns: ColumnElement[Any]) -> Select[Any]:
        """A statement of a table's rows, or of these columns of them: of those that the viewer may see."""
        return self._seen(select(*columns or (table,)), table)

    def _seen(self, statement: S, table: Table) -> S:
        dossier = _dossier(table)
        return statement if dossier is None else self.visible(statement, dossier)

    def row(self, table: Table, key: UUID) -> RowMapping | None:
        """The row of a table whose key is one column."""
        return self.execute(self._seen(_by_key(table), table), {"key": key}).mappings().one_or_none()

    def has(self, table: Table, key: UUID) -> bool:
        """Whether there is such a row."""
        return self.scalar(self._seen(_by_key(table, _key(table)), table), {"key": key}) is not None

    def known(self, table: Table, model: type[M], keys: Collection[UUID]) -> dict[UUID, M]:
        """What a model has of the rows at these keys, of those that are there."""
        rows = self.execute(self._seen(_by_keys(table, *model.model_fields), table), {"keys": list(keys)}).mappings()
        return {row["key"]: model.of(row) for row in rows}

    def values(self, column: Column[T], keys: Collection[UUID]) -> dict[UUID, T]:
        """What a column has in the rows at these keys, of those that are there."""
        table = column.table
        return dict(self.execute(self._seen(_by_keys(table, column.name), table), {"keys": list(keys)}).all())

    def keys(self, table: Table, *wanted: ColumnElement[bool]) -> list[UUID]:
        """The keys of the rows that are so."""
        return list(self.scalars(self.rows(table, _key(table)).where(*wanted)))


DOSSIER: Final = {"dossier": True}
"""What is said (`info`) of the column that tells whose dossier a row is in, where it isn't called `dossier_id`."""


@cache
def _dossier(table: Table) -> Column[UUID] | None:
    return next((one for one in table.columns if one.name == "dossier_id" or one.info == DOSSIER), None)


def _key(table: Table) -> Column[UUID]:
    (key,) = table.primary_key.columns
    return key


@cache
def _by_key(table: Table, *columns: Column[Any]) -> Select[Any]:
    return select(*columns or (table,)).where(_key(table) == bindparam("key"))


@cache
def _by_keys(table: Table, *names: str) -> Select[Any]:
    return select(_key(table).label("key"), *(table.c[name] for name in names)).where(
        _key(table).in_(bindparam("keys", expanding=True))
    )


def reads(*views: Projection) -> Callable[[Query], Query]:
    """Says which projections a query needs, with all that it calls: they stand in its `views`."""

    def mark(query: Query) -> Query:
        query.views = views  # type: ignore[attr-defined]  # functions take attributes
        return query

    return mark


def views_of(query: Callable[..., Any]) -> tuple[Projection, ...]:
    """What `reads` said of a query."""
    views: tuple[Projection, ...] = query.views  # type: ignore[attr-defined]
    return views


class Shown(Value):
    """What a query answers with. Under each field stands what it says: the API's document takes it from there."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    @classmethod
    def of(cls, row: RowMapping, **derived: Any) -> Self:
        """A row as it is shown: its columns by the fields' names, but for what is `derived` of it."""
        fields = cls.model_fields
        return cls.model_validate({name: row[name] for name in fields if name not in derived} | derived)

    @classmethod
    def each(cls, rows: Iterable[RowMapping]) -> list[Self]:
        return [cls.of(row) for row in rows]
