"""Value types, defined once. They validate what commands carry; a stored fact is checked for shape only."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Annotated, Any, Final, Literal, get_args
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from domain.events import STORED, Value

LONGEST_NAME: Final = 200
LONGEST_COMMENT: Final = 10_000

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_SEEN: Final = re.compile(
    r"[^\s\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    r"\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0]"
)
"""What shows: no blank, no control, and nothing without a width (Unicode's Default_Ignorable_Code_Point)."""


def storable(text: str) -> str:
    """Text with NUL and lone surrogates replaced: PostgreSQL refuses the first, UTF-8 the second."""
    return _UNSTORABLE.sub("\ufffd", text)


def _as_storable(value: object) -> object:
    return storable(value) if isinstance(value, str) else value


def _when_built(check: Callable[[str], str]) -> AfterValidator:
    """A check that a stored fact is not put through again when it is read."""

    def unless_stored(text: str, info: ValidationInfo) -> str:
        return text if info.context is STORED else check(text)

    return AfterValidator(unless_stored)


def _single_line(text: str) -> str:
    return " ".join(_CONTROLS.sub(" ", text).split())


def _at_most(characters: int) -> Callable[[str], str]:
    def check(text: str) -> str:
        if len(text) > characters:
            raise ValueError(f"may have {characters} characters at most")
        return text

    return check


def _not_blank(text: str) -> str:
    if not _SEEN.search(text):
        raise ValueError("may not be blank")
    return text


def _name(text: str) -> str:
    name = _single_line(text)
    if not name:
        raise ValueError("a name may not be blank")
    if len(name) > LONGEST_NAME:
        raise ValueError(f"a name may have {LONGEST_NAME} characters at most")
    return name


def _address(text: str) -> str:
    if text != storable(text):
        raise ValueError("not an e-mail address: it has characters that are none")
    try:
        return _validated(text)
    except ValueError as error:
        raise ValueError(f"not an e-mail address: {error}") from None


def _validated(address: str, **also: Any) -> str:
    """The address, normalised; with what is allowed also. Raises ValueError, which says what is wrong with it."""
    import email_validator  # slow to load: a short command does without it

    return email_validator.validate_email(address, check_deliverability=False, **also).normalized


Text = Annotated[str, BeforeValidator(_as_storable)]
"""Any text, storable everywhere."""

ShortLine = Annotated[
    Text,
    _when_built(_at_most(LONGEST_NAME)),
    _when_built(_single_line),
    Field(json_schema_extra={"maxLength": LONGEST_NAME}),
]
"""Text on one line, not longer than a name: as it was written, before blanks are taken out."""

Name = Annotated[
    Text,
    _when_built(_name),
    Field(json_schema_extra={"minLength": 1, "maxLength": LONGEST_NAME, "pattern": r"[^\s\u0000-\u001f\u007f-\u009f]"}),
]
"""A name of a person, company or office: one line, not blank."""

CommentText = Annotated[
    Text,
    _when_built(_at_most(LONGEST_COMMENT)),
    _when_built(_not_blank),
    Field(json_schema_extra={"minLength": 1, "maxLength": LONGEST_COMMENT, "pattern": _SEEN.pattern}),
]
"""What a collaborator notes in their own words, on several lines where they like: not blank."""

EmailAddressText = Annotated[str, Field(max_length=320, json_schema_extra={"format": "email"}), _when_built(_address)]
"""An e-mail address as someone typed it, normalised (RFC 5321, 5322 and 6531, by email-validator)."""

ClientId = Annotated[UUID, Field(description="The client or prospect")]
ContractId = Annotated[UUID, Field(description="The contract")]
ClaimId = Annotated[UUID, Field(description="The claim")]
CompanyId = Annotated[UUID, Field(description="The company")]
ContactId = Annotated[UUID, Field(description="The contact")]
CollaboratorId = Annotated[UUID, Field(description="The collaborator")]
AddressId = Annotated[UUID, Field(description="The e-mail address: what its file's `email_addresses` calls it")]
TicketId = Annotated[UUID, Field(description="The ticket")]
MailId = Annotated[UUID, Field(description="The message, as the ticket's messages call it")]
DocumentId = Annotated[UUID, Field(description="The document")]

Title = Literal["M.", "Mme"]

TargetKind = Literal["client", "contract", "claim", "company", "contact"]
TARGET_KINDS: Final[tuple[TargetKind, ...]] = get_args(TargetKind)


class Target(Value):
    """What a ticket is filed on and an address belongs to: the kind of file, and its id."""

    kind: Annotated[TargetKind, Field(description="What the file is")]
    id: Annotated[UUID, Field(description="The id of that client, contract, claim, company or contact")]


def dossier_among(files: Iterable[Target]) -> UUID | None:
    """The client among these files: whose dossier it is that they belong to. A company and its contacts are in none."""
    return next((file.id for file in files if file.kind == "client"), None)


@lru_cache(maxsize=4096)  # the same few hundred correspondents write most of an office's mail
def normalised_address(text: str) -> str | None:
    """An address as it came with a message, normalised, or None for what is none. An intranet's may have no dot."""
    try:
        return _validated(text, globally_deliverable=False, allow_quoted_local=True)
    except ValueError:
        return None


def address_key(address: str) -> str:
    """What makes two spellings one address: its case (offices' mail systems all ignore it), `xn--` domains, Unicode
    forms and needless quotes. `ß` and `ss` stay two: those are two domains, and anyone may own the other one.
    """
    address = address.strip()
    return (normalised_address(address) or unicodedata.normalize("NFC", address)).lower()
