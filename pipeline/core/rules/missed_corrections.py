"""Which files a ledger may not know all corrections of, because it was restored from a copy or lost (law 11)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.core.file_stages import Hold
from pipeline.core.outcomes import Outcome
from pipeline.core.rules.shown_changes import ShownChanges


@dataclass(frozen=True, slots=True)
class Missed:
    """What a ledger that knew more may have done: nothing, unless this one was restored or is new after a loss."""

    last_file: int = 0
    """Files until this one were known when the copy was made, and may have been corrected since."""
    dated_until: str = ""
    """Files whose names are dated until then (YYYY-MM-DD) may have been loaded and corrected before; empty: none."""
    is_unrecognised: bool = False
    """No run has found the ledger to be a copy yet: a file that is not finished in it is as the copy has it."""

    def may_be_corrected(self, file_id: int, dated: str | None, records: Mapping[str, int]) -> bool:
        """Whether records of an original may have been corrected without this ledger knowing.

        `dated`: the date in its name; `records`: outcome → records, as reported. A file that this ledger has seen
        first, and whose records the API did not hold before, comes for the first time.
        """
        if file_id <= self.last_file:
            return True
        if not self.dated_until or (dated is not None and dated > self.dated_until):
            return False
        was_there = records.get(Outcome.UNCHANGED, 0) + records.get(Outcome.UPDATED, 0)
        return bool(was_there) or not records.get(Outcome.CREATED, 0)


def perhaps_made(found: ShownChanges, of: str) -> Hold:
    """Records that may have been corrected without this ledger knowing; `of`: whose they are, for the message."""
    return Hold(
        "correction.perhaps_made",
        f"{found.records()} {of} may have been corrected before the ledger was restored or lost, under references that"
        " are no longer known; look for those bills at the API and in the reports of earlier corrections, and refuse"
        " this file if they are there",
        found.shown(),
    )
