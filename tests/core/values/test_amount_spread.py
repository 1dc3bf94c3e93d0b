"""How large amounts are, against the standard library's own sorting."""

from __future__ import annotations

from statistics import median, median_low

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.rules.api_limits import MAX_BALANCE_MINOR
from pipeline.core.values.amount_spread import Spread, spreads

amounts = st.one_of(
    st.integers(-3, 3), st.integers(0, 100_000), st.integers(-MAX_BALANCE_MINOR, MAX_BALANCE_MINOR)
)
EXPONENTS = {"ZAR": 2, "JPY": 0, "KWD": 3}
records = st.lists(st.tuples(st.sampled_from(list(EXPONENTS)), amounts), max_size=60)


def expected(currency: str, found: list[int]) -> Spread:
    sizes = [abs(each) for each in found if each]
    return Spread(
        currency,
        records=len(found),
        smallest_minor=min(found),
        median_minor=median_low(found),
        largest_minor=max(found),
        usual_twice_minor=sum(sorted(sizes)[rank] for rank in ((len(sizes) - 1) // 2, len(sizes) // 2))
        if sizes
        else 0,
        with_decimals=sum(each % 10 ** EXPONENTS[currency] != 0 for each in found),
    )


@settings(max_examples=75, deadline=None)
@given(records)
def test_smallest_median_and_largest_are_exact(found: list[tuple[str, int]]) -> None:
    frame = pl.LazyFrame(found, {"currency": pl.String, "amount_minor": pl.Int64}, orient="row")
    assert spreads(frame) == tuple(
        expected(currency, mine)
        for currency in sorted(EXPONENTS)
        if (mine := [amount for each, amount in found if each == currency])
    )


def test_unreadable_amounts_and_currencies_do_not_count() -> None:
    frame = pl.LazyFrame({"currency": ["ZAR", "ZAR", None, "???"], "amount_minor": [150, None, 3, 4]})
    (found,) = spreads(frame)
    assert (found.records, found.median_minor, found.usual_twice_minor) == (1, 150, 300)
    assert spreads(frame.filter(pl.col("currency") == "???")) == ()


def test_twice_the_median_of_sizes_is_the_medians_own_definition() -> None:
    for found in ([1], [1, 4], [1, 4, 9], [-4, 1], [0, 0, 7]):
        frame = pl.LazyFrame({"currency": ["JPY"] * len(found), "amount_minor": found})
        (one,) = spreads(frame)
        assert one.usual_twice_minor == 2 * median(abs(each) for each in found if each)
