"""Retention: after a run, what is older than the config says is forgotten: our copies, report folders, outcomes, and
the bodies of deliveries.

Kept for good are the SHA-256s and summaries of files, open intents, ids and generations: what keeps a bill from being
created twice; and what each delivery came to. Nothing of a file that is not finished is touched, and no report that is
still owed to a source.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline.core.file_stages import SOURCES
from pipeline.core.how_many import how_many
from pipeline.core.values.timestamps import rfc3339
from pipeline.edge.disk import remove_tree
from pipeline.edge.ledger.documents import StoredDocument
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.inbox.bodies import DeliveryBodies
from pipeline.edge.ledger.inbox.schema import inbox_path, open_inbox
from pipeline.edge.reader.kept_records import kept_folder
from pipeline.report.folders import folder_name, report_folders
from pipeline.run.clock_check import Timekeeper
from pipeline.run.stored_documents import StoredDocuments
from schemas.settings import Settings


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How much is gone: landed copies, report folders, files whose outcomes are, and bodies of deliveries."""

    copies: int
    reports: int
    outcomes: int
    bodies: int

    def __str__(self) -> str:
        bodies = f", the contents of {how_many(self.bodies, 'payment event')}" if self.bodies else ""
        return (
            f"retention: deleted {self.copies} landed copies, {self.reports} reports,"
            f" the outcomes of {self.outcomes} files{bodies}"
        )


@dataclass(frozen=True, slots=True)
class Old:
    """What is older than the config wants it kept, if the clock is right."""

    copies: Sequence[Path]
    copies_before: datetime
    reports: Sequence[Path]
    outcomes: Sequence[int]
    """Files (ids of the ledger) whose outcomes are."""
    inbox: Ledger | None
    """Where bodies of deliveries are kept."""
    bodies: Sequence[int]
    """Deliveries whose bodies are."""
    stored: Sequence[StoredDocument]
    """Documents in the store."""

    def __bool__(self) -> bool:
        return bool(self.copies or self.reports or self.outcomes or self.bodies or self.stored)

    def forget(self, ledger: Ledger) -> Forgotten:
        """Forget it. Only while the lock is held."""
        files, copies = Files(ledger), 0
        for folder in self.copies:
            with files.together():  # a file of the page may have been entered since
                copies += _is_old_copy(folder, files, self.copies_before) and remove_tree(folder)
        reports = sum(remove_tree(folder) for folder in self.reports)
        Files(ledger).forget_outcomes(self.outcomes)
        if self.inbox is not None:
            DeliveryBodies(self.inbox).remove(self.bodies)
        return Forgotten(copies, reports, len(self.outcomes), len(self.bodies))


def forget_old(
    settings: Settings, ledger: Ledger, clock: Timekeeper, api_key: Callable[[], str]
) -> Forgotten | None:
    """Forget what is older than `settings.retention`, and `payments.retention_days` for deliveries, once the time is
    confirmed; None: nothing. Lock held.
    """
    with ExitStack() as opened:
        inbox = None
        if settings.payments is not None and (path := inbox_path(settings.work_dir)).exists():
            inbox = opened.enter_context(
                closing(open_inbox(path, merchant=settings.merchant, environment=settings.environment))
            )
        old = _what_is_old(settings, ledger, inbox, clock.now())
        if not old or not clock.is_confirmed(settings, api_key):
            return None
        StoredDocuments(settings, ledger).expire(old.stored)
        return old.forget(ledger)


def _what_is_old(settings: Settings, ledger: Ledger, inbox: Ledger | None, now: datetime) -> Old:
    """Looks only: nothing is forgotten before the time is confirmed."""
    keep, work_dir, files = settings.retention, settings.work_dir, Files(ledger)
    copies_before, reports_before = (
        now - timedelta(days=days) for days in (keep.landing_days, keep.reports_days)
    )
    uploads = {debt.report for source in SOURCES for debt in files.pending_handovers(source) if debt.report}
    landing = work_dir / "landing"
    return Old(
        copies=[folder for folder in landing.glob("*") if _is_old_copy(folder, files, copies_before)],
        copies_before=copies_before,
        reports=_old_reports(work_dir / "reports", files, reports_before, uploads),
        outcomes=files.with_outcomes(finished_before=rfc3339(now - timedelta(days=keep.outcomes_days))),
        inbox=inbox,
        bodies=_old_bodies(settings, inbox, now),
        stored=StoredDocuments(settings, ledger).old(copies_before, reports_before, uploads),
    )


def _old_bodies(settings: Settings, inbox: Ledger | None, now: datetime) -> list[int]:
    if inbox is None or settings.payments is None:
        return []
    before = now - timedelta(days=settings.payments.retention_days)
    return DeliveryBodies(inbox).received_before(before)


def _is_old_copy(folder: Path, files: Files, before: datetime) -> bool:
    """Whether it is of a finished or refused file, or of one that nobody took up. A copy that came again is young."""
    row = files.by_sha256(folder.name)
    if row is not None and row.is_open:
        return False
    finished_at = row.finished_at if row is not None else None
    return (finished_at or "") < rfc3339(before) and _older(
        kept_folder(folder / "content") or folder / "content", before
    )


def _old_reports(reports: Path, files: Files, before: datetime, uploads: set[str]) -> list[Path]:
    """By the time of the folder and, where it was written while the clock was behind, by that of the ledger.

    `uploads`: names of those that are still owed to a source.
    """
    old = [folder for folder in report_folders(reports) if _older(folder, before)]
    if not old:
        return []
    kept = set(uploads)
    for row in files.finished_since(rfc3339(before)):
        kept |= {folder_name(row.name, row.sha256, digits) for digits in (len(row.sha256), row.digits)}
    return [folder for folder in old if folder.name not in kept]


def _older(path: Path, before: datetime) -> bool:
    """By the time of the file itself; one that is gone is not older."""
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC) < before
    except FileNotFoundError:
        return False
