"""Lists of files found by words of their name, in alphabetical order, page by page."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from contextlib import suppress
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

from pydantic import Field
from sqlalchemy import Column, ColumnElement, Select, Table, and_, case, false, literal, or_, true

from domain.values import Target, TargetKind
from projections.queries.paging import Page, Window, paged
from projections.queries.reading import Reading, Shown

M = TypeVar("M", bound=Shown)

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


_NUMBER: Final = re.compile("[0-9]{1,9}")  # no column holds a much larger one


def number_in(name: str) -> int:
    """The number that a name is; 0, which nothing has, where it is none."""
    return int(name) if _NUMBER.fullmatch(name) else 0


def called(
    session: Reading,
    kind: TargetKind,
    table: Table,
    name: str,
    sorted_by: ColumnElement[str],
    exactly: ColumnElement[bool],
    further: ColumnElement[bool],
) -> Select[Any]:
    """The rows of a table that are called `exactly` so, have that id, or are `further` found: as `projections.targets` reads
    them.
    """
    (id_column,) = table.primary_key.columns
    with suppress(ValueError):
        exactly = or_(exactly, id_column == UUID(name))
    return session.rows(
        table,
        literal(kind).label("kind"),
        id_column.label("id"),
        sorted_by.label("sorted"),
        case((exactly, 1), else_=0).label("exact"),
    ).where(or_(exactly, further))


def called_by_name(
    session: Reading, kind: TargetKind, table: Table, name: str, number: ColumnElement[int] | None = None
) -> Select[Any]:
    """The same, of a table with a `searched_name`, and maybe a number that people call its rows by."""
    searched_name = table.c.searched_name
    words = searched(name).split()
    exactly = searched_name == searched(name)
    if number is not None:
        exactly = or_(exactly, number == number_in(name))
    holds = and_(true() if words else false(), *(searched_name.contains(word) for word in words))
    return called(session, kind, table, name, searched_name, exactly, holds)


def of_name_keys(session: Reading, table: Table, kind: TargetKind, keys: Collection[str]) -> list[tuple[str, Target]]:
    """The files of a table, whose key comes first in it, that go by these names."""
    if not keys:
        return []
    (id_column,) = table.primary_key.columns
    rows = session.execute(session.rows(table, table.c.name_key, id_column).where(table.c.name_key.in_(keys)))
    return [(key, Target(kind=kind, id=file_id)) for key, file_id in rows]


NameSought = Annotated[
    str, Field(max_length=200, description="Words of the name, in any order, case or accents; everyone, without any")
]


def found_by_name(
    session: Reading, window: Window, shown: type[M], unique: Column[int], name: str, *also: ColumnElement[bool]
) -> Page[M]:
    """The rows of a table whose `searched_name` holds every word of `name`; `unique`, a column of it, orders those of one
    name. Raises `BadCursor`.
    """
    searched_name = unique.table.c.searched_name
    words = searched(name).split()
    # A name without anything that can be searched finds nobody; no name at all finds everyone.
    wanted = (false() if name and not words else true(), *(searched_name.contains(word) for word in words), *also)
    return paged(session, session.rows(unique.table).where(*wanted), window, searched_name, unique, items=shown.each)
