"""Balance files day after day: each balance is set while it is current, or not at all."""

from __future__ import annotations

import pytest

from pipeline.sandbox.faults import NoFaults, Received, Scripted, drop_before
from tests.stories.files import TODAY, TOMORROW, YESTERDAY, accounts, balances, bills
from tests.stories.merchant import Merchant, Said


class Days:
    """Balance files of one model; a balance is in minor units."""

    def __init__(self, merchant: Merchant, model: str) -> None:
        self.merchant = merchant
        self.kind = model.removesuffix("_balance")

    def load(self, day: str, *minor: int, words: tuple[str, ...] = (), currency: str = "ZAR") -> Said:
        """Load the file of a day, with a balance for each entity."""
        merchant = self.merchant
        if self.kind == "account":
            rows = [f"C-{n},A-{n},{currency},{amount}" for n, amount in enumerate(minor)]
            return merchant.load(merchant.write(f"x_accounts_{day}.csv", accounts(*rows)), *words)
        rows = [f"C-{n},{currency},{amount / 100:.2f}" for n, amount in enumerate(minor)]
        return merchant.load(merchant.write(f"x_balances_{day}.csv", balances(*rows)), *words)

    def held(self) -> list[int]:
        return [entity["balance"] for _, entity in sorted(self.merchant.held(f"{self.kind}s").items())]


@pytest.fixture(params=["account_balance", "customer_balance"])
def days(merchant: Merchant, request: pytest.FixtureRequest) -> Days:
    return Days(merchant, request.param)


def test_the_next_day_updates_each_balance_with_one_request(days: Days) -> None:
    days.load(YESTERDAY, 100, -200, 0)
    said = days.load(TODAY, 101, -201, 5)
    assert said.exit_status == 0
    assert said.outcomes() == {"updated": 3}
    assert said.requests == {f"PATCH {days.kind}s": 3}
    assert days.held() == [101, -201, 5]


def test_the_same_balance_on_the_next_day_is_unchanged(days: Days) -> None:
    days.load(YESTERDAY, 100, 200)
    said = days.load(TODAY, 100, 201)
    assert said.outcomes() == {"unchanged": 1, "updated": 1}
    assert said.requests[f"PATCH {days.kind}s"] == 1


def test_an_older_file_that_comes_late_changes_nothing(days: Days) -> None:
    days.load(TODAY, 200)
    said = days.load(YESTERDAY, 100)
    assert said.exit_status == 1
    assert said.outcomes() == {"conflict": 1}
    assert days.merchant.results(said)[0]["codes"] == "balance.superseded"
    assert days.held() == [200]
    assert not said.requests


def test_a_payment_between_two_days_does_not_keep_the_new_balance_out(days: Days) -> None:
    days.load(YESTERDAY, 1000)
    days.merchant.api.pay("A-0" if days.kind == "account" else "C-0", 400)
    said = days.load(TODAY, 600)
    assert said.exit_status == 0
    assert days.held() == [600]


def test_the_same_balance_after_a_payment_is_set_again(days: Days) -> None:
    days.load(YESTERDAY, 1000, 1)
    days.merchant.api.pay("A-0" if days.kind == "account" else "C-0", 400)
    said = days.load(TODAY, 1000, 2)
    assert said.outcomes() == {"updated": 2}
    assert days.held() == [1000, 2]


def test_a_payment_between_an_unanswered_update_and_the_next_run_is_not_erased(days: Days) -> None:
    days.load(YESTERDAY, 1000)
    days.merchant.settings["api"]["max_attempts"] = 2

    def is_patch(request: Received) -> bool:
        return request.method == "PATCH"

    days.merchant.api.faults = Scripted({is_patch: drop_before()})
    unanswered = days.load(TODAY, 900)
    assert unanswered.exit_status == 3
    assert unanswered.outcomes() == {"in_doubt": 1}
    days.merchant.api.faults = NoFaults()
    days.merchant.api.pay("A-0" if days.kind == "account" else "C-0", 400)
    said = days.load(TODAY, 900)
    assert said.exit_status == 1
    assert days.merchant.results(said)[0]["codes"] == "balance.moved"
    assert days.held() == [600]


def test_another_currency_is_a_conflict(days: Days) -> None:
    days.load(YESTERDAY, 1000)
    said = days.load(TODAY, 1000, currency="USD")
    codes = {
        "account": "account_reference.currency_differs",
        "customer": "customer_reference.currency_differs",
    }
    assert said.exit_status == 1
    assert days.merchant.results(said)[0]["codes"] == codes[days.kind]
    assert days.held() == [1000]


def test_without_a_ledger_a_file_of_a_past_day_needs_force(days: Days) -> None:
    days.load("2020-01-02", 1000)
    days.merchant.lose_ledger()
    days.merchant.api.forget_idempotency_keys()
    said = days.load("2020-01-03", 900)
    assert said.exit_status == 1
    assert days.merchant.results(said)[0]["codes"] == "balance.not_ours"
    assert days.held() == [1000]
    forced = days.load("2020-01-03", 900, words=("--force",))
    assert forced.exit_status == 0
    assert forced.outcomes() == {"updated": 1}
    assert days.held() == [900]


def test_an_account_of_another_customer_keeps_its_balance(merchant: Merchant) -> None:
    merchant.load(merchant.write(f"x_accounts_{YESTERDAY}.csv", accounts("C-1,A-1,ZAR,100")))
    merchant.load(merchant.write(f"x_balances_{YESTERDAY}.csv", balances("C-2,ZAR,1.00")))
    for ledger in ("kept", "lost"):
        if ledger == "lost":
            merchant.lose_ledger()
        said = merchant.load(merchant.write(f"x_accounts_{TOMORROW}.csv", accounts("C-2,A-1,ZAR,300")))
        assert said.exit_status == 1
        assert merchant.results(said)[0]["codes"] == "account_reference.other_customer"
        assert merchant.held("accounts")["A-1"]["balance"] == 100


def test_days_that_come_together_are_applied_in_their_order(merchant: Merchant) -> None:
    for day, balance in ((TODAY, 2), (TOMORROW, 3), (YESTERDAY, 1)):
        merchant.write(f"x_balances_{day}.csv", balances(f"C-1,ZAR,{balance}.00"), merchant.drop)
    said = merchant.run()
    assert said.exit_status == 0
    days = [summary["file"]["name"][-14:-4] for summary in said.files]
    assert days == [YESTERDAY, TODAY, TOMORROW]
    assert merchant.held("customers")["C-1"]["balance"] == 300


def test_bills_and_balances_of_one_account_live_side_by_side(merchant: Merchant) -> None:
    merchant.load(merchant.write(f"x_accounts_{YESTERDAY}.csv", accounts("C-1,A-1,ZAR,100")))
    billed = merchant.load(merchant.write(f"x_bills_{TODAY}.csv", bills("C-1,A-1,B-1,1.00")))
    assert billed.requests == {"POST bills": 1}
    said = merchant.load(merchant.write(f"x_accounts_{TOMORROW}.csv", accounts("C-1,A-1,ZAR,300")))
    assert said.outcomes() == {"updated": 1}
    assert said.requests == {"PATCH accounts": 1}
    assert merchant.held("accounts")["A-1"]["balance"] == 300
