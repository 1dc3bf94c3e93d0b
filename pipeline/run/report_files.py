"""Reports of the vendor that come like bill files, as files of a feed with `kind: reconciliation`: read and compared.

They are not checked, and nothing is sent. What came of the comparison is reported like the outcome of a bill file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.core.file_stages import LandedFile
from pipeline.report.comparison import write_comparison
from pipeline.report.summary import FileReport
from pipeline.run.context import RunContext
from pipeline.run.encrypted_files import OpenedFile
from pipeline.run.payments_stage import PaymentsStage
from pipeline.run.read_report import read_landed


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
