"""Every loaded bill and balance as one file: whole or not there, and what is missing is told."""

from __future__ import annotations

import csv
import io
import signal

import polars as pl
import pytest

from tests.stories.files import bills
from tests.stories.merchant import Merchant, Row
from tests.stories.test_line_items import ROWS, file


@pytest.fixture
def loaded(merchant: Merchant) -> Merchant:
    """Two bills, one of them in yen; a third is rejected."""
    (feed,) = [each for each in merchant.settings["feeds"] if each["name"] == "bills"]
    del feed["currency"]
    merchant.load(merchant.write("x_bills_2026-01-05.csv", BILLS))
    return merchant


BILLS = """\
customer_reference,account_reference,bill_reference,currency,amount_due,bill_date,due_date
C1,A1,B1,ZAR,1.00,,2026-02-01
C1,,-B2,JPY,200,2026-01-04,2026-02-02
C3,A3,B3,ZAR,1.005,,
"""


def export(merchant: Merchant, name: str = "out/accepted.csv", *words: str) -> list[Row]:
    path = merchant.folder / name
    said = merchant.command("export", "--accepted", "-o", path, *words)
    assert said.exit_status == 0, said
    return list(csv.DictReader(io.StringIO(path.read_text())))


def test_a_row_says_what_was_loaded_from_where_and_as_what(loaded: Merchant) -> None:
    first, second = export(loaded)
    held = loaded.held("bills")
    assert first == {
        "file": "x_bills_2026-01-05.csv",
        "sha256": first["sha256"],
        "line": "2",
        "record": "1",
        "feed": "bills",
        "kind": "bill",
        "outcome": "created",
        "customer_reference": "C1",
        "account_reference": "A1",
        "bill_reference": "B1",
        "currency": "ZAR",
        "amount": "1.00",
        "amount_minor": "100",
        "bill_date": "",
        "due_date": "2026-02-01",
        "customer_id": held["B1"]["customer_id"],
        "account_id": held["B1"]["account_id"],
        "bill_id": held["B1"]["id"],
        "corrects_file": "",
        "corrects_record": "",
        "loaded_at": first["loaded_at"],
        **dict.fromkeys(("bill_paid", "bill_paid_minor", "bill_status"), ""),
    }
    assert (second["bill_reference"], second["amount"], second["amount_minor"]) == ("-B2", "200", "200")
    assert (second["bill_date"], second["account_id"]) == ("2026-01-04", "")


def test_parquet_holds_the_same_with_types(loaded: Merchant) -> None:
    rows = export(loaded)
    path = loaded.folder / "out" / "accepted.parquet"
    assert loaded.command("export", "--accepted", "-o", path).exit_status == 0
    frame = pl.read_parquet(path)
    assert frame.schema["amount_minor"] == pl.Int64
    assert frame.schema["due_date"] == pl.Date
    assert frame["bill_id"].to_list() == [row["bill_id"] for row in rows]
    assert frame["amount"].to_list() == [row["amount"] for row in rows] == ["1.00", "200"]


def test_balances_are_exported_under_what_they_are_the_balance_of(merchant: Merchant) -> None:
    merchant.load(
        merchant.write(
            "x_accounts_2026-01-05.csv", "customer_reference,account_reference,currency,balance\nC,A,ZAR,-5\n"
        ),
        merchant.write("x_balances_2026-01-05.csv", "customer_reference,currency,balance\nD,ZAR,7.10\n"),
    )
    rows = export(merchant)
    kept = ("kind", "customer_reference", "account_reference", "bill_reference", "amount")
    assert [tuple(row[name] for name in kept) for row in rows] == [
        ("account_balance", "C", "A", "", "-0.05"),
        ("customer_balance", "D", "", "", "7.10"),
    ]


def test_each_line_of_a_bill_is_a_row_with_the_id_of_the_bill(merchant: Merchant) -> None:
    merchant.settings["feeds"][0] |= {"line_items": "sum"}
    merchant.load(merchant.write("x_bills_2026-01-05.csv", file(*ROWS)))
    rows = export(merchant)
    for reference, bill in merchant.held("bills").items():
        mine = [row for row in rows if row["bill_reference"] == reference]
        assert sum(int(row["amount_minor"]) for row in mine) == bill["amount_due"]
        assert {row["bill_id"] for row in mine} == {bill["id"]}
    assert len(rows) == len(ROWS)


