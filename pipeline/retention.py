"""Retention: after a run, what is older than the config says is forgotten: our copies, report folders, outcomes.

Kept for good are the SHA-256s and summaries of files, open intents, ids and generations: what keeps a bill from being
created twice. Nothing of a file that is not finished is touched, and no report that is still owed to a source.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline.core.files import SOURCES
from pipeline.core.moments import rfc3339
from pipeline.disk import remove_tree
from pipeline.edge.ledger import Files, Ledger
from pipeline.report import report_folders
from schemas.settings import Settings


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How much is gone: landed copies, report folders, and files whose outcomes are."""

    copies: int
    reports: int
    outcomes: int

    def __str__(self) -> str:
        return (
            f"retention: forgot {self.copies} landed copies, {self.reports} reports,"
            f" the outcomes of {self.outcomes} files"
        )


def forget_old(settings: Settings, ledger: Ledger, now: datetime) -> Forgotten:
    """Forget what is older than `settings.retention`; `now` in UTC. Only while the lock is held."""
    keep, work_dir, files = settings.retention, settings.work_dir, Files(ledger)
    copies = list(_old_copies(work_dir / "landing", files, now - timedelta(days=keep.landing_days)))
    owed = {debt.report for source in SOURCES for debt in files.owed(source)}
    reports = [
        folder
        for folder in report_folders(work_dir / "reports")
        if folder.name not in owed and _older(folder, now - timedelta(days=keep.reports_days))
    ]
    for folder in [*copies, *reports]:
        remove_tree(folder)
    outcomes = files.forget_outcomes(rfc3339(now - timedelta(days=keep.outcomes_days)))
    return Forgotten(len(copies), len(reports), outcomes)


def _old_copies(landing: Path, files: Files, before: datetime) -> Iterator[Path]:
    """Copies of finished and refused files, and of files that nobody took up. A copy that came again is young."""
    for folder in landing.glob("*"):
        row = files.by_sha256(folder.name)
        open_still = row is not None and row.is_open
        finished_at = row.finished_at if row is not None else None
        if not open_still and (finished_at or "") < rfc3339(before) and _older(folder / "content", before):
            yield folder


def _older(path: Path, before: datetime) -> bool:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC) < before
    except FileNotFoundError:
        return False
