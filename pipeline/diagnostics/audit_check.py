"""Checks the audit trail: its chain, its guards, and the heads that reports and people have noted.

The chain alone shows an entry that was altered, removed, added or moved. Whoever rewrites all hashes after that, or
cuts the end off, is shown by a head that was noted elsewhere: in the `summary.json` of each report, here and on the
SFTP server, and wherever a person keeps one (`--head`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.core.audit_chain import AuditFindings, AuditHead, NotedHead, head_of, verified
from pipeline.edge.ledger.audit import AuditTrail
from pipeline.edge.ledger.door import Ledger
from pipeline.report.folders import report_folders
from schemas.settings import Settings

GIVEN = "--head"


def audit_check(ledger: Ledger | None, settings: Settings, given: Sequence[AuditHead] = ()) -> AuditFindings:
    """Check the whole trail of a ledger, None where there is no ledger.

    Args:
        given: heads that somebody has noted; a copy of the ledger that was restored explains none of them.
    """
    noted = [*_in_reports(settings.work_dir / "reports"), *(NotedHead(head, GIVEN) for head in given)]
    if ledger is None:
        return verified((), noted)
    trail = AuditTrail(ledger)
    found = verified(trail.entries(), noted)
    for guard in trail.missing_guards():
        found.found(
            f"the trigger {guard}, which keeps entries from being changed, was removed from the ledger"
        )
    return found


def _in_reports(reports: Path) -> Iterator[NotedHead]:
    """The heads that reports note, each with the time of its report; one that cannot be read notes none."""
    for folder in report_folders(reports):
        try:
            run = json.loads((folder / "summary.json").read_bytes())["run"]
            head = head_of(run["audit_head"])
            if head is not None:
                yield NotedHead(head, f"the report {folder.name}", run["finished_at"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
