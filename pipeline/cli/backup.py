"""`backup`: a copy of the ledger, and of the inbox beside it, that can be restored by putting them in their places.

Each copy is one file, whole and consistent whatever is written meanwhile; landed files, reports and payments files are
not in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

from pipeline.edge.config import Config, is_within, own_place
from pipeline.edge.disk import remove
from pipeline.edge.ledger.database import copy_database, copy_ledger, open_sqlite_ledger
from pipeline.edge.ledger.inbox.schema import inbox_path, open_inbox
from pipeline.edge.ledger.place import ledger_place
from pipeline.errors import UsageError
from pipeline.run.audited_command import audited_command
from schemas.settings import Settings

INBOX_SUFFIX = ".inbox"
"""Added to the name of a ledger's copy, it is the name of the inbox's copy."""
Copies = list[tuple[Path, Path, str]]
"""What was copied, the copy, and its SHA-256; the ledger first."""


def back_up(config: Config, path: Path) -> str:
    """Write copies of the ledger and, where there is one, of the inbox; returns what to print, which says how to
    restore them.

    The audit trail has their names and SHA-256s, so that a copy can be told from one that was changed.

    Raises:
        UsageError: a copy exists, cannot be written or would be in `work_dir` or in the drop folder, where it would be
            taken for a bill file; or there is no ledger yet.
        DiskFull, LedgerDamaged: as opening and copying a ledger do. No copy is left then.
    """
    settings = config.settings
    source = ledger_place(settings)
    if not isinstance(source, Path):
        raise UsageError(
            problem="the ledger is in PostgreSQL",
            remedy="back it up with the server's own tools (see docs/how-to/use-postgresql.md)",
        )
    owner = own_place(path, settings.work_dir)
    if owner is None and settings.drop is not None and is_within(path, settings.drop.folder):
        owner = "the folder where files are dropped"
    if owner is not None and not path.exists():
        raise UsageError(problem=f"{path} belongs to {owner}", remedy="name another file")
    if not source.exists():
        raise UsageError(problem=f"there is no ledger {source} yet", remedy="run billferry run first")
    copies = _copies(settings, source, path)
    with audited_command(settings, "backup") as note:
        note([(copy.name, digest) for _, copy, digest in copies], {})
    return "\n".join(_restoring(copies))


def _copies(settings: Settings, source: Path, path: Path) -> Copies:
    """The inbox is copied first: what it says of files is then in the ledger's copy, too."""
    merchant, environment, inbox = settings.merchant, settings.environment, inbox_path(settings.work_dir)
    beside = path.with_name(path.name + INBOX_SUFFIX)
    copies: Copies = []
    with closing(
        open_sqlite_ledger(source, merchant=merchant, environment=environment, read_only=True)
    ) as ledger:
        if inbox.exists():
            with closing(
                open_inbox(inbox, merchant=merchant, environment=environment, read_only=True)
            ) as opened:
                copies.append((inbox, beside, _copied(partial(copy_database, opened), beside)))
        try:
            copies.insert(0, (source, path, _copied(partial(copy_ledger, ledger), path)))
        except BaseException:
            if copies:
                remove(beside)
            raise
    return copies


def _copied(write: Callable[[Path], str], target: Path) -> str:
    """The SHA-256 of the copy that was made. Raises UsageError, and as `copy_database`."""
    try:
        return write(target)
    except FileExistsError:
        raise UsageError(problem=f"{target} already exists", remedy="name another file") from None
    except OSError as error:
        raise UsageError(
            problem=f"{target} cannot be written ({error.strerror})", remedy="name another file"
        ) from None


def _restoring(copies: Copies) -> Iterator[str]:
    """What is printed of each copy.

    SQLite keeps what is not yet in a database in a log beside it (`-wal`). A log that a killed run has left beside the
    ledger belongs to that ledger, and would be played into the copy.
    """
    for source, copy, _ in copies:
        yield (
            f"{copy}: {copy.stat().st_size} bytes. To restore it while nothing runs,"
            f" move {source} and {source.name}-wal away and copy it to {source}"
        )
    if len(copies) > 1:
        yield "The second copy is the inbox of payments: restore both, and stop billferry serve before"
