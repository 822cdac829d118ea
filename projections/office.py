"""Every read model of the office, as the engine runs them: what a module of this package defines, with no list to keep."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

import projections
from projections.projection import Projection


@cache
def office_projections() -> tuple[Projection, ...]:
    modules = [import_module(f"projections.{found.name}") for found in pkgutil.iter_modules(projections.__path__)]
    found = {
        id(member): member for module in modules for member in vars(module).values() if isinstance(member, Projection)
    }
    return tuple(sorted(found.values(), key=lambda projection: projection.name))
