"""`backup`: a copy of the ledger that can be restored by putting it in its place."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from pipeline.edge.config import Config, is_within, own_place
from pipeline.edge.ledger import copy_ledger, open_ledger
from pipeline.errors import UsageError
from pipeline.run.work_dir import ledger_path


def back_up(config: Config, path: Path) -> str:
    """Write the copy; what to tell. Raises UsageError, DiskFull, LedgerDamaged."""
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
            copy_ledger(ledger, path)
        except FileExistsError:
            raise UsageError(problem=f"{path} already exists", remedy="name another file") from None
        except OSError as error:
            raise UsageError(
                problem=f"{path} cannot be written ({error.strerror})", remedy="name another file"
            ) from None
    # A log that a killed run has left beside the ledger belongs to that ledger, and would be played into the copy.
    return (
        f"{path}: {path.stat().st_size} bytes. To restore it while nothing runs,"
        f" move {source} and {source.name}-wal away and copy it to {source}"
    )
