"""What makes two copies of a message the same message."""

import hashlib
import re
from collections.abc import Iterator

from adapters.mail.mime import start_of_headers

# Fields that servers and mail programs add on the way or in the mailbox; the sender wrote none of them.
TRANSPORT_FIELDS = frozenset(
    {
        b"authentication-results",
        b"content-length",
        b"delivered-to",
        b"dkim-signature",
        b"envelope-to",
        b"lines",
        b"received",
        b"received-spf",
        b"return-path",
        b"status",
        b"x-keywords",
        b"x-original-to",
        b"x-received",
        b"x-status",
        b"x-uid",
    }
)
TRANSPORT_PREFIXES = (b"arc-", b"x-mozilla-", b"x-spam-")

# A line of the headers as the stdlib's parser knows it: a field, its continuation, or a stray "From " line.
_HEADER_LINE = re.compile(rb"(?:([!-9;-~]*+):|[ \t]|From )[^\r\n]*+(?:\r\n|\r|\n|\Z)")
_CHUNK = 1 << 20


def content_digest(raw: bytes) -> bytes:
    r"""SHA-256 of the message without its transport fields, line ends as \n, blank lines at the end left out.
    The same for a message that came by SMTP, in an mbox or as a file; any other difference makes another digest.
    """
    digest = hashlib.sha256()
    held = b""  # line ends, until something follows them; a \r may still belong to the next piece's \n
    for piece in _kept(raw):
        text = held + piece
        body = text.rstrip(b"\r\n")
        held = text[len(body) :]
        digest.update(body.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
    return digest.digest()


def _kept(raw: bytes) -> Iterator[bytes]:
    body = start_of_headers(raw)
    dropped = False
    while line := _HEADER_LINE.match(raw, body):
        if line[1] is not None:
            name = line[1].lower()
            dropped = name in TRANSPORT_FIELDS or name.startswith(TRANSPORT_PREFIXES)
        if not dropped:
            yield line[0]
        body = line.end()
    for start in range(body, len(raw), _CHUNK):
        yield raw[start : start + _CHUNK]
