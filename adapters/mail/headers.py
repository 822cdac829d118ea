"""Header fields of real mail: encoded words, parameters, addresses, identifiers, dates.

Field values come in as `email` reads them: ASCII, with every other byte as a surrogate escape.
The stdlib's own decoders are not used: they raise on broken words and parameters (`decode_header`, `decode_params`),
recurse on nested comments, and differ between patch releases (`getaddresses`).
"""

import binascii
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import groupby
from urllib.parse import unquote_to_bytes

from adapters.mail.charsets import one_line, text_of
from domain.values import normalised_address, storable

MAX_ADDRESS = 320  # RFC 3696: 64 for the local part, 255 for the domain, and the sign

# RFC 2047; a "?" that was left unencoded at the end of a word is seen often.
_WORD = re.compile(r"=\?([^?*\s]+)(?:\*[^?]*)?\?([bBqQ])\?([^?]*\??)\?=")
_BETWEEN_WORDS = re.compile(r"(\?=)\s+(?==\?[^?\s]+\?[bBqQ]\?)")
# After a space too: a forgotten semicolon is seen often.
_PARAMETER = re.compile(r'(?:\A|;|(?<!\s)\s)\s*+([^=;\s]++)\s*+=\s*+("(?:[^"\\]|\\.|\\\Z)*+(?:"|\Z)|[^;]*)', re.DOTALL)
_CONTINUED = re.compile(r"([^*]+)(?:\*(\d{1,4}))?(\*)?")
_QUOTED_PAIR = re.compile(r'\\(["\\])')
_ADDRESS_PIECE = re.compile(r'"(?:[^"\\]|\\.|\\\Z)*+(?:"|\Z)|\\.|[()<>,:;]|[^"\\()<>,:;]++|.', re.DOTALL)
_ANGLED = re.compile(r"<([^<>]+)>")
_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="))


def base64_bytes(data: bytes) -> bytes:
    """As much as can be decoded: foreign bytes are skipped, a cut end is cut, padding may stand anywhere."""
    digits = data.translate(None, delete=_NOT_BASE64)
    content = bytearray()
    for run in re.finditer(rb"[^=]+", digits):
        usable = run[0] if len(run[0]) % 4 != 1 else run[0][:-1]
        content += binascii.a2b_base64(usable + b"=" * (-len(usable) % 4))
    return bytes(content)


def bytes_of(value: str) -> bytes:
    """The bytes behind a field value; text that was already decoded becomes UTF-8."""
    try:
        return value.encode("ascii", "surrogateescape")
    except UnicodeEncodeError:
        return value.encode("utf-8", "replace")


def decoded(value: str, notes: list[str]) -> str:
    """Encoded words and raw bytes as text, line breaks kept as they are."""
    text = storable(value) if value.isascii() else text_of(bytes_of(value))[0]
    if "=?" not in text:
        return text
    pieces: list[str] = []
    for charset, words in groupby(_words(_BETWEEN_WORDS.sub(r"\1", text)), key=lambda word: word[0]):
        if charset is None:
            pieces.extend(str(word) for _, word in words)
        else:  # one character may be spread over two words
            read, note = text_of(b"".join(word for _, word in words if isinstance(word, bytes)), charset)
            pieces.append(read)
            notes.extend([note] if note else [])
    return "".join(pieces)


def _words(text: str) -> Iterator[tuple[str | None, str | bytes]]:
    """Pieces of a field: (None, text) or (charset, decoded bytes)."""
    end = 0
    for word in _WORD.finditer(text):
        if word.start() > end:
            yield None, text[end : word.start()]
        end = word.end()
        data = bytes_of(word[3])
        yield word[1].lower(), base64_bytes(data) if word[2] in "bB" else quopri.decodestring(data, header=True)
    if end < len(text):
        yield None, text[end:]


def parameters(value: str) -> dict[str, str]:
    """Parameters of a Content-Type or Content-Disposition by lower-case name, RFC 2231 pieces joined.
    A plain value stays as it came (a boundary must match the body byte for byte).
    """
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for key, raw in _PARAMETER.findall(re.sub(r"[\r\n]+", "", value)):
        text = _unquoted(raw.strip())
        if (form := _CONTINUED.fullmatch(key.lower())) and (form[2] or form[3]):
            pieces.setdefault(form[1], {}).setdefault(int(form[2] or 0), (text, bool(form[3])))
        else:
            plain.setdefault(key.lower(), text)
    return plain | {name: _joined(parts) for name, parts in pieces.items()}


