"""The report of one bill file, written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pipeline.core.files import CheckedFile
from pipeline.report.place import private_file, report_folder, written_whole
from pipeline.report.rejects import rejects_file
from pipeline.report.results import Outcomes, write_results
from pipeline.report.summary import FileReport, summarise
from schemas.results import ControlTotals, RequestCounts, RunFacts

REPORT_NAMES = {
    "summary": ("summary.json",),
    "results": ("results.csv",),
    "rejects": ("rejects.csv", "rejects.ndjson"),
}
"""What each part of a report may be called; rejects are written as the bill file was."""


def write_report(
    checked: CheckedFile,
    outcomes: Outcomes,
    *,
    folder: Path,
    run: RunFacts,
    requests: RequestCounts | None = None,
    control: ControlTotals | None = None,
    notes: Iterable[str] = (),
) -> FileReport:
    """Write summary.json, results.csv and, when there are any rejects, rejects.csv (or .ndjson) below `folder`.

    `control` is what the file declares about itself; the notes of the check come before `notes`.

    Raises:
        UnbalancedReport: records or minor units are lost or doubled; no new report stands then.
        DiskFull: there is no room for the report.
    """
    final = report_folder(folder, checked.landed, dry_run=run.dry_run)
    names = {"summary": "summary.json", "results": "results.csv", "rejects": f"rejects.{checked.text_format}"}
    with written_whole(final) as staged:
        with (
            private_file(staged / names["results"]) as results,
            rejects_file(checked, staged / names["rejects"]) as on_rejects,
        ):
            tally = write_results(checked, outcomes, results, on_rejects)
        kinds = [kind for kind, name in names.items() if kind == "summary" or (staged / name).exists()]
        summary = summarise(
            checked,
            tally,
            run=run,
            requests=requests or RequestCounts(),
            control=control,
            notes=notes,
            reports=[names[kind] for kind in kinds],
        )
        with private_file(staged / names["summary"]) as file:
            file.write(summary.model_dump_json(indent=2).encode() + b"\n")
    return FileReport(
        summary,
        folder=final,
        paths={kind: final / names[kind] for kind in kinds},
        unexpected_rejects=tally.unexpected_rejects,
        first_rejects=tuple(tally.first_rejects),
    )
