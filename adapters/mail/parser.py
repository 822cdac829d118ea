"""A message as the office reads it, from bytes that may be wrong in every way."""

import mimetypes
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from adapters.mail.charsets import one_line, text_of
from adapters.mail.fingerprint import content_digest
from adapters.mail.forwarding import author_of_forward, says_forward
from adapters.mail.headers import Mailbox, decoded, mailboxes, message_ids, utc
from adapters.mail.mime import NotAMessage, Part, read_headers, read_parts
from adapters.mail.rendering import html_to_text

__all__ = ["Attachment", "NoSuchPart", "NotAMessage", "ParsedMessage", "attachment_bytes", "parse_message"]

MAX_NAME = 200
NO_NAME = "sans-nom"

_MAX_SUFFIX = 16
_HEAD = 1 << 16  # the headers of an attached message are looked for here
_LITTLE_TEXT = 300  # characters: a word and a signature beside an attached message
_MESSAGES = {"message/rfc822", "message/global"}
_RETURNED = _MESSAGES | {"text/rfc822-headers", "message/global-headers"}
_REPORT = "multipart/report"
_MAIL_SYSTEMS = {"mailer-daemon", "postmaster"}
_SUFFIXES = {
    "text/calendar": ".ics",
    "text/rfc822-headers": ".txt",
    "message/delivery-status": ".txt",
    "image/jpg": ".jpg",
}
_TYPES = mimetypes.MimeTypes()  # the tables of Python itself: a name must not depend on the machine


class NoSuchPart(LookupError):
    """The message has no leaf of that number."""


@dataclass(frozen=True, slots=True)
class Attachment:
    part: int
    """Its place in `Part.walk()`, the same for the same bytes."""
    name: str
    content_type: str
    size: int
    """In decoded bytes."""


@dataclass(frozen=True, slots=True)
class ParsedMessage:
    """Text holds no NUL and no lone surrogate, and no line break but in `text` and `html`.
    `html` is as the sender wrote it: never show it before `rendering.sanitised_html`.
    """

    from_email: str | None
    from_name: str
    to: tuple[str, ...]
    cc: tuple[str, ...]
    reply_to: tuple[str, ...]
    subject: str
    date: datetime | None
    message_id: str | None
    in_reply_to: str | None
    references: tuple[str, ...]
    """Those of a bounce end with the message that it returns."""
    automatic: bool
    forwarded: Mailbox | None
    """Whose message this one passes on."""
    text: str
    html: str | None
    attachments: tuple[Attachment, ...]
    empty_attachments: tuple[str, ...]
    content_digest: bytes
    notes: tuple[str, ...]


def parse_message(raw: bytes) -> ParsedMessage:
    """Raises NotAMessage for bytes without any header field, and nothing else for any bytes."""
    message = read_parts(raw)
    notes: list[str] = []
    sender = _sender(message, notes)
    attachments, empty = _attachments(message, notes)
    bodies = _bodies(message, notes)
    notes.extend(_irregularities(message))
    subject = one_line(decoded(message.field("Subject"), notes))
    text = _readable(message, bodies)
    automatic = _is_automatic(message)
    by_mail_system = automatic or _local_part(sender) in _MAIL_SYSTEMS
    returned = _returned_ids(message) if by_mail_system else ()
    return ParsedMessage(
        from_email=sender.email,
        from_name=sender.name,
        to=_addresses(message, "To", notes),
        cc=_addresses(message, "Cc", notes),
        reply_to=_addresses(message, "Reply-To", notes),
        subject=subject,
        date=_date(message, notes),
        message_id=_message_id(message),
        in_reply_to=next(iter(message_ids(message.field("In-Reply-To"))), None),
        references=tuple(dict.fromkeys((*message_ids(" ".join(message.fields("References"))), *returned))),
        automatic=automatic,
        forwarded=_forwarded(message, subject, text, by_mail_system=by_mail_system),
        text=text,
        html="\n".join(text for part, text in bodies.items() if part.kind == "text/html") or None,
        attachments=attachments,
        empty_attachments=empty,
        content_digest=content_digest(raw),
        notes=tuple(dict.fromkeys(notes)),
    )


