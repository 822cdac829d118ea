"""What a package defines, found with no list to keep: events, commands, read models. Nothing of it can get lost."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from types import ModuleType
from typing import Any, TypeGuard, TypeVar

T = TypeVar("T")


class NameTaken(TypeError):
    """Two things go by one name, of which one would silently take the other's place."""

    def __init__(self, name: str, place: str, other_place: str) -> None:
        super().__init__(f"{name} is defined twice: as {place} and as {other_place}")
        self.name = name
        self.places = place, other_place


def modules_of(package: str) -> Iterator[ModuleType]:
    """The package, its modules, and those of the packages inside it, imported."""
    root = import_module(package)
    yield root
    for found in pkgutil.walk_packages(root.__path__, f"{package}."):
        yield import_module(found.name)


def defined_in(package: str, wanted: Callable[[Any], TypeGuard[T]]) -> Iterator[tuple[str, T]]:
    """What is wanted of all that the modules of a package define, each with its place; classes where they are written."""
    seen = set()
    for module in modules_of(package):
        for name, member in vars(module).items():
            imported = isinstance(member, type) and member.__module__ != module.__name__
            if not imported and wanted(member) and id(member) not in seen:
                seen.add(id(member))
                yield f"{module.__name__}.{name}", member


def by_name(found: Iterable[tuple[str, T]], name_of: Callable[[T], str]) -> dict[str, T]:
    """Things by their names, each given with its place. Raises `NameTaken`."""
    places: dict[str, str] = {}
    things: dict[str, T] = {}
    for place, thing in found:
        name = name_of(thing)
        if name in things:
            raise NameTaken(name, places[name], place)
        places[name], things[name] = place, thing
    return things
