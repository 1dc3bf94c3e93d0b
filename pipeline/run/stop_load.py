"""A person stops the load of one file, while a run may be at work on it: one short step of the ledger.

The run ends what is under way and holds the file. Whether it goes on, another decision tells, as for every held file.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from pipeline.core.release_decisions import Person
from pipeline.core.values.timestamps import rfc3339
from pipeline.edge.clock import utc_now
from pipeline.edge.config import Config
from pipeline.edge.ledger.loads_under_way import LoadsUnderWay
from pipeline.errors import UsageError
from pipeline.monitoring.audit_log import AuditLog
from pipeline.run.work_dir import ledger_to_write


def stop_load(
    config: Config, sha256: str, name: str, by: Person, *, clock: Callable[[], datetime] = utc_now
) -> None:
    """Ask for the stop of the load of the file with that SHA-256 and name, with an entry in the audit trail.

    The first person who asks counts.

    Raises:
        UsageError: no run works on the file or will. LedgerBusy, DiskFull, LedgerDamaged, LedgerOfAnother: as
            `ledger_to_write`.
    """
    with ledger_to_write(config.settings) as ledger:
        audit = AuditLog(ledger, config.settings, by, "stop", clock)
        with audit.together():
            if not LoadsUnderWay(ledger).ask_stop(sha256, by, at=rfc3339(clock())):
                raise UsageError(
                    problem=f"{name} is not being loaded",
                    remedy="look at it again: there is nothing to stop",
                )
            audit.done([(name, sha256)])
