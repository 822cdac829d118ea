"""The parts of a message, read with the stdlib parser kept from raising, recursing and losing bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from email.errors import (
    CloseBoundaryNotFoundDefect,
    MissingHeaderBodySeparatorDefect,
    NoBoundaryInMultipartDefect,
    StartBoundaryNotFoundDefect,
)
from email.feedparser import BytesFeedParser
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import compat32
from typing import Any, cast

from adapters.mail.headers import base64_bytes, decoded, parameters

MAX_DEPTH = 50  # the stdlib compares each line with the boundary of each level it is in
MAX_PARTS = 10_000
_CHUNK = 1 << 16

# Bytes of the file rather than of the message: a byte order mark, blank lines, the "From " line of an mbox.
_BEFORE_HEADERS = re.compile(rb"(?:\xef\xbb\xbf)?(?:[ \t]*[\r\n]|>?From (?!\s*:)[^\r\n]*+[\r\n])*+")
_BLANK_LINE = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_SPACED_NAME = re.compile(rb"^([!-9;-~]++)[ \t]++:", re.MULTILINE)  # RFC 5322 4.5: obsolete, and the stdlib refuses it
_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+", re.ASCII)
_ENCODINGS = {
    "base64": "base64",
    "quotedprintable": "quoted-printable",
    "uuencode": "x-uuencode",
    "xuuencode": "x-uuencode",
    "uue": "x-uuencode",
    "xuue": "x-uuencode",
    "7bit": "8bit",
    "8bit": "8bit",
    "8bits": "8bit",
    "7bits": "8bit",
    "binary": "8bit",
    "": "8bit",
}
_DEFECTS = {
    MissingHeaderBodySeparatorDefect: "the headers end at a line that is not a header",
    NoBoundaryInMultipartDefect: "multipart without a boundary",
    StartBoundaryNotFoundDefect: "multipart whose boundary never comes",
    CloseBoundaryNotFoundDefect: "multipart that is not closed",
}


class NotAMessage(ValueError):
    """Bytes that hold no e-mail: empty, or without a single header field."""


class _Read:
    """The fields of a part, read: by their names in lower case, with the content type and the parameters of some."""

    def __init__(self, fields: Iterable[tuple[str, str]]) -> None:
        self.by_name: dict[str, list[str]] = {}
        for name, value in fields:
            self.by_name.setdefault(name.lower(), []).append(value)
        self.parameters: dict[str, Mapping[str, str]] = {}
        written = _TYPE.match(self.by_name.get("content-type", [""])[0].strip())
        self.kind = written[0].lower() if written else None


class Part(Message):
    """A part of a message. An attached message, and whatever is nested too deeply, is one leaf of exact bytes."""

    def __init__(self, policy: Any = compat32) -> None:
        super().__init__(policy)
        self._read: _Read | None = None
        self.depth = 0
        self.root = self
        self.count = 1

    def attach(self, payload: Any) -> None:
        self.root.count += 1
        if self.root.count <= MAX_PARTS:
            super().attach(payload)
        elif not self.is_multipart():
            self.set_payload("")
        payload.depth, payload.root = self.depth + 1, self.root

    def get_content_type(self) -> str:
        """What the stdlib parser may know: it would take a message/* apart, and its bytes would be lost."""
        return "application/octet-stream" if self.kind.startswith("message/") else self.kind

    @property
    def kind(self) -> str:
        """The content type, lower-case and well-formed."""
        kind = self._fields_read().kind or self.get_default_type()
        too_deep = self.depth >= MAX_DEPTH and kind.startswith("multipart/")
        return "application/octet-stream" if too_deep else kind

    def get_boundary(self, failobj: Any = None) -> Any:
        return self.parameters("Content-Type").get("boundary", "").rstrip() or failobj

    def field(self, name: str) -> str:
        """The first field of that name, as it came; "" when there is none."""
        return next(iter(self.fields(name)), "")

    def fields(self, name: str) -> Sequence[str]:
        return self._fields_read().by_name.get(name.lower(), ())

    def parameters(self, field: str) -> Mapping[str, str]:
        """Those of the first field of that name, as `headers.parameters` reads them."""
        known = self._fields_read().parameters
        if field not in known:
            known[field] = parameters(self.field(field))
        return known[field]

    def get(self, name: str, failobj: Any = None) -> Any:
        return next(iter(self.fields(name)), failobj)

    def set_raw(self, name: str, value: str) -> None:
        self._read = None
        super().set_raw(name, value)

    def __setitem__(self, name: str, value: str) -> None:
        self._read = None
        super().__setitem__(name, value)

    def __delitem__(self, name: str) -> None:
        self._read = None
        super().__delitem__(name)

    def _fields_read(self) -> _Read:
        """The fields by their name, as they came: the parser, and we, ask for some a dozen times."""
        if self._read is None:
            self._read = _Read(self.raw_items())
        return self._read

    def file_name(self, notes: list[str]) -> str:
        """As the sender wrote it, decoded, path included; "" when there is none."""
        disposition, kind = self.parameters("Content-Disposition"), self.parameters("Content-Type")
        return decoded(disposition.get("filename") or kind.get("name", ""), notes)

    def content(self, notes: list[str]) -> bytes:
        """The decoded bytes of a leaf, as much as can be decoded."""
        written = self.field("Content-Transfer-Encoding")
        encoding = _ENCODINGS.get(re.sub(r"[^a-z0-9]", "", written.partition(";")[0].lower()))
        if encoding is None:
            notes.append("unknown transfer encoding, content kept as it came")
        del self["Content-Transfer-Encoding"]
        if encoding in {"quoted-printable", "x-uuencode"}:
            self["Content-Transfer-Encoding"] = encoding
        content = cast("bytes", self.get_payload(decode=True))
        if encoding == "base64":
            content = base64_bytes(content) or content.strip()  # what is no base64 at all is shown as it came
        self["Content-Transfer-Encoding"] = written
        return content

    def children(self) -> list[Part]:
        return [child for child in self.get_payload() if isinstance(child, Part)]

    def irregularities(self) -> Iterator[str]:
        """What the parser had to put up with, in this part alone."""
        for defect in self.defects:
            if note := _DEFECTS.get(type(defect)):
                yield note
        if self.depth >= MAX_DEPTH:
            yield f"nested more than {MAX_DEPTH} deep: kept as an attachment"
        if self.count > MAX_PARTS:
            yield f"more than {MAX_PARTS} parts: the others were left out"


def start_of_headers(raw: bytes) -> int:
    before = _BEFORE_HEADERS.match(raw)
    return before.end() if before else 0


def read_parts(raw: bytes) -> Part:
    """The message as a tree of parts. Raises NotAMessage."""
    if not raw:
        raise NotAMessage("empty")
    parser = BytesFeedParser(Part)
    start = start_of_headers(raw)
    blank = _BLANK_LINE.search(raw, start)
    body = blank.start() if blank else len(raw)
    head = _SPACED_NAME.sub(rb"\1:", raw[start:body])
    for block, begin in ((head, 0), (raw, body)):
        for at in range(begin, len(block), _CHUNK):
            parser.feed(block[at : at + _CHUNK])
    message = parser.close()
    if not message.keys():
        raise NotAMessage("no header field")
    return message


def read_headers(raw: bytes) -> Part:
    """The header fields alone; there may be none."""
    parser = BytesHeaderParser(Part)
    return parser.parsebytes(raw[start_of_headers(raw) :])
