"""What people see of a run."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Literal, Protocol

from pipeline.report.summary import FileReport
from pipeline.report.summary_text import SHOWN_REJECTS

Unit = Literal["bytes", "records"]


class Progress(Protocol):
    """Told how much is done; `note` is asked for words only when they are shown."""

    def __call__(self, done: int, note: Callable[[], str] | None = None, /) -> None: ...


class Ui(Protocol):
    """What people see of a run."""

    def line(self, text: str) -> None:
        """Plain text, no markup."""

    def log_line(self, text: str) -> None:
        """The same for a log alone: on a terminal the command itself, or what stands above, says it."""

    def warn(self, text: str) -> None:
        """What somebody should read, though the run goes on."""

    def file(self, report: FileReport, *, shown_rejects: int = SHOWN_REJECTS) -> None:
        """What became of one file."""

    def stage(self, verb: str, name: str, total: int, unit: Unit) -> AbstractContextManager[Progress]:
        """A stage of work on a file."""
        ...
