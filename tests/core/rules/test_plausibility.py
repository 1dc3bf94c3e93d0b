"""Amounts of a file beside those that its feed loaded before: what is out of proportion, and what looks like cents."""

from __future__ import annotations

import pytest

from pipeline.core.rules.earlier_amounts import Past
from pipeline.core.rules.plausibility import unlike_before
from pipeline.core.values.amount_spread import Spread
from schemas.feed import Unit


def spread(median: int, *, records: int = 30, with_decimals: int = 30) -> Spread:
    return Spread("ZAR", records, median, median, median, 2 * median, with_decimals)


def holds(now: Spread, *medians: int, unit: Unit = "major", decimals: tuple[int, ...] = ()) -> list[str]:
    """Codes of the holds of a file after files of these medians, in cents."""
    with_decimals = decimals or (9,) * len(medians)
    past = [Past(2 * median, number) for median, number in zip(medians, with_decimals, strict=True)]
    return [hold.code for hold in unlike_before(now, past, unit)]


@pytest.mark.parametrize(
    ("now", "is_held"),
    [(24_000, False), (480_000, False), (480_001, True), (1_200, False), (1_199, True), (2_400_000, True)],
)
def test_a_median_more_than_twenty_times_or_less_than_a_twentieth_holds(now: int, is_held: bool) -> None:
    assert holds(spread(now), 24_000) == ["file.out_of_proportion"] * is_held


def test_what_is_usual_is_the_median_of_the_files_before() -> None:
    assert holds(spread(300_000), 100, 24_000, 24_001) == []
    assert holds(spread(300_000), 100, 100, 24_000) == ["file.out_of_proportion"]
    assert holds(spread(42_000), 100, 4_100) == []
    assert holds(spread(42_001), 100, 4_100) == ["file.out_of_proportion"]


def test_without_a_file_before_or_an_amount_there_is_nothing_to_compare() -> None:
    assert holds(spread(99_999_999)) == []
    assert holds(spread(99_999_999), 0) == []
    assert holds(spread(0), 24_000) == []


@pytest.mark.parametrize(
    ("records", "with_decimals", "unit", "decimals", "is_held"),
    [
        (20, 0, "major", (9, 9), True),
        (20, 0, "major", (0, 1), True),
        (19, 0, "major", (9, 9), False),
        (20, 1, "major", (9, 9), False),
        (20, 0, "minor", (9, 9), False),
        (20, 0, "major", (0, 0), False),
    ],
)
def test_whole_amounts_where_there_were_decimals_look_like_cents(
    records: int, with_decimals: int, unit: Unit, decimals: tuple[int, ...], is_held: bool
) -> None:
    now = spread(24_000, records=records, with_decimals=with_decimals)
    assert holds(now, 24_000, 24_000, unit=unit, decimals=decimals) == ["file.unit_suspicious"] * is_held
