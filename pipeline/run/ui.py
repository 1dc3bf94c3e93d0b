"""What people see of a run, and the check stage as they see it: with progress, and stoppable at any time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal, Protocol

from pipeline.check.check import check
from pipeline.core.file_stages import CheckedFile, LandedFile
from pipeline.core.rules.correction_limits import Originals
from pipeline.report import SHOWN_REJECTS, FileReport
from pipeline.signals import interruptible
from schemas.settings import Limits

Unit = Literal["bytes", "records"]


class Progress(Protocol):
    """Told how much is done; `note` is asked for words only when they are shown."""

    def __call__(self, done: int, note: Callable[[], str] | None = None, /) -> None: ...


class Ui(Protocol):
    """What people see of a run."""

    def line(self, text: str) -> None:
        """Plain text, no markup."""

    def warn(self, text: str) -> None:
        """What somebody should read, though the run goes on."""

    def file(self, report: FileReport, *, shown_rejects: int = SHOWN_REJECTS) -> None:
        """What became of one file."""

    def stage(self, verb: str, name: str, total: int, unit: Unit) -> AbstractContextManager[Progress]:
        """A stage of work on a file."""
        ...


def check_interruptibly(
    landed: LandedFile, workspace: Path, ui: Ui, *, limits: Limits, originals: Originals | None = None
) -> CheckedFile:
    """The check stage with progress, in a thread of its own: a signal is answered while polars works.

    Args:
        workspace: a folder for what the check writes, its records among them.
        originals: what a correction is compared with.

    Raises:
        Stopped: a stop signal came (in the command line); DiskFull, FileRefused: as `check`.
    """
    with ui.stage("check", landed.name, landed.size_bytes, "bytes") as progress:

        def work(checkpoint: Callable[[], None]) -> CheckedFile:
            def advance(done_bytes: int) -> None:
                checkpoint()
                progress(done_bytes)

            return check(landed, workspace, limits=limits, originals=originals, progress=advance)

        return interruptible(work)
