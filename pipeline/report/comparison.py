"""The report of a comparison: of a collected file in a folder of its own, of a named one as two files side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.core.file_stages import LandedFile, Refusal
from pipeline.core.outcomes import FileState
from pipeline.core.payments.compare_report import ComparedPayment
from pipeline.core.payments.comparison_facts import has_differences
from pipeline.core.payments.vendor_report import PAYMENT, ReportText
from pipeline.edge.disk import new_file, private_folder, private_folders, replaced_file
from pipeline.report.comparison_csv import results_csv
from pipeline.report.folders import REPORT_NAMES, report_folder, written_whole
from pipeline.report.summary import FileReport, as_file, file_facts
from schemas.results import Breakdown, ComparisonFacts, RefusalFacts, RunFacts, Summary

MAX_NAME = 60
"""Characters of a report's name in those of its results: at most 240 bytes."""


class ReadReport(NamedTuple):
    """A landed report, as far as it could be read and compared."""

    landed: LandedFile
    text: ReportText
    """Without rows where it is refused."""
    refusal: Refusal | None = None
    facts: ComparisonFacts | None = None
    """None: it was not compared."""
    compared: Sequence[ComparedPayment] = ()


def summary_of_report(
    read: ReadReport, *, run: RunFacts, notes: Sequence[str] = (), reports: Sequence[str] = ()
) -> Summary:
    """What summary.json holds of a report: no records, for it has none to load.

    Args:
        notes: sentences for people.
        reports: names of the files of its report.
    """
    refusal = read.refusal
    if refusal is None and read.facts is None:
        notes = [*notes, _only_read(read.text)]
    return Summary(
        file=file_facts(read.landed),
        run=run,
        state=_state(read).value,
        records=Breakdown(),
        amounts_minor={},
        refusal=RefusalFacts(code=refusal.code, message=refusal.message) if refusal else None,
        comparison=read.facts,
        notes=list(notes),
        reports=list(reports),
    )


def report_of_reading(read: ReadReport, *, run: RunFacts) -> FileReport:
    """What is reported of a report that was only read, in memory."""
    return FileReport(summary_of_report(read, run=run), unexpected_rejects=len(read.text.unread))


def write_comparison(
    read: ReadReport, *, folder: Path, run: RunFacts, notes: Sequence[str], timezone: str
) -> FileReport:
    """Write summary.json, report.html and, where it was compared, results.csv into a folder of its own below `folder`.

    An earlier report of the same file is replaced as a whole. `timezone`: of the people who read the page. Raises
    DiskFull.
    """
    final = report_folder(folder, read.landed)
    kinds = ["summary", *(["results"] if read.facts is not None else []), "page"]
    names = {kind: REPORT_NAMES[kind][0] for kind in kinds}
    summary = summary_of_report(read, run=run, notes=notes, reports=list(names.values()))
    private_folder(folder)
    with written_whole(final) as staged:
        with new_file(staged / names["summary"]) as file:
            file.write(as_file(summary))
        if read.facts is not None:
            with new_file(staged / names["results"]) as file:
                file.write(results_csv(read.compared, read.text.unread))
        _write_page(staged / names["page"], read, summary, names.get("results"), timezone)
    return FileReport(
        summary,
        folder=final,
        paths={kind: final / name for kind, name in names.items()},
        unexpected_rejects=0 if read.refusal else len(read.text.unread),
    )


def _write_page(path: Path, read: ReadReport, summary: Summary, results: str | None, timezone: str) -> None:
    from pipeline.report.html.comparison_page import (  # noqa: PLC0415 (an idle run needs no templates)
        PageOfComparison,
        write_comparison_page,
    )

    page = PageOfComparison(
        name=read.landed.name,
        sha256=read.landed.sha256,
        feed=read.landed.feed.name,
        run=summary.run,
        state=_state(read),
        facts=read.facts,
        transactions=len(read.text.rows),
        compared=read.compared,
        unread=read.text.unread,
        results=results,
        refusal=summary.refusal.message if summary.refusal else None,
        notes=summary.notes,
    )
    with new_file(path) as file:
        write_comparison_page(page, file, timezone=timezone)


def write_match(
    name: str,
    sha256: str,
    text: ReportText,
    compared: Sequence[ComparedPayment],
    facts: ComparisonFacts,
    *,
    folder: Path,
    run: RunFacts,
    timezone: str,
) -> tuple[Path, Path]:
    """Write the results of a report that was named, and their page, in place of earlier ones; their paths.

    Args:
        name: of the report, printable and without folders.
        folder: where both are written.

    Raises:
        DiskFull: there is no room.
    """
    from pipeline.report.html.comparison_page import (  # noqa: PLC0415 (only this command needs templates)
        PageOfComparison,
        write_comparison_page,
    )

    private_folders(folder)
    results, page = (folder / f"{name[:MAX_NAME]}.{sha256[:8]}.{ending}" for ending in ("csv", "html"))
    with replaced_file(results) as target:
        target.write(results_csv(compared, text.unread))
    told = PageOfComparison(
        name=name,
        sha256=sha256,
        feed=None,
        run=run,
        state=_compared_state(facts),
        facts=facts,
        transactions=len(text.rows),
        compared=compared,
        unread=text.unread,
        results=results.name,
    )
    with replaced_file(page) as target:
        write_comparison_page(told, target, timezone=timezone)
    return results, page


def _state(read: ReadReport) -> FileState:
    if read.refusal is not None:
        return FileState.REFUSED
    if read.facts is None:
        return FileState.VALIDATED_WITH_REJECTS if read.text.unread else FileState.VALIDATED
    return _compared_state(read.facts)


def _compared_state(facts: ComparisonFacts) -> FileState:
    return FileState.COMPARED_WITH_DIFFERENCES if has_differences(facts) else FileState.COMPARED


def _only_read(text: ReportText) -> str:
    """Of a dry run."""
    payments = sum(row.kind == PAYMENT for row in text.rows)
    refunds = len(text.rows) - payments
    bad = f"; rows that cannot be read: {len(text.unread)}" if text.unread else ""
    return f"payments in the report: {payments}, refunds: {refunds}{bad}; a run compares them with what is known here"
