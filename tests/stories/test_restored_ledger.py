"""A ledger that was restored from a copy, or lost: what it has missed is neither billed again nor sent unasked."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
import sys
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import pytest
import yaml

import pipeline.edge.clock
from pipeline.core.mapping.file_names import REJECT_COLUMNS
from pipeline.sandbox.faults import NoFaults, Received, Scripted, Window, callback
from tests.ledger_of_world import sqlite_alone
from tests.stories.balance_files import UNDATED, backed_up, held, load, restore
from tests.stories.files import TODAY, YESTERDAY, balances, bills
from tests.stories.merchant import Merchant, Row, Said

NAME = f"x_bills_{TODAY}.csv"
HEADER = "customer_reference,customer_email,account_reference,bill_reference,amount_due"
GOOD = "C-1,,,B-1,10.00"
BAD_REFERENCE = "C-2,,,B 2,20.00"
BAD_EMAIL = "C-2,john@,,B-2,20.00"


def original(merchant: Merchant, *rejected: str, name: str = NAME) -> Path:
    return merchant.write(name, "\n".join([HEADER, GOOD, *rejected, ""]))


def corrected(merchant: Merchant, rows: list[Row], name: str, **values: str) -> Said:
    """Rows dropped back with these values."""
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys())
    writer.writeheader()
    writer.writerows(row | values for row in rows)
    return merchant.load(merchant.write(name, text.getvalue()))


def holds(said: Said) -> list[str]:
    return [hold["code"] for hold in said.file["holds"]]


# -- corrections that the ledger has missed ----------------------------------------------------------------------


def test_a_record_corrected_before_a_restore_is_not_billed_again_under_another_reference(
    merchant: Merchant,
) -> None:
    rows = merchant.rejects(merchant.load(original(merchant, BAD_REFERENCE)))
    copy = backed_up(merchant)
    assert corrected(merchant, rows, "first.csv", bill_reference="B-2").outcomes() == {"created": 1}
    restore(merchant, copy)
    second = corrected(merchant, rows, "second.csv", bill_reference="B-3")
    assert (second.exit_status, second.state, second.requests.total()) == (1, "held", 0)
    assert holds(second) == ["correction.perhaps_made"]
    assert "line 2, bill_reference: B 2 → B-3" in str(second.file)
    assert sorted(merchant.held("bills")) == ["B-1", "B-2"]
    assert merchant.release("second.csv").exit_status == 2, "a person must have looked"
    assert merchant.release("second.csv", "--accept-changes", "--now").outcomes() == {"created": 1}


def test_the_same_correction_after_a_restore_is_found_by_its_reference(merchant: Merchant) -> None:
    """Where the reference was right, the API tells what was made before: nobody has to look."""
    rows = merchant.rejects(merchant.load(original(merchant, BAD_EMAIL)))
    copy = backed_up(merchant)
    corrected(merchant, rows, "first.csv", customer_email="john@example.com")
    restore(merchant, copy)
    second = corrected(merchant, rows, "second.csv", customer_email="j@example.com")
    assert (second.exit_status, second.outcomes()) == (0, {"updated": 1}), "its e-mail"
    assert sorted(merchant.held("bills")) == ["B-1", "B-2"]


def test_a_bill_of_a_damaged_record_may_have_got_any_reference(merchant: Merchant) -> None:
    """A field too many: the reference that is read may have been another one in truth."""
    said = merchant.load(original(merchant, "C-2,,,B-2,20.00,x"))
    text = (merchant.report(said.file) / "rejects.csv").read_text()
    _, damaged = csv.reader(io.StringIO(text))
    rows = [dict(zip([*HEADER.split(","), *REJECT_COLUMNS], damaged[:5] + damaged[6:], strict=True))]
    copy = backed_up(merchant)
    assert corrected(merchant, rows, "first.csv", bill_reference="B-9").outcomes() == {"created": 1}
    restore(merchant, copy)
    assert holds(corrected(merchant, rows, "second.csv")) == ["correction.perhaps_made"]


def test_files_of_after_the_restore_are_corrected_as_ever(merchant: Merchant) -> None:
    merchant.load(original(merchant))
    restore(merchant, backed_up(merchant))
    later = merchant.write(f"y_bills_{TODAY}.csv", f"{HEADER}\nC-3,,,B-3,5.00\nC-4,,,B 4,6.00\n")
    rows = merchant.rejects(merchant.load(later))
    assert corrected(merchant, rows, "mended.csv", bill_reference="B-4").outcomes() == {"created": 1}


@pytest.mark.parametrize("is_lost", [False, True], ids=["restored", "lost"])
def test_a_file_that_comes_again_may_have_been_corrected_when_it_came_first(
    merchant: Merchant, is_lost: bool
) -> None:
    merchant.load(merchant.write(f"y_bills_{TODAY}.csv", f"{HEADER}\nC-3,,,B-0,5.00\n"))
    copy = backed_up(merchant)
    path = original(merchant, BAD_REFERENCE)
    corrected(merchant, merchant.rejects(merchant.load(path)), "first.csv", bill_reference="B-2")
    if is_lost:
        merchant.lose_ledger()
    else:
        restore(merchant, copy)
    again = merchant.load(path)
    assert again.outcomes() == {"unchanged": 1, "rejected": 1}
    second = corrected(merchant, merchant.rejects(again), "second.csv", bill_reference="B-3")
    assert holds(second) == ["correction.perhaps_made"]
    assert sorted(merchant.held("bills")) == ["B-0", "B-1", "B-2"]


def test_a_file_dated_ahead_that_comes_again_days_later_may_have_been_corrected_too(
    merchant: Merchant,
) -> None:
    path = original(merchant, BAD_REFERENCE, name="x_bills_2030-01-01.csv")
    corrected(merchant, merchant.rejects(merchant.load(path)), "first.csv", bill_reference="B-2")
    merchant.lose_ledger()
    second = corrected(merchant, merchant.rejects(merchant.load(path)), "second.csv", bill_reference="B-3")
    assert holds(second) == ["correction.perhaps_made"]


def test_customers_with_balances_are_not_made_twice_after_a_restore_either(merchant: Merchant) -> None:
    rows = merchant.rejects(load(merchant, TODAY, "C-1,10.00", "C 2,20.00"))
    copy = backed_up(merchant)
    corrected(merchant, rows, "first.csv", customer_reference="C-2")
    restore(merchant, copy)
    assert holds(corrected(merchant, rows, "second.csv", customer_reference="C-3")) == [
        "correction.perhaps_made"
    ]
    assert sorted(merchant.held("customers")) == ["C-1", "C-2"]


# -- decisions that the ledger has missed ------------------------------------------------------------------------


def gated(merchant: Merchant) -> Path:
    """The first file of a feed, which waits for a person in the drop folder."""
    merchant.settings["feeds"][0]["release"] = "first"
    path = merchant.write(NAME, bills("C-1,A-1,B-1,10.00"), merchant.drop)
    assert merchant.run().state == "held"
    return path


def test_a_file_that_was_refused_after_the_copy_is_not_sent_under_its_earlier_release(
    merchant: Merchant,
) -> None:
    gated(merchant)
    merchant.release(NAME)
    copy = backed_up(merchant)
    merchant.refuse(NAME, "--why", "amounts of the wrong month")
    restore(merchant, copy)
    for _ in range(2):
        said = merchant.run()
        assert (said.exit_status, said.state, said.requests.total()) == (1, "held", 0)
        assert "file.restored" in holds(said)
    assert merchant.release(NAME, "--now").outcomes() == {"created": 1}


def test_a_file_that_was_refused_after_the_copy_is_not_sent_when_its_feed_is_new_no_more(
    merchant: Merchant,
) -> None:
    gated(merchant)
    copy = backed_up(merchant)
    merchant.refuse(NAME, "--why", "amounts of the wrong month")
    restore(merchant, copy)
    later = merchant.write(f"y_bills_{TODAY}.csv", bills("C-2,A-2,B-2,10.00"))
    merchant.load(later)
    assert merchant.release(later.name, "--now").outcomes() == {"created": 1}
    said = merchant.run()
    assert (said.state, holds(said)) == ("held", ["file.restored"])
    assert sorted(merchant.held("bills")) == ["B-2"]


def test_a_dry_run_right_after_the_restore_says_what_a_run_will_hold(merchant: Merchant) -> None:
    path = gated(merchant)
    merchant.release(NAME)
    copy = backed_up(merchant)
    assert merchant.run("--dry-run").exit_status == 0
    restore(merchant, copy)
    before = merchant.tree()
    said = merchant.load(path, "--dry-run")
    assert (said.exit_status, "file.restored" in said.stderr) == (1, True)
    assert merchant.tree().items() >= {(name, text) for name, text in before.items() if "reports" not in name}
    assert "file.restored" in holds(merchant.run())


def test_a_release_right_after_the_restore_is_made_again_knowing_of_it(merchant: Merchant) -> None:
    gated(merchant)
    restore(merchant, backed_up(merchant))
    assert merchant.release(NAME, "--now").state == "held"
    assert merchant.release(NAME, "--now").state == "loaded"
    assert merchant.held("bills").keys() == {"B-1"}


class Tomorrow(datetime):
    """The clock of this machine, a day later."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Tomorrow:
        return super().now(tz) + timedelta(days=1)


