"""`backup`: a copy of the ledger that can be restored by putting it in its place.

The copy is one file, whole and consistent whatever a run writes meanwhile; landed files and reports are not in it.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from pipeline.edge.config import Config, is_within, own_place
from pipeline.edge.ledger.database import copy_ledger, open_ledger
from pipeline.errors import UsageError
from pipeline.run.audited_command import audited_command
from pipeline.run.work_dir import ledger_path


def back_up(config: Config, path: Path) -> str:
    """Write a copy of the ledger to `path`; returns the sentence to print, which says how to restore it.

    The audit trail has its name and SHA-256, so that a copy can be told from one that was changed.

    Raises:
        UsageError: `path` exists, cannot be written or is in `work_dir` or in the drop folder, where it would be
            taken for a bill file; or there is no ledger yet.
        DiskFull, LedgerDamaged: as opening and copying a ledger do.
    """
    settings = config.settings
    source = ledger_path(settings)
    owner = own_place(path, settings.work_dir)
    if owner is None and settings.drop is not None and is_within(path, settings.drop.folder):
        owner = "the folder where files are dropped"
    if owner is not None and not path.exists():
        raise UsageError(problem=f"{path} belongs to {owner}", remedy="name another file")
    if not source.exists():
        raise UsageError(problem=f"there is no ledger {source} yet", remedy="run billferry run first")
    with closing(
        open_ledger(source, merchant=settings.merchant, environment=settings.environment, read_only=True)
    ) as ledger:
        try:
            digest = copy_ledger(ledger, path)
        except FileExistsError:
            raise UsageError(problem=f"{path} already exists", remedy="name another file") from None
        except OSError as error:
            raise UsageError(
                problem=f"{path} cannot be written ({error.strerror})", remedy="name another file"
            ) from None
    with audited_command(settings, "backup") as note:
        note([(path.name, digest)], {})
    # SQLite keeps what is not yet in the ledger in a log beside it (`-wal`).
    # A log that a killed run has left beside the ledger belongs to that ledger, and would be played into the copy.
    return (
        f"{path}: {path.stat().st_size} bytes. To restore it while nothing runs,"
        f" move {source} and {source.name}-wal away and copy it to {source}"
    )
