"""Pages of a list, by key: a cursor says after which row the next page begins, whatever was added meanwhile."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, Generic, TypeVar
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from sqlalchemy import ColumnElement, RowMapping, Select, UnaryExpression, and_, func, or_
from sqlalchemy.sql.operators import desc_op

from domain.events import Value
from domain.values import storable
from projections.queries.reading import Reading

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200

T = TypeVar("T")


class Following(Value):
    """Which items of a list: so many, those that follow a page."""

    cursor: Annotated[
        str | None, Field(max_length=2000, description="`next_cursor` of the page before; from the start, without it")
    ] = None
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT, description="How many items at most")] = DEFAULT_LIMIT


class Window(Following):
    """Which items of a list: those that follow a page, or the page of that number; and whether to count all of them."""

    page: Annotated[
        int | None,
        Field(
            ge=1,
            le=1_000_000,
            description="The page of this number, of `limit` items each, in place of a cursor: 1 is the first. What is added "
            "meanwhile moves items to other pages",
        ),
    ] = None
    total: Annotated[bool, Field(description="Whether to count all items, too")] = False

    @field_validator("page")
    @classmethod
    def _one_way(cls, page: int | None, info: ValidationInfo) -> int | None:
        if page is not None and info.data.get("cursor") is not None:
            raise ValueError("can't be given together with a cursor")
        return page


class Page(BaseModel, Generic[T]):
    """Some items of a list."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    items: Annotated[list[T], Field(description="In the list's order")]
    next_cursor: Annotated[
        str | None, Field(description="What to give as `cursor` for those that follow; null on the last page")
    ] = None
    total: Annotated[
        int | None, Field(description="How many items all pages have together; null unless it was asked for")
    ] = None


class BadCursor(ValueError):
    def __init__(self) -> None:
        super().__init__("not a cursor that this list gave")


def paged(
    session: Reading,
    statement: Select[Any],
    window: Following,
    *order: ColumnElement[Any],
    items: Callable[[Sequence[RowMapping]], list[T]],
) -> Page[T]:
    """One page of a statement's rows, in the order of these columns, ascending or `desc()`: the last is unique.

    Raises `BadCursor`.
    """
    listing = statement.order_by(*order).limit(window.limit + 1)
    columns = [part.element if isinstance(part, UnaryExpression) else part for part in order]
    if window.cursor is not None:
        after = decode_cursor(window.cursor, *(column.type.python_type for column in columns))
        listing = listing.where(_beyond(order, columns, after))
    total = None
    if isinstance(window, Window):
        if window.page is not None:
            listing = listing.offset((window.page - 1) * window.limit)
        if window.total:
            total = session.scalar(statement.with_only_columns(func.count(), maintain_column_froms=True))
    found = session.execute(listing).mappings().all()
    rows, next_cursor = page_of(found, window.limit, lambda row: encode_cursor(*(row[column] for column in columns)))
    return Page(items=items(rows), next_cursor=next_cursor, total=total)


def _beyond(
    order: Sequence[ColumnElement[Any]], columns: Sequence[ColumnElement[Any]], after: Sequence[Any]
) -> ColumnElement[bool]:
    """That a row comes after the one of this key."""
    beyond: ColumnElement[bool] | None = None
    for part, column, value in reversed(list(zip(order, columns, after, strict=True))):
        further = column < value if _falls(part) else column > value
        beyond = further if beyond is None else or_(further, and_(column == value, beyond))
    assert beyond is not None  # noqa: S101  # a list has an order
    (first, *_), (column, *_), (value, *_) = order, columns, after
    return and_(column <= value if _falls(first) else column >= value, beyond)  # so that an index is begun there


def _falls(part: ColumnElement[Any]) -> bool:
    return isinstance(part, UnaryExpression) and part.modifier is desc_op


def encode_cursor(*key: Any) -> str:
    return urlsafe_b64encode(orjson.dumps(key)).decode().rstrip("=")


def decode_cursor(cursor: str, *types: type) -> list[Any]:
    """The key that a cursor holds: numbers, texts and UUIDs; raises `BadCursor` unless it has these types."""
    try:
        key = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(key, list):
            raise BadCursor
        return [_part(part, kind) for part, kind in zip(key, types, strict=True)]
    except (NotBase64, ValueError):
        raise BadCursor from None


def _part(part: object, kind: type) -> object:
    if kind is UUID and isinstance(part, str):
        return UUID(part)
    no_database_holds_it = (isinstance(part, int) and part.bit_length() >= 64) or (  # noqa: PLR2004
        isinstance(part, str) and part != storable(part)
    )
    if type(part) is not kind or no_database_holds_it:
        raise BadCursor
    return part


def page_of(rows: Sequence[T], limit: int, cursor_of: Callable[[T], str]) -> tuple[list[T], str | None]:
    """The first `limit` of the rows (one more was read), and the cursor after them if more follow."""
    kept = list(rows[:limit])
    return kept, cursor_of(kept[-1]) if len(rows) > limit else None
