"""When mail comes and when the office works: five years, French working days, Paris time."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

FIRST_DAY: Final = date(2020, 1, 6)
LAST_DAY: Final = date(2024, 12, 31)

_PARIS: Final = ZoneInfo("Europe/Paris")
_HOLIDAYS: Final = frozenset(((1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)))
_SATURDAY: Final = 5
_MAIL_OF_WEEKDAYS: Final = (1.25, 1.1, 1.0, 1.05, 0.95, 0.3, 0.15)
_MAIL_OF_MONTHS: Final = (1.1, 1.0, 1.0, 0.95, 0.9, 1.0, 0.8, 0.6, 1.1, 1.15, 1.3, 1.1)
_MORNING: Final = (9.0, 12.5)
_AFTERNOON: Final = (14.0, 18.0)
_UNTIL_SETTLED_HOURS: Final = 0.4
"""How long after the door opens the first things are done, at most."""


class Calendar:
    def __init__(self, dice: Random) -> None:
        self._dice = dice

    def days(self) -> list[tuple[date, float]]:
        """Each day, and the share of all the mail that has come by its end: rising from 0 to 1."""
        days = [FIRST_DAY + timedelta(days=number) for number in range((LAST_DAY - FIRST_DAY).days + 1)]
        weights = [_MAIL_OF_WEEKDAYS[day.weekday()] * _MAIL_OF_MONTHS[day.month - 1] for day in days]
        whole, so_far = sum(weights), 0.0
        shares = []
        for day, weight in zip(days, weights, strict=True):
            so_far += weight
            shares.append((day, so_far / whole))
        return shares

    def some_time_on(self, day: date) -> datetime:
        """When people write: from dawn until late, mostly before noon."""
        return at_hour(day, self._dice.triangular(6.0, 23.5, 10.0))

    def some_day_after(self, day: date) -> date:
        return day + timedelta(days=self._dice.randrange(1, max(2, (LAST_DAY - day).days)))

    def working_time(self, earliest: datetime) -> datetime:
        """When someone at the office gets to it: then, if they are at work, or soon after work begins again."""
        local = earliest.astimezone(_PARIS)
        day, hour = local.date(), local.hour + local.minute / 60
        if not is_working_day(day) or hour >= _AFTERNOON[1]:
            day += timedelta(days=1)
            while not is_working_day(day):
                day += timedelta(days=1)
            return self._soon_after(day, _MORNING[0])
        if hour < _MORNING[0]:
            return self._soon_after(day, _MORNING[0])
        if _MORNING[1] <= hour < _AFTERNOON[0]:
            return self._soon_after(day, _AFTERNOON[0])
        return earliest

    def _soon_after(self, day: date, hour: float) -> datetime:
        return at_hour(day, hour + self._dice.random() * _UNTIL_SETTLED_HOURS)


def is_working_day(day: date) -> bool:
    return day.weekday() < _SATURDAY and (day.month, day.day) not in _HOLIDAYS


def at_hour(day: date, hour: float) -> datetime:
    """That hour of the day in Paris, in UTC."""
    noon = datetime.combine(day, time(12), _PARIS).astimezone(UTC)  # the clock may change in the night
    return noon + timedelta(milliseconds=round((hour - 12) * 3_600_000))
