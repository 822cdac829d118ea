"""Operations: what the office can be asked, declared once. Route, validation, document and command line come of it.

A plain one is what a command takes, or what a query gives:

    operation = Operations("contracts", Contract, "manage_dossiers")
    operation.creates("/clients/{client_id}/contracts", "Register a contract", RegisterContract, examples=[…])
    operation.changes("/contracts/{contract_id}/terminate", "Terminate a contract", TerminateContract, examples=[…])
    operation.shows("/contracts/{contract_id}", "One contract", contracts.contract)
    operation.lists("/clients/{client_id}/contracts", "A dossier's contracts", contracts.of_client)

What says more decorates a function of a `Call`, with the models of what it takes and answers.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeVar, get_args, get_type_hints
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from api.calls import AtPosition, Call, Changed, Listing, Nothing, Reply
from api.problems import invalid
from domain.access import Action
from domain.aggregates import Aggregate, NotFound
from domain.commands import Command
from projections.queries.reading import views_of

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
T = TypeVar("T")

_PARAMETER: Final = re.compile(r"{(\w+)}")


class Media(NamedTuple):
    """Bytes of a media type, as a body or an answer."""

    type: str
    description: str


@dataclass(frozen=True)
class Operation:
    """One method of one path. `refuses` lists the errors of its own; those of all operations are added.

    `conditional` ones honour `If-Match`; `versioned` answers have the version as their `ETag`; what is created (201) has
    its `Location`. `offers` names what it lets people do with the thing at the beginning of its path, and when it does.
    """

    method: Method
    path: str
    summary: str
    tag: str
    action: Action
    name: str
    route: Callable[[Call], Reply]
    answers: Mapping[int, type[BaseModel] | Media]
    path_model: type[BaseModel] = Nothing
    query_model: type[BaseModel] = Nothing
    body: type[BaseModel] | Media | None = None
    refuses: tuple[type[Exception], ...] = ()
    is_command: bool = False
    conditional: bool = False
    versioned: bool = False
    description: str = ""
    offers: Mapping[str, Callable[[Any], bool]] = field(default_factory=dict)

    def headers(self, status: int) -> dict[str, str]:
        """The headers that an answer tells something with, and what."""
        etag = {"ETag": "The version, for `If-Match`"} if self.versioned else {}
        location = {"Location": "Where the thing created lies"} if status == HTTPStatus.CREATED else {}
        return etag | location


Offers = tuple[tuple[Operation, str, Callable[[Any], bool]], ...]
"""Operations, what each lets people do, and whether it is open to a thing."""


class Operations:
    """The operations on one kind of thing; `action` is what one must be allowed in order to change it."""

    def __init__(self, tag: str, kind: type[Aggregate] | None = None, action: Action = "read") -> None:
        self.tag = tag
        self._kind = kind
        self._action: Action = action
        self.all: list[Operation] = []

    def __call__(
        self,
        method: Method,
        path: str,
        summary: str,
        action: Action = "read",
        *,
        name: str | None = None,
        **more: Any,
    ) -> Callable[[Callable[[Call], Reply]], Callable[[Call], Reply]]:
        """Declares an operation that says more than a command or a query: its function parses, acts and answers."""

        def register(route: Callable[[Call], Reply]) -> Callable[[Call], Reply]:
            self._add(method, path, summary, action, name or route.__name__, route, route.__doc__, **more)
            return route

        return register

    def _add(
        self,
        method: Method,
        path: str,
        summary: str,
        action: Action,
        name: str,
        route: Any,
        docstring: str | None,
        refuses: tuple[type[Exception], ...] = (),
        **more: Any,
    ) -> None:
        takes = _path_model(path)
        missing = () if takes is Nothing else (NotFound,)
        more |= {"path_model": takes, "refuses": (*missing, *refuses), "description": _told(docstring or "")}
        self.all.append(Operation(method, path, summary, self.tag, action, name, route, **more))

    # --- commands -------------------------------------------------------------------------------

    def creates(
        self,
        path: str,
        summary: str,
        command: type[Command],
        *,
        new: str | None = None,
        location: str | None = None,
        **more: Any,
    ) -> None:
        """A POST of what the command takes; its field `new`, if it has one, is the id that the office gives the thing.

        `location` is where that lies: at its id under the tag, if not said.
        """
        new = new or (f"{self._kind.kind}_id" if self._kind else None)
        given = (new,) if new in command.model_fields and new not in _PARAMETER.findall(path) else ()
        target = self._target(path, command)

        def creating(call: Call) -> Reply:
            created = call.new_id(str(new).removesuffix("_id")) if given else None
            built = _built(command, call, {str(new): created} if created else {})
            answer = call.execute(built, getattr(call.path, target) if target else created)
            changed = Changed.by(answer, created)
            where = (location or f"/{self.tag}/{changed.id}").format(**dict(call.path))
            return Reply(changed, status=201, version=changed.version, location=where)

        self._command("POST", path, summary, command, creating, 201, given, target, **more)

    def changes(
        self,
        path: str,
        summary: str,
        command: type[Command],
        *,
        method: Method = "POST",
        given: Mapping[str, Callable[[Any], Any]] | None = None,
        **more: Any,
    ) -> None:
        """What the command takes, about the thing that the path names. `given` makes fields of the path's."""
        made, target = given or {}, self._target(path, command)

        def changing(call: Call) -> Reply:
            built = _built(command, call, {name: make(call.path) for name, make in made.items()})
            changed = Changed.by(call.execute(built, getattr(call.path, target) if target else None))
            return Reply(changed, version=changed.version if target else None)

        self._command(method, path, summary, command, changing, 200, tuple(made), target, **more)

    def _command(
        self,
        method: Method,
        path: str,
        summary: str,
        command: type[Command],
        route: Callable[[Call], Reply],
        status: int,
        given: Sequence[str],
        target: str | None,
        *,
        examples: Sequence[Any] = (),
        name: str | None = None,
        action: Action | None = None,
        offers: Mapping[str, Callable[[Any], bool]] | None = None,
    ) -> None:
        in_path = _PARAMETER.findall(path)
        sent = [name for name in command.model_fields if name not in {*in_path, *given}]
        self._add(
            method,
            path,
            summary,
            action or self._action,
            name or _snake(command.__name__),
            route,
            command.__doc__,
            answers={status: Changed},
            body=_body_model(command, sent, examples) if sent else None,
            refuses=command.refuses,
            is_command=True,
            conditional=target is not None,
            versioned=target is not None or status == HTTPStatus.CREATED,
            offers=offers or {},
        )

    def _target(self, path: str, command: type[Command]) -> str | None:
        """The parameter of a path that names the thing which the command is about, where that is one of this kind."""
        name = f"{self._kind.kind}_id" if self._kind else None
        return name if name in _PARAMETER.findall(path) and name in command.model_fields else None

    # --- queries --------------------------------------------------------------------------------

    def shows(self, path: str, summary: str, query: Callable[..., Any], **more: Any) -> None:
        """A GET of what a query gives about the thing that the path names."""
        self._query("show", path, summary, query, **more)

    def lists(self, path: str, summary: str, query: Callable[..., Any], **more: Any) -> None:
        """A GET of a page that a query gives: its keyword-only parameters are the filters."""
        self._query("list", path, summary, query, **more)

    def _query(
        self,
        verb: str,
        path: str,
        summary: str,
        query: Callable[..., Any],
        *,
        shown: Callable[..., Any] | None = None,
        given: Callable[[Any], Any] | None = None,
        name: str | None = None,
    ) -> None:
        """`shown` makes the answer of what the query gives, in the same reading; `given` its argument of the path's."""
        in_path = _PARAMETER.findall(path)
        hints = get_type_hints(query, include_extras=True)
        parameters = inspect.signature(query).parameters
        filters = {key: one for key, one in parameters.items() if one.kind is one.KEYWORD_ONLY}
        is_listing = "window" in parameters
        answer = _without_none(get_type_hints(shown or query)["return"])
        views = dict.fromkeys((*views_of(query), *(views_of(shown) if shown else ())))

        def asking(call: Call) -> Reply:
            wanted = {key: getattr(call.query, key) for key in filters}
            if is_listing:
                wanted["window"] = call.query
            with call.reading(*views) as session:
                about = [given(call.path)] if given else [getattr(call.path, key) for key in in_path]
                found = query(session, *about, **wanted)
                if found is None:
                    named = in_path[-1]
                    raise NotFound(kind=_of(named), id=getattr(call.path, named))
                content = shown(session, found) if shown else found
            return Reply(content, version=getattr(content, "version", None))

        self._add(
            "GET",
            path,
            summary,
            "read",
            name or _name_of_read(verb, path),
            asking,
            query.__doc__ or (shown and shown.__doc__),
            answers={200: answer},
            query_model=_query_model(path, hints, filters, is_listing=is_listing),
            versioned="version" in answer.model_fields,
        )


