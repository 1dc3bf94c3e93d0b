"""A ledger moves from SQLite into PostgreSQL: everything is there, and work goes on where it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.edge.ledger.postgres import move
from pipeline.errors import DiskFull
from pipeline.run import move_ledger
from tests.ledger_of_world import sqlite_alone
from tests.servers.postgres import shared_server
from tests.stories.files import bills
from tests.stories.merchant import Merchant

pytestmark = sqlite_alone
FIRST, SECOND = "x_bills_2030-01-01.csv", "x_bills_2030-01-02.csv"


@pytest.fixture
def moving(merchant: Merchant) -> Merchant:
    """With a file that is loaded but for a reject, one that is held, and a database named in the config."""
    merchant.write(FIRST, bills("C1,A1,B1,1.00", "C1,A1,B2,1.005", "C2,A2,B3,3.50"), merchant.drop)
    merchant.run()
    merchant.settings["feeds"][0]["release"] = "always"
    merchant.write(SECOND, bills("C3,A3,B4,4.00"), merchant.drop)
    merchant.run()
    merchant.settings["ledger"] = shared_server().new_database()
    return merchant


def told(merchant: Merchant) -> tuple[str, str, str]:
    """What is shown of the ledger: files, totals and the whole audit trail."""
    merchant.write_config()
    return (
        str([{**each, "age_s": None} for each in merchant.status()["files"]]),
        merchant.command("totals", "--by", "file", "--json").stdout.partition('"groups"')[2],
        merchant.command("audit", "--json").stdout,
    )


def test_all_is_there_and_work_goes_on(moving: Merchant) -> None:
    there, moving.settings["ledger"] = moving.settings["ledger"], "sqlite"
    before = told(moving)
    moving.settings["ledger"] = there
    refused = moving.command("run")
    assert refused.exit_status == 2
    assert "billferry ledger move" in refused.stderr

    said = moving.command("ledger", "move")
    assert said.exit_status == 0, said.stderr
    assert "compared after the copy" in said.stderr
    assert not (moving.work_dir / "ledger.sqlite").exists()
    assert (moving.work_dir / "ledger.sqlite.moved").exists()
    files, totals, audit = told(moving)
    assert (files, totals) == before[:2]
    assert audit.startswith(before[2].rstrip("]}\n ")[:200])
    assert moving.command("audit", "--verify").exit_status == 0
    assert "a copy" not in moving.command("doctor").stdout

    assert moving.release(SECOND, "--now").outcomes() == {"created": 1}
    again = moving.load(moving.write("again.csv", bills("C1,A1,B1,1.00")), "--feed", "bills")
    assert again.requests["POST bills"] == 0
    assert sorted(moving.held("bills")) == ["B1", "B3", "B4"]


def test_one_that_was_cut_off_before_the_file_was_renamed_is_finished(
    moving: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: Path, target: Path) -> None:
        raise DiskFull(where=target, problem="no space")

    monkeypatch.setattr(move_ledger, "put_in_place", full)
    assert moving.command("ledger", "move").exit_status == 3
    assert moving.command("run").exit_status == 2, "the file still counts"
    monkeypatch.undo()
    assert moving.command("ledger", "move").exit_status == 0
    assert moving.command("audit", "--verify").exit_status == 0


def test_a_database_that_has_come_further_is_not_written_over(moving: Merchant) -> None:
    moving.command("ledger", "move")
    (moving.work_dir / "ledger.sqlite.moved").rename(moving.work_dir / "ledger.sqlite")
    said = moving.command("ledger", "move")
    assert (said.exit_status, "holds a ledger already" in said.stderr) == (2, True)


def test_a_copy_that_differs_does_not_count(moving: Merchant, monkeypatch: pytest.MonkeyPatch) -> None:
    read = move._read

    def short_read(source: object, table: str, columns: object, write: move.Write) -> move.TableSums:
        rows: list[object] = []
        sums = read(source, table, columns, rows.append)  # type: ignore[arg-type]
        for row in rows[:-1] if table == "outcomes" else rows:
            write(row)  # type: ignore[arg-type]
        return sums

    monkeypatch.setattr(move, "_read", short_read)
    said = moving.command("ledger", "move")
    assert said.exit_status == 70
    assert "of outcomes it holds" in said.stderr
    assert (moving.work_dir / "ledger.sqlite").exists()
    monkeypatch.undo()
    assert moving.command("ledger", "move").exit_status == 0, "the database was left empty"


def test_only_into_a_database_and_only_what_is_there(merchant: Merchant, tmp_path: Path) -> None:
    merchant.write_config()
    assert "names no database" in merchant.command("ledger", "move").stderr
    merchant.settings["ledger"] = shared_server().new_database()
    said = merchant.command("ledger", "move")
    assert (said.exit_status, "nothing to move" in said.stderr) == (2, True)
