"""Within the API's limit nothing is lost and little is refused; a large customer does not hold up the others."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable

from pipeline.core.plan import CustomerPart, Group, Turns
from pipeline.core.wanted import Party, Wanted
from pipeline.sandbox.switches import Switches
from tests.load.conftest import Merchant

Open = Callable[..., Merchant]
SOAK = bool(os.environ.get("SOAK"))
LARGE, OTHERS = (20_000, 1000) if SOAK else (1500, 300)


def test_a_limit_of_the_api_is_kept_with_few_refusals_and_no_loss(open_merchant: Open) -> None:
    """The share that is used of a limit is measured on a simulated clock, in tests/core/test_pace.py."""
    merchant = open_merchant(Switches(requests_per_second=60, retry_after="none"), max_in_flight=16)
    rows = [f"C{n},A{n},B{n},1.00" for n in range(360)]
    loaded = merchant.load(merchant.bills(rows))
    assert loaded.outcomes == ["created"] * len(rows)
    requests = loaded.summary["requests"]
    assert requests["rate_limited"] <= 0.05 * requests["sent"]


def test_the_others_are_done_long_before_a_customer_with_very_many_bills(open_merchant: Open) -> None:
    merchant = open_merchant(max_in_flight=8)
    rows = [f"LARGE,A,L{n},1.00" for n in range(LARGE)] + [f"C{n},A{n},B{n},1.00" for n in range(OTHERS)]
    loaded = merchant.load(merchant.bills(rows))
    assert loaded.counts() == {"total": LARGE + OTHERS, "created": LARGE + OTHERS}
    order = [bill["customer_reference"] for bill in merchant.api.snapshot()["bills"]]
    last_of_the_others = max(place for place, customer in enumerate(order) if customer != "LARGE")
    assert last_of_the_others < OTHERS * 1.2 + 100


def test_the_plan_of_a_very_large_customer_takes_no_memory_of_its_own() -> None:
    """Rows become Python objects only when their turn comes."""

    def row(number: int) -> Wanted:
        return Wanted(number, "bill", Party("C"), Party("A"), f"B{number}", "ZAR", 100)

    tracemalloc.start()
    turns = Turns()
    part = CustomerPart("C", "bill", [Group("A", range(200_000))], row)
    turns.add(part)
    count = 0
    while (turn := turns.take()) is not None:
        _, task = turn
        count += 1
        part.done(task, customer_id="bcus_1", account_id="bacc_1")
        turns.done(part)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 200_000
    assert peak_bytes < 1_000_000
