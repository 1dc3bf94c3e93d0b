"""Notes a command in the audit trail that works without a run and its lock: `backup`, `trust-host`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pipeline.edge.clock import utc_now
from pipeline.edge.local.operator import invoking_user
from pipeline.monitoring.audit_log import AuditLog, NamedFile
from pipeline.run.work_dir import ledger_to_write
from schemas.settings import Settings

Note = Callable[[Sequence[NamedFile], Mapping[str, Any]], bool]
"""Called with the files that a command was about, and with how it was given; whether that is noted now."""


@contextmanager
def audited_command(settings: Settings, command: str) -> Iterator[Note]:
    """Call what this gives once the command has done its work. The ledger is opened before, and made if there is none:
    where it cannot be written, nothing is done. Nothing is noted where the folder of work_dir is not there yet: a wrong
    path in the config must not become a folder.

    Raises as `ledger_to_write`.
    """
    if not settings.work_dir.parent.is_dir():
        yield lambda _files, _options: False
        return
    with ledger_to_write(settings) as ledger:
        audit = AuditLog(ledger, settings, invoking_user(), command, utc_now)

        def note(files: Sequence[NamedFile], options: Mapping[str, Any]) -> bool:
            audit.done(files, options=options)
            return True

        yield note
