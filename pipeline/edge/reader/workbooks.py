"""Workbooks of every kind, each with what copies a sheet of it as CSV."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from pipeline.core.file_stages import LandedFile
from pipeline.edge.reader.ods.sheet import copy_opendocument
from pipeline.edge.reader.packing import Packing
from pipeline.edge.reader.sheet_copy import SheetCopy
from pipeline.edge.reader.xls.sheet import copy_old_workbook
from pipeline.edge.reader.xlsx.sheet import copy_sheet
from schemas.settings import Limits


class CopyWorkbook(Protocol):
    """As `xlsx.sheet.copy_sheet`."""

    def __call__(
        self, landed: LandedFile, limits: Limits, copy: Path, *, allow_merged: bool = False
    ) -> SheetCopy: ...


COPIERS: Mapping[Packing | None, CopyWorkbook] = {
    "xlsx": copy_sheet,
    "ods": copy_opendocument,
    "xls": copy_old_workbook,
}
"""How a workbook is packed → writes the sheet that the feed reads to a path."""
