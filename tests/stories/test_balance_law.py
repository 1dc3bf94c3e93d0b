"""Law 1 for random files: every record ends in one outcome, and the outcomes add up to what the file says."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.sandbox.serve import SandboxApi
from tests.seeds import cases
from tests.stories.files import EXPONENTS
from tests.stories.merchant import Merchant, Said

OUTCOMES = (
    "created",
    "updated",
    "unchanged",
    "duplicate",
    "rejected",
    "conflict",
    "refused",
    "in_doubt",
    "not_attempted",
)

few = st.integers(0, 5)
amounts = st.one_of(
    st.decimals("0.01", "999999.99", places=2).map(str),
    st.sampled_from(
        ["0", "1", "1.000", "1.005", "0.001", "-1", "1,000", "", "1e3", "999999.99", "1000000.00"]
    ),
)
currencies = st.sampled_from(["ZAR", "ZAR", "ZAR", "JPY", "KWD", "", "???"])
references = st.one_of(few.map(str), st.just(""), st.just("x y"))
bill_rows = st.lists(
    st.tuples(references, references, references, currencies, amounts).map(
        lambda row: [f"C{row[0]}", row[1] and f"A{row[1]}", row[2] and f"B{row[2]}", *row[3:]]
    ),
    max_size=12,
)
damage = st.sampled_from(["", "", "", "too,few", "a,b,c,d,e,f,g", '"open', 'stray "quote",,,,', "\x07,,,,"])
damaged_rows = st.lists(st.tuples(few, damage), max_size=3)


def text_of(rows: list[list[str]], damaged: list[tuple[int, str]]) -> str:
    lines = [",".join(f'"{field}"' if "," in field else field for field in row) for row in rows]
    for place, line in damaged:
        lines.insert(min(place, len(lines)), line)
    header = "customer_reference,account_reference,bill_reference,currency,amount_due"
    # The last line is a record, so that blank lines are between records.
    return "\n".join([header, *lines, "C-last,,B-last,ZAR,1.00"]) + "\n"


def stated(rows: list[list[str]]) -> tuple[Counter[str], Counter[str]]:
    """Records and minor units per currency as the standard library reads them; `?` for unreadable currencies."""
    records, minor = Counter({"ZAR": 1}), Counter({"ZAR": 100})
    for *_, stated_currency, amount in rows:
        currency = stated_currency or "ZAR"  # the feed's own
        name = currency if currency in EXPONENTS else "?"
        records[name] += 1
        # More decimals than the currency has are unreadable, closing zeros as well.
        most = EXPONENTS.get(name, 0)
        if name != "?" and re.fullmatch(rf"-?[0-9]+(\.[0-9]{{1,{most}}})?" if most else "-?[0-9]+", amount):
            minor[name] += int(Decimal(amount).scaleb(most))
    return records, minor


def assert_law(said: Said) -> None:
    summary = said.file
    assert summary["records"]["total"] == sum(summary["records"][outcome] for outcome in OUTCOMES)
    for breakdown in summary["amounts_minor"].values():
        assert breakdown["total"] == sum(breakdown[outcome] for outcome in OUTCOMES)


@pytest.mark.timeout(100)
@settings(max_examples=cases(12, soak=150), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=bill_rows, damaged=damaged_rows, again=st.booleans())
def test_outcomes_add_up_to_what_the_file_says_and_to_what_the_api_holds(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[list[str]],
    damaged: list[tuple[int, str]],
    again: bool,
) -> None:
    with SandboxApi() as api:
        merchant = Merchant(tmp_path_factory.mktemp("law"), api)
        path = merchant.write("x_bills_2030-01-01.csv", text_of(rows, damaged))
        said = merchant.load(path)
        if again:
            merchant.lose_ledger()
            said = merchant.load(path)
        records, minor = stated(rows)
        assert said.exit_status in {0, 1}
        assert_law(said)
        assert said.file["records"]["total"] == len(rows) + len(damaged) + 1
        assert {name: one["total"] for name, one in said.file["amounts_minor"].items() if name != "?"} == {
            name: minor[name] for name in records if name != "?"
        }
        results = merchant.results(said)
        assert [int(row["record"]) for row in results] == list(range(1, len(results) + 1))
        assert Counter(row["outcome"] for row in results) == said.outcomes()
        loaded = [row for row in results if row["outcome"] in {"created", "unchanged"}]
        held = {
            reference: (bill["currency"], bill["amount_due"])
            for reference, bill in merchant.held("bills").items()
        }
        assert held == {row["bill_reference"]: (row["currency"], int(row["amount_minor"])) for row in loaded}
        if said.exit_status == 1:
            text = (merchant.report(said.file) / "rejects.csv").read_text(encoding="utf-8")
            rejects = list(csv.DictReader(io.StringIO(text), strict=False))
            assert len(text.splitlines()) - 1 == said.outcomes()["rejected"]
            assert rejects
