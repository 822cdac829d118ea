"""Lists of files found by words of their name, in alphabetical order, page by page."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from typing import Any, Final, TypeVar

from sqlalchemy import Column, ColumnElement, Table, and_, false, func, or_, select, true

from domain.events import Value
from domain.values import FileKind, Target
from projections.paging import Page, decode_cursor, encode_cursor, page_of
from projections.reading import Reading

V = TypeVar("V", bound=Value)

_TITLES: Final = frozenset(("m", "mr", "mme", "mlle", "monsieur", "madame", "mademoiselle", "dr", "me", "maitre"))


def searched(text: str) -> str:
    """A name as it is searched: without case, accents, ligatures or punctuation."""
    return " ".join(plain(text).split())


def plain(text: str) -> str:
    """The same with a blank in place of each character that is none of a word's. Each character by itself, one after
    the other, makes the same.
    """
    return text.translate(_PLAIN)


class _Plain(dict[int, str]):
    """What becomes of each character, found out when it is first met."""

    def __missing__(self, code: int) -> str:
        parts = unicodedata.normalize("NFKD", chr(code))
        bare = "".join(c for c in parts if not unicodedata.combining(c)).casefold()
        bare = bare.replace("œ", "oe").replace("æ", "ae")
        self[code] = made = "".join(c if c.isalnum() else " " for c in bare)
        return made


_PLAIN: Final = _Plain()


def name_key(name: str) -> str:
    """A name as it is looked up whole, whatever the order of its words, and without titles: « Mme DUPONT Claire »."""
    return " ".join(sorted(word for word in searched(name).split() if word not in _TITLES))


def of_name_keys(session: Reading, table: Table, kind: FileKind, keys: Collection[str]) -> list[tuple[str, Target]]:
    """The files of a table, whose key comes first in it, that go by these names."""
    if not keys:
        return []
    (id_column,) = table.primary_key.columns
    rows = session.execute(select(table.c.name_key, id_column).where(table.c.name_key.in_(keys)))
    return [(key, Target(kind=kind, id=file_id)) for key, file_id in rows]


def found_by_name(
    session: Reading,
    shown: type[V],
    table: Table,
    name: str,
    *also: ColumnElement[bool],
    unique: Column[int],
    cursor: str | None,
    limit: int,
    with_total: bool,
) -> Page[V]:
    """The rows whose `searched_name` holds every word of `name`, as `shown` has its fields of them; `unique` orders those
    of one name. Raises `BadCursor`.
    """
    searched_name = table.c.searched_name
    words = searched(name).split()
    # A name without anything that can be searched finds nobody; no name at all finds everyone.
    wanted = and_(false() if name and not words else true(), *(searched_name.contains(w) for w in words), *also)
    listing = select(table).where(wanted).order_by(searched_name, unique).limit(limit + 1)
    if cursor is not None:
        after_name, after = decode_cursor(cursor, str, int)
        listing = listing.where(or_(searched_name > after_name, and_(searched_name == after_name, unique > after)))

    def cursor_of(row: Any) -> str:
        return encode_cursor(row["searched_name"], row[unique.name])

    rows, next_cursor = page_of(session.execute(listing).mappings().all(), limit, cursor_of)
    total = session.scalar(select(func.count()).select_from(table).where(wanted)) if with_total else None
    lines = [shown.model_validate({field: row[field] for field in shown.model_fields}) for row in rows]
    return Page(items=lines, next_cursor=next_cursor, total=total)
