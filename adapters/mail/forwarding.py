"""Whose message a forward passes on, by its subject and by the header block that mail programs write into the text."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from adapters.mail.charsets import one_line
from adapters.mail.headers import Mailbox, mailboxes

_LOOKED_AT: Final = 20_000
"""Characters of the text. What a collaborator says about a forward is shorter."""
_LONGEST_LABEL: Final = 20
_LONGEST_MARKER: Final = 100
_LONGEST_AUTHOR: Final = 500
_LONGEST_WRAP: Final = 3
"""Lines that a long subject or list of recipients goes on for."""

# "[EXT] TR : ..." as well: mail servers put their warnings first. "[Fwd: ...]" was Mozilla's.
_SUBJECT = re.compile(r"(?:\[[^\]:]{1,40}\] ?)*\[?(?:tr|fwd?|wg|rv|i) ?:", re.IGNORECASE)

_PASSED_ON = "transfere|transmis|reexpedie|forwarded|weitergeleitet|inoltrato|reenviado"
_MARKER = re.compile(
    rf"[-–—_=]{{2,}}.*(?:{_PASSED_ON}).*[-–—_=]{{2,}}"
    rf"|(?:debut|begin|anfang|inizio|inicio)\b.*(?:{_PASSED_ON}).*:"
)
_ATTRIBUTION = re.compile(r"^(?:le|on)\b.*(?:\n.*)?\b(?:a écrit|wrote)[^\w\n]*$", re.IGNORECASE | re.MULTILINE)
_ENDS_MARKER = frozenset(":-–—_=")
_AROUND_MARKER = " *\t\xa0\u202f"
_AROUND_LABEL = "> *|\t\xa0\u202f"
_AROUND_NAME = " *\"'<([,;"
_WORD = re.compile(r"[^\s<>\[\]()\",;]+")
_INVISIBLE = re.compile("[\u200b\u200e\u200f\u202a\u202c\ufeff]+")

_Kind = Literal["from", "sent", "to", "cc", "subject"]
_LABELS: Final[dict[str, _Kind]] = {
    **dict.fromkeys(("de", "from", "von", "da"), "from"),
    **dict.fromkeys(("envoye", "envoye le", "sent", "date", "gesendet", "datum", "inviato", "enviado"), "sent"),
    **dict.fromkeys(("a", "pour", "to", "an", "para"), "to"),
    **dict.fromkeys(("cc", "copie", "copie a"), "cc"),
    **dict.fromkeys(("objet", "sujet", "subject", "betreff", "oggetto", "asunto"), "subject"),
}


@dataclass(slots=True)
class _Block:
    """Header lines that stand together."""

    marked: bool = False
    """It begins right below the line by which a mail program announces a forward."""
    values: dict[_Kind, str] = field(default_factory=dict)
    wrapped: int = 0
    """Lines since the last one with a label."""

    def is_header(self) -> bool:
        # one or two such lines may be prose: "De : Lyon", "Date : lundi"
        return "from" in self.values and (self.marked or len(self.values) > 2)  # noqa: PLR2004

    def wrap(self, line: str) -> None:
        self.marked = self.marked and bool(self.values)
        if not self.wrapped and next(reversed(self.values), None) == "from" and "@" not in self.values["from"]:
            self.values["from"] += f" {line}" if "@" in line else ""
        self.wrapped += 1


def says_forward(subject: str) -> bool:
    """A reply to a forward ("RE: TR: ...") is none."""
    return _SUBJECT.match(subject) is not None


def author_of_forward(subject: str, text: str) -> Mailbox | None:
    """The sender that the topmost header block names, where the subject or a line above the block says "forward".
    Without either it is a reply that quotes as Outlook does.
    """
    text = _INVISIBLE.sub("", text[:_LOOKED_AT])
    forward = says_forward(subject)
    if not forward and (quote := _ATTRIBUTION.search(text)):
        text = text[: quote.start()]  # a reply to a forward quotes its marker too
    for block in _blocks(text):
        if block.is_header():
            return _author(block.values["from"]) if forward or block.marked else None
    return None


def _blocks(text: str) -> Iterator[_Block]:
    block = _Block()
    for line in text.split("\n"):
        if _is_marker(line):
            yield block
            block = _Block(marked=True)
        elif labelled := _labelled(line):
            kind, value = labelled
            if kind in block.values or block.wrapped > _LONGEST_WRAP:
                yield block
                block = _Block()
            block.values[kind] = value
            block.wrapped = 0
        elif line.strip(_AROUND_LABEL):
            block.wrap(line)
    yield block


def _is_marker(line: str) -> bool:
    line = line.strip(_AROUND_MARKER)
    return line[-1:] in _ENDS_MARKER and len(line) <= _LONGEST_MARKER and _MARKER.fullmatch(_plain(line)) is not None


def _labelled(line: str) -> tuple[_Kind, str] | None:
    label, colon, value = line.lstrip(_AROUND_LABEL).partition(":")
    kind = _LABELS.get(_plain(label)) if colon and len(label) <= _LONGEST_LABEL else None
    return (kind, value) if kind else None


def _plain(text: str) -> str:
    """Lower case, no accents, single spaces, none of the stars that stand for bold type."""
    letters = unicodedata.normalize("NFKD", text.replace("*", ""))
    return " ".join("".join(letter for letter in letters if not unicodedata.combining(letter)).lower().split())


def _author(value: str) -> Mailbox | None:
    """Written for people, not as in a header: "BONNET, Claire [mailto:claire@...]", "Claire <a@b<mailto:a@b>>"."""
    value = one_line(value[:_LONGEST_AUTHOR])
    for word in _WORD.finditer(value):
        if "@" in word[0]:
            for mailbox in mailboxes(word[0].removeprefix("mailto:").strip("'*"), []):
                if mailbox.email:
                    return Mailbox(value[: word.start()].strip(_AROUND_NAME), mailbox.email)
    name = re.split(r"[<\[]", value)[0].strip(_AROUND_NAME)
    return Mailbox(name, None) if name else None
