"""Within the API's limit nothing is lost and little is refused; a large customer does not hold up the others."""

from __future__ import annotations

import os
import signal
import threading
import time
import tracemalloc
from collections.abc import Callable

import pytest

from pipeline.core.api.requests import BillRequest, Party
from pipeline.core.api.send_order import AccountGroup, CustomerQueue, FairQueue
from pipeline.load.retrying_client import BESIDE
from pipeline.sandbox import faults
from pipeline.sandbox.faults import Scripted
from pipeline.sandbox.seeded import Seeded
from pipeline.sandbox.switches import Switches
from tests.load.conftest import Merchant
from tests.seeds import SOAK, cases
from tests.world import first, posts

Open = Callable[..., Merchant]
LAST_WAITS_S = 1.5
"""A refused request waits for half a second, and a second if refused again."""
AROUND_S = 2.0
"""Of a load: the start of the process and of the pace, reports, the last refused request's wait."""
LARGE, OTHERS = (20_000, 1000) if SOAK else (1500, 300)


def test_a_limit_of_the_api_is_kept_with_few_refusals_and_no_loss(open_merchant: Open) -> None:
    """More of it on a simulated clock, in tests/core/api/test_rate_limiter.py, and by `make bench ONLY=pace`."""
    limit, count = 150, cases(900, soak=1500)
    merchant = open_merchant(Switches(requests_per_second=limit, retry_after="none"), max_in_flight=16)
    rows = [f"C{n},A{n},B{n},1.00" for n in range(count)]
    bills = merchant.bills(rows)
    began = time.monotonic()
    loaded = merchant.load(bills)
    took_s = time.monotonic() - began
    assert loaded.row_outcomes == ["created"] * len(rows)
    requests = loaded.file["requests"]
    assert requests["rate_limited"] <= 0.05 * requests["sent"]
    assert count >= 0.9 * limit * (took_s - AROUND_S)


@pytest.mark.parametrize(("share", "at_least"), [(0.02, 0.7), (0.05, 0.5)] if SOAK else [(0.05, 0.5)])
def test_429s_at_random_leave_most_of_the_rate_on_the_wire(
    open_merchant: Open, share: float, at_least: float
) -> None:
    """Of the rate of loads without them, in turn with them. The last refused one waits at the end."""
    took_s: dict[float, list[float]] = {0.0: [], share: []}
    for turn in range(cases(1, soak=2)):
        for each, times in took_s.items():
            merchant = open_merchant(faults=Seeded(turn, each, ("429",)), max_in_flight=16)
            merchant.lose_ledger()  # it is another API
            rows = [f"C{n},A{n},B{n},{1 + turn + each:.2f}" for n in range(1, 3001)]
            bills = merchant.bills(rows)
            began = time.monotonic()
            loaded = merchant.load(bills)
            times.append(time.monotonic() - began)
            assert loaded.row_outcomes == ["created"] * len(rows)
            assert (loaded.file["requests"]["rate_limited"] > 0) is (each > 0)
    assert min(took_s[0.0]) >= at_least * (min(took_s[share]) - LAST_WAITS_S)


def test_a_request_that_was_refused_for_now_leaves_its_place_to_others(open_merchant: Open) -> None:
    """One place: what comes after a refused request is done long before the refused one may try again."""
    refused = first(posts("B0"))
    merchant = open_merchant(faults=Scripted({refused: faults.status(429, stored=False)}), max_in_flight=1)
    loaded = merchant.load(merchant.bills([f"C{n},A{n},B{n},1.00" for n in range(20)]))
    assert loaded.row_outcomes == ["created"] * 20
    assert [bill["external_reference"] for bill in merchant.api.snapshot()["bills"]][-1] == "B0"


def test_a_stop_ends_those_that_wait_after_a_429_at_once(open_merchant: Open) -> None:
    """All are refused, and would wait for half a minute by then; what waits was not sent and is not in doubt."""
    merchant = open_merchant(
        faults=Scripted({lambda _: True: faults.status(429, stored=False)}), max_retry_s=600
    )
    bills = merchant.bills([f"C{n},A{n},B{n},1.00" for n in range(200)])
    began = time.monotonic()
    timer = threading.Timer(3, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    loaded = merchant.load(bills)
    assert time.monotonic() - began < 3 + 3
    assert set(loaded.row_outcomes) == {"not_attempted"}
    at_work = len({request["idempotency_key"] for request in merchant.api.snapshot()["requests"]})
    assert 8 < at_work <= 8 * (1 + BESIDE)


def test_the_others_are_done_long_before_a_customer_with_very_many_bills(open_merchant: Open) -> None:
    merchant = open_merchant(max_in_flight=8)
    rows = [f"LARGE,A,L{n},1.00" for n in range(LARGE)] + [f"C{n},A{n},B{n},1.00" for n in range(OTHERS)]
    loaded = merchant.load(merchant.bills(rows))
    assert (loaded.file["records"]["total"], loaded.outcomes()) == (
        LARGE + OTHERS,
        {"created": LARGE + OTHERS},
    )
    order = [bill["customer_reference"] for bill in merchant.api.snapshot()["bills"]]
    last_of_the_others = max(place for place, customer in enumerate(order) if customer != "LARGE")
    assert last_of_the_others < OTHERS * 1.2 + 100


def test_the_plan_of_a_very_large_customer_takes_no_memory_of_its_own() -> None:
    """Rows become Python objects only when their turn comes."""

    def row(number: int) -> BillRequest:
        return BillRequest(number, "bill", Party("C"), Party("A"), f"B{number}", "ZAR", 100)

    tasks = cases(40_000, soak=200_000)
    tracemalloc.start()
    turns = FairQueue()
    part = CustomerQueue("C", "bill", [AccountGroup("A", range(tasks))], row)
    turns.add(part)
    count = 0
    while (turn := turns.take()) is not None:
        _, task = turn
        count += 1
        part.done(task, customer_id="bcus_1", account_id="bacc_1")
        turns.done(part)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == tasks
    assert peak_bytes < 1_000_000
