"""Periods that people ask for, by days of the office's own time zone or by moments."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import PlainValidator, WithJsonSchema

from api.bootstrap import Greffier
from domain.office.office import OFFICE_ID, OfficeOpened

_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_YEARS: Final = range(1900, 3000)


def day_or_moment(text: str) -> date | datetime:
    """A day, or a moment as RFC 3339 writes it. Raises `ValueError`."""
    found: date | datetime | None = None
    with suppress(ValueError):
        if _DAY.fullmatch(text):
            found = date.fromisoformat(text)
        elif _MOMENT.fullmatch(text):
            found = datetime.fromisoformat(text.upper())
    if found is None or found.year not in _YEARS:
        raise ValueError("must be a day such as 2026-12-31, or a moment such as 2026-12-31T09:30:00+01:00")
    return found


DayOrMoment = Annotated[
    date | datetime,
    PlainValidator(day_or_moment),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]}),
]


def begin(of: date | datetime, zone: ZoneInfo) -> datetime:
    """The moment, or when the day begins."""
    return (of if isinstance(of, datetime) else datetime.combine(of, time(), zone)).astimezone(UTC)


def end(of: date | datetime, zone: ZoneInfo) -> datetime:
    """The moment, or when the day is over."""
    return begin(of if isinstance(of, datetime) else of + timedelta(days=1), zone)


def time_zone(greffier: Greffier) -> ZoneInfo:
    """Where the office is: its days begin at midnight there."""
    opened = (recorded.event for recorded in greffier.log.stream(OFFICE_ID))
    return next((ZoneInfo(event.time_zone) for event in opened if isinstance(event, OfficeOpened)), ZoneInfo("UTC"))
