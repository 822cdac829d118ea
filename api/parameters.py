"""Numbers and flags in requests, taken as the API's document promises and in no other way.

Of text, which is what paths and queries are, pydantic takes "1_0" and "1.0" for whole numbers, "on" and "t" for true; of a
body it refuses 2.0, which in JSON is a whole number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, get_args

from pydantic import BaseModel, BeforeValidator

from api.problems import FieldError

_DIGITS: Final = re.compile(r"-?(0|[1-9][0-9]*)")
_FLAGS: Final = frozenset({"true", "false"})


def misspelt(model: type[BaseModel], values: Mapping[str, str], where: str) -> Iterator[FieldError]:
    """What is no number, and no flag, of the texts that a model's whole numbers and flags are given as."""
    for name, text in values.items():
        kinds = _kinds(model.model_fields[name].annotation) if name in model.model_fields else ()
        if int in kinds and not _DIGITS.fullmatch(text):
            yield FieldError(field=f"{where}.{name}", message="Input should be a whole number, in digits")
        elif bool in kinds and text not in _FLAGS:
            yield FieldError(field=f"{where}.{name}", message="Input should be 'true' or 'false'")


def _kinds(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) or (annotation,)


def _whole(number: object) -> object:
    return int(number) if isinstance(number, float) and number.is_integer() else number


# After the `Field` that bounds the number: bounds that follow a validator are left out of the document.
AS_JSON: Final = BeforeValidator(_whole)
