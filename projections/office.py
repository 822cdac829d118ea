"""Every read model of the office, as the engine runs them: what a module of this package defines, with no list to keep."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeGuard

from domain.registry import by_name, defined_in
from projections.engine.projection import Projection


@cache
def office_projections() -> tuple[Projection, ...]:
    return projections_of("projections")


def projections_of(package: str) -> tuple[Projection, ...]:
    """Every read model that the modules of a package define, by name. Raises `NameTaken`."""
    found = by_name(defined_in(package, _is_projection), lambda projection: projection.name)
    return tuple(found[name] for name in sorted(found))


def _is_projection(member: Any) -> TypeGuard[Projection]:
    return isinstance(member, Projection)
