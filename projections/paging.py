"""Pages of a list, by key: a cursor says after which row the next page begins, whatever was added meanwhile."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Sequence
from typing import Any, Final, Generic, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200

T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    """Some items of a list. `next_cursor` asks for those that follow; `total` counts all, where it was asked for."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    items: list[T]
    next_cursor: str | None = None
    total: int | None = None


class BadCursor(ValueError):
    def __init__(self) -> None:
        super().__init__("not a cursor that this list gave")


def encode_cursor(*key: Any) -> str:
    return urlsafe_b64encode(orjson.dumps(key)).decode().rstrip("=")


def decode_cursor(cursor: str, *types: type) -> list[Any]:
    """The key that a cursor holds; raises `BadCursor` unless it has these types."""
    try:
        key = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (NotBase64, ValueError):
        raise BadCursor from None
    if not isinstance(key, list) or [type(part) for part in key] != list(types):
        raise BadCursor
    if any(isinstance(part, int) and part.bit_length() >= 64 for part in key):  # noqa: PLR2004  # no database holds it
        raise BadCursor
    return key


def page_of(rows: Sequence[T], limit: int, cursor_of: Any) -> tuple[list[T], str | None]:
    """The first `limit` of the rows (one more was read), and the cursor after them if more follow."""
    kept = list(rows[:limit])
    return kept, cursor_of(kept[-1]) if len(rows) > limit else None
