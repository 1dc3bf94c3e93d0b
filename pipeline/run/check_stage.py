"""The check of one file, as a run sees it: with progress, and stoppable at any time."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.check.check import check, refused_unopened
from pipeline.core.file_stages import CheckedFile, LandedFile
from pipeline.core.rules.correction_limits import Originals
from pipeline.run.encrypted_files import OpenedFile
from pipeline.run.ui import Ui
from pipeline.signals import interruptible


def check_interruptibly(
    landed: LandedFile,
    opened: OpenedFile,
    ui: Ui,
    *,
    originals: Originals | None = None,
    told: Callable[[int], None] | None = None,
) -> CheckedFile:
    """The check stage with progress, in a thread of its own: a signal is answered while polars works.

    Args:
        landed: the file as it is known by now.
        opened: the same file, and what can be read of it; what was decrypted is removed.
        originals: what a correction is compared with.
        told: called in that thread with the bytes that are done, beside the progress of `ui`.

    Raises:
        Stopped: a stop signal came (in the command line); DiskFull, FileRefused: as `check`.
    """
    workspace, limits = opened.workspace, opened.limits
    if opened.refusal is not None:
        return refused_unopened(landed, workspace, limits, opened.refusal)
    readable = opened.readable(landed)
    with ui.stage("check", landed.name, landed.size_bytes, "bytes") as progress:

        def work(checkpoint: Callable[[], None]) -> CheckedFile:
            def advance(done_bytes: int) -> None:
                checkpoint()
                progress(done_bytes)
                if told is not None:
                    told(done_bytes)

            return check(readable, workspace, limits=limits, originals=originals, progress=advance)

        checked = interruptible(work)
    return checked if readable is landed else opened.sealed(checked)
