"""The operations of the office: what the modules of this package declare, with no list to keep."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, TypeGuard

from api.operations import Offers, Operation, Operations
from api.problems import MethodNotAllowed, NoSuchRoute
from domain.registry import by_name, defined_in


@cache
def office_operations() -> tuple[Operation, ...]:
    return operations_of(__name__)


def operations_of(package: str) -> tuple[Operation, ...]:
    """Every operation that the modules of a package declare, a name in a path before any id.

    Raises `NameTaken` for two of one name, or of one method and path.
    """
    declared = [(place, one) for place, several in defined_in(package, _declares) for one in several.all]
    by_name(declared, lambda operation: operation.name)
    by_name(declared, lambda operation: f"{operation.method} {operation.path}")
    return tuple(sorted((one for _, one in declared), key=lambda one: one.path.count("{")))


def _declares(member: Any) -> TypeGuard[Operations]:
    return isinstance(member, Operations)


def offered_under(path: str) -> Offers:
    """What the operations below a path let people do with the thing that is there: each action, and when it is open."""
    return tuple(
        (operation, action, is_open_to)
        for operation in office_operations()
        if operation.path.startswith(path)
        for action, is_open_to in operation.offers.items()
    )


def operation_at(method: str, path: str) -> tuple[Operation, dict[str, str]]:
    """The operation that answers to a method of a path, and what that says for its parameters.

    Raises `NoSuchRoute` and `MethodNotAllowed`.
    """
    at_path = [(one, found.groupdict()) for one in office_operations() if (found := _pattern(one.path).fullmatch(path))]
    if not at_path:
        raise NoSuchRoute(f"nothing lies at {path}")
    allowed = {one.method: (one, named) for one, named in at_path if one.path == at_path[0][0].path}
    if method not in allowed:
        raise MethodNotAllowed(f"{path} knows {', '.join(sorted(allowed))} only")
    return allowed[method]


@cache
def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path)))
