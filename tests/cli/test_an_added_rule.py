"""A rule over the values of a record is added in one place, and is applied and explained everywhere."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.cli.desk import Desk

ADDED = """
import polars as pl
from pipeline.core.rules import field_rules
from pipeline.core.rules.rule import FieldRule

name = pl.col("customer_name")
field_rules.FIELD_RULES += (
    FieldRule(
        "customer_name.capitals",
        "written in capitals alone",
        "write it as its owner does",
        lambda layout: name == name.str.to_uppercase() if "customer_name" in layout.sources else None,
    ),
)
"""
FILE = """customer_reference,customer_name,bill_reference,amount_due
C-1,Ann,INV-1,10.00
C-2,BOB,INV-2,20.00
C-3,,INV-3,30.00
C 4,CLEO,INV-4,40.00
"""
UNNAMED = "customer_reference,bill_reference,amount_due\nC-5,INV-5,50.00\n"


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    [path] = folder.rglob(name)
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


@pytest.mark.parametrize("code", ["", ADDED])
def test_a_rule_that_is_added_in_one_place_rejects_what_breaks_it(desk: Desk, code: str) -> None:
    desk.put("june_bills.csv", FILE)
    said = desk.spawn("load", "june_bills.csv", code=code)
    assert said.exit_status == 1, said.stderr
    rejected = {row["bill_reference"]: row["reject_codes"] for row in rows(desk.folder, "rejects.csv")}
    if code:
        assert rejected == {
            "INV-2": "customer_name.capitals",
            "INV-4": "customer_reference.characters;customer_name.capitals",
        }
        assert (
            "customer_name: written in capitals alone"
            in rows(desk.folder, "rejects.csv")[0]["reject_messages"]
        )
        [page] = desk.folder.rglob("report.html")
        assert "Write it as its owner does." in page.read_text(encoding="utf-8")
    else:
        assert rejected == {"INV-4": "customer_reference.characters"}


def test_an_added_rule_explains_itself_in_validate_and_spares_files_that_cannot_break_it(desk: Desk) -> None:
    said = desk.spawn("validate", desk.put("june_bills.csv", FILE.partition("C 4")[0]), code=ADDED)
    assert said.exit_status == 1
    assert "customer_name: written in capitals alone; write it as its owner does" in said.stdout + said.stderr
    assert desk.spawn("validate", desk.put("july_bills.csv", UNNAMED), code=ADDED).exit_status == 0
