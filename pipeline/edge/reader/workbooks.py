"""Workbooks of every kind, each copied by a reader of its own, which is loaded only where there is such a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.file_stages import LandedFile
from schemas.settings import Limits

if TYPE_CHECKING:  # a text file needs no reader of workbooks
    from pipeline.edge.reader.packing import Packing
    from pipeline.edge.reader.sheet_copy import SheetCopy


def copy_workbook(
    packing: Packing, landed: LandedFile, limits: Limits, copy: Path, *, allow_merged: bool = False
) -> SheetCopy:
    """Write the sheet that the feed reads to `copy`, as CSV.

    Args:
        packing: of a workbook, one of `WORKBOOK_FORMATS`.
        allow_merged: also a sheet with merged cells.

    Raises:
        FileRefused: it cannot be read for certain, or is larger than `limits` allow.
        DiskFull: no room for the copy.
    """
    match packing:
        case "xlsx":
            from pipeline.edge.reader.xlsx.sheet import copy_sheet  # noqa: PLC0415
        case "ods":
            from pipeline.edge.reader.ods.sheet import copy_opendocument as copy_sheet  # noqa: PLC0415
        case "xls":
            from pipeline.edge.reader.xls.sheet import copy_old_workbook as copy_sheet  # noqa: PLC0415
        case _:
            raise ValueError(f"{packing} is no workbook")
    return copy_sheet(landed, limits, copy, allow_merged=allow_merged)
