"""A run that was killed after the last bill and before the reports: how long the next one takes to write them."""

from __future__ import annotations

import shutil
import socket
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.load_inputs import write_bills
from benchmarks.merchant import Merchant, stub_api
from benchmarks.surroundings import surroundings
from pipeline.core.api.intents import Entity
from pipeline.core.api.ledger_changes import Change, StoreOutcome, UpsertEntity
from pipeline.core.outcomes import Outcome, RecordOutcome
from pipeline.edge.ledger.database import open_sqlite_ledger
from pipeline.edge.ledger.sends import Sends

RECORDS = 1_000_000
TURNS = 3
AT_MOST_S = 5.0


def measure() -> str:
    with tempfile.TemporaryDirectory() as place, stub_api() as url:
        merchant = Merchant(Path(place), url)
        merchant.write_config()
        file = merchant.folder / "x_bills.csv"
        write_bills(file, RECORDS)
        unreachable = Merchant(merchant.folder, _nobody())
        unreachable.write_config()
        unreachable.run("load", file, statuses=(3,))
        merchant.write_config()
        settle_all(merchant.folder / "var" / "ledger.sqlite")
        kept = merchant.folder / "kept"
        (merchant.folder / "var" / "ledger.sqlite").rename(kept)
        took = []
        for _ in range(TURNS):
            for old in (merchant.folder / "var").glob("ledger.sqlite*"):
                old.unlink()
            shutil.copyfile(kept, merchant.folder / "var" / "ledger.sqlite")
            shutil.rmtree(merchant.folder / "var" / "reports")
            took.append(merchant.run("run"))
            _require_reports(merchant)
    walls = [one.took_s for one in took]
    within = "" if median(walls) <= AT_MOST_S else ": not reached"
    return "\n".join(
        [
            "## Resuming",
            "",
            f"`billferry run` over a file of {RECORDS} bills that are all settled in the ledger (its rows were written",
            f"through the ledger's own door) and whose reports are not written yet, {TURNS} times.",
            f"{surroundings()}.",
            "",
            f"Median **{median(walls):.1f} s** ({min(walls):.1f} to {max(walls):.1f}; at most {AT_MOST_S:.0f} s is"
            f" asked for{within}), {median(one.cpu_s for one in took):.1f} s of CPU,"
            f" {max(one.peak_anonymous_bytes for one in took) >> 20} MiB of anonymous memory.",
        ]
    )


def _nobody() -> str:
    """An address where nothing listens: a load that finds nobody leaves its file unfinished."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def settle_all(ledger: Path) -> None:
    """Remember every record as created, with its customer and account, as a load that was killed at its end would."""
    connection = open_sqlite_ledger(ledger, merchant="citypower", environment="test")
    try:
        connection.execute("BEGIN IMMEDIATE")
        Sends(connection).write(*_changes(1, RECORDS))
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise SystemExit(str(error)) from error
    finally:
        connection.close()


def _changes(first: int, last: int) -> Iterator[Change]:
    for record in range(first, last + 1):
        number = f"{record - 1:08d}"
        customer, account, bill = f"bcus_C-{number}", f"bacc_A-{number}.bcus_C-{number}", f"bill_B-{number}"
        yield UpsertEntity(Entity("customer", f"C-{number}", customer))
        yield UpsertEntity(Entity("account", f"A-{number}", account, owner=f"C-{number}"))
        yield UpsertEntity(Entity("bill", f"B-{number}", bill, owner=f"C-{number}", currency="ZAR"))
        outcome = RecordOutcome(
            record, Outcome.CREATED, customer_id=customer, account_id=account, bill_id=bill, attempts=1
        )
        yield StoreOutcome(1, f"B-{number}", outcome)


def _require_reports(merchant: Merchant) -> None:
    (results,) = (merchant.folder / "var" / "reports").glob("x_bills.csv.*/results.csv")
    with results.open("rb") as rows:
        if sum(b",created," in row for row in rows) != RECORDS:
            raise SystemExit("the reports do not tell of every record")