def attachment_bytes(raw: bytes, part: int) -> bytes:
    """The decoded bytes of an attachment, `part` being `Attachment.part`. Raises NoSuchPart, NotAMessage."""
    for number, leaf in _leaves(read_parts(raw)):
        if number == part:
            return leaf.content([])
    raise NoSuchPart(f"no part {part}")


# --- who, when, about what ------------------------------------------------------------------------


def _sender(message: Part, notes: list[str]) -> Mailbox:
    """The first usable address of From, else Reply-To, else Sender; without one, the name that From shows."""
    name = ""
    if len(message.fields("From")) > 1:
        notes.append("several From fields")
    for field in ("From", "Reply-To", "Sender"):
        for mailbox in _mailboxes(message, field, notes):
            if mailbox.email:
                if field != "From":
                    notes.append(f"sender taken from {field}")
                return mailbox
            notes.append(f"sender address rejected: {mailbox.refused}")
            name = name or mailbox.name
    notes.append("no usable sender address")
    return Mailbox(name, None)


def _local_part(sender: Mailbox) -> str:
    return (sender.email or "").partition("@")[0].lower()


def _addresses(message: Part, field: str, notes: list[str]) -> tuple[str, ...]:
    found = _mailboxes(message, field, notes)
    notes.extend(f"{field} address rejected: {mailbox.refused}" for mailbox in found if not mailbox.email)
    return tuple(mailbox.email for mailbox in found if mailbox.email)


def _mailboxes(message: Part, field: str, notes: list[str]) -> list[Mailbox]:
    return [mailbox for value in message.fields(field) for mailbox in mailboxes(value, notes)]


def _date(message: Part, notes: list[str]) -> datetime | None:
    written = message.field("Date")
    date = utc(written)
    if written and date is None:
        notes.append("date not understood")
    return date


def _message_id(message: Part) -> str | None:
    """Unlike a reference, an identifier without brackets and sign still identifies."""
    written = message.field("Message-ID")
    ids = message_ids(written) or message_ids(f"<{re.sub('[<>]', '', written)}>")
    return next(iter(ids), None)


def _is_automatic(message: Part) -> bool:
    """RFC 3834 and the fields of older responders; a bounce is a report, or has an empty return path.
    X-Auto-Response-Suppress does not count: it asks others not to answer by machine, and people's mail carries it too.
    """
    return (
        any(_submitted(value) not in {"", "no", "auto-forwarded"} for value in message.fields("Auto-Submitted"))
        or any(message.field(field).strip().lower() not in {"", "no"} for field in ("X-Autoreply", "X-Autorespond"))
        or message.field("Precedence").strip().lower() == "auto_reply"
        or message.kind == _REPORT
        or any(re.fullmatch(r"\s*(?:<\s*>\s*)?", path) for path in message.fields("Return-Path"))
    )


def _submitted(value: str) -> str:
    """The keyword, without comments and parameters."""
    return re.split(r"[;(\s]", re.sub(r"\([^()]*\)", " ", value).strip().lower())[0]


# --- messages inside the message ------------------------------------------------------------------


def _forwarded(message: Part, subject: str, text: str, *, by_mail_system: bool) -> Mailbox | None:
    if message.kind == _REPORT:
        return None
    # a mail system that attaches a message returns it; a rule in a mailbox forwards by itself, and says so
    if says_forward(subject) or (len(text.strip()) <= _LITTLE_TEXT and not by_mail_system):
        for original in _messages_inside(message, _MESSAGES):
            author = _sender(original, [])
            if author.email or author.name:
                return author
    return author_of_forward(subject, text)


def _returned_ids(message: Part) -> tuple[str, ...]:
    """A bounce has neither In-Reply-To nor References: the message it returns alone leads to the conversation that the
    office had written in.
    """
    ids = (_message_id(original) for original in _messages_inside(message, _RETURNED))
    return tuple(each for each in ids if each)[:1]


