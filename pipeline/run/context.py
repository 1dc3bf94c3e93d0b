"""What one run knows of itself: its settings, clock, id and folders; what it has said, and how it will exit.

What is remembered of files is not here (`file_repository`), nor what a dry run leaves out (`opening`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from pipeline.core.error_document import bug_document, error_document
from pipeline.edge.clock import utc_now
from pipeline.edge.log import get_logger, masked_trace
from pipeline.errors import EX_OK, BillferryError, WorkDirGone, severity
from pipeline.report.exit_status import run_result
from pipeline.report.summary import FileReport
from pipeline.run.ui import Ui
from schemas.feed import Feed
from schemas.results import ErrorFacts, RunFacts, RunResult
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
    is_a_further_look: bool = False
    """A watch has looked before: the audit trail notes the look only once it takes up a file."""
    clock: Callable[[], datetime] = utc_now
    """In UTC."""


@dataclass(slots=True)
class RunContext:
    """One run. Made by `opening.open_run`."""

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
    note_check: Callable[[str, int, int], None] | None = None
    """Told of the check of a file: SHA-256, its bytes, and those that are done. None: nobody is, as in a dry run."""
    audit_head: Callable[[], str | None] = lambda: None
    """The newest entry of the audit trail; none in a dry run."""
    run_id: str = field(default_factory=lambda: str(uuid4()))
    errors: list[ErrorFacts] = field(default_factory=list)
    """What went wrong so far, apart from what files' summaries say."""

    def facts(self) -> RunFacts:
        """What reports say of the run; `finished_at` is now."""
        return RunFacts(
            id=self.run_id,
            started_at=self.started_at,
            finished_at=self.options.clock(),
            merchant=self.settings.merchant,
            environment=self.settings.environment,
            dry_run=self.options.dry_run,
            audit_head=self.audit_head(),
        )

    def fail(self, error: BillferryError) -> None:
        """Report an error in one line; the worst one is the run's exit status."""
        self.ui.warn(str(error))
        self._note(ErrorFacts.model_validate(error_document(error)))

    def bug(self, name: str, error: BaseException) -> None:
        """Report a bug with its trace; `name` is that of the file or source that was at work."""
        self.ui.warn(f"{name}: a bug in billferry; the other files continue. Please report this trace:")
        self.ui.warn(masked_trace(error))
        self._note(ErrorFacts.model_validate(bug_document(name)))

    def _note(self, error: ErrorFacts) -> None:
        log.error("error", code=error.code, exit_status=error.exit_status)
        self.errors.append(error)

    def require_work_dir(self) -> None:
        """Whatever goes wrong once work_dir is gone, goes wrong because of that. Raises WorkDirGone."""
        if not self.in_place():
            raise WorkDirGone(where=self.settings.work_dir)

    @property
    def status(self) -> int:
        """The exit status as far as it does not come from files."""
        return max((error.exit_status for error in self.errors), default=EX_OK, key=severity)

    def result(self, reports: Sequence[FileReport]) -> RunResult:
        """What `--json` prints: each file's summary, the errors, and the worst exit status of both."""
        return run_result(self.run_id, reports, self.errors)
