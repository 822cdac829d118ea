"""Messages out of files, folders, Maildirs, mboxes and standard input, one at a time and in a fixed order."""

import logging
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO

from adapters.spool import Spool

_LONGEST_LINE = 1 << 20

# RFC 4155, so that "From now on" is not taken for it: the line ends with a time and a year.
_FROM_LINE = re.compile(
    rb"From .*[ \t]\d{1,2}:\d\d(?::\d\d)?[ \t]+(?:[\w+-]{1,6}[ \t]+){0,2}(?:19|20)\d\d(?:[ \t]+[+-]\d{4})?[ \t]*\r?\n?\Z"
)
_QUOTED_FROM = re.compile(rb">+From ")

OnError = Callable[[Path, str], None]


class SourceError(Exception):
    """A path that was asked for is missing or cannot be read."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


@dataclass(frozen=True, slots=True)
class SourceMessage:
    """One message. The file is at its start, seekable, and closed as soon as the next message is asked for."""

    origin: str
    """The path, `path#n` for the n-th message of an mbox, "-" for standard input."""
    size: int
    """In bytes."""
    file: IO[bytes]


@dataclass(frozen=True, slots=True)
class _Found:
    path: Path
    alone: bool
    """By its place or its name, the file holds one message."""


def log_unreadable(path: Path, reason: str) -> None:
    logging.getLogger(__name__).warning("%s: %s", path, reason)


def iter_messages(paths: Iterable[Path], on_error: OnError = log_unreadable) -> Iterator[SourceMessage]:
    """Messages of .eml files, mboxes, Maildirs and folders of them, nested, in sorted order.
    Raises SourceError for a path of `paths`, at once if it is missing; `on_error` is told of what a folder hides.
    Raises StoreUnavailable where a long message finds no room in the temporary folder.
    """
    paths = list(paths)
    for path in paths:
        _kind(path)
    return chain.from_iterable(_messages_under(path, on_error) for path in paths)


def iter_stream(stream: IO[bytes], origin: str = "-") -> Iterator[SourceMessage]:
    """The messages of an mbox, or the one message that the stream holds. The stream need not be seekable."""
    first = stream.readline(_LONGEST_LINE)
    if first.startswith(b"From "):
        yield from _of_mbox(_lines(stream), origin)
        return
    with Spool() as file:
        file.write(first)
        shutil.copyfileobj(stream, file)
        size = file.tell()
        file.seek(0)
        yield SourceMessage(origin, size, file)


def total_bytes(paths: Iterable[Path]) -> int:
    """Size of all that `iter_messages` would read, for a progress bar. Raises SourceError for a missing path."""
    return sum(_size(found.path) for path in paths for found in _files(path, lambda _path, _reason: None))


def _messages_under(path: Path, on_error: OnError) -> Iterator[SourceMessage]:
    for found in _files(path, on_error):
        try:
            yield from _messages_of(found)
        except OSError as error:
            if found.path == path:
                raise SourceError(path, _reason(error)) from error
            on_error(found.path, _reason(error))


def _messages_of(found: _Found) -> Iterator[SourceMessage]:
    origin = os.fsencode(found.path).decode("utf-8", "replace")
    with found.path.open("rb") as file:
        if not found.alone and file.readline(_LONGEST_LINE).startswith(b"From "):
            yield from _of_mbox(_lines(file), origin)
        else:
            file.seek(0)
            yield SourceMessage(origin, os.fstat(file.fileno()).st_size, file)


# --- mbox -----------------------------------------------------------------------------------------


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    """Lines, the longest in pieces."""
    return iter(partial(stream.readline, _LONGEST_LINE), b"")


def _of_mbox(lines: Iterator[bytes], origin: str) -> Iterator[SourceMessage]:
    """`lines` begin after the first "From " line."""
    number, more = 0, True
    while more:
        number += 1
        with Spool() as file:
            more = _copy_message(lines, file)
            size = file.tell()
            file.seek(0)
            yield SourceMessage(f"{origin}#{number}", size, file)


def _copy_message(lines: Iterator[bytes], file: IO[bytes]) -> bool:
    """Copies up to the next "From " line, quoting undone (mboxrd); whether there was one.
    The blank line before it, or at the end, belongs to the mbox.
    """
    blank = b""
    begins = True
    for line in lines:
        if begins and line[:1] in b"F>":
            if blank and _FROM_LINE.match(line):
                return True
            text = line[1:] if _QUOTED_FROM.match(line) else line
        else:
            text = line
        if blank:
            file.write(blank)
        blank = text if begins and text in {b"\n", b"\r\n"} else b""
        if not blank:
            file.write(text)
        begins = line.endswith(b"\n")
    return False


# --- files ----------------------------------------------------------------------------------------


def _kind(path: Path) -> str:
    """Either "file" or "folder". Raises SourceError, also for a pipe or a device: reading one may never end."""
    try:
        path.stat()
    except OSError as error:
        raise SourceError(path, _reason(error)) from error
    if path.is_dir():
        return "folder"
    if path.is_file():
        return "file"
    raise SourceError(path, "neither a file nor a folder")


def _files(path: Path, on_error: OnError) -> Iterator[_Found]:
    """Files under the path in sorted order, each folder once, however many links lead to it."""
    seen: set[tuple[int, int]] = set()
    waiting = [path]
    while waiting:
        place = waiting.pop()
        try:
            kind = _kind(place)
            if kind == "file":
                yield _Found(place, alone=place.suffix.lower() == ".eml" or _is_delivery(place.parent))
                continue
            stat = place.stat()
            if (stat.st_dev, stat.st_ino) not in seen:
                seen.add((stat.st_dev, stat.st_ino))
                waiting.extend(reversed(_inside(place)))
        except SourceError as error:
            if place == path:
                raise
            on_error(place, error.reason)


def _inside(folder: Path) -> list[Path]:
    """Raises SourceError."""
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise SourceError(folder, _reason(error)) from error
    if _is_maildir(folder):  # `tmp` holds what is still being delivered, the files beside are the server's own
        return [entry for entry in entries if entry.is_dir() and entry.name != "tmp"]
    return entries


def _is_maildir(folder: Path) -> bool:
    return all((folder / name).is_dir() for name in ("cur", "new"))


def _is_delivery(folder: Path) -> bool:
    return folder.name in {"cur", "new"} and _is_maildir(folder.parent)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
