"""What is old is forgotten after a run; what keeps bills from doubling, and whatever is unfinished, never is."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.sandbox.faults import Scripted, status
from tests.stories.files import bills
from tests.stories.merchant import Merchant

DAY_S = 86_400
KEEP = {"landing_days": 30, "reports_days": 60, "outcomes_days": 90}


def let_pass(merchant: Merchant, days: float) -> None:
    """Everything in work_dir grows older by so many days."""
    var = merchant.folder / "var"
    for path in [*var.glob("landing/*/content"), *var.glob("reports/*"), *var.glob("reports/dry-run/*")]:
        then = path.stat().st_mtime - days * DAY_S
        os.utime(path, (then, then))
    for file_id, finished_at in merchant.ledger("SELECT id, finished_at FROM files"):
        if finished_at:
            then_at = datetime.fromisoformat(finished_at) - timedelta(days=days)
            text = then_at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
            merchant.change_ledger(f"UPDATE files SET finished_at = '{text}' WHERE id = {file_id}")  # noqa: S608


def count(merchant: Merchant, table: str) -> int:
    ((found,),) = merchant.ledger(f"SELECT count(*) FROM {table}")  # noqa: S608 - names of ours
    return int(found)


def copies(merchant: Merchant) -> int:
    return len(list((merchant.folder / "var" / "landing").glob("*/content")))


def reports(merchant: Merchant) -> int:
    return len(list((merchant.folder / "var" / "reports").glob("*/summary.json")))


@pytest.fixture
def loaded(merchant: Merchant) -> Path:
    """A file with a good record, one that is rejected, and one that the API refused; finished a moment ago."""
    merchant.settings["retention"] = KEEP
    merchant.api.faults = Scripted({lambda request: b'"B3"' in request.body: status(402, stored=True)})
    path = merchant.write(
        "x_bills_2026-01-05.csv", bills("C1,A1,B1,1.00", "C1,A1,B2,1.005", "C3,A3,B3,3.00"), merchant.drop
    )
    content = path.read_bytes()
    assert merchant.run().exit_status == 1
    path = merchant.folder / "out" / path.name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("days", "left"),
    [(0, (1, 1, 2)), (29, (1, 1, 2)), (31, (0, 1, 2)), (61, (0, 0, 2)), (91, (0, 0, 0))],
)
def test_each_thing_is_kept_as_long_as_the_config_says(
    merchant: Merchant, loaded: Path, days: int, left: tuple[int, int, int]
) -> None:
    let_pass(merchant, days)
    merchant.run()
    assert (copies(merchant), reports(merchant), count(merchant, "outcomes")) == left
    assert count(merchant, "files") == 1
    assert count(merchant, "entities") == 3


def test_what_is_forgotten_is_told_in_a_line_and_nothing_else_is_said_of_it(
    merchant: Merchant, loaded: Path
) -> None:
    let_pass(merchant, 100)
    said = merchant.run()
    assert "retention: deleted 1 landed copies, 1 reports, the outcomes of 1 files" in said.stderr
    assert "retention" not in merchant.run().stderr


def test_a_file_whose_traces_are_gone_is_still_known_and_its_bills_are_not_created_again(
    merchant: Merchant, loaded: Path
) -> None:
    let_pass(merchant, 1000)
    merchant.run()
    said = merchant.load(loaded)
    assert said.state == "already_loaded"
    assert not said.requests
    forced = merchant.load(loaded, "--force")
    assert forced.outcomes()["unchanged"] == 1
    assert len(merchant.held("bills")) == 1


def test_an_unfinished_file_is_kept_whole_however_old(merchant: Merchant) -> None:
    merchant.settings["retention"] = KEEP
    merchant.write("x_bills_2026-01-05.csv", bills("C1,A1,B1,1.00"), merchant.drop)
    merchant.api.stop()
    assert merchant.run().exit_status == 3
    let_pass(merchant, 1000)
    merchant.run()
    assert copies(merchant) == 1
    merchant.api.start()
    assert merchant.run().outcomes() == {"created": 1}


def test_a_dry_run_and_a_load_forget_nothing(merchant: Merchant, loaded: Path) -> None:
    let_pass(merchant, 1000)
    merchant.run("--dry-run")
    merchant.load(merchant.write("y_bills_2026-01-06.csv", bills("C9,A9,B9,9.00")))
    assert (copies(merchant), count(merchant, "outcomes")) == (2, 3)


def test_reports_of_dry_runs_are_forgotten_too(merchant: Merchant, loaded: Path) -> None:
    other = merchant.write("y_bills_2026-01-06.csv", bills("C9,A9,B9,9.00"))
    merchant.load(other, "--dry-run")
    dry = merchant.folder / "var" / "reports" / "dry-run"
    for days, left in ((59, 1), (2, 0)):
        let_pass(merchant, days)
        merchant.run()
        assert len(list(dry.iterdir())) == left


def test_a_report_that_is_still_owed_is_kept(sftp_merchant: Merchant) -> None:
    sftp_merchant.settings["retention"] = KEEP
    (sftp_merchant.folder / "sftp" / "reports").rmdir()
    (sftp_merchant.folder / "sftp" / "reports").write_text("in the way")
    sftp_merchant.write("x_bills_2026-01-05.csv", bills("C1,A1,B1,1.00"), sftp_merchant.incoming)
    assert sftp_merchant.run().exit_status == 0
    let_pass(sftp_merchant, 1000)
    sftp_merchant.run()
    assert reports(sftp_merchant) == 1
    (sftp_merchant.folder / "sftp" / "reports").unlink()
    sftp_merchant.run()
    assert len(sftp_merchant.names_in("sftp/reports")) == 1


def test_a_retry_without_our_copy_says_so_and_works_once_the_file_is_shown_again(
    merchant: Merchant, loaded: Path
) -> None:
    let_pass(merchant, 31)
    merchant.run()
    said = merchant.command("retry", "all")
    assert said.exit_status == 1
    assert "the landed copy was removed after retention.landing_days" in said.stderr
    assert merchant.load(loaded).state == "already_loaded"
    merchant.run()
    assert copies(merchant) == 1, "a copy that came again is young"
    merchant.api.faults = Scripted({})
    assert merchant.command("retry", "all").exit_status == 1, "one record is rejected for good"
    assert set(merchant.held("bills")) == {"B1", "B3"}


def test_balances_that_come_back_after_all_was_forgotten_are_set_again(merchant: Merchant) -> None:
    merchant.settings["retention"] = KEEP
    head = "customer_reference,currency,balance\n"
    day = datetime.now(UTC).date()
    for number, balance in ((-1, "100.00"), (0, "200.00")):
        name = f"x_balances_{day + timedelta(days=number)}.csv"
        merchant.load(merchant.write(name, f"{head}C1,ZAR,{balance}\n"))
    let_pass(merchant, 1000)
    merchant.run()
    again = merchant.write(f"x_balances_{day + timedelta(days=1)}.csv", f"{head}C1,ZAR,100.00\n")
    assert merchant.load(again).outcomes() == {"updated": 1}
    assert merchant.held("customers")["C1"]["balance"] == 10_000
