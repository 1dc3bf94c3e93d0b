"""Reports of the vendor that come like bill files, as files of a feed with `kind: reconciliation`: read and compared.

They are not checked, and nothing is sent. What came of the comparison is reported like the outcome of a bill file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
from pipeline.report.comparison import ReadReport, write_comparison
from pipeline.report.summary import FileReport
from pipeline.run.context import RunContext
from pipeline.run.encrypted_files import OpenedFile
from pipeline.run.payments_stage import PaymentsStage

RULE = "file.not_a_report"
_NOTHING = ReportText([], [], None, None)
_PLAIN_COPY = "report"


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """Compares the reports of one run with the payments known here."""

    context: RunContext
    payments: PaymentsStage

    def compared(self, landed: LandedFile, file: OpenedFile, notes: Sequence[str]) -> FileReport:
        """Compare a report and write what came of it; in a dry run it is only read.

        Args:
            landed: as it was taken up.
            file: what can be read of it.
            notes: sentences for people.

        Raises:
            DiskFull, LedgerBusy.
        """
        read = read_landed(landed, file)
        if read.refusal is None:
            match = self.payments.match_report(read.text, landed.sha256)
            if match is not None:
                read = read._replace(facts=match.facts, compared=match.compared)
        return write_comparison(
            read,
            folder=self.context.reports,
            run=self.context.facts(),
            notes=[*file.notes, *notes],
            timezone=self.context.settings.timezone,
        )


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
