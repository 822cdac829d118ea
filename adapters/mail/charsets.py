"""Bytes as readable text, whatever charset they claim; nothing here raises."""

import codecs
import re
from functools import lru_cache

from domain.values import storable

# What mail means by these names, after the WHATWG encoding standard: each is read as its superset.
_READ_AS = {
    "ascii": "utf_8",
    "iso8859_1": "cp1252",
    "gb2312": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
}
# Python calls these charsets; they are programs, or take quadratic time.
_NOT_FOR_TEXT = {"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape"}
_NAME = re.compile(r"[\w.:+-]{1,40}", re.ASCII)
_UTF8_SEQUENCE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")


def one_line(text: str) -> str:
    """Storable text with every run of white space, line breaks included, made one space."""
    return " ".join(storable(text).split())


def text_of(data: bytes, charset: str = "") -> tuple[str, str]:
    """Text, and a note on what was irregular ("" when nothing was). No charset means: find out."""
    codec = _codec(charset or "ascii")
    if codec is None:
        text, read_as = _guessed(data)
        return text, f"unknown charset {one_line(charset)[:40]} read as {read_as}"
    try:
        return storable(data.decode(codec).removeprefix("\ufeff")), ""
    except UnicodeError:
        if codec == "utf_8":
            text, read_as = _guessed(data)
            return text, f"text is not valid {charset}, read as {read_as}" if charset else ""
        return storable(data.decode(codec, "replace")), f"text is not valid {charset}, the rest was kept"


def _codec(charset: str) -> str | None:
    return _known_codec(charset) if _NAME.fullmatch(charset) else None


@lru_cache(maxsize=256)
def _known_codec(charset: str) -> str | None:
    try:
        name = codecs.lookup(charset).name.replace("-", "_")
        b"a".decode(name, "replace")  # a LookupError for codecs that do not make text, such as zlib
    except (LookupError, UnicodeError):
        return None
    return None if name in _NOT_FOR_TEXT else _READ_AS.get(name, name)


def _guessed(data: bytes) -> tuple[str, str]:
    text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    if broken and broken >= sum(1 for _ in _UTF8_SEQUENCE.finditer(data)):
        return storable(data.decode("cp1252", "replace")), "windows-1252"
    return storable(text.removeprefix("\ufeff")), "utf-8"
