"""Reads a landed report of the vendor, packed or encrypted as bill files may be; nothing is compared here."""

from __future__ import annotations

from pathlib import Path

from pipeline.core.file_stages import LandedFile, Refusal
from pipeline.core.payments.vendor_report import (
    MAX_REPORT_BYTES,
    NotAReport,
    ReportText,
    read_report_bytes,
)
from pipeline.edge.disk import remove
from pipeline.edge.reader.compressed import UnpackBudget
from pipeline.edge.reader.packing import packing_of, unpacked
from pipeline.errors import FileRefused
from pipeline.report.comparison import ReadReport
from pipeline.run.encrypted_files import OpenedFile

RULE = "file.not_a_report"
_NOTHING = ReportText([], [], None, None)
_PLAIN_COPY = "report"


def read_landed(landed: LandedFile, file: OpenedFile) -> ReadReport:
    """A landed report; with a refusal where it cannot be read."""
    if file.refusal is not None:
        return ReadReport(landed, _NOTHING, file.refusal)
    try:
        return ReadReport(landed, _text(file.readable(landed), file))
    except FileRefused as refused:
        return ReadReport(landed, _NOTHING, Refusal(refused.rule, refused.reason))


def _text(landed: LandedFile, file: OpenedFile) -> ReportText:
    """Raises FileRefused."""
    packing, copy = packing_of(landed.path, landed.name), file.workspace / _PLAIN_COPY
    if packing is None:
        return _read(landed.path, landed.name)
    if packing in {"xlsx", "ods", "xls"}:
        raise _refused(landed.name, "it is a workbook")
    try:
        unpacked(landed.path, packing, copy, UnpackBudget(landed.name, landed.size_bytes, file.limits))
        return _read(copy, landed.name)
    finally:
        remove(copy)


def _read(path: Path, name: str) -> ReportText:
    """Raises FileRefused."""
    with path.open("rb") as content:
        text = content.read(MAX_REPORT_BYTES + 1)
    if len(text) > MAX_REPORT_BYTES:
        raise _refused(
            name, f"it is larger than {MAX_REPORT_BYTES} bytes", "ask the vendor for reports of single days"
        )
    try:
        return read_report_bytes(text)
    except NotAReport as error:
        raise _refused(name, str(error)) from None


def _refused(name: str, problem: str, remedy: str = "use the file as the vendor wrote it") -> FileRefused:
    return FileRefused(name=name, rule=RULE, problem=f"not a report of payments ({problem})", remedy=remedy)
