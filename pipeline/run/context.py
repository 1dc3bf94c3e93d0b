"""What one run knows of itself: its settings, clock, id and folders; what it has said, and how it will exit.

What is remembered of files is not here (`file_repository`), nor what a dry run leaves out (`opening`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from pipeline.edge.clock import utc_now
from pipeline.edge.log import get_logger, masked_trace
from pipeline.errors import EX_BUG, EX_OK, BillferryError, WorkDirGone, severity
from pipeline.report import FileReport, run_result
from pipeline.run.ui import Ui
from schemas.feed import Feed
from schemas.results import RunFacts, RunResult
from schemas.settings import Settings

log = get_logger()


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked for beside the config; the command line's options, mostly."""

    dry_run: bool = False
    """No request, no move, no change of the ledger. Read by `opening`, which hands out what cannot write."""
    force: bool = False
    """Load again what was loaded before, and set balances whatever the API holds."""
    limit: int | None = None
    """So many more records of each file, then it is held; None: all."""
    feed: Feed | None = None
    """Overrules what file names say; only for files that are named."""
    wait_s: float = 0.0
    """How long to wait for another run to end."""
    clock: Callable[[], datetime] = utc_now
    """In UTC."""


@dataclass(slots=True)
class RunContext:
    """One run. Made by `opening.open_run`; the exit status only ever becomes worse."""

    settings: Settings
    ui: Ui
    options: Options
    landing: Path
    """Where copies of bill files are kept; a scratch folder in a dry run."""
    reports: Path
    """Below it each file's report folder is written."""
    in_place: Callable[[], bool]
    """Whether work_dir is still the folder that the run began with."""
    started_at: datetime
    run_id: str = field(default_factory=lambda: str(uuid4()))
    status: int = EX_OK

    def facts(self) -> RunFacts:
        """What reports say of the run; `finished_at` is now."""
        return RunFacts(
            id=self.run_id,
            started_at=self.started_at,
            finished_at=self.options.clock(),
            merchant=self.settings.merchant,
            environment=self.settings.environment,
            dry_run=self.options.dry_run,
        )

    def fail(self, error: BillferryError) -> None:
        """Report an error in one line; the worst one is the run's exit status."""
        log.info("error", code=error.code, exit_status=error.exit_status)
        self.ui.warn(str(error))
        self.status = max(self.status, error.exit_status, key=severity)

    def bug(self, name: str, error: BaseException) -> None:
        """Report a bug with its trace; `name` is that of the file or source that was at work."""
        self.ui.warn(f"{name}: a bug in billferry; the other files continue. Please report this trace:")
        self.ui.warn(masked_trace(error))
        self.status = max(self.status, EX_BUG, key=severity)

    def require_work_dir(self) -> None:
        """Whatever goes wrong once work_dir is gone, goes wrong because of that. Raises WorkDirGone."""
        if not self.in_place():
            raise WorkDirGone(where=self.settings.work_dir)

    def result(self, reports: Sequence[FileReport]) -> RunResult:
        """What `--json` prints: each file's summary, and the worst exit status of files and run."""
        return run_result(self.run_id, reports, at_least=self.status)
