"""Workbooks of LibreOffice and old Excels in a run: rejects saved so, and a package that is missing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.check import old_workbooks, opendocuments
from tests.stories.files import bills
from tests.stories.merchant import Merchant
from tests.stories.test_corrected_rejects import corrected, load_original


def as_ods(rows: list[list[str]]) -> bytes:
    return opendocuments.opendocument(opendocuments.sheet(*(opendocuments.row(*each) for each in rows)))


def as_xls(rows: list[list[str]]) -> bytes:
    return old_workbooks.old_workbook(b"".join(old_workbooks.row(at, *each) for at, each in enumerate(rows)))


@pytest.mark.parametrize("save", [as_ods, as_xls])
def test_rejects_saved_as_another_kind_of_workbook_are_read(
    merchant: Merchant, save: Callable[[list[list[str]]], bytes]
) -> None:
    rows = corrected(merchant.rejects(load_original(merchant)))
    (merchant.drop / "mended").write_bytes(save([list(rows[0]), *(list(each.values()) for each in rows)]))
    assert merchant.run().outcomes() == {"created": 3}


def test_without_its_package_an_old_workbook_stays_until_that_is_installed(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [["customer_reference", "bill_reference", "amount_due"], ["C-1", "B-1", "10.00"]]
    merchant.write("x_bills_2030-01-01.csv", as_xls(rows), merchant.drop)
    merchant.write("y_bills_2030-01-01.csv", bills("C-2,A-2,B-2,2.00"), merchant.drop)
    with monkeypatch.context() as without:
        without.setattr("pipeline.edge.reader.xls.sheet._LIBRARY", "a_package_that_nobody_has")
        said = merchant.run()
    assert said.exit_status == 2
    assert said.named("x_bills_2030-01-01.csv")["state"] == "unfinished"
    assert said.named("y_bills_2030-01-01.csv")["state"] == "loaded"
    (line,) = [
        each for each in said.stderr.splitlines() if "billferry[workbooks]" in each and "note" not in each
    ]
    assert "pip install 'billferry[workbooks]'" in line
    assert merchant.names_in("drop") == ["x_bills_2030-01-01.csv"]
    assert merchant.run().outcomes() == {"created": 1}
    assert merchant.names_in("drop") == []
