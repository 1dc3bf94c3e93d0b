"""Refused records of finished files can be sent again, and the ledger can be copied while it is at work."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta

from pipeline.sandbox.faults import NoFaults, Scripted, drop_before, status
from tests.ledger_of_world import sqlite_alone
from tests.load.conftest import Loaded, Merchant
from tests.world import posts

Open = Callable[..., Merchant]
ROWS = ["C1,A1,B1,1.00", "C1,A1,B2,2.00", "C2,A2,B3,3.00"]


def retried(merchant: Merchant, *words: str) -> tuple[int, str]:
    said = merchant.command("retry", *words)
    return said.exit_status, said.stderr


def test_a_stored_refusal_whose_cause_is_gone_is_created_by_a_retry(open_merchant: Open) -> None:
    merchant = open_merchant(faults=Scripted({posts("B2"): status(402, stored=True)}))
    path = merchant.bills(ROWS)
    assert merchant.load(path).row_outcomes == ["created", "refused", "created"]
    merchant.api.faults = NoFaults()
    again: Loaded = merchant.load(path)
    assert again.file["state"] == "already_loaded"
    assert retried(merchant, path.name)[0] == 0
    assert [row["outcome"] for row in merchant.results(path)] == ["created"] * 3
    assert not list((merchant.folder / "var" / "reports").glob("*/rejects.csv"))
    assert set(merchant.held("bills")) == {"B1", "B2", "B3"}


def test_a_retry_that_is_refused_again_says_so(open_merchant: Open) -> None:
    merchant = open_merchant(faults=Scripted({posts("B2"): status(402, stored=True)}))
    path = merchant.bills(ROWS)
    merchant.load(path)
    assert retried(merchant, "all")[0] == 1
    assert [row["outcome"] for row in merchant.results(path)] == ["created", "refused", "created"]


def test_a_retry_names_files_by_name_or_digits_and_nothing_else(open_merchant: Open) -> None:
    merchant = open_merchant()
    path = merchant.bills(ROWS)
    sha256 = merchant.load(path).file["file"]["sha256"]
    assert retried(merchant, sha256[:8])[0] == 0
    exit_status, said = retried(merchant, "other.csv")
    assert exit_status == 2
    assert "the ledger knows no file other.csv" in said
    merchant.load(merchant.bills(["C9,A9,B9,9.00"], name="bills.csv"))
    exit_status, said = retried(merchant, "bills.csv")
    assert exit_status == 2
    assert "bills.csv fits 2 files" in said


def test_day_one_in_doubt_and_day_two_loaded_leaves_day_two(open_merchant: Open) -> None:
    today = datetime.now(UTC).date()
    days = [(today + timedelta(days=n)).isoformat() for n in (-1, 0, 1)]
    merchant = open_merchant(max_attempts=2)
    merchant.load(merchant.balances(["C1,100", "C2,1"], days[0]))
    merchant.api.faults = Scripted({lambda received: received.method == "PATCH": drop_before()})
    first = merchant.load(merchant.balances(["C1,200", "C2,2"], days[1]))
    assert first.exit_status == 3
    merchant.api.faults = NoFaults()
    merchant.load(merchant.balances(["C1,300", "C2,3"], days[2]))
    assert merchant.run().exit_status == 1, "what day one asked for cannot be known any more"
    assert retried(merchant, "all")[0] == 0
    assert {name: held["balance"] for name, held in merchant.held("customers").items()} == {
        "C1": 300,
        "C2": 3,
    }


@sqlite_alone
def test_a_backup_is_a_whole_ledger_and_overwrites_nothing(open_merchant: Open) -> None:
    merchant = open_merchant()
    copy = merchant.folder / "copy.sqlite"
    assert merchant.command("backup", copy).exit_status == 2
    merchant.load(merchant.bills(ROWS))
    said = merchant.command("backup", copy)
    assert said.exit_status == 0
    assert "ledger.sqlite-wal away" in said.stderr, "a log that stays is played into the copy"
    assert copy.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(copy)) as ledger:
        assert ledger.execute("SELECT count(*) FROM outcomes").fetchone() == (3,)
    assert merchant.command("backup", copy).exit_status == 2


@sqlite_alone
def test_a_restored_backup_doubles_nothing(open_merchant: Open) -> None:
    merchant = open_merchant()
    merchant.load(merchant.bills(ROWS[:1]))
    copy = merchant.folder / "copy.sqlite"
    assert merchant.command("backup", copy).exit_status == 0
    path = merchant.bills(ROWS, name="bills2.csv")
    merchant.load(path)
    merchant.lose_ledger()
    copy.rename(merchant.folder / "var" / "ledger.sqlite")
    assert merchant.load(path).row_outcomes == ["unchanged"] * 3
    assert len(merchant.held("bills")) == 3
