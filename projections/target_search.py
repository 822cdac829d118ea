"""Whatever a ticket can be filed on, found by what people call it: a number, a policy number, words of a name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field
from sqlalchemy import RowMapping, select, union_all

from domain.events import Value
from domain.values import TARGET_KINDS, Target, TargetKind, Text
from projections import claims, clients, companies, contacts, contracts, targets
from projections.queries.paging import Page, Window, paged
from projections.queries.reading import Reading, reads
from projections.targets import TargetLine, Targets

_CALLED: Final = {
    "client": clients.called,
    "contract": contracts.called,
    "claim": claims.called,
    "company": companies.called,
    "contact": contacts.called,
}


class FoundTarget(Value):
    """Something that a ticket can be filed on, and everything above it."""

    kind: Annotated[TargetKind, Field(description="What it is")]
    id: Annotated[UUID, Field(description="Its id")]
    label: Annotated[str, Field(description="What it is called, in French")]
    filed_under: Annotated[
        list[TargetLine], Field(description="It, and everything above: a claim, its contract, that one's client")
    ]
    exact: Annotated[bool, Field(description="Whether that is its number, its policy number, its whole name or its id")]


@reads(*targets.VIEWS)
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
    kind: Annotated[TargetKind | None, Field(description="Only these")] = None,
) -> Page[FoundTarget]:
    """What is called so: what bears exactly this name first, then those whose name has it in it."""
    every = union_all(*(_CALLED[one](session, name) for one in ([kind] if kind else TARGET_KINDS))).subquery()
    columns = every.c

    def told(rows: Sequence[RowMapping]) -> list[FoundTarget]:
        found = [Target(kind=row["kind"], id=row["id"]) for row in rows]
        known = Targets(session, found)
        return [
            FoundTarget(
                kind=target.kind,
                id=target.id,
                label=known.label(target),
                filed_under=known.line(target),
                exact=bool(row["exact"]),
            )
            for row, target in zip(rows, found, strict=True)
        ]

    order = (columns.exact.desc(), columns.sorted, columns.id)
    return paged(session, select(every), window, *order, items=told)
