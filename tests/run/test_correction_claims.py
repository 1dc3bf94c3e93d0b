"""What two corrections of one record have in common is told by a hash of all that is asked of the API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.run.correction_claims import _to_send
from tests.check.landing import checked

ROW = {
    "customer_reference": "C-1",
    "account_reference": "A-1",
    "bill_reference": "B-1",
    "currency": "ZAR",
    "amount_due": "310.00",
    "bill_date": "2026-01-01",
    "due_date": "2026-02-01",
    "metadata.route": "7",
    "customer_email": "a@example.com",
}
NOBODY = pl.Series(dtype=pl.Int64)


def claims(folder: Path, *rows: dict[str, str], **facts: Any) -> pl.DataFrame:
    text = "\n".join([",".join(rows[0]), *(",".join(row.values()) for row in rows), ""])
    return pl.concat(_to_send(checked(folder, text, **facts), NOBODY))


def content(folder: Path, row: dict[str, str]) -> str:
    return str(claims(folder, row)["content"].item())


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("customer_reference", "C-2"),
        ("account_reference", "A-2"),
        ("bill_reference", "B-2"),
        ("currency", "USD"),
        ("amount_due", "310.01"),
        ("bill_date", "2026-01-02"),
        ("due_date", "2026-02-02"),
        ("metadata.route", "8"),
    ],
)
def test_another_value_is_another_content(tmp_path: Path, column: str, value: str) -> None:
    assert content(tmp_path, ROW | {column: value}) != content(tmp_path, ROW)


def test_the_order_of_columns_and_an_e_mail_are_none_of_it(tmp_path: Path) -> None:
    turned = dict(reversed(ROW.items())) | {"customer_email": "b@example.com"}
    assert content(tmp_path, turned) == content(tmp_path, ROW)


def test_the_content_of_a_bill_of_lines_is_that_of_all_of_them_in_any_order(tmp_path: Path) -> None:
    one, two, less = ROW | {"item": "a"}, ROW | {"item": "b", "amount_due": "5.00"}, ROW | {"item": "c"}
    facts = {"line_items": "sum"}
    bill, turned = claims(tmp_path, one, two, **facts), claims(tmp_path, two, one, **facts)
    assert bill["content"].n_unique() == 1
    assert bill["record"].to_list() == [1, 1]
    assert set(bill["content"]) == set(turned["content"])
    assert set(bill["content"]) != set(claims(tmp_path, one, less, **facts)["content"])
