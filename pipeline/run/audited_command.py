"""Notes a command in the audit trail that works without a run and its lock: `backup`, `trust-host`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from typing import Any

from pipeline.edge.clock import utc_now
from pipeline.edge.disk import private_folder
from pipeline.edge.ledger.database import open_ledger
from pipeline.edge.local.lock import only_run
from pipeline.edge.local.operator import invoking_user
from pipeline.monitoring.audit_log import AuditLog, NamedFile
from pipeline.run.work_dir import ledger_path
from schemas.settings import Settings

MAKING_WAIT_S = 30.0
"""How long another run may take to make the ledger that is not there yet."""
Note = Callable[[Sequence[NamedFile], Mapping[str, Any]], bool]
"""Called with the files that a command was about, and with how it was given; whether that is noted now."""


@contextmanager
def audited_command(settings: Settings, command: str) -> Iterator[Note]:
    """Call what this gives once the command has done its work. The ledger is opened before, and made if there is none:
    where it cannot be written, nothing is done. Nothing is noted where the folder of work_dir is not there yet: a wrong
    path in the config must not become a folder.

    Raises:
        DiskFull, LedgerBusy, LedgerOfAnother, LedgerDamaged: before the block begins; AnotherRun: while there is no
            ledger yet, another run makes one.
    """
    path = ledger_path(settings)
    if not settings.work_dir.parent.is_dir():
        yield lambda _files, _options: False
        return
    private_folder(settings.work_dir, close=True)
    is_made = path.exists()
    lock = nullcontext() if is_made else only_run(settings.work_dir / "lock", wait_s=MAKING_WAIT_S)
    with lock:
        ledger = open_ledger(path, merchant=settings.merchant, environment=settings.environment)
    with closing(ledger):
        audit = AuditLog(ledger, settings, invoking_user(), command, utc_now)

        def note(files: Sequence[NamedFile], options: Mapping[str, Any]) -> bool:
            audit.done(files, options=options)
            return True

        yield note
