"""Importing mail, inspecting a message, and the quarantine."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Self
from uuid import UUID

import typer

from adapters.mail.intake import CannotTakeIn, MessageUnreadable, TakenIn, read_message
from adapters.mail.sources import SourceError, SourceMessage, iter_messages, iter_stream, total_bytes
from api.bootstrap import Greffier
from api.cli.asking import asking
from api.cli.session import (
    AsOption,
    CommandFailed,
    JsonOption,
    as_shown,
    bring_up_to_date,
    console,
    notices,
    office,
    print_json,
    print_table,
    progress_bar,
    settings,
    to_json,
)
from api.routes.messages import QuarantinedMessage

mail = typer.Typer(help="Look at messages.", no_args_is_help=True)
quarantine = typer.Typer(help="Messages that could not be taken in.", no_args_is_help=True)

_STDIN: Final = Path("-")


def import_mail(
    paths: Annotated[list[Path], typer.Argument(help=".eml, mbox, Maildir, folders of them, or - for standard input.")],
    report: Annotated[Path | None, typer.Option(help="Write what became of each message there, as JSON lines.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Take messages in. Done again, it adds nothing; cut short, it goes on where it stopped."""
    with office() as greffier:
        summary = run_import(greffier, paths, report, silent=as_json)
        bring_up_to_date(greffier)
    if as_json:
        print_json(summary)
    else:
        print_table(("messages", "became"), [(count, outcome) for outcome, count in summary.items()])
    if summary.get("unreadable"):
        raise CommandFailed(f"{summary['unreadable']} files could not be read: see above")


def run_import(greffier: Greffier, paths: list[Path], report: Path | None, *, silent: bool) -> dict[str, int]:
    """Imports what lies at these paths: how many messages became what. Raises `SourceError`, `StoreUnavailable`,
    and `CommandFailed` where the report can't be written.
    """
    counts: Counter[str] = Counter()
    done = 0
    with Report(report) as written, progress_bar("Importing", silent=silent) as show:
        total = total_bytes(path for path in paths if path != _STDIN)

        def unreadable(path: Path, reason: str) -> None:
            origin = as_shown(path)
            notices.print(f"greffier: {origin}: {reason}", markup=False, highlight=False, soft_wrap=True)
            counts["unreadable"] += 1
            written.add({"origin": origin, "outcome": "unreadable", "reason": reason})

        for message, taken in greffier.intake.take_in_all(_messages(paths, unreadable)):
            if isinstance(taken, MessageUnreadable):
                path = Path(message.origin)
                if path in paths:
                    raise SourceError(path, str(taken)) from taken
                unreadable(path, str(taken))
                continue
            counts[taken.outcome] += 1
            written.add({"origin": message.origin} | _told(taken))
            done += message.size
            show(done, max(total, done))
    return {"messages": sum(counts.values()), **{name: counts[name] for name in sorted(counts)}}


class Report:
    """What became of each message, a JSON line each, written as the import goes."""

    def __init__(self, path: Path | None) -> None:
        try:
            self._file = None if path is None else path.open("w", buffering=1, encoding="utf-8")
        except OSError as error:
            raise CommandFailed(f"{path}: {error.strerror}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, line: dict[str, Any]) -> None:
        if self._file is not None:
            self._file.write(to_json(line).replace("\n", "") + "\n")


def _messages(paths: list[Path], on_error: Any) -> Iterator[SourceMessage]:
    for path in paths:
        yield from iter_stream(sys.stdin.buffer) if path == _STDIN else iter_messages([path], on_error)


def _told(taken: TakenIn) -> dict[str, Any]:
    return {name: value for name, value in asdict(taken).items() if value is not None and name != "position"}


@mail.command()
def sweep(
    older_than: Annotated[float, typer.Option(min=0, help="Only files that have lain there for so many hours.")] = 24.0,
    as_json: JsonOption = False,
) -> None:
    """Remove stored files that nothing refers to, which an import that was killed left behind."""
    with office() as greffier:
        swept = greffier.intake.sweep(timedelta(hours=older_than))
    if as_json:
        print_json({"swept": swept})
    else:
        console.print(f"{swept} files that nothing refers to were removed.")


@mail.command()
def inspect(
    file: Annotated[Path, typer.Argument(help="One message; - for standard input.")],
    as_json: JsonOption = False,
) -> None:
    """Show what an import would make of a message, without taking it in."""
    raw = sys.stdin.buffer.read() if file == _STDIN else _bytes_of(file)
    shown = inspected(raw, settings().max_message_bytes)
    if as_json:
        print_json(shown)
        return
    print_table(("", str(file)), [(name, _cell(value)) for name, value in shown.items() if name != "text"])
    console.print(f"\n{as_shown(shown.get('text', ''))}", markup=False, highlight=False)


_TOLD: Final = (
    *("from_email", "from_name", "to", "cc", "reply_to", "subject", "date"),
    *("message_id", "in_reply_to", "references", "notes"),
)


def inspected(raw: bytes, max_bytes: int) -> dict[str, Any]:
    """What a message says, and what an import would make of it."""
    nothing: dict[str, Any] = dict.fromkeys(("from_email", "from_name", "subject", "date", "message_id"))
    refused = {**nothing, "attachments": [], "auto_submitted": False, "outcome": "quarantined"}
    if len(raw) > max_bytes:
        return {**refused, "reason": f"the message has more than {max_bytes} bytes"}
    try:
        message = read_message(raw)
    except CannotTakeIn as error:
        return {**refused, "reason": str(error)}
    told = {name: getattr(message, name) for name in _TOLD}
    return {
        **told,
        "auto_submitted": message.automatic,
        "attachments": [attachment.name for attachment in message.attachments],
        "content_digest": message.content_digest.hex(),
        "outcome": "ticket",
        "text": message.text,
    }


@quarantine.command("list")
def list_quarantine(as_json: JsonOption = False) -> None:
    """List the messages in quarantine, oldest first."""
    with office() as greffier:
        entries = list(greffier.desk.all_quarantined())
    shown = [QuarantinedMessage.of(entry).model_dump() for entry in entries]
    if as_json:
        print_json(shown)
    else:
        columns = ("entry_id", "received_at", "size", "reason", "origin")
        print_table(("id", "received", "bytes", *columns[3:]), [[line[name] for name in columns] for line in shown])


@quarantine.command()
def retry(entry_id: UUID, collaborator: AsOption = None, as_json: JsonOption = False) -> None:
    """Try to take a message in again."""
    with asking(collaborator) as asked:
        taken = asked.post(f"/quarantine/{entry_id}/retry")
    if as_json:
        print_json(taken)
    else:
        console.print(f"{taken['outcome']}: {taken['reason'] or taken['ticket_id']}")
    if taken["outcome"] == "quarantined":
        raise CommandFailed("the message stays in quarantine")


def _bytes_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CommandFailed(f"{file}: {error.strerror}") from None


def _cell(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else "" if value is None else str(value)
