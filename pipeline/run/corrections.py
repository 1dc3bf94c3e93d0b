"""Whether a corrected rejects file may be loaded, and what its records are compared with (law 11)."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.core.file_stages import LandedFile, Refusal
from pipeline.core.outcomes import REJECTS
from pipeline.core.rules.missed_corrections import Missed
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.originals import LedgerOriginals
from pipeline.edge.ledger.rejected_records import Corrections

_STOPPED = ("held", "refused")


@dataclass(frozen=True, slots=True)
class Correcting:
    """The first original of a corrected rejects file, as the ledger knows it."""

    ledger: Ledger
    landed: LandedFile
    original: FileRow

    @classmethod
    def of(cls, ledger: Ledger, landed: LandedFile) -> Correcting | None:
        """None for a file that corrects none, or one that the ledger does not know."""
        if landed.rejects_of is None:
            return None
        original = Files(ledger).original_of(landed.rejects_of)
        return None if original is None else cls(ledger, landed, original)

    @property
    def refusal(self) -> Refusal | None:
        """Why nothing of its original may be corrected now."""
        name, state = self.original.name, self.original.state
        if state in _STOPPED:
            todo = (
                "release that file and let it load, then send this one again"
                if state == "held"
                else "correct that file and send it again"
            )
            return Refusal(
                "file.original_not_loaded",
                f"{name} is {state}, and its rejects can be corrected once it is loaded; {todo}",
            )
        if not self.is_remembered:
            problem = (
                f"{name} was loaded by an earlier version, and its landed copy or its feed of then is gone"
            )
            return Refusal(
                "file.original_forgotten", f"{problem}; send the records in a bill file of their own, once"
            )
        return None

    @property
    def is_remembered(self) -> bool:
        """Whether its rejected records are known; ledgers of earlier versions do not hold them."""
        records = (self.original.summary or {}).get("records", {})
        rejected = sum(records.get(outcome, 0) for outcome in REJECTS)
        return not rejected or Corrections(self.ledger).count(self.original.id) > 0

    def originals(self, missed: Missed) -> LedgerOriginals:
        """What its records are compared with; `missed`: of which files the ledger may lack corrections."""
        records = (self.original.summary or {}).get("records", {})
        memory, row = Corrections(self.ledger), Files(self.ledger).by_sha256(self.landed.sha256)
        return LedgerOriginals(
            self.ledger,
            original_id=self.original.id,
            by_file=row.id if row else None,
            source=self.original.name,
            medians=memory.usual_medians(self.original.feed) | memory.medians(self.original.id),
            missed_some=missed.may_be_corrected(
                self.original.id, self.original.name_parts.get("date"), records
            ),
        )
