"""What a file is by its first bytes, whatever it is called, and our plain copy of one that is packed.

Nothing is unpacked further than `limits` allow: not by what an archive says of itself, and not by what comes out of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pipeline.core.csv_structure import COMPOUND, GZIP, XZ, ZIP, ZSTANDARD, with_short_lines
from pipeline.edge.reader.compressed import (
    FOREIGN,
    StreamPacking,
    UnpackBudget,
    plain_copy,
    refuse_archive,
    within_budget,
)
from schemas.text_encoding import Encoding

Packing = StreamPacking | Literal["zip", "xlsx", "ods", "xls"]

_STREAMS: dict[bytes, StreamPacking] = {GZIP: "gzip", XZ: "xz", ZSTANDARD: "zstd"}


def packing_of(path: Path, name: str) -> Packing | None:
    """How a file is packed, by its first bytes; None for text.

    Raises:
        FileRefused: it is neither text nor a format that is read here, or a damaged archive.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(16)
    for magic, kind in FOREIGN.items():
        if head.startswith(magic):
            refuse_archive(name, "file.format", f"its content is {kind}", "export it as CSV, XLSX or NDJSON")
    for magic, packing in _STREAMS.items():
        if head.startswith(magic):
            return packing
    if head.startswith(COMPOUND):
        return "xls"
    if not head.startswith(ZIP):
        return None
    return _packing_of_zip(path, name)


def _packing_of_zip(path: Path, name: str) -> Packing:
    """By what is in the archive. Raises as `packing_of`."""
    from pipeline.edge.reader.ods.package import is_spreadsheet  # noqa: PLC0415 - a text file needs no reader of these
    from pipeline.edge.reader.xlsx.workbook import workbook_part  # noqa: PLC0415
    from pipeline.edge.reader.zip_archives import zip_archive  # noqa: PLC0415

    with zip_archive(path, name) as archive:
        names = archive.namelist()
        if workbook_part(archive, name):
            return "xlsx"
        if is_spreadsheet(archive, name):
            return "ods"
    if "[Content_Types].xml" in names:
        refuse_archive(
            name,
            "file.format",
            "its content is an Office file other than XLSX",
            "export it as XLSX, ODS or CSV",
        )
    return "zip"


def unpacked(
    path: Path, packing: Packing, copy: Path, allowance: UnpackBudget, *, encoding: Encoding = "utf-8"
) -> None:
    """Write the one file inside a packed one to `copy`, for us alone to read; `encoding` is that of its text.

    Raises:
        FileRefused: it is damaged, nested, holds several files, or passes the budget. Nothing is left of the copy
            then.
        DiskFull: no room for it.
    """
    match packing:
        case "zip" | "xlsx" | "ods" | "xls":
            from pipeline.edge.reader.zip_archives import unzipped  # noqa: PLC0415

            blocks = unzipped(path, allowance)
        case _:
            from pipeline.edge.reader.streams import streamed  # noqa: PLC0415

            blocks = streamed(path, packing, allowance.name)
    longest = allowance.limits.max_record_bytes
    lines = with_short_lines(blocks, longest, name=allowance.name, encodings=[encoding])
    with plain_copy(copy) as file:
        for block in within_budget(lines, allowance):
            file.write(block)
