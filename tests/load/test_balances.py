"""A balance is applied while it is current, or not at all; and one request is enough."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.sandbox.faults import Received, Scripted, Window, callback, drop, drop_after
from pipeline.sandbox.switches import Switches
from tests.cli.watcher import until
from tests.load.conftest import Merchant

Open = Callable[..., Merchant]
TODAY = datetime.now(UTC).date()
DAYS = [(TODAY + timedelta(days=n)).isoformat() for n in (-1, 0, 1)]
YESTERDAY = (TODAY - timedelta(days=1)).isoformat()


def patches(merchant: Merchant) -> int:
    return len(merchant.requests("PATCH"))


def test_the_next_days_balances_cost_one_request_each(merchant: Merchant) -> None:
    first = merchant.load(merchant.balances(["C1,100", "C2,-250", "C3,0"], DAYS[0]))
    assert first.row_outcomes == ["created"] * 3
    assert len(merchant.requests()) == 3
    second = merchant.load(merchant.balances(["C1,90", "C2,5", "C3,0"], DAYS[1]))
    assert second.row_outcomes == ["updated", "updated", "unchanged"]
    assert len(merchant.requests()) == 6
    assert [merchant.held("customers")[name]["balance"] for name in ("C1", "C2", "C3")] == [90, 5, 0]


def test_what_waits_for_its_turn_when_the_load_is_killed_is_not_in_doubt(merchant: Merchant) -> None:
    customers = [f"C{n}" for n in range(40)]
    merchant.load(merchant.balances([f"{each},100" for each in customers], DAYS[0]))
    merchant.configure_api(requests_per_second=4)
    later = merchant.balances([f"{each},90" for each in customers], DAYS[1])
    with merchant.start("load", later) as process:
        until(lambda: patches(merchant) >= 4)
        process.kill()
    merchant.configure_api(requests_per_second=1000)
    outcomes = merchant.load(later).row_outcomes
    assert outcomes.count("updated") >= len(customers) - 1, "at most one request was under way"


def test_an_older_file_does_not_undo_a_newer_one(merchant: Merchant) -> None:
    merchant.load(merchant.balances(["C1,100"], DAYS[0]))
    merchant.load(merchant.balances(["C1,300"], DAYS[2]))
    late = merchant.load(merchant.balances(["C1,200"], DAYS[1]))
    assert late.row_outcomes == ["conflict"]
    assert late.rows[0]["codes"] == "balance.superseded"
    assert late.exit_status == 1
    assert merchant.held("customers")["C1"]["balance"] == 300


def test_a_balance_in_another_currency_is_a_conflict_and_nothing_is_sent(merchant: Merchant) -> None:
    merchant.load(merchant.balances(["C1,100"], DAYS[0]))
    before = len(merchant.requests())
    path = merchant.write(f"balances_{DAYS[1]}.csv", "customer_reference,balance,currency\nC1,100,USD\n")
    loaded = merchant.load(path)
    assert loaded.rows[0]["codes"] == "customer_reference.currency_differs"
    assert len(merchant.requests()) == before


def test_without_a_ledger_a_past_dated_balance_of_an_existing_customer_needs_force(
    merchant: Merchant,
) -> None:
    merchant.load(merchant.balances(["C1,100"], DAYS[0]))
    merchant.lose_ledger()
    path = merchant.balances(["C1,200", "C2,50"], YESTERDAY)
    loaded = merchant.load(path)
    assert loaded.row_outcomes == ["conflict", "created"]
    assert "--force" in loaded.rows[0]["message"]
    assert merchant.held("customers")["C1"]["balance"] == 100
    forced = merchant.load(path, "--force")
    assert forced.row_outcomes == ["updated", "unchanged"]
    assert merchant.held("customers")["C1"]["balance"] == 200


@pytest.mark.parametrize("switches", [Switches(), Switches(duplicate_status=422)])
@pytest.mark.parametrize("keys_forgotten", [False, True])
def test_a_lost_ledger_leaves_todays_balances_as_they_are(
    open_merchant: Open, switches: Switches, keys_forgotten: bool
) -> None:
    merchant = open_merchant(switches)
    path = merchant.balances(["C1,100", "C2,-250"], DAYS[0])
    merchant.load(path)
    merchant.lose_ledger()
    if keys_forgotten:
        merchant.api.forget_idempotency_keys()
    again = merchant.load(path)
    assert again.row_outcomes == ["unchanged", "unchanged"]
    assert [merchant.held("customers")[name]["balance"] for name in ("C1", "C2")] == [100, -250]
    assert patches(merchant) == 0


def test_account_balances_of_one_new_customer_cost_one_request_each(merchant: Merchant) -> None:
    rows = [f"C1,A{n},{n * 10 - 20},ZAR" for n in range(5)] + ["C2,A9,1,ZAR"]
    path = merchant.write(
        f"accounts_{DAYS[0]}.csv", "\n".join(["customer_reference,account_reference,balance,currency", *rows])
    )
    loaded = merchant.load(path)
    assert loaded.row_outcomes == ["created"] * 6
    assert len(merchant.requests()) == 6
    accounts = merchant.held("accounts")
    assert {name: account["balance"] for name, account in accounts.items()} == {
        "A0": -20,
        "A1": -10,
        "A2": 0,
        "A3": 10,
        "A4": 20,
        "A9": 1,
    }
    assert {account["customer_reference"] for account in accounts.values()} == {"C1", "C2"}


def test_an_account_of_another_customer_is_a_conflict(merchant: Merchant) -> None:
    header = "customer_reference,account_reference,balance,currency\n"
    merchant.load(merchant.write(f"accounts_{DAYS[0]}.csv", header + "C1,A1,5,ZAR\n"))
    before = len(merchant.requests())
    loaded = merchant.load(merchant.write(f"accounts_{DAYS[1]}.csv", header + "C2,A1,7,ZAR\n"))
    assert loaded.rows[0]["codes"] == "account_reference.other_customer"
    assert len(merchant.requests()) == before
    assert merchant.held("accounts")["A1"]["balance"] == 5


def _is_patch(received: Received) -> bool:
    return received.method == "PATCH"


def first(condition: Callable[[Received], bool]) -> Callable[[Received], bool]:
    seen: list[int] = []

    def once(received: Received) -> bool:
        if not condition(received):
            return False
        seen.append(received.number)
        return len(seen) == 1

    return once


def test_a_lost_reply_to_a_patch_is_updated_after_a_look(open_merchant: Open) -> None:
    merchant = open_merchant(faults=Scripted({first(_is_patch): drop_after()}))
    merchant.load(merchant.balances(["C1,100"], DAYS[0]))
    loaded = merchant.load(merchant.balances(["C1,90"], DAYS[1]))
    assert loaded.row_outcomes == ["updated"]
    assert patches(merchant) == 1
    assert merchant.held("customers")["C1"]["balance"] == 90


def test_a_patch_that_never_arrived_is_sent_again_after_a_look(open_merchant: Open) -> None:
    merchant = open_merchant(faults=Scripted({first(_is_patch): drop(Window.BEFORE_RECEIPT)}))
    merchant.load(merchant.balances(["C1,100"], DAYS[0]))
    loaded = merchant.load(merchant.balances(["C1,90"], DAYS[1]))
    assert loaded.row_outcomes == ["updated"]
    assert patches(merchant) == 2
    assert merchant.held("customers")["C1"]["balance"] == 90


def test_a_payment_after_a_lost_reply_survives(open_merchant: Open) -> None:
    merchant = open_merchant()

    def pay(_: Received) -> None:
        merchant.api.pay("C1", 30)

    merchant.load(merchant.balances(["C1,100"], DAYS[0]))
    merchant.api.faults = Scripted({first(_is_patch): (callback(pay, Window.AFTER_WORK), drop_after())})
    loaded = merchant.load(merchant.balances(["C1,90"], DAYS[1]))
    assert loaded.row_outcomes == ["conflict"]
    assert loaded.rows[0]["codes"] == "balance.moved"
    assert patches(merchant) == 1
    assert merchant.held("customers")["C1"]["balance"] == 60


def test_changed_details_are_patched_along_and_empty_ones_never_clear(merchant: Merchant) -> None:
    header = "customer_reference,customer_name,customer_email,balance,currency\n"
    merchant.load(merchant.write(f"balances_{DAYS[0]}.csv", header + "C1,Ann,ann@example.com,5,ZAR\n"))
    loaded = merchant.load(merchant.write(f"balances_{DAYS[1]}.csv", header + "C1,Anne,,5,ZAR\n"))
    assert loaded.row_outcomes == ["updated"]
    customer = merchant.held("customers")["C1"]
    assert (customer["name"], customer["email"], customer["balance"]) == ("Anne", "ann@example.com", 5)


@pytest.mark.parametrize("merging", ["merge", "replace"])
def test_metadata_is_kept_whether_patch_merges_or_replaces(open_merchant: Open, merging: str) -> None:
    merchant = open_merchant(Switches(metadata_patch=merging))  # type: ignore[arg-type]
    header = "customer_reference,balance,currency,metadata.{}\n"
    merchant.load(merchant.write(f"balances_{DAYS[0]}.csv", header.format("zone") + "C1,5,ZAR,north\n"))
    merchant.load(merchant.write(f"balances_{DAYS[1]}.csv", header.format("meter") + "C1,6,ZAR,E-1\n"))
    assert merchant.held("customers")["C1"]["metadata"] == {"zone": "north", "meter": "E-1"}


def test_an_entity_that_the_api_lost_is_made_again(open_merchant: Open) -> None:
    merchant = open_merchant()
    merchant.load(merchant.balances(["C1,100"], DAYS[0]))
    port = merchant.api.port
    merchant.api.stop()
    fresh = type(merchant.api)(port=port)
    fresh.start()
    try:
        merchant.api = fresh
        loaded = merchant.load(merchant.balances(["C1,90"], DAYS[1]))
        assert loaded.row_outcomes == ["created"]
        assert merchant.held("customers")["C1"]["balance"] == 90
    finally:
        fresh.stop()


def test_a_balance_that_returns_to_an_earlier_value_is_applied_although_the_bytes_are_known(
    merchant: Merchant,
) -> None:
    for day, balance in zip([*DAYS, DAYS[2]], (100, 200, 100, 100), strict=True):
        loaded = merchant.load(merchant.balances([f"C1,{balance}"], day))
        assert loaded.exit_status == 0
        assert merchant.held("customers")["C1"]["balance"] == balance
    assert loaded.file["state"] == "already_loaded"


def test_a_stored_answer_does_not_hide_a_payment_that_was_made_since(merchant: Merchant) -> None:
    """Without a ledger the create is sent once more, and the API repeats its answer of then."""
    path = merchant.balances(["C1,100"], DAYS[0])
    merchant.load(path)
    merchant.api.pay("C1", 40)
    merchant.lose_ledger()
    again = merchant.load(path)
    assert again.row_outcomes == ["conflict"]
    assert again.rows[0]["codes"] == "balance.not_ours"
    assert merchant.held("customers")["C1"]["balance"] == 60
