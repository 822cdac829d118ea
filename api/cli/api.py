"""`greffier api`: any operation of the API, from a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl

import orjson
import typer
from pydantic import BaseModel

from api.cli.asking import asking
from api.cli.session import AsOption, CommandFailed, to_json
from api.operations import Media
from api.routes import office_operations, operation_at

_STDIN: Final = Path("-")


def _methods() -> list[str]:
    return sorted({operation.method for operation in office_operations()})


def _paths(ctx: typer.Context) -> list[tuple[str, str]]:
    """The paths of the method given, to complete one from; with what each is for."""
    method = str(ctx.params.get("method") or "").upper()
    return [(one.path, one.summary) for one in office_operations() if one.method == method]


def api(
    method: Annotated[str, typer.Argument(help="GET, POST …", autocompletion=_methods)],
    path: Annotated[str, typer.Argument(help="Such as /tickets/search; ?limit=5 may follow.", autocompletion=_paths)],
    fields: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FIELD=VALUE]…",
            help="What the query, or the body, says: `name=Bonnet`, `on.kind=client`; `FIELD:=JSON` for what is no text.",
        ),
    ] = None,
    collaborator: AsOption = None,
    json: Annotated[Path | None, typer.Option(help="The body, in a file of JSON; - for standard input.")] = None,
    raw: Annotated[Path | None, typer.Option(help="A message as the body; - for standard input.")] = None,
    if_match: Annotated[int | None, typer.Option(help="The version that the thing must still have.")] = None,
) -> None:
    """Ask an operation of the API, here and without a server: what it answers, or in a sentence why it doesn't.

    `greffier serve` shows all of them at /docs.
    """
    method, (path, _, asked) = method.upper(), path.partition("?")
    operation, _ = operation_at(method, path)
    if if_match is not None and not operation.conditional:
        raise typer.BadParameter("--if-match: the operation compares no version")
    given = [_split(one) for one in fields or ()]
    headers = {} if if_match is None else {"if-match": f'"{if_match}"'}
    query = parse_qsl(asked, keep_blank_values=True)
    body: bytes | None = None
    if operation.body is None:
        query += [(name, value if isinstance(value, str) else orjson.dumps(value).decode()) for name, value, _ in given]
        _refuse(json, raw, "takes no body")
    elif isinstance(operation.body, Media):
        _refuse(json, *given, f"takes {operation.body.type}: give it with --raw")
        body = _read(raw or _STDIN)
    else:
        _refuse(raw, "takes JSON: give it with --json, or field by field")
        if json is not None and given:
            raise typer.BadParameter("give the body with --json, or field by field")
        body = _read(json) if json is not None else orjson.dumps(_body(operation.body, given))
    with asking(collaborator) as office:
        answered = office.ask(method, path, query, body, headers)
    if answered.media_type == "application/json":
        print(to_json(orjson.loads(answered.content)))
    else:
        sys.stdout.buffer.write(answered.content)


Given = tuple[str, Any, bool]
"""A field, its value, and whether that was given as JSON."""


def _split(field: str) -> Given:
    name, is_given, value = field.partition("=")
    if not is_given or not name.rstrip(":"):
        raise typer.BadParameter(f"{field!r} is no FIELD=VALUE")
    if not name.endswith(":"):
        return name, value, False
    try:
        return name[:-1], orjson.loads(value), True
    except orjson.JSONDecodeError:
        raise typer.BadParameter(f"{field!r}: {value!r} is not JSON") from None


def _refuse(*given: object) -> None:
    *values, why = given
    if any(value is not None for value in values):
        raise typer.BadParameter(f"the operation {why}")


def _read(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == _STDIN else file.read_bytes()
    except OSError as error:
        raise CommandFailed(f"{file}: {error.strerror}") from None


def _body(model: type[BaseModel], given: Sequence[Given]) -> dict[str, Any]:
    """A body of fields such as `identity.last_name`; what can't be text is read as JSON, and a list is given piece by piece."""
    schema = model.model_json_schema()
    body: dict[str, Any] = {}
    for name, value, is_json in given:
        *outer, last = name.split(".")
        here: Any = body
        kinds = set(_kinds(schema, [schema], name.split(".")))
        try:
            for step in outer:
                here = here.setdefault(step, {})
            if is_json or "string" in kinds or not kinds:
                here[last] = value
            elif "array" in kinds:
                here.setdefault(last, []).append(value)
            else:
                here[last] = _split(f"{name}:={value}")[1]
        except (TypeError, AttributeError):
            raise typer.BadParameter(f"{name}: contradicts what was given before it") from None
    return body


def _kinds(schema: Mapping[str, Any], parts: Sequence[Mapping[str, Any]], path: Sequence[str]) -> Iterator[str]:
    """The JSON types that a field may have, whichever members of unions lead to it."""
    for part in parts:
        if "$ref" in part:
            yield from _kinds(schema, [schema["$defs"][part["$ref"].rpartition("/")[2]]], path)
        yield from _kinds(schema, [*part.get("anyOf", ()), *part.get("oneOf", ())], path)
        if path:
            yield from _kinds(schema, [part.get("properties", {}).get(path[0], {})], path[1:])
        elif "type" in part:
            yield part["type"]
        elif "const" in part or "enum" in part:
            yield "string"
