"""The report of one bill file, written whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import polars as pl

from pipeline.core.file_stages import CheckedFile
from pipeline.edge.disk import new_file, private_folder, private_folders
from pipeline.report.folders import REPORT_NAMES, report_folder, written_whole
from pipeline.report.html.page_facts import PageFacts
from pipeline.report.rejects import rejects_file, rejects_of_check
from pipeline.report.results import Outcomes, tally_of_check, write_results
from pipeline.report.summary import FileReport, as_file, no_chain, summarise
from schemas.results import ChainFacts, RequestCounts, RunFacts, Summary

_ALWAYS = {"summary", "page"}
"""Listed in summary.json though they are written after it."""


def write_report(
    checked: CheckedFile,
    outcomes: Outcomes,
    *,
    folder: Path,
    run: RunFacts,
    requests: RequestCounts | None = None,
    notes: Iterable[str] = (),
    timezone: str = "UTC",
    readers: Iterable[Callable[[pl.DataFrame], None]] = (),
    chain: Callable[[Summary], ChainFacts | None] = no_chain,
) -> FileReport:
    """Write summary.json, results.csv, report.html and, for rejects, rejects.csv (or .ndjson) below `folder`.

    An earlier report of the same file is replaced as a whole: readers see that one or this one, never a mixture.

    Args:
        outcomes: what the ledger knows; see `results.Outcomes`.
        folder: that of all reports; this report's own folder below it is `FileReport.folder`.
        requests: what was sent in this run; None where nothing was.
        notes: sentences for people; the notes of the check come before them.
        timezone: an IANA name, that of the people who read the page.
        readers: given the rows of `write_results` before the report is in its place.
        chain: asked after them; see `summarise`.

    Raises:
        UnbalancedReport: records or minor units are lost or doubled; an earlier report then stays as it is.
        DiskFull: there is no room for the report; likewise.
    """
    from pipeline.report.html.report_page import write_page  # noqa: PLC0415 (an idle run needs no charts and templates)

    final, own_notes = report_folder(folder, checked.landed), list(notes)
    facts = PageFacts.of(checked)
    names = {kind: called[0] for kind, called in REPORT_NAMES.items()}
    names |= {"rejects": f"rejects.{checked.text_format}"}
    private_folder(folder)
    with written_whole(final) as staged:
        with (
            new_file(staged / names["results"]) as results,
            rejects_file(checked, staged / names["rejects"]) as on_rejects,
        ):
            tally = write_results(checked, outcomes, results, on_rejects, facts.read, *readers)
        kinds = [kind for kind, name in names.items() if kind in _ALWAYS or (staged / name).exists()]
        listed, counts = [names[kind] for kind in kinds], requests or RequestCounts()
        summary = summarise(
            checked, tally, run=run, requests=counts, notes=own_notes, reports=listed, chain=chain
        )
        with new_file(staged / names["summary"]) as file:
            file.write(as_file(summary))
        with new_file(staged / names["page"]) as file:
            write_page(summary, tally, facts, file, timezone=timezone, own_notes=len(own_notes))
    return FileReport(
        summary,
        folder=final,
        paths={kind: final / names[kind] for kind in kinds},
        unexpected_rejects=tally.unexpected_rejects,
        first_rejects=tuple(tally.first_rejects),
    )


def report_of_check(checked: CheckedFile, *, run: RunFacts, rejects_below: Path | None) -> FileReport:
    """What a check alone says of a file, in memory; the ledger is not asked and no page is made.

    Args:
        rejects_below: where the rejected records are written, in a folder of the file's own; None writes nothing.

    Raises:
        UnbalancedReport: records or minor units are lost or doubled.
        DiskFull: there is no room for the rejects.
    """
    tally = tally_of_check(checked)
    names = []
    if rejects_below is not None and checked.code_counts:
        name = f"rejects.{checked.text_format}"
        private_folders(rejects_below)
        with written_whole(report_folder(rejects_below, checked.landed)) as staged:
            names = [name] if rejects_of_check(checked, staged / name) else []
    summary = summarise(
        checked, tally, run=run, requests=RequestCounts(), notes=(), reports=names, chain=no_chain
    )
    return FileReport(summary, unexpected_rejects=tally.unexpected_rejects)
