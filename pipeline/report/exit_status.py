"""What became of the files as the exit status of a run: each file's own, and the worst of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pipeline.core.outcomes import FileState
from pipeline.errors import EX_OK, EX_RECORDS, EX_UNFINISHED, severity
from pipeline.report.summary import FileReport
from schemas.results import ErrorFacts, RunResult


def exit_status(report: FileReport) -> int:
    """What this file alone would make the run exit with: 0 (fine), 1 (somebody should look) or 3 (run again).

    An expected reject is one whose codes are all in the feed's `expected_codes`; it alone does not make it 1.
    """
    match FileState(report.summary.state):
        case FileState.UNFINISHED:
            return EX_UNFINISHED
        case FileState.REFUSED | FileState.UNMATCHED | FileState.HELD | FileState.COMPARED_WITH_DIFFERENCES:
            return EX_RECORDS
        case _:  # a dry run says of a file that it would be held
            return EX_RECORDS if report.unexpected_rejects or report.summary.holds else EX_OK


def run_result(run_id: str, reports: Iterable[FileReport], errors: Sequence[ErrorFacts] = ()) -> RunResult:
    """What `--json` prints: every file's summary, what went wrong beside, and the worst exit status of both.

    Worst is a matter of `errors.severity`, not of the number: 3 (unfinished) is worse than 4 (another run is active).
    """
    collected = list(reports)
    statuses = [
        EX_OK,
        *(error.exit_status for error in errors),
        *(exit_status(report) for report in collected),
    ]
    return RunResult(
        run_id=run_id,
        exit_status=max(statuses, key=severity),
        files=[report.summary for report in collected],
        errors=list(errors),
    )
