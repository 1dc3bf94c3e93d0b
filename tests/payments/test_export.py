"""Payments files: each payment in exactly one, with its control file, whatever is killed in between."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from pipeline.core.payments.payments_file import ALL_COLUMNS
from tests.payments.merchant import Merchant, fields_of
from tests.world import rows_of


def test_each_payment_is_in_one_file_and_the_control_file_adds_it_up(merchant: Merchant) -> None:
    merchant.load()
    ids = merchant.ids()
    merchant.receive(1, bill_id=ids["B1"], amount=400)
    merchant.receive(2, bill_id=ids["B2"], amount=2050)
    merchant.command("run")
    merchant.receive(3, bill_id=ids["B1"], amount=600)
    merchant.command("run")
    merchant.command("run")
    first, second = merchant.payments_files()
    assert fields_of(first) == list(ALL_COLUMNS)
    assert [(row["seq"], row["payment_id"], row["amount"]) for row in merchant.told()] == [
        ("1", "pay_1", "4.00"),
        ("1", "pay_2", "20.50"),
        ("2", "pay_3", "6.00"),
    ]
    assert [row["bill_status"] for row in merchant.told()] == ["part_paid", "paid", "paid"]
    assert {row["source_file"] for row in merchant.told()} == {"may_bills.csv"}
    control = json.loads(Path(f"{first}.ctl").read_text())
    assert control["sha256"] == hashlib.sha256(first.read_bytes()).hexdigest()
    assert (control["records"], control["amounts"]) == (2, {"ZAR": "24.50"})
    assert all(file["handed_over_at"] for file in merchant.status()["files"])
    assert second.name.endswith("_000002.csv")


def test_columns_are_chosen_and_named_by_the_config(merchant: Merchant) -> None:
    merchant.settings["payments"]["columns"] = {"amount": "Paid", "payment_id": "Reference"}
    merchant.load()
    merchant.receive(1, bill_id=merchant.ids()["B1"], amount=400)
    merchant.command("run")
    (path,) = merchant.payments_files()
    assert path.read_text() == "Paid,Reference\n4.00,pay_1\n"


def test_the_server_gets_the_control_file_after_its_file(merchant: Merchant) -> None:
    merchant.load()
    merchant.receive(1, bill_id=merchant.ids()["B1"], amount=400)
    with merchant.with_sftp():
        merchant.settings["sftp"]["payments"] = "/payments"
        (merchant.folder / "sftp" / "reports").rmdir()
        said = merchant.command("run")
        assert "handed over to sftp://" in said.stderr
        there = merchant.folder / "sftp" / "payments"
        (path,) = merchant.payments_files()
        assert {each.name: each.read_bytes() for each in there.iterdir()} == {
            name: (path.parent / name).read_bytes() for name in (path.name, f"{path.name}.ctl")
        }


def test_a_file_waits_while_the_server_is_out_of_reach(merchant: Merchant) -> None:
    merchant.load()
    merchant.receive(1, bill_id=merchant.ids()["B1"], amount=400)
    with merchant.with_sftp():
        merchant.settings["sftp"]["payments"] = "/payments"
        right = merchant.settings["sftp"]["port"]
        merchant.settings["sftp"]["port"] = 1
        assert merchant.command("payments", "export").exit_status == 3
        assert merchant.status()["files"][0]["handed_over_at"] is None
        merchant.settings["sftp"]["port"] = right
        assert merchant.command("payments", "export").exit_status == 0
        assert merchant.status()["files"][0]["handed_over_at"] is not None
        assert len(merchant.payments_files()) == 1


KILL = """
import os
import pipeline.{module} as module
def kill(*_, **__):
    os._exit(9)
module.{name} = kill
"""


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("payments.export", "new_file"),
        ("payments.export", "sync_folder"),
        ("payments.export", "posted_amounts"),
        ("payments.export", "put_in_place"),
        ("payments.export", "control_file"),
        ("run.payments_stage", "how_many"),
    ],
)
def test_a_killed_run_leaves_no_payment_out_and_none_doubled(
    merchant: Merchant, module: str, name: str
) -> None:
    merchant.load()
    ids = merchant.ids()
    merchant.receive(1, bill_id=ids["B1"], amount=400)
    merchant.command("run")
    merchant.receive(2, bill_id=ids["B1"], amount=300)
    killed = merchant.spawn("payments", "export", late=KILL.format(module=module, name=name))
    assert killed.exit_status == 9, killed.stderr
    merchant.receive(3, bill_id=ids["B1"], amount=300)
    assert merchant.command("run").exit_status == 0
    assert sorted(row["payment_id"] for row in merchant.told()) == ["pay_1", "pay_2", "pay_3"]
    assert sum(int(row["amount_minor"]) for row in merchant.told()) == 1000
    folder = merchant.work_dir / "payments"
    for path in merchant.payments_files():
        control = json.loads(path.with_name(f"{path.name}.ctl").read_text())
        assert control["records"] == len(rows_of(path))
        assert control["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


def test_a_file_that_is_there_is_never_written_over(merchant: Merchant) -> None:
    """As after an inbox was restored from an older copy."""
    merchant.load()
    (merchant.work_dir / "payments").mkdir(mode=0o700, parents=True)
    taken = merchant.work_dir / "payments" / "payments_citypower_2026-01-01_000001.csv"
    taken.write_text("of another inbox\n")
    merchant.receive(1, bill_id=merchant.ids()["B1"], amount=400)
    merchant.command("run")
    assert taken.read_text() == "of another inbox\n"
    assert [path.name[-10:] for path in merchant.payments_files()] == ["000001.csv", "000002.csv"]
