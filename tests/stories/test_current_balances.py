"""A balance is applied while it is current, or not at all: late, repeated, corrected, misdated, or after a restore."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from pipeline.cli import run_command
from pipeline.load import balance
from pipeline.sandbox import faults
from pipeline.sandbox.faults import NoFaults, Received, Scripted, Window
from tests.stories.balance_files import (
    UNDATED,
    backed_up,
    codes,
    config,
    copied_file,
    held,
    load,
    mended,
    mended_file,
    restore,
)
from tests.stories.files import TODAY, TOMORROW, YESTERDAY, balances, bills
from tests.stories.merchant import Merchant

DAY_BEFORE = (date.fromisoformat(YESTERDAY) - timedelta(days=1)).isoformat()

# -- corrections -------------------------------------------------------------------------------------------------


def rejected_in_the_morning(merchant: Merchant) -> list[dict[str, str]]:
    said = load(merchant, TODAY, "C-1,1O0.00", "C-2,20.00")
    assert said.outcomes() == {"created": 1, "rejected": 1}
    return merchant.rejects(said)


def test_corrected_rejects_of_the_morning_do_not_undo_the_afternoon(merchant: Merchant) -> None:
    rejects = rejected_in_the_morning(merchant)
    load(merchant, TODAY, "C-1,300.00", prefix="y")
    said = mended(merchant, rejects, "mended.csv", balance="100.00")
    assert said.exit_status == 1
    assert codes(merchant, said) == "balance.superseded"
    assert held(merchant) == 30_000


def test_a_correction_of_a_correction_is_as_old_as_the_first_original(merchant: Merchant) -> None:
    rejects = rejected_in_the_morning(merchant)
    load(merchant, TODAY, "C-1,300.00", prefix="y")
    again = merchant.rejects(mended(merchant, rejects, "mended.csv", balance="1OO"))
    said = mended(merchant, again, "mended_again.csv", balance="100.00")
    assert codes(merchant, said) == "balance.superseded"
    assert held(merchant) == 30_000


def test_a_forced_correction_is_of_today_so_that_nothing_older_passes_for_newer(merchant: Merchant) -> None:
    rejects = merchant.rejects(load(merchant, DAY_BEFORE, "C-1,1O0.00", "C-2,20.00"))
    load(merchant, TODAY, "C-1,300.00", prefix="y")
    forced = merchant.load(mended_file(merchant, rejects, "mended.csv", balance="250.00"), "--force")
    assert held(merchant) == 25_000, forced.stderr
    merchant.api.pay("C-1", 10_000)
    late = load(merchant, YESTERDAY, "C-1,400.00", prefix="late")
    assert codes(merchant, late) == "balance.superseded"
    assert held(merchant) == 15_000


def test_corrected_rejects_load_while_nothing_newer_has(merchant: Merchant) -> None:
    said = mended(merchant, rejected_in_the_morning(merchant), "mended.csv", balance="100.00")
    assert said.exit_status == 0
    assert held(merchant) == 10_000


def test_corrected_rejects_of_an_undated_file_are_as_old_as_it(merchant: Merchant) -> None:
    merchant.settings["feeds"].append(UNDATED)
    first = merchant.load(merchant.write("undated.csv", balances("C-1,ZAR,1O0.00")))
    merchant.load(merchant.write("undated.csv", balances("C-1,ZAR,300.00")))
    said = mended(merchant, merchant.rejects(first), "mended.csv", balance="100.00")
    assert codes(merchant, said) == "balance.superseded"
    assert held(merchant) == 30_000


# -- a ledger that may be behind ---------------------------------------------------------------------------------


@pytest.mark.parametrize("copy", [backed_up, copied_file])
def test_a_payment_survives_a_file_that_comes_again_after_a_restore(
    merchant: Merchant, copy: Callable[[Merchant], Path]
) -> None:
    load(merchant, YESTERDAY, "C-1,100.00")
    kept = copy(merchant)
    load(merchant, TODAY, "C-1,200.00")
    merchant.api.pay("C-1", 5_000)
    restore(merchant, kept)
    said = load(merchant, TODAY, "C-1,200.00")
    assert said.exit_status == 1
    assert codes(merchant, said) == "balance.not_ours"
    assert "not the ledger that was used here last" in said.stderr
    (row,) = merchant.results(said)
    assert "ZAR 150.00" in row["message"]
    assert "ZAR 200.00" in row["message"]
    assert held(merchant) == 15_000


def test_a_payment_of_just_the_balance_survives_a_restore(merchant: Merchant) -> None:
    """0, then 200, and 0 again: what the ledger last set is there, and it proves nothing."""
    load(merchant, YESTERDAY, "C-1,0.00")
    copy = backed_up(merchant)
    load(merchant, TODAY, "C-1,200.00")
    merchant.api.pay("C-1", 20_000)
    restore(merchant, copy)
    said = load(merchant, TODAY, "C-1,200.00")
    assert codes(merchant, said) == "balance.not_ours"
    assert held(merchant) == 0


def test_a_balance_that_an_old_file_confirms_is_still_looked_at(merchant: Merchant) -> None:
    """100, 150 and, after a payment, 100 again were loaded; after the restore all three come again."""
    merchant.settings["feeds"].append(UNDATED)
    load(merchant, YESTERDAY, "C-0,1.00")
    copy = backed_up(merchant)
    days = ((YESTERDAY, "100.00"), (TODAY, "150.00"), (TOMORROW, "100.00"))
    for day, amount in days:
        if day == TOMORROW:
            merchant.api.pay("C-1", 5_000)
        load(merchant, day, f"C-1,{amount}")
    restore(merchant, copy)
    for day, amount in days:
        load(merchant, day, f"C-1,{amount}")
        assert held(merchant) == 10_000


def test_a_restored_ledger_is_trusted_again_where_a_newer_file_finds_what_was_last_set(
    merchant: Merchant,
) -> None:
    load(merchant, YESTERDAY, "C-1,100.00", "C-2,10.00")
    restore(merchant, backed_up(merchant))
    said = load(merchant, TODAY, "C-1,200.00", "C-2,20.00")
    assert said.outcomes() == {"updated": 2}
    assert said.requests == {"GET customers": 2, "PATCH customers": 2}
    merchant.api.pay("C-1", 5_000)
    said = load(merchant, TOMORROW, "C-1,300.00", "C-2,30.00")
    assert said.outcomes() == {"updated": 2}
    assert said.requests == {"PATCH customers": 2}


def test_force_replaces_what_is_not_ours_and_says_so(merchant: Merchant) -> None:
    load(merchant, YESTERDAY, "C-1,100.00")
    copy = backed_up(merchant)
    load(merchant, TODAY, "C-1,200.00")
    merchant.api.pay("C-1", 5_000)
    restore(merchant, copy)
    said = load(merchant, TODAY, "C-1,200.00", words=("--force",))
    assert said.outcomes() == {"updated": 1}
    assert merchant.results(said)[0]["message"] == "ZAR 150.00 was replaced, as somebody wanted (--force)"
    assert held(merchant) == 20_000
    assert load(merchant, TOMORROW, "C-1,300.00").requests == {"PATCH customers": 1}


def test_an_older_file_of_the_day_that_comes_again_after_a_forced_one_replaces_nothing(
    merchant: Merchant,
) -> None:
    """The restored ledger has seen neither of the two before, and lands the older one last."""
    load(merchant, YESTERDAY, "C-1,100.00")
    copy = backed_up(merchant)
    load(merchant, TODAY, "C-1,200.00")
    merchant.api.pay("C-1", 5_000)
    load(merchant, TODAY, "C-1,150.00", prefix="y")
    restore(merchant, copy)
    assert load(merchant, TODAY, "C-1,150.00", prefix="y", words=("--force",)).exit_status == 0
    said = load(merchant, TODAY, "C-1,200.00")
    assert codes(merchant, said) == "balance.not_ours"
    assert held(merchant) == 15_000


@pytest.mark.parametrize("name", [f"x_balances_{TODAY}.csv", f"x_balances_{YESTERDAY}.csv", "undated.csv"])
def test_a_payment_survives_the_loss_of_the_ledger(merchant: Merchant, name: str) -> None:
    merchant.settings["feeds"].append(UNDATED)
    path = merchant.write(name, balances("C-1,ZAR,200.00"))
    merchant.load(path)
    merchant.api.pay("C-1", 5_000)
    merchant.lose_ledger()
    said = merchant.load(path)
    assert said.exit_status == 1
    assert codes(merchant, said) == "balance.not_ours"
    assert "another one was used here before" in said.stderr
    assert held(merchant) == 15_000


def test_who_goes_live_over_balances_that_exist_says_force(merchant: Merchant) -> None:
    merchant.post("customers", {"external_reference": "C-1", "currency": "ZAR", "balance": 777})
    merchant.post("customers", {"external_reference": "C-2"})
    said = load(merchant, TODAY, "C-1,1.00", "C-2,2.00")
    assert [row["codes"] for row in merchant.results(said)] == ["balance.not_ours", ""]
    assert load(merchant, TODAY, "C-1,1.00", "C-2,2.00", words=("--force",)).exit_status == 0
    assert (held(merchant), held(merchant, "C-2")) == (100, 200)
    assert load(merchant, TOMORROW, "C-1,1.50").outcomes() == {"updated": 1}


def test_a_balance_that_somebody_else_gave_a_billed_customer_is_not_ours(merchant: Merchant) -> None:
    """The ledger knows the customer, and no balance of it."""
    merchant.load(merchant.write("x_bills_2030-01-01.csv", bills("C-1,A-1,B-1,10.00")))
    merchant.patch("customers/C-1", {"currency": "ZAR", "balance": 777})
    said = load(merchant, TODAY, "C-1,1.00")
    assert codes(merchant, said) == "balance.not_ours"
    assert held(merchant) == 777


def test_a_kill_between_the_ledger_and_what_is_beside_it_is_no_alarm(merchant: Merchant) -> None:
    load(merchant, YESTERDAY, "C-1,100.00")
    beside = merchant.folder / "var" / "lineage.json"
    for day, amount in ((TODAY, "200.00"), (TOMORROW, "300.00")):
        mark = json.loads(beside.read_text())
        beside.write_text(json.dumps(mark | {"sequence": mark["sequence"] - 1}))  # not yet written
        said = load(merchant, day, f"C-1,{amount}")
        assert said.requests == {"PATCH customers": 1}
        assert "copy" not in said.stderr
    assert beside.stat().st_mode & 0o777 == 0o600


def test_an_update_of_the_program_is_no_alarm(merchant: Merchant) -> None:
    load(merchant, YESTERDAY, "C-1,100.00")
    merchant.change_ledger("UPDATE lineage SET sequence = 0, begins_after = ''")  # as the migration leaves it
    (merchant.folder / "var" / "lineage.json").unlink()
    assert load(merchant, TODAY, "C-1,200.00").requests == {"PATCH customers": 1}


def test_doctor_tells_of_a_copy_and_of_feeds_without_dates(
    merchant: Merchant, capsys: pytest.CaptureFixture[str]
) -> None:
    merchant.settings["feeds"].append(UNDATED)
    load(merchant, YESTERDAY, "C-1,100.00")
    restore(merchant, backed_up(merchant))
    capsys.readouterr()
    assert run_command(["doctor", "--config", str(config(merchant))]) == 0
    said = capsys.readouterr().out
    assert "not the ledger that was used here last" in said
    assert [line.split(":")[0] for line in said.splitlines() if "without a {date}" in line] == [
        "warning  feeds.undated"
    ]


# -- requests without an answer ----------------------------------------------------------------------------------


def patches(request: Received) -> bool:
    return request.method == "PATCH"


def looks(request: Received) -> bool:
    return request.method == "GET"


def test_an_old_balance_proves_nothing_for_a_request_of_an_earlier_run(merchant: Merchant) -> None:
    """0, then 200 whose answer and looks are lost, then 200 are paid."""
    load(merchant, YESTERDAY, "C-1,0.00")
    merchant.api.faults = Scripted({patches: faults.drop_after(), looks: faults.status(503)})
    assert load(merchant, TODAY, "C-1,200.00").exit_status == 3
    merchant.api.faults = NoFaults()
    merchant.api.pay("C-1", 20_000)
    said = load(merchant, TODAY, "C-1,200.00")
    assert said.exit_status == 1
    assert codes(merchant, said) == "balance.moved"
    assert held(merchant) == 0
    assert load(merchant, TOMORROW, "C-1,50.00").outcomes() == {"updated": 1}, "news is news"


@pytest.mark.parametrize(("bound_s", "outcome"), [(balance.RESEND_WITHIN_S, "updated"), (0.0, "conflict")])
def test_within_a_run_the_old_balance_is_proof_for_seconds_alone(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch, bound_s: float, outcome: str
) -> None:
    load(merchant, YESTERDAY, "C-1,0.00")
    monkeypatch.setattr(balance, "RESEND_WITHIN_S", bound_s)
    seen: list[int] = []

    def first(request: Received) -> bool:
        seen.extend([request.number] * patches(request))
        return patches(request) and len(seen) == 1

    merchant.api.faults = Scripted({first: faults.drop(Window.BEFORE_RECEIPT)})
    assert load(merchant, TODAY, "C-1,200.00").outcomes() == {outcome: 1}