def found(kind: str, of: UUID, thing: T | None) -> T:
    """What was looked for. Raises `NotFound` where that is nothing."""
    if not thing:
        raise NotFound(kind=kind, id=of)
    return thing


def _built(command: type[Command], call: Call, given: Mapping[str, Any]) -> Command:
    """The command of what the path, the body and the office say. Raises `Invalid`."""
    sent = {} if call.body is None else {name: getattr(call.body, name) for name in type(call.body).model_fields}
    named = {name: value for name, value in call.path if name in command.model_fields}
    try:
        return command(**named, **sent, **given)
    except ValidationError as error:
        raise invalid(error, command) from None


def _without_none(annotation: Any) -> Any:
    members = [member for member in get_args(annotation) if member is not type(None)]
    return members[0] if type(None) in get_args(annotation) and len(members) == 1 else annotation


_LAZY: Final = ConfigDict(extra="forbid", frozen=True, defer_build=True, hide_input_in_errors=True)


_PARAMETERS: Final[Mapping[str, Any]] = {
    "part": Annotated[int, Field(ge=0, le=2**31, description="The attachment's `part` in its message")],
    "name": Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$", max_length=63, description="A view's name")],
}
"""What parameters of paths are; all others are ids."""


def _path_model(path: str) -> type[BaseModel]:
    fields: dict[str, Any] = {
        name: (_PARAMETERS.get(name) or Annotated[UUID, Field(description=f"The id of the {_of(name)}")], ...)
        for name in _PARAMETER.findall(path)
    }
    return create_model("Path", __config__=_LAZY, **fields) if fields else Nothing


