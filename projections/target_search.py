"""Whatever a ticket can be filed on, found by what people call it: a number, a policy number, words of a name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field
from sqlalchemy import RowMapping, select, union_all

from domain.events import Value
from domain.values import FILE_KINDS, FileKind, Target, Text
from projections import claims, clients, companies, contacts, contracts
from projections import targets as files
from projections.queries.paging import Page, Window, paged
from projections.queries.reading import Reading, reads
from projections.targets import FileLine, Files

_CALLED: Final = {
    "client": clients.called,
    "contract": contracts.called,
    "claim": claims.called,
    "company": companies.called,
    "contact": contacts.called,
}


class FoundTarget(Value):
    """Something that a ticket can be filed on, and everything above it."""

    kind: Annotated[FileKind, Field(description="What it is")]
    id: Annotated[UUID, Field(description="Its id")]
    label: Annotated[str, Field(description="What it is called, in French")]
    filed_under: Annotated[
        list[FileLine], Field(description="It, and everything above: a claim, its contract, that one's client")
    ]
    exact: Annotated[bool, Field(description="Whether that is its number, its policy number, its whole name or its id")]


@reads(*files.VIEWS)
def called(
    session: Reading,
    window: Window,
    *,
    name: Annotated[
        Text,
        Field(
            min_length=1,
            max_length=200,
            description="A number, the beginning of a policy number or of an insurer's reference, parts of a name in any "
            "order, case or accents; or an id",
            examples=["12", "MRH-2201457", "bonnet"],
        ),
    ],
    kind: Annotated[FileKind | None, Field(description="Only these")] = None,
) -> Page[FoundTarget]:
    """What is called so: what bears exactly this name first, then those whose name has it in it."""
    every = union_all(*(_CALLED[one](session, name) for one in ([kind] if kind else FILE_KINDS))).subquery()
    columns = every.c

    def told(rows: Sequence[RowMapping]) -> list[FoundTarget]:
        targets = [Target(kind=row["kind"], id=row["id"]) for row in rows]
        known = Files(session, targets)
        return [
            FoundTarget(
                kind=target.kind,
                id=target.id,
                label=known.label(target),
                filed_under=known.line(target),
                exact=bool(row["exact"]),
            )
            for row, target in zip(rows, targets, strict=True)
        ]

    order = (columns.exact.desc(), columns.sorted, columns.id)
    return paged(session, select(every), window, *order, items=told)