# -- balances that waited ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("paid", [0, 3_000])
def test_an_undated_balance_released_a_day_after_it_landed_replaces_no_payment(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch, paid: int
) -> None:
    merchant.settings["feeds"].append(dict(UNDATED))
    merchant.load(merchant.write("undated.csv", balances("C-1,ZAR,100.00")))
    merchant.settings["feeds"][-1]["release"] = "always"
    second = merchant.write("undated.csv", balances("C-1,ZAR,80.00"))
    assert merchant.load(second).state == "held"
    monkeypatch.setattr(pipeline.edge.clock, "datetime", Tomorrow)
    if paid:
        merchant.api.pay("C-1", paid)
    said = merchant.release(second.name, "--now")
    assert said.outcomes() == ({"conflict": 1} if paid else {"updated": 1})
    assert held(merchant) == (10_000 - paid if paid else 8_000)


# -- a copy made in the middle of a load ---------------------------------------------------------------------------


@sqlite_alone
def test_a_plain_copy_made_in_the_middle_of_a_load_that_was_killed_is_noticed(merchant: Merchant) -> None:
    """What the copy has not seen sent was set and paid since, so that the balance is what it was before."""
    customers = [f"C-{number}" for number in range(40)]
    load(merchant, YESTERDAY, *(f"{customer},0.00" for customer in customers))
    path = merchant.write(
        f"x_balances_{TODAY}.csv", balances(*(f"{customer},ZAR,200.00" for customer in customers))
    )
    merchant.settings["api"]["max_in_flight"] = 1
    (merchant.folder / "config.yaml").write_text(yaml.safe_dump(merchant.settings))
    kept, var, patched = merchant.folder / "kept", merchant.folder / "var", list[str]()
    kept.mkdir()

    def mind(request: Received) -> None:
        if request.method == "PATCH":
            patched.append(request.path.rpartition("/")[2])
            if len(patched) == 2:
                for file in var.glob("ledger.sqlite*"):
                    shutil.copy(file, kept)
            if len(patched) == 20:
                run.kill()

    command = [
        sys.executable,
        "-m",
        "pipeline",
        "load",
        str(path),
        "--config",
        str(merchant.folder / "config.yaml"),
    ]
    merchant.api.faults = Scripted(
        {(lambda request: request.method == "PATCH"): callback(mind, Window.AFTER_WORK)}
    )
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as run:
        run.wait(60)
    merchant.api.faults = NoFaults()
    assert len(patched) == 20
    (paid,) = [
        reference
        for reference, customer in merchant.held("customers").items()
        if customer["id"] == patched[15]
    ]
    merchant.api.pay(paid, 20_000)
    merchant.lose_ledger()
    for file in kept.iterdir():
        shutil.copy(file, var)
    said = merchant.load(path)
    assert held(merchant, paid) == 0
    assert "not the ledger that was used here last" in said.stderr
