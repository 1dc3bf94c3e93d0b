"""A date counts only when it is a day of the calendar, written exactly as declared."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.values import dates


def read(texts: list[str], *formats: str) -> list[str | None]:
    """The day, or the name of the one fault."""
    faults = ("format", "impossible", "ambiguous")
    frame = dates.parse_dates(pl.Series(texts), formats).select("day", *faults)
    result = []
    for day, *flags in frame.rows():
        broken = [name for name, flag in zip(faults, flags, strict=True) if flag]
        assert (day is None) == (len(broken) == 1)
        result.append(day or broken[0])
    return result


@pytest.mark.parametrize(
    ("text", "date_format", "expected"),
    [
        ("2026-01-31", "%Y-%m-%d", "2026-01-31"),
        ("2026-02-29", "%Y-%m-%d", "impossible"),
        ("2024-02-29", "%Y-%m-%d", "2024-02-29"),
        ("2026-1-31", "%Y-%m-%d", "2026-01-31"),
        ("2026-01-31 ", "%Y-%m-%d", "format"),
        ("2026-01-31\n", "%Y-%m-%d", "format"),
        ("２026-01-31", "%Y-%m-%d", "format"),
        ("20260131", "%Y%m%d", "2026-01-31"),
        ("31.01.2026", "%d.%m.%Y", "2026-01-31"),
        ("31x01x2026", "%d.%m.%Y", "format"),
        ("31/01/26", "%d/%m/%y", "2026-01-31"),
        ("31 Jan 2026", "%d %b %Y", "2026-01-31"),
        ("31 January 2026", "%d %B %Y", "2026-01-31"),
        ("2026-031", "%Y-%j", "2026-01-31"),
        ("45000", "%Y-%m-%d", "format"),
    ],
)
def test_dates_by_a_declared_format(text: str, date_format: str, expected: str) -> None:
    assert read([text], date_format) == [expected]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 40_000), min_size=1, max_size=20),
    st.sampled_from(["%Y-%m-%d", "%d/%m/%Y", "%Y%m%d", "%d %b %Y", "%m-%d-%Y"]),
)
def test_every_day_of_a_century_is_read_back(days: list[int], date_format: str) -> None:
    written = [date(1950, 1, 1) + timedelta(days=day) for day in days]
    assert read([day.strftime(date_format) for day in written], date_format) == [
        day.isoformat() for day in written
    ]


def test_a_text_that_two_formats_read_differently_is_ambiguous() -> None:
    assert read(["03/04/2026", "13/04/2026", "05/05/2026"], "%d/%m/%Y", "%m/%d/%Y") == [
        "ambiguous",
        "2026-04-13",
        "2026-05-05",
    ]
