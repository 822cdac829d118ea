"""Errors as RFC 9457 problems. The one table of HTTP status codes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from adapters.databases import StoreUnavailable
from adapters.event_store.log import CommandIdReused, StaleVersion
from adapters.event_store.mapper import UnreadableEvent
from adapters.files import FileDamaged
from adapters.vault import KeyMissing, MasterKeyError
from domain.aggregates import NotFound, Refusal
from domain.documents.document import DocumentStandsAlready, DocumentWasRemoved
from domain.email_addresses.email_address import AddressBelongsToAnother, AddressIsOffices, AddressNotOnFile
from domain.events import UnknownTopic
from domain.office.office import OfficeNotOpen
from domain.tickets.conversation import MergedWithItself
from domain.tickets.refusals import (
    FirstMessageStays,
    MessageErased,
    NoSenderAddress,
    NoSuchAttachment,
    NothingToUndo,
    NotOnTicket,
    TicketIsClosed,
    TicketIsDismissed,
    TicketWasMerged,
)
from projections.engine.engine import UnknownView
from projections.queries.paging import BadCursor


class RequestProblem(Exception):
    """What is wrong with a request before it reaches the office."""


class Malformed(RequestProblem):
    """The body can't be read as what it says it is."""


class Unauthenticated(RequestProblem):
    """The request carries no valid bearer token."""


class Forbidden(RequestProblem):
    """The collaborator may not do this."""


class NoSuchRoute(RequestProblem):
    """Nothing lies at this path."""


class MethodNotAllowed(RequestProblem):
    """This path doesn't know the method."""


class PayloadTooLarge(RequestProblem):
    """The body is larger than is taken in."""


class UnsupportedMediaType(RequestProblem):
    """The body is of another type than is taken in here."""


class Invalid(RequestProblem):
    """Fields of the request break a rule; `errors` names each."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__("; ".join(f"{error.field}: {error.message}" for error in errors))
        self.errors = errors


class ViewsBehind(Exception):
    """The views have not reached the position asked for, within the bound."""


STATUS: Final[dict[type[Exception], int]] = {
    Malformed: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NoSuchRoute: 404,
    NotFound: 404,
    NoSuchAttachment: 404,
    AddressNotOnFile: 404,
    NotOnTicket: 404,
    MessageErased: 404,
    UnknownView: 404,
    MethodNotAllowed: 405,
    AddressBelongsToAnother: 409,
    AddressIsOffices: 409,
    NoSenderAddress: 409,
    TicketIsClosed: 409,
    TicketIsDismissed: 409,
    TicketWasMerged: 409,
    MergedWithItself: 409,
    FirstMessageStays: 409,
    NothingToUndo: 409,
    DocumentStandsAlready: 409,
    DocumentWasRemoved: 409,
    OfficeNotOpen: 409,
    StaleVersion: 412,
    PayloadTooLarge: 413,
    UnsupportedMediaType: 415,
    Invalid: 422,
    BadCursor: 422,
    CommandIdReused: 422,
    StoreUnavailable: 503,
    ViewsBehind: 503,
    MasterKeyError: 503,
    FileDamaged: 500,
    KeyMissing: 500,
    UnknownTopic: 500,
    UnreadableEvent: 500,
}

RETRY_AFTER_SECONDS: Final = 2


class FieldError(BaseModel):
    field: str = Field(description="The field's path, such as `on.identity.last_name`")
    message: str = Field(description="What would be right")


class Problem(BaseModel):
    """An error. `type` is stable; conflicts carry the facts that settle them."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="A stable name of the kind of problem, such as `/problems/not-found`")
    title: str = Field(description="The same for people, in English")
    status: int = Field(description="The status of the answer")
    detail: str = Field(description="What happened, in a sentence; decide by `type`")
    errors: list[FieldError] | None = Field(None, description="Each wrong field of the request")


INTERNAL_ERROR: Final = Problem(
    type="/problems/internal-error", title="Internal error", status=500, detail="this was recorded", errors=None
)
"""An error that nobody foresaw: it says nothing of the inside."""


def problem_of(error: Exception) -> Problem:
    """The problem that an error is answered with; `INTERNAL_ERROR` for an unforeseen one."""
    kind = next((cls for cls in type(error).__mro__ if cls in STATUS), None)
    if kind is None:
        return INTERNAL_ERROR
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.__name__).lower()
    facts = {name: _fact(value) for name, value in error.facts().items()} if isinstance(error, Refusal) else {}
    return Problem(
        type=f"/problems/{words.replace(' ', '-')}",
        title=words.capitalize(),
        status=STATUS[kind],
        detail=str(error) or (kind.__doc__ or words).strip(),
        errors=_wrong_fields(error),
        **facts,
    )


def _wrong_fields(error: Exception) -> list[FieldError] | None:
    match error:
        case Invalid():
            return error.errors
        case BadCursor():
            return [FieldError(field="query.cursor", message=str(error))]
        case _:
            return None


def invalid(error: ValidationError, model: type[BaseModel], place: str = "") -> Invalid:
    """The errors of what `model` refused, each with its field's path in what was sent and what would be right."""
    return Invalid(
        [
            FieldError(
                field=".".join([*filter(None, [place]), *_path(found["loc"], model), *_kind_of_union(found)]) or "body",
                message=_message(found),
            )
            for found in error.errors(include_url=False, include_input=False)
        ]
    )


def _message(found: ErrorDetails) -> str:
    match found["type"]:
        case "union_tag_not_found":
            return "Field required"
        case "union_tag_invalid":
            return f"Input should be {found['ctx']['expected_tags']}"
        case _:
            return found["msg"].removeprefix("Value error, ")


def _kind_of_union(found: ErrorDetails) -> Iterator[str]:
    """The field that tells a union's members apart, where it is missing or wrong: pydantic's location stops before it."""
    if found["type"] in {"union_tag_not_found", "union_tag_invalid"}:
        yield found["ctx"]["discriminator"].strip("'")


def _path(location: Iterable[str | int], model: type[BaseModel]) -> Iterator[str]:
    """An error's location without the steps that pydantic adds to name the member of a union."""
    schema = _schema(model)
    here = schema
    for step in location:
        if "$ref" in here:
            here = schema["$defs"][here["$ref"].rpartition("/")[2]]
        if "discriminator" in here:
            here = {"$ref": here["discriminator"]["mapping"][step]}
        else:
            yield str(step)
            here = here.get("properties", {}).get(step) or here.get("items") or {}


@cache
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()


def _fact(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, tuple):
        return [_fact(member) for member in value]
    return str(value) if isinstance(value, UUID) else value
