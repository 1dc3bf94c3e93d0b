"""Sums are exact, and what is missing in the outcomes is named by currency."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.outcomes import OPEN, REJECTS, Outcome
from pipeline.core.totals import Totals, imbalances

records = st.lists(
    st.tuples(
        st.sampled_from(["ZAR", "JPY", None]),
        st.sampled_from(list(Outcome)),
        st.integers(-(2**63), 2**63),
    ),
    max_size=30,
)


def counted(rows: list[tuple[str | None, Outcome, int]]) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for currency, _, amount in rows:
        count, total = found.get(currency or "?", (0, 0))
        found[currency or "?"] = (count + 1, total + amount)
    return found


def totals_of(rows: list[tuple[str | None, Outcome, int]]) -> Totals:
    totals = Totals()
    for currency, outcome, amount in rows:
        totals.add(currency, outcome, records=1, amount_minor=amount)
    return totals


@given(records)
def test_a_file_whose_records_all_have_an_outcome_balances(
    rows: list[tuple[str | None, Outcome, int]],
) -> None:
    totals = totals_of(rows)
    assert list(imbalances(counted(rows), totals)) == []
    assert totals.total_records == len(rows)
    assert sum(totals.count(outcome) for outcome in Outcome) == len(rows)


@given(records.filter(bool), st.data())
def test_a_lost_or_doubled_record_or_a_cent_shows(
    rows: list[tuple[str | None, Outcome, int]], data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(rows) - 1))
    currency, outcome, amount = rows[index]
    damaged = data.draw(
        st.sampled_from(
            [
                rows[:index] + rows[index + 1 :],
                [*rows, rows[index]],
                [*rows[:index], (currency, outcome, amount + 1), *rows[index + 1 :]],
            ]
        )
    )
    found = list(imbalances(counted(rows), totals_of(damaged)))
    assert found
    assert all(line.startswith((currency or "?") + ":") for line in found)


def test_sums_do_not_wrap_at_64_bits() -> None:
    totals = totals_of([("ZAR", Outcome.CREATED, 2**63 - 1)] * 4)
    assert totals.amounts_minor["ZAR"][Outcome.CREATED] == 4 * (2**63 - 1)


def test_a_currency_that_only_one_side_knows_is_an_imbalance() -> None:
    totals = totals_of([("ZAR", Outcome.CREATED, 5)])
    assert len(list(imbalances({"USD": (1, 5)}, totals))) == 4


def test_unreadable_amounts_are_counted_beside_the_sums() -> None:
    totals = Totals()
    totals.add(None, Outcome.REJECTED, records=2, amount_minor=0, unreadable=2)
    assert (totals.amount_unreadable, totals.records["?"][Outcome.REJECTED]) == (2, 2)


def test_an_outcome_is_never_both_in_the_rejects_and_open() -> None:
    assert not REJECTS & OPEN
