"""What a path or a query gives is text: numbers and flags in it are read as JSON writes them, and in no other way.

Elsewhere pydantic takes "1_0" and "1.0" for whole numbers, "on" and "t" for true; the API's document promises neither.
"""

import re
from typing import Annotated, Final

from pydantic import BeforeValidator

_WHOLE: Final = re.compile(r"-?(0|[1-9][0-9]*)")


def _whole(text: object) -> object:
    if isinstance(text, str) and not _WHOLE.fullmatch(text):
        raise ValueError("Input should be a whole number, in digits")
    return text


def _flag(text: object) -> object:
    if isinstance(text, str) and text not in {"true", "false"}:
        raise ValueError("Input should be 'true' or 'false'")
    return text


AS_DIGITS: Final = BeforeValidator(_whole)
"""After the `Field` that bounds the number: bounds that follow a validator are left out of the document."""
Flag = Annotated[bool, BeforeValidator(_flag)]
