"""One bill, at most one create, whatever is lost on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import pytest

from pipeline.sandbox.faults import Fault, Received, Scripted, drop_after, drop_before, slow, status
from pipeline.sandbox.switches import Switches
from tests.load.conftest import Merchant
from tests.seeds import each_once
from tests.world import first, posts

pytestmark = pytest.mark.usefixtures("impatient")

Open = Callable[..., Merchant]
ROWS = [f"C{n // 4},A{n // 2},B{n},{n + 1}.00" for n in range(12)]


def assert_all_there(merchant: Merchant) -> None:
    bills = merchant.held("bills")
    assert {reference: bill["amount_due"] for reference, bill in bills.items()} == {
        f"B{n}": (n + 1) * 100 for n in range(12)
    }
    assert {bill["account_reference"] for bill in bills.values()} == {f"A{n}" for n in range(6)}
    assert len(merchant.held("customers")) == 3


ONCE = (
    drop_before(),
    drop_after(),
    status(500),
    status(500, stored=True),
    status(500, stored=True, after_work=True),
    status(502),
    status(503, after_work=True),
    status(429),
    status(429, stored=True),
    status(503, stored=True),
)
IN_DOUBT = (drop_after(), status(500, stored=True, after_work=True), status(503, after_work=True))
"""Of those that go wrong, what leaves a bill behind without a word."""


@pytest.mark.parametrize(
    ("fault", "reference", "duplicate_status"),
    [*each_once(ONCE, ("B0", "B2", "B11"), (409, 422)), *each_once(IN_DOUBT, ("B2",), (422, 409))],
)
def test_a_request_that_goes_wrong_once_is_settled_in_the_same_run(
    open_merchant: Open, fault: Fault, reference: str, duplicate_status: Literal[409, 422]
) -> None:
    merchant = open_merchant(
        Switches(duplicate_status=duplicate_status), Scripted({first(posts(reference)): fault})
    )
    loaded = merchant.load(merchant.bills(ROWS))
    assert loaded.exit_status == 0
    assert loaded.row_outcomes == ["created"] * 12
    assert_all_there(merchant)


@pytest.mark.parametrize(
    ("switches", "keys_forgotten"),
    each_once(
        [
            Switches(),
            Switches(duplicate_status=422),
            Switches(nested_existing="attached"),
            Switches(owners_by_reference=True, metadata_patch="replace"),
        ],
        [False, True],
    ),
)
def test_a_lost_ledger_costs_look_ups_and_no_duplicates(
    open_merchant: Open, switches: Switches, keys_forgotten: bool
) -> None:
    merchant = open_merchant(switches)
    path = merchant.bills(ROWS)
    assert merchant.load(path).row_outcomes == ["created"] * 12
    merchant.lose_ledger()
    if keys_forgotten:
        merchant.api.forget_idempotency_keys()
    again = merchant.load(path)
    assert again.exit_status == 0
    assert again.row_outcomes == ["unchanged"] * 12
    assert_all_there(merchant)


def test_a_request_that_outlasts_its_time_out_creates_one_bill(open_merchant: Open) -> None:
    merchant = open_merchant(
        Switches(allow_duplicate_references=True),
        Scripted({first(posts("B0")): slow(3.0)}),
        timeout_s=0.8,
        max_attempts=10,
        max_retry_s=30,
    )
    loaded = merchant.load(merchant.bills(ROWS))
    assert loaded.row_outcomes == ["created"] * 12
    assert_all_there(merchant)


def test_when_the_api_is_down_the_file_is_unfinished_and_goes_on_next_time(merchant: Merchant) -> None:
    path = merchant.bills(ROWS)
    merchant.configure_api(max_attempts=2)
    merchant.api.stop()
    loaded = merchant.load(path)
    assert loaded.exit_status == 3
    assert loaded.file["state"] == "unfinished"
    assert (loaded.file["records"]["total"], loaded.outcomes()) == (12, {"not_attempted": 12})
    merchant.api.start()
    assert merchant.run().exit_status == 0
    assert [row["outcome"] for row in merchant.results(path)] == ["created"] * 12
    assert_all_there(merchant)


def test_a_refused_key_stops_the_run_with_nothing_refused(merchant: Merchant) -> None:
    merchant.api.expire_key("sk_test_sandbox")
    loaded = merchant.load(merchant.bills(ROWS))
    assert loaded.exit_status == 3
    assert (loaded.file["records"]["total"], loaded.outcomes()) == (12, {"not_attempted": 12})
    assert "the API key was refused with 403" in loaded.stderr
    assert len(merchant.requests()) <= 8


def test_the_same_refusal_of_the_first_twenty_stops_the_run(open_merchant: Open) -> None:
    merchant = open_merchant(faults=Scripted({lambda received: received.method == "POST": status(402)}))
    rows = [f"C{n},A{n},B{n},1.00" for n in range(60)]
    loaded = merchant.load(merchant.bills(rows))
    assert loaded.exit_status == 3
    assert loaded.file["records"]["refused"] <= 28
    assert loaded.file["records"]["not_attempted"] >= 32


def test_a_refused_opener_is_followed_by_the_next_bill_which_nests_its_parents_again(
    open_merchant: Open,
) -> None:
    merchant = open_merchant(faults=Scripted({first(posts("B0")): status(402)}))
    loaded = merchant.load(merchant.bills(["C1,A1,B0,1.00", "C1,A1,B1,2.00", "C1,A1,B2,3.00"]))
    assert loaded.row_outcomes == ["refused", "created", "created"]
    assert loaded.exit_status == 1
    assert loaded.rows[0]["codes"].startswith("api.402")


def test_a_bill_in_doubt_keeps_its_file_unfinished_and_is_settled_by_the_next_run(
    open_merchant: Open,
) -> None:
    def is_b5(received: Received) -> bool:
        return failing and posts("B5")(received)

    failing = True
    merchant = open_merchant(faults=Scripted({is_b5: drop_before()}), max_attempts=3)
    path = merchant.bills(ROWS)
    loaded = merchant.load(path)
    assert loaded.exit_status == 3
    assert loaded.row_outcomes.count("in_doubt") == 1
    assert loaded.row_outcomes.count("created") == 11
    failing = False
    sent_before = int(next(row["attempts"] for row in loaded.rows if row["outcome"] == "in_doubt"))
    assert merchant.run().exit_status == 0
    assert int(merchant.results(path)[5]["attempts"]) == sent_before + 1
    assert [row["outcome"] for row in merchant.results(path)] == ["created"] * 12
    assert_all_there(merchant)


def test_answers_that_are_all_nonsense_are_settled_by_a_last_look(open_merchant: Open) -> None:
    merchant = open_merchant(faults=Scripted({posts("B5"): drop_after()}), max_attempts=3)
    loaded = merchant.load(merchant.bills(ROWS))
    assert loaded.row_outcomes == ["created"] * 12
    assert loaded.exit_status == 0
    assert_all_there(merchant)


def test_a_new_customer_in_doubt_keeps_out_its_own_bills_and_no_others(open_merchant: Open) -> None:
    """One request at a time: everybody else comes after the doubt."""

    def is_b0(received: Received) -> bool:
        return received.method == "POST" and b'"external_reference":"B0"' in received.body

    merchant = open_merchant(faults=Scripted({is_b0: drop_before()}), max_attempts=2, max_in_flight=1)
    loaded = merchant.load(merchant.bills(ROWS))
    assert loaded.row_outcomes == ["in_doubt", *["not_attempted"] * 3, *["created"] * 8]
    assert len(merchant.held("customers")) == 2