def _joined(pieces: dict[int, tuple[str, bool]]) -> str:
    """RFC 2231: pieces in order; an extended one is percent-encoded, the first of them names the charset."""
    charset, data = "", b""
    ordered = [pieces[number] for number in sorted(pieces)]
    first, extended = ordered[0]
    if extended and first.count("'") >= 2:  # noqa: PLR2004  charset'language'text
        charset, _, first = first.split("'", 2)
    for text, percent in [(first, extended), *ordered[1:]]:
        data += unquote_to_bytes(bytes_of(text)) if percent else bytes_of(text)
    return text_of(data, charset)[0]


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        return text
    return _QUOTED_PAIR.sub(r"\1", text[1:].removesuffix('"'))


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One address of a field: `email` is None when it was refused, `refused` then says why."""

    name: str
    email: str | None
    refused: str = ""


def mailboxes(value: str, notes: list[str]) -> list[Mailbox]:
    """Addresses of a From, To, ... field; members of a group count, empty places do not."""
    found = [_mailbox(name, address, notes) for name, address in _name_and_address(value) if name or address]
    if "@" in value and re.search(r'["(]', value) and not any(mailbox.email for mailbox in found):
        bare = re.sub(r'["()]', " ", value)  # a quote or a comment that never ends
        again = [_mailbox(name, address, []) for name, address in _name_and_address(bare)]
        return [mailbox for mailbox in again if mailbox.email] or found
    return found


def _name_and_address(value: str) -> Iterator[tuple[str, str]]:
    """RFC 5322 address-list as (display name, address), both still encoded."""
    name: list[str] = []
    address: list[str] | None = None
    comment: list[str] = []
    depth, angled = 0, False
    for piece in [*_ADDRESS_PIECE.findall(value), ","]:
        match piece:
            case "(" | ")" if depth or (piece == "(" and not angled):
                depth += 1 if piece == "(" else -1
            case _ if depth and piece != ",":
                comment.append(piece)
            case "<":
                address, angled = [], True
            case ">":
                angled = False
            case "," if angled and address and address[0].startswith("@"):
                address.append(piece)  # RFC 5322 4.4: a route before the address
            case ":" if not angled:
                name, comment = [], []  # what stood before is the name of a group
            case "," | ";":
                yield _pair(name, address, comment)
                name, address, comment, depth, angled = [], None, [], 0, False
            case _:
                (address if angled and address is not None else name).append(piece)


def _pair(name: list[str], address: list[str] | None, comment: list[str]) -> tuple[str, str]:
    aside = "".join(comment)
    if address is None:
        bare = "".join(name).strip()
        words = bare.split(" ")
        if len(words) > 1 and sum("@" in word for word in words) == 1 and not re.search(r'["\r\n]', bare):
            spec = next(word for word in words if "@" in word)  # brackets forgotten: Jeanne Martin jeanne@...
            return " ".join(word for word in words if word != spec), spec
        return aside, bare
    spec = "".join(address).strip()
    if spec.startswith("@"):
        spec = spec.rpartition(":")[2]
    return "".join(_unquoted(piece) for piece in name).strip() or aside, spec


def _mailbox(name: str, address: str, notes: list[str]) -> Mailbox:
    shown = one_line(decoded(name, notes))
    spec = decoded(address, notes).strip()
    if not spec:
        return Mailbox(shown, None, "is empty")
    if re.search(r"[\r\n]", spec):
        return Mailbox(shown, None, "contains a line break")
    if len(spec) > MAX_ADDRESS:
        return Mailbox(shown, None, f"longer than {MAX_ADDRESS} characters")
    local, sign, domain = spec.rpartition("@")
    spec = local + sign + domain.rstrip(".").lower()
    if normalised_address(spec) is None:
        return Mailbox(shown, None, "not an e-mail address")
    return Mailbox(shown, storable(spec))


def message_ids(value: str) -> tuple[str, ...]:
    """Identifiers of a Message-ID, In-Reply-To or References field, without their brackets and white space."""
    found = _ANGLED.findall(value) or [word for word in re.split(r"[\s,<>]+", value) if "@" in word]
    joined = ("".join(storable(text_of(bytes_of(each))[0]).split()) for each in found)
    return tuple(each for each in joined if each)


def utc(value: str) -> datetime | None:
    """An RFC 5322 date in UTC; None when it cannot be understood. A date without a zone is taken as UTC."""
    try:
        date = parsedate_to_datetime(value[:100])
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
