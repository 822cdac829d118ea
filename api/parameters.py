"""Numbers and flags in requests, taken as the API's document promises and in no other way.

Of text, which is what paths and queries are, pydantic takes "1_0" and "1.0" for whole numbers, "on" and "t" for true; of a
body it refuses 2.0, which in JSON is a whole number.
"""

import re
from typing import Annotated, Any, Final, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo, field_validator

_DIGITS: Final = re.compile(r"-?(0|[1-9][0-9]*)")


def _in_digits(text: object) -> object:
    if isinstance(text, str) and not _DIGITS.fullmatch(text):
        raise ValueError("Input should be a whole number, in digits")
    return text


def _flag(text: object) -> object:
    if isinstance(text, str) and text not in {"true", "false"}:
        raise ValueError("Input should be 'true' or 'false'")
    return text


def _whole(number: object) -> object:
    return int(number) if isinstance(number, float) and number.is_integer() else number


# After the `Field` that bounds the number: bounds that follow a validator are left out of the document.
AS_DIGITS: Final = BeforeValidator(_in_digits)
AS_JSON: Final = BeforeValidator(_whole)
Flag = Annotated[bool, BeforeValidator(_flag)]


class Parameters(BaseModel):
    """What comes as text: its whole numbers and flags are taken so, whoever declared them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _as_promised(cls, text: object, info: ValidationInfo) -> object:
        declared: Any = cls.model_fields[str(info.field_name)].annotation
        kinds = {declared, *get_args(declared)}
        return _in_digits(text) if int in kinds else _flag(text) if bool in kinds else text
