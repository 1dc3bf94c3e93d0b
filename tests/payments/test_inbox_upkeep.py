"""The inbox is a part of work_dir: backups, retention and `forget` look after it as after the ledger."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.payments.merchant import Merchant
from tests.stories.forgetting import EMAIL, HEADER, NAME, found_below, other, ours
from tests.world import rows_of


def inbox_rows(path: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as inbox:
        return inbox.execute(statement).fetchall()


def paid(merchant: Merchant, number: int, bill: str, **data: Any) -> None:
    merchant.receive(number, bill_id=merchant.ids()[bill], **data)


# -- backup --


def test_a_backup_has_the_inbox_beside_the_ledger_and_both_can_be_restored(merchant: Merchant) -> None:
    merchant.load()
    paid(merchant, 1, "B1", amount=400)
    copy, beside = merchant.folder / "copy.sqlite", merchant.folder / "copy.sqlite.inbox"
    said = merchant.command("backup", copy)
    assert said.exit_status == 0, said.stderr
    assert f"{beside}: " in said.stderr
    assert "restore both" in said.stderr
    assert beside.stat().st_mode & 0o777 == 0o600
    merchant.lose_ledger()
    for path in merchant.work_dir.glob("inbox.sqlite*"):
        path.unlink()
    copy.rename(merchant.work_dir / "ledger.sqlite")
    beside.rename(merchant.work_dir / "inbox.sqlite")
    assert merchant.command("run").exit_status == 0
    assert [(each["bill_reference"], each["outcome"]) for each in merchant.listed()] == [("B1", "applied")]


def test_a_backup_that_fails_leaves_no_copy_and_overwrites_none(merchant: Merchant) -> None:
    merchant.load()
    paid(merchant, 1, "B1")
    copy, beside = merchant.folder / "copy.sqlite", merchant.folder / "copy.sqlite.inbox"
    copy.write_text("mine")
    assert merchant.command("backup", copy).exit_status == 2
    assert not beside.exists()
    copy.unlink()
    beside.write_text("mine")
    assert merchant.command("backup", copy).exit_status == 2
    assert (copy.exists(), beside.read_text()) == (False, "mine")


# -- retention --


def age_deliveries(merchant: Merchant, days: int, newest: int) -> None:
    """Deliveries up to one were received so many days earlier."""
    with closing(sqlite3.connect(merchant.work_dir / "inbox.sqlite")) as inbox, inbox:
        for seq, at in inbox.execute("SELECT seq, received_at FROM deliveries").fetchall():
            if seq <= newest:
                then = datetime.fromisoformat(at) - timedelta(days=days)
                text = then.isoformat(timespec="milliseconds")
                inbox.execute("UPDATE deliveries SET received_at = ? WHERE seq = ?", (text, seq))


def test_retention_removes_old_bodies_of_what_is_settled_and_keeps_what_it_came_to(
    merchant: Merchant,
) -> None:
    merchant.settings["payments"]["retention_days"] = 30
    merchant.load()
    paid(merchant, 1, "B1", amount=400)
    paid(merchant, 2, "B2", currency="USD")
    merchant.receive(3, bill_id="bill_nowhere")
    merchant.receive_body(b"\xff", "msg_4")
    paid(merchant, 5, "B3", amount=1)
    merchant.command("run")
    before = merchant.listed()
    age_deliveries(merchant, 29, newest=4)
    assert "retention" not in merchant.command("run").stderr
    age_deliveries(merchant, 2, newest=4)
    assert "the contents of 2 payment events" in merchant.command("run").stderr
    kept = inbox_rows(
        merchant.work_dir / "inbox.sqlite", "SELECT seq FROM deliveries WHERE body IS NOT NULL ORDER BY seq"
    )
    assert [seq for (seq,) in kept] == [2, 3, 5], "in conflict, waiting and young"
    changed = ("received_at",)
    assert [{**row, **dict.fromkeys(changed)} for row in merchant.listed()] == [
        {**row, **dict.fromkeys(changed)} for row in before
    ]
    paid(merchant, 1, "B1", amount=400, webhook_id="msg_again")
    merchant.command("run")
    assert merchant.listed()[-1]["outcome"] == "duplicate"


def test_deliveries_that_nobody_has_read_are_kept_however_old(merchant: Merchant) -> None:
    merchant.settings["payments"]["retention_days"] = 30
    merchant.load()
    paid(merchant, 1, "B1")
    age_deliveries(merchant, 500, newest=1)
    merchant.command("run")
    assert merchant.listed()[0]["outcome"] == "applied"


def test_a_clock_that_nothing_confirms_keeps_bodies(merchant: Merchant) -> None:
    merchant.settings["payments"]["retention_days"] = 30
    merchant.load()
    paid(merchant, 1, "B1")
    merchant.command("run")
    age_deliveries(merchant, 500, newest=1)
    merchant.api.stop()
    with closing(sqlite3.connect(merchant.work_dir / "ledger.sqlite")) as ledger, ledger:
        ledger.execute("UPDATE clock SET confirmed_at = '2020-01-01T00:00:00Z'")
    merchant.command("run")
    assert inbox_rows(merchant.work_dir / "inbox.sqlite", "SELECT body IS NOT NULL FROM deliveries") == [(1,)]
    merchant.api.start()
    merchant.command("run")
    assert inbox_rows(merchant.work_dir / "inbox.sqlite", "SELECT body IS NOT NULL FROM deliveries") == [(0,)]


# -- forget --

OWN_REFERENCES = ("C-17", "A-17", "INV-17", "INV-18")


def paying_customer(merchant: Merchant) -> None:
    """Two customers with a bill each, both paid; the events carry what the API knows of the customers."""
    merchant.settings["feeds"][0]["phone_region"] = "ZA"
    merchant.load(HEADER + other(1) + ours("INV-17"), "june_bills.csv")
    paid(merchant, 1, "INV-17", amount=400, metadata={"email": EMAIL, "name": NAME})
    paid(merchant, 2, "INV-1", amount=500, metadata={"note": f"paid by {NAME}"})
    accounts = merchant.ids("accounts")
    merchant.receive(3, bill_id=None, account_id=accounts["A-17"], amount=7, metadata={"name": NAME})
    merchant.command("run")


def test_forgetting_a_customer_leaves_nothing_of_it_in_the_inbox_and_in_payments_files(
    merchant: Merchant,
) -> None:
    paying_customer(merchant)
    before = merchant.status()["currencies"]
    assert found_below(merchant.work_dir)
    said = merchant.command("forget", "C-17")
    assert said.exit_status == 0, said.stderr
    assert "payments/payments_citypower_" in said.stderr
    assert found_below(merchant.work_dir) == []
    inbox = [path.read_bytes() for path in merchant.work_dir.glob("inbox.sqlite*")]
    files = [path.read_bytes() for path in (merchant.work_dir / "payments").iterdir()]
    for reference in OWN_REFERENCES:
        assert not [each for each in inbox + files if reference.encode() in each], reference
    assert merchant.status()["currencies"] == before, "amounts and outcomes stay"
    (path,) = merchant.payments_files()
    control = json.loads(Path(f"{path}.ctl").read_text())
    assert control["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert [(row["payment_id"], row["bill_reference"]) for row in rows_of(path)] == [
        ("pay_1", ""),
        ("pay_2", "INV-1"),
        ("pay_3", ""),
    ]
    paid(merchant, 1, "INV-17", amount=400, webhook_id="msg_again")
    merchant.command("run")
    assert merchant.listed()[-1]["outcome"] == "duplicate", "ids and hashes stay"


def test_a_payment_that_is_still_to_be_handed_over_comes_first(merchant: Merchant) -> None:
    merchant.settings["payments"]["export"] = "daily 18:00"
    merchant.settings["feeds"][0]["phone_region"] = "ZA"
    merchant.load(HEADER + other(1) + ours("INV-17"), "june_bills.csv")
    merchant.command("payments", "export")
    paid(merchant, 1, "INV-17", amount=400)
    said = merchant.command("forget", "C-17")
    assert (said.exit_status, "billferry payments export" in said.stderr) == (3, True)
    assert found_below(merchant.work_dir)
    merchant.command("payments", "export")
    assert merchant.command("forget", "C-17").exit_status == 0


@pytest.mark.parametrize(
    ("columns", "left"),
    [
        ({"amount": "Paid", "bill_reference": "Bill"}, "Paid,Bill\n4.00,\n5.00,INV-1\n0.07,\n"),
        ({"amount": "Paid"}, None),
    ],
)
def test_a_payments_file_is_read_by_the_columns_of_the_config_or_removed(
    merchant: Merchant, columns: dict[str, str], left: str | None
) -> None:
    merchant.settings["payments"]["columns"] = {"amount": "Paid", "bill_reference": "Bill"}
    paying_customer(merchant)
    (path,) = merchant.payments_files()
    merchant.settings["payments"]["columns"] = columns
    assert merchant.command("forget", "C-17").exit_status == 0
    assert (path.read_text() if path.exists() else None) == left
    assert path.with_name(f"{path.name}.ctl").exists() == path.exists()
