"""Rejects that were corrected in LibreOffice or an old Excel, and saved in the format of that."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.check import old_workbooks, opendocuments
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
