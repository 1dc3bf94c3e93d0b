"""What people see of a run, and the check stage as they see it: with progress, and stoppable at any time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from pipeline.check import check
from pipeline.core.files import CheckedFile, LandedFile
from pipeline.signals import interruptible
from schemas.settings import Limits


class Ui(Protocol):
    """What people see of a run."""

    def line(self, text: str) -> None:
        """Plain text, no markup."""

    def warn(self, text: str) -> None: ...

    def stage(self, title: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """A stage with progress; the callable is told how much of `total` is done."""
        ...


def check_interruptibly(
    landed: LandedFile, workspace: Path, ui: Ui, *, limits: Limits, loaded_there: Iterable[str] = ()
) -> CheckedFile:
    """The check stage with progress, in a thread of its own: a signal is answered while polars works."""
    with ui.stage(f"check {landed.name}", landed.size_bytes) as progress:

        def work(checkpoint: Callable[[], None]) -> CheckedFile:
            def advance(done_bytes: int) -> None:
                checkpoint()
                progress(done_bytes)

            return check(landed, workspace, limits=limits, loaded_there=loaded_there, progress=advance)

        return interruptible(work)
