"""The beginning of an unknown file, whatever it is packed in: enough to propose a feed for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.core.file_stages import LandedFile
from pipeline.edge.reader.compressed import UnpackBudget
from pipeline.edge.reader.packing import packing_of, unpacked
from pipeline.edge.reader.text import refuse_foreign
from pipeline.edge.reader.workbooks import copy_workbook
from schemas.feed import WORKBOOK_FORMATS, AmountFormat, Feed, Format
from schemas.settings import Limits

HEAD_BYTES = 1 << 20
"""1 MiB: enough records to tell date formats and decimal signs apart."""
_ANY = Feed(name="any", match="*", model="bill", amount=AmountFormat(unit="major"))
"""How a sheet is copied: commas between fields, a point in numbers, ISO dates."""


@dataclass(frozen=True, slots=True)
class FileSample:
    """The first bytes of a file, as plain text."""

    head: bytes
    whole: bool
    """Whether that is all of it."""
    workbook: Format | None
    """The format of the workbook of which it is our copy: CSV with commas, in UTF-8. None: it is no workbook."""
    first_row: int = 1
    """Of a workbook, the row of the sheet that our copy begins with."""
    notes: tuple[str, ...] = ()
    """What a person should know, as sentences."""


def sample_of(
    path: Path, name: str, limits: Limits, folder: Path, *, allow_merged: bool = False
) -> FileSample:
    """Read how a file begins; one that is packed is unpacked into `folder` first, as for a load and within `limits`.

    `allow_merged`: of a workbook also a sheet with merged cells.

    Raises:
        FileRefused: it is packed and cannot be unpacked for certain, or is of a format that is not read here.
        DiskFull: no room for the copy.
        OSError: it cannot be read.
    """
    size_bytes = path.stat().st_size
    packing = packing_of(path, name)
    plain = folder / "plain"
    notes: tuple[str, ...] = ()
    first_row = 1
    if packing is not None and packing in WORKBOOK_FORMATS:
        landed = LandedFile("", path, name, {}, size_bytes, "named", _ANY)
        copied = copy_workbook(packing, landed, limits, plain, allow_merged=allow_merged)
        notes, first_row = copied.notes, copied.header_row
    elif packing is not None:
        unpacked(path, packing, plain, UnpackBudget(name, size_bytes, limits))
    refuse_foreign(plain if packing else path, name)
    with (plain if packing else path).open("rb") as text:
        head = text.read(HEAD_BYTES + 1)
    workbook = next((each for each in WORKBOOK_FORMATS if each == packing), None)
    return FileSample(head[:HEAD_BYTES], len(head) <= HEAD_BYTES, workbook, first_row, notes)
