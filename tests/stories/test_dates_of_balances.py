"""Balances dated ahead or days ago, and the same bytes again: news, or left to a person."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.clocked import load_at
from tests.stories.balance_files import UNDATED, codes, config, held, load, mended
from tests.stories.files import TODAY, TOMORROW, YESTERDAY, balances
from tests.stories.merchant import Merchant, Said


def test_balances_dated_ahead_are_refused_and_what_to_do_is_said(merchant: Merchant) -> None:
    load(merchant, YESTERDAY, "C-1,100.00")
    said = load(merchant, "2062-11-28", "C-1,200.00")
    assert (said.exit_status, said.state) == (1, "refused")
    assert "file.dated_ahead" in said.stderr
    assert "--force" in said.stderr
    assert held(merchant) == 10_000
    assert load(merchant, TODAY, "C-1,300.00").outcomes() == {"updated": 1}


def test_a_forced_file_that_is_dated_ahead_is_one_of_today(merchant: Merchant) -> None:
    load(merchant, YESTERDAY, "C-1,100.00")
    said = load(merchant, "2062-11-28", "C-1,200.00", words=("--force",))
    assert said.outcomes() == {"updated": 1}
    assert load(merchant, TOMORROW, "C-1,300.00").outcomes() == {"updated": 1}
    assert held(merchant) == 30_000


def test_corrected_rejects_of_a_file_dated_ahead_are_refused_like_it(merchant: Merchant) -> None:
    first = load(merchant, "2062-11-28", "C-1,1O0.00", "C-2,1.00")
    rejects = (merchant.report(first.file) / "rejects.csv").read_text()
    said = merchant.load(merchant.write("mended.csv", rejects.replace("1O0.00", "100.00")))
    assert (said.exit_status, said.state) == (1, "refused")
    assert not merchant.held("customers")


def test_a_balance_from_the_future_is_mended_by_force(merchant: Merchant) -> None:
    """As an earlier version left it."""
    load(merchant, YESTERDAY, "C-1,100.00")
    merchant.change_ledger("UPDATE entities SET watermark = '2062-11-28#000000000001'")
    assert codes(merchant, load(merchant, TODAY, "C-1,200.00")) == "balance.superseded"
    assert load(merchant, TODAY, "C-1,200.00", words=("--force",)).outcomes() == {"updated": 1}
    assert load(merchant, TOMORROW, "C-1,300.00").outcomes() == {"updated": 1}


def test_tomorrow_is_that_of_the_config_s_time_zone(merchant: Merchant) -> None:
    now = datetime(2030, 1, 1, 20, tzinfo=UTC)
    merchant.settings["timezone"] = "Asia/Tokyo"
    merchant.run()
    path = merchant.write("x_balances_2030-01-03.csv", balances("C-1,ZAR,1.00"))
    assert load_at(now, config(merchant), path).result.files[0].state == "loaded"
    later = merchant.write("x_balances_2030-01-04.csv", balances("C-1,ZAR,2.00"))
    assert load_at(now, config(merchant), later).result.files[0].state == "refused"


@pytest.mark.parametrize("paid", [0, 400])
def test_a_file_that_comes_days_late_does_not_undo_a_payment(merchant: Merchant, paid: int) -> None:
    """It is the newest there is; but what was paid since it was written is not in it."""
    merchant.run()
    paths = [
        merchant.write(f"x_balances_{day}.csv", balances(f"C-1,ZAR,{amount}.00"))
        for day, amount in ((YESTERDAY, 10), (TODAY, 20))
    ]
    merchant.load(paths[0])
    if paid:
        merchant.api.pay("C-1", paid)
    merchant.api.clock.advance(2 * 86_400)
    told = load_at(merchant.api.clock.now(), config(merchant), paths[1])
    assert told.exit_status == (1 if paid else 0)
    assert held(merchant) == (600 if paid else 2000)


def test_a_late_file_that_happens_to_agree_does_not_let_the_next_late_one_erase_a_payment(
    merchant: Merchant,
) -> None:
    """100 was set and is paid. A late file says 0, which is there; another one, written before the payment, says 50."""
    merchant.run()
    loaded, agreeing, erasing = (
        merchant.write(f"x_balances_{day}.csv", balances(f"C-1,ZAR,{amount}.00"))
        for day, amount in ((YESTERDAY, 100), (TODAY, 0), (TOMORROW, 50))
    )
    merchant.load(loaded)
    merchant.api.pay("C-1", 10_000)
    merchant.api.clock.advance(4 * 86_400)
    now = merchant.api.clock.now()
    assert load_at(now, config(merchant), agreeing).exit_status == 0
    assert load_at(now, config(merchant), erasing).exit_status == 1
    assert held(merchant) == 0


# -- the same bytes again ----------------------------------------------------------------------------------------


def undated(merchant: Merchant, amount: str) -> Said:
    return merchant.load(merchant.write("undated.csv", balances(f"C-1,ZAR,{amount}")))


def test_undated_balances_that_come_back_are_news(merchant: Merchant) -> None:
    merchant.settings["feeds"].append(UNDATED)
    for amount in ("100.00", "200.00", "100.00", "200.00"):
        assert undated(merchant, amount).exit_status == 0
        assert held(merchant) == int(amount[:3]) * 100
    assert undated(merchant, "200.00").state == "already_loaded", "nothing came between"


def test_undated_balances_that_come_back_after_a_payment_are_left_to_a_person(merchant: Merchant) -> None:
    merchant.settings["feeds"].append(UNDATED)
    undated(merchant, "100.00")
    undated(merchant, "200.00")
    merchant.api.pay("C-1", 15_000)
    said = undated(merchant, "100.00")
    assert said.exit_status == 1
    assert codes(merchant, said) == "balance.not_ours"
    assert held(merchant) == 5_000


def test_the_same_bytes_under_the_same_date_are_left_to_a_person(merchant: Merchant) -> None:
    load(merchant, TODAY, "C-1,100.00")
    load(merchant, TODAY, "C-1,200.00", prefix="y")
    said = load(merchant, TODAY, "C-1,100.00")
    assert (said.exit_status, said.state) == (1, "already_loaded")
    assert "billferry load --force" in said.stderr
    assert held(merchant) == 20_000
    assert load(merchant, TODAY, "C-1,100.00", words=("--force",)).outcomes() == {"updated": 1}


def test_a_file_of_an_earlier_day_that_comes_again_is_loaded_already(merchant: Merchant) -> None:
    load(merchant, YESTERDAY, "C-1,100.00")
    load(merchant, TODAY, "C-1,200.00")
    said = load(merchant, YESTERDAY, "C-1,100.00")
    assert (said.exit_status, said.state) == (0, "already_loaded")
    assert held(merchant) == 20_000


def test_the_same_bytes_under_a_later_date_are_of_that_day(merchant: Merchant) -> None:
    """Nothing is sent for them; but what lies between is late, and they are not news once more."""
    load(merchant, YESTERDAY, "C-1,100.00")
    assert load(merchant, TOMORROW, "C-1,100.00").state == "already_loaded"
    assert codes(merchant, load(merchant, TODAY, "C-1,150.00")) == "balance.superseded"
    load(merchant, TOMORROW, "C-1,200.00", prefix="y")
    merchant.api.pay("C-1", 5_000)
    again = load(merchant, TOMORROW, "C-1,100.00")
    assert (again.exit_status, again.state) == (1, "already_loaded")
    assert held(merchant) == 15_000


def test_who_corrects_a_forced_file_later_does_not_undo_what_came_between(merchant: Merchant) -> None:
    """--force is said of what the file sets then, not of what it rejects."""
    load(merchant, YESTERDAY, "C-1,1O0.00", "C-2,20.00")
    load(merchant, TODAY, "C-1,300.00", prefix="y")
    merchant.api.pay("C-1", 5_000)
    forced = load(merchant, YESTERDAY, "C-1,1O0.00", "C-2,20.00", words=("--force",))
    said = mended(merchant, merchant.rejects(forced), "mended.csv", balance="100.00")
    assert (said.exit_status, codes(merchant, said)) == (1, "balance.superseded")
    assert held(merchant) == 25_000


def test_who_corrects_a_forced_file_without_a_date_does_not_undo_a_payment(merchant: Merchant) -> None:
    merchant.settings["feeds"].append(UNDATED)
    first = merchant.write("undated.csv", balances("C-1,ZAR,1O0.00", "C-2,ZAR,20.00"))
    merchant.load(first)
    undated(merchant, "300.00")
    merchant.api.pay("C-1", 5_000)
    first = merchant.write("undated.csv", balances("C-1,ZAR,1O0.00", "C-2,ZAR,20.00"))
    forced = merchant.load(first, "--force")
    said = mended(merchant, merchant.rejects(forced), "mended.csv", balance="100.00")
    assert (said.exit_status, codes(merchant, said)) == (1, "balance.not_ours")
    assert held(merchant) == 25_000
