"""A report whose chain has changed: its summary and the top of its page are written again, the rest stays."""

from __future__ import annotations

from pathlib import Path

from pipeline.edge.disk import replaced_file
from pipeline.report.folders import REPORT_NAMES
from pipeline.report.summary import as_file
from schemas.results import Summary


def renew_report(folder: Path, summary: Summary, *, timezone: str) -> None:
    """Bring summary.json and report.html in `folder` up to date with `summary`, each in one step.

    A page that an earlier version wrote has no part that can be replaced, and stays; `billferry report` writes it anew.

    Raises DiskFull: there is no room; what was there stays.
    """
    from pipeline.report.html.top import with_top_of  # noqa: PLC0415 (only where a chain has changed)

    (name,) = REPORT_NAMES["page"]
    page = folder / name
    renewed = with_top_of(summary, page.read_bytes(), timezone=timezone) if page.exists() else None
    if renewed is not None:
        with replaced_file(page) as file:
            file.write(renewed)
    (name,) = REPORT_NAMES["summary"]
    with replaced_file(folder / name) as file:
        file.write(as_file(summary))
