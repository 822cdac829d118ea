"""Days and moments of a period."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from api.periods import begin, day_or_moment, end, time_zone

PARIS = ZoneInfo("Europe/Paris")


def test_a_day_lasts_from_midnight_to_midnight_where_the_office_is():
    assert begin(date(2026, 3, 29), PARIS) == datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert end(date(2026, 3, 29), PARIS) == datetime(2026, 3, 29, 22, tzinfo=UTC)


def test_a_moment_is_itself():
    moment = day_or_moment("2026-03-29T09:30:00.5+01:00")
    assert begin(moment, PARIS) == end(moment, PARIS) == datetime(2026, 3, 29, 8, 30, 0, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["2026-12-31", "2026-12-31T00:00:00Z", "2026-12-31t00:00:00z", "2026-12-31T00:00:00.123456789-10:30"]
)
def test_what_is_one(text):
    assert day_or_moment(text).year == 2026


@pytest.mark.parametrize(
    "text",
    ["", "2026", "20261231", "31/12/2026", "2026-12-31T10:00", "2026-12-31T10:00:00", "2026-12-31T10:00:60Z",
     "2026-12-31 10:00:00 01:00", "1767222000", "0000-01-01", "1899-12-31", "3000-01-01", "٢٠٢٦-12-31"],
)  # fmt: skip
def test_what_is_none(text):
    with pytest.raises(ValueError, match="2026-12-31T09:30:00"):
        day_or_moment(text)


def test_an_office_s_days_are_those_of_its_own_time_zone(greffier):
    assert time_zone(greffier) == PARIS