def test_a_file_that_is_there_is_never_overwritten_and_its_name_says_the_format(loaded: Merchant) -> None:
    path = loaded.write("mine.csv", "mine")
    said = loaded.command("export", "--accepted", "-o", path)
    assert (said.exit_status, path.read_text()) == (2, "mine")
    assert "already exists" in said.stderr
    for name, problem in (
        ("out/x.txt", "neither .csv nor .parquet"),
        ("var/reports/x.csv", "belongs to"),
        ("drop/x.csv", "belongs to"),
        ("none/x.csv", "there is no folder"),
    ):
        said = loaded.command("export", "--accepted", "-o", loaded.folder / name)
        assert said.exit_status == 2
        assert problem in said.stderr


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ((), "nothing to export is named"),
        (("--accepted", "--json"), "--json prints its document on stdout"),
        (("--accepted", "--feed", "nope"), "unknown feed 'nope'"),
        (("--accepted", "--from", "2026-13-01"), "--from 2026-13-01 is not a valid date"),
        (("--accepted", "--from", "2026-02-01", "--to", "2026-01-01"), "--to is before --from"),
    ],
)
def test_what_is_asked_wrongly_is_told_in_a_line(
    loaded: Merchant, words: tuple[str, ...], problem: str
) -> None:
    said = loaded.command("export", *words)
    assert said.exit_status == 2
    assert problem in said.stderr
    assert said.stderr.count("\n") == 1


KILLED = """
import os, pipeline.report.accepted_file as written
whole = written._as_csv
def _half(rows, *, header):
    if not header:
        os.kill(os.getpid(), 9)
    return whole(rows, header=header)
written._as_csv = _half
"""


@pytest.mark.slow
def test_a_kill_leaves_no_half_file_under_the_name_and_the_next_export_takes_its_place(
    loaded: Merchant,
) -> None:
    target = loaded.folder / "out" / "accepted.csv"
    words = ("export", "--accepted", "--config", loaded.config, "-o", target)
    assert loaded.spawn(*words, late=KILLED).exit_status == -signal.SIGKILL
    (half,) = target.parent.glob(".*")
    assert not target.exists()
    said = loaded.spawn(*words)
    assert (said.exit_status, said.stdout) == (0, "")
    assert not half.exists()
    on_stdout = loaded.spawn("export", "--accepted", "--config", loaded.config)
    assert on_stdout.stdout == target.read_text()
    assert "stdout: 2 records of 1 file, JPY 200, ZAR 1.00" in on_stdout.stderr


def test_what_an_earlier_version_loaded_is_told_until_its_report_is_written_again(loaded: Merchant) -> None:
    loaded.change_ledger("DELETE FROM accepted")
    said = loaded.command("export", "--accepted", "-o", loaded.folder / "out" / "a.csv")
    assert said.exit_status == 1
    assert "NOT IN IT: x_bills_2026-01-05.csv (" in said.stderr
    assert "2 loaded records, JPY 200, ZAR 1.00; an earlier version loaded it" in said.stderr
    loaded.rewrite("x_bills_2026-01-05.csv")
    assert [row["bill_reference"] for row in export(loaded, "out/b.csv")] == ["B1", "-B2"]


def test_a_reload_counts_once_and_says_when_it_was(merchant: Merchant) -> None:
    path = merchant.write("x_bills_2026-01-05.csv", bills("C1,A1,B1,1.00"))
    merchant.load(path)
    merchant.change_ledger("UPDATE accepted SET loaded_at = 0")
    assert export(merchant, "out/a.csv")[0]["loaded_at"] == "1970-01-01T00:00:00Z"
    merchant.load(path)
    assert len(export(merchant, "out/b.csv")) == 1
    merchant.load(path, "--force")
    (row,) = export(merchant, "out/c.csv")
    assert (row["outcome"], row["loaded_at"][:2]) == ("unchanged", "20")


def test_text_that_a_spreadsheet_would_run_is_defused_in_csv_alone(merchant: Merchant) -> None:
    merchant.settings["feeds"][0]["match"] = "*bills*.csv"
    merchant.load(merchant.write("=bills().csv", bills("C1,A1,B1,1.00")))
    assert export(merchant)[0]["file"] == "'=bills().csv"
    path = merchant.folder / "out" / "x.parquet"
    merchant.command("export", "--accepted", "-o", path)
    assert pl.read_parquet(path)["file"].to_list() == ["=bills().csv"]