def _query_model(
    path: str, hints: Mapping[str, Any], filters: Mapping[str, inspect.Parameter], *, is_listing: bool
) -> type[BaseModel]:
    fields: dict[str, Any] = {
        name: (hints[name], ... if parameter.default is parameter.empty else parameter.default)
        for name, parameter in filters.items()
    }
    return create_model(f"Query of {path}", __base__=Listing if is_listing else AtPosition, **fields)


def _body_model(command: type[Command], sent: Sequence[str], examples: Sequence[Any]) -> type[BaseModel]:
    fields: dict[str, Any] = {
        name: (info.annotation, info) for name, info in command.model_fields.items() if name in sent
    }
    config = ConfigDict(**_LAZY, json_schema_extra={"examples": list(examples)} if examples else {})
    return create_model(command.__name__, __config__=config, __doc__=command.__doc__, **fields)


def _told(docstring: str) -> str:
    """What a docstring tells callers: without the ids of behaviours, and what only developers are told."""
    return re.sub(r" \((?:[A-Z]\d+(?:, )?)+\)|\s*Raises [^.]*\.", "", inspect.cleandoc(docstring)).strip()


_WORDS: Final = {"mail_id": "message", "entry_id": "quarantined message"}


def _of(parameter: str) -> str:
    return _WORDS.get(parameter) or parameter.removesuffix("_id").replace("_", " ")


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _name_of_read(verb: str, path: str) -> str:
    """`show_contract` of `/contracts/{contract_id}`, `list_client_contracts` of `/clients/{client_id}/contracts`."""
    words: list[str] = []
    for part in path.strip("/").split("/"):
        if parameter := _PARAMETER.fullmatch(part):
            words[-1:] = [parameter[1].removesuffix("_id")]
        else:
            words.append(part.replace("-", "_"))
    return "_".join([verb, *words])
