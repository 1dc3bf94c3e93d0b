"""What the ledger remembers of each run, and the metrics file that is written from it when one ends.

Metrics that cannot be written are a warning: they never change what became of a file, nor the exit status.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from pipeline.core.values.timestamps import rfc3339
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.runs import Runs
from pipeline.edge.log import get_logger
from pipeline.errors import EX_OK, BillferryError, FeedLate, Stopped, severity
from pipeline.monitoring.audit_log import AuditLog, NamedFile
from pipeline.monitoring.metrics import metrics_text
from pipeline.monitoring.payments_standing import payments_standing
from pipeline.monitoring.system_status import late_now, system_status
from schemas.results import RunResult
from schemas.settings import Settings

log = get_logger()

Warn = Callable[[str], None]


class History(Protocol):
    """What is remembered of a run. A dry run has one that remembers nothing (`run.read_only.NoHistory`)."""

    def begin(self, run_id: str, now: datetime) -> None:
        """A run begins; `now` in UTC, as everywhere here."""

    def arrived(self, feed: str, now: datetime) -> None:
        """A file of that feed has come."""

    def late(self, now: datetime) -> list[FeedLate]:
        """An error for each feed that should have had a file by now."""

    def end(self, result: RunResult, now: datetime) -> None:
        """The run has ended; `result` holds its files and its exit status."""

    def done(self, files: Sequence[NamedFile], options: Mapping[str, Any]) -> None:
        """What a person wanted is done, in the caller's step of the ledger; for the audit trail."""


@dataclass(slots=True)
class RunHistory:
    """One run's entry in the ledger. Times are UTC."""

    settings: Settings
    ledger: Ledger
    audit: AuditLog
    warn: Warn
    elsewhere: int = EX_OK
    """What a watch knows to be wrong at places that this pass does not look at, as an exit status."""
    _number: int = field(default=0, init=False)

    def begin(self, run_id: str, now: datetime) -> None:
        """Remember that a run has begun; `status` shows one that never ended. Raises DiskFull, as all of them."""
        with self.audit.together():
            self._number = Runs(self.ledger).begin(run_id, at=rfc3339(now))
            self.audit.begin(run_id)

    def arrived(self, feed: str, now: datetime) -> None:
        """A file of that feed came, so it is not late."""
        Runs(self.ledger).arrived(feed, at=rfc3339(now))

    def late(self, now: datetime) -> list[FeedLate]:
        """What to report of feeds whose hour (`expect_by`) has passed without a file."""
        hours = {
            feed.name: f"{feed.expect_by} {' '.join(feed.expect_on)}"
            for feed in self.settings.feeds
            if feed.expect_by
        }
        Runs(self.ledger).expect(hours, at=rfc3339(now))
        return [
            FeedLate(
                feed=each.feed,
                day=f"{each.due_at:%Y-%m-%d}",
                hour=f"{each.due_at:%H:%M}",
                timezone=self.settings.timezone,
            )
            for each in late_now(self.settings, self.ledger, now)
        ]

    def end(self, result: RunResult, now: datetime) -> None:
        """Remember how it ended, and write the metrics; where those cannot be written, that is a warning."""
        states: Counter[str] = Counter(file.state for file in result.files)
        worst = max(result.exit_status, self.elsewhere, key=severity)
        with self.audit.together():
            Runs(self.ledger).end(self._number, at=rfc3339(now), exit_status=worst, states=states)
            self.audit.end(worst, states)
        if self.settings.metrics_file is not None:
            self._write_metrics(self.settings.metrics_file, now)

    def done(self, files: Sequence[NamedFile], options: Mapping[str, Any]) -> None:
        """A decision, in the same step as the decision itself."""
        self.audit.done(files, options=options)

    def _write_metrics(self, path: Path, now: datetime) -> None:
        from pipeline.edge.monitoring.metrics_file import write_metrics  # noqa: PLC0415 (only where they are wanted)

        try:
            write_metrics(
                path,
                metrics_text(
                    self.settings,
                    system_status(self.settings, self.ledger, now),
                    payments_standing(self.settings, counted=True),
                ),
            )
            log.info("metrics.written")
        except Stopped:
            raise
        except BillferryError as error:
            self.warn(f"{error}; the metrics are those of an earlier run")