def _messages_inside(message: Part, kinds: set[str]) -> Iterator[Part]:
    """Their headers, the topmost message first."""
    for _, part in _leaves(message):
        if part.kind in kinds:
            yield read_headers(part.content([])[:_HEAD])


# --- parts ----------------------------------------------------------------------------------------


def _leaves(message: Part) -> Iterator[tuple[int, Part]]:
    for number, part in enumerate(message.walk()):
        if not part.is_multipart():
            yield number, part


def _is_attachment(part: Part) -> bool:
    """A multipart that could not be taken apart is read as text; inline images, calendars and reports are listed."""
    disposition = part.field("Content-Disposition").partition(";")[0].strip().lower()
    readable = part.kind in {"text/plain", "text/html"} or part.kind.startswith("multipart/")
    return disposition == "attachment" or not readable or bool(part.file_name([]))


def _attachments(message: Part, notes: list[str]) -> tuple[tuple[Attachment, ...], tuple[str, ...]]:
    """Those with content, and the names of those without."""
    kept, empty = [], []
    for number, part in _leaves(message):
        if _is_attachment(part):
            content = part.content(notes)
            name = _name(part, content, notes)
            if content:
                kept.append(Attachment(number, name, part.kind, len(content)))
            else:
                empty.append(name)
    return tuple(kept), tuple(empty)


def _name(part: Part, content: bytes, notes: list[str]) -> str:
    """A bare file name that is safe to save under and to show."""
    name = _bare(part.file_name(notes))
    if not name and part.kind == "message/rfc822":
        # a subject may hold a slash without being a path
        name = _bare(re.sub(r"[/\\]", "-", decoded(read_headers(content[:_HEAD]).field("Subject"), notes)))
        name = f"{name}.eml" if name else ""
    name = name or NO_NAME + (_SUFFIXES.get(part.kind) or _TYPES.guess_extension(part.kind) or "")
    stem, dot, suffix = name.rpartition(".")
    if len(name) > MAX_NAME and len(suffix) < _MAX_SUFFIX:
        return stem[: MAX_NAME - len(dot + suffix)] + dot + suffix
    return name[:MAX_NAME]


def _bare(written: str) -> str:
    last = re.split(r"[/\\]", " ".join(written.split()))[-1]
    # also without the marks that turn writing around: "facture\u202efdp.exe" shows as "factureexe.pdf"
    name = "".join(mark for mark in last if mark.isprintable()).strip()
    return name if name.strip(" .") else ""


def _bodies(message: Part, notes: list[str]) -> dict[Part, str]:
    """The text of every leaf that is no attachment, in order."""
    bodies = {}
    for _, part in _leaves(message):
        if not _is_attachment(part):
            charset = part.parameters("Content-Type").get("charset", "")
            text, note = text_of(part.content(notes), charset.strip())
            bodies[part] = text.replace("\r\n", "\n").replace("\r", "\n")
            notes.extend([note] if note else [])
    return bodies


def _readable(part: Part, bodies: dict[Part, str]) -> str:
    """The body as plain text: of alternatives the plain ones where they say anything, HTML turned into text otherwise.
    A mixed message keeps all its texts: a plain footer below an HTML letter must not replace the letter.
    """
    if not part.is_multipart():
        text = bodies.get(part, "")
        return html_to_text(text) if part.kind == "text/html" else text.strip("\n")
    if part.kind == "multipart/alternative":
        plain = [bodies[leaf].strip("\n") for leaf in part.walk() if leaf in bodies and leaf.kind == "text/plain"]
        if any(text.strip() for text in plain):
            return "\n\n".join(plain)
    return "\n\n".join(text for child in part.children() if (text := _readable(child, bodies)))


def _irregularities(message: Part) -> Iterator[str]:
    for part in message.walk():
        yield from part.irregularities()
