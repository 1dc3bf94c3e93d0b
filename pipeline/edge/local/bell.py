"""A bell in work_dir: another command rings it when there is work, and a watch that listens looks at once.

Ringing changes a folder and says nothing, so that whatever is rung for has to be in the ledger before. A bell that
nobody hears does no harm: the next look finds the work.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from pipeline.edge.disk import private_folder, scratch_folder
from pipeline.errors import DiskFull


def bell_folder(work_dir: Path) -> Path:
    """The folder to listen to; it need not be there yet."""
    return work_dir / "uploads" / "bell"


def ring(work_dir: Path) -> None:
    """Tell a watch that there is something to do."""
    folder = bell_folder(work_dir)
    with suppress(DiskFull):
        private_folder(folder.parent)
        private_folder(folder)
        with scratch_folder("ring-", folder):
            pass
