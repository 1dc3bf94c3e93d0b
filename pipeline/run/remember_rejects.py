"""What a file leaves to those who correct its rejects (law 11): the values of its rejected records, in the ledger."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import polars as pl

from pipeline.core.file_stages import CheckedFile
from pipeline.core.outcomes import AT_API, REJECTS, Outcome
from pipeline.core.rules import correction_limits
from pipeline.core.rules.compared_columns import COMPARED
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.rejected_records import Corrections
from pipeline.edge.ledger.sends import Sends
from pipeline.errors import ConfigError
from pipeline.report.results import write_results
from pipeline.run.check_stage import check_interruptibly
from pipeline.run.context import RunContext
from pipeline.run.encrypted_files import opened
from pipeline.run.file_repository import FileRepository, feed_changed
from schemas.results import Summary

BY_CHECK = (Outcome.REJECTED, Outcome.DUPLICATE, Outcome.SKIPPED, Outcome.NOT_ATTEMPTED)
"""Outcomes of records that nothing was sent for: the check alone tells them."""


@dataclass(slots=True)
class Remembering:
    """Reads the rows of a report: what an original rejected is remembered, and what a correction leaves out of it."""

    ledger: Ledger
    file_id: int
    checked: CheckedFile

    _begun: bool = False

    @property
    def _is_original(self) -> bool:
        return self.checked.landed.rejects_of is None

    def __call__(self, rows: pl.DataFrame) -> None:
        """Rows as `write_results` hands them over, batch after batch; the first takes the place of earlier ones."""
        first = self._begin()
        memory, source = Corrections(self.ledger), self.checked.landed.rejects_of
        if source is None:
            memory.remember(self.file_id, self._rejected(rows))
        elif (original := Files(self.ledger).original_of(source)) is not None:
            memory.leave_out(original.id, self.file_id, _left_out(rows), afresh=first)

    def _begin(self) -> bool:
        """What an earlier report left is forgotten once, before the first rows; whether that is now."""
        first, self._begun = not self._begun, True
        if first and self._is_original:
            Corrections(self.ledger).forget(self.file_id)
        return first

    def _rejected(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Their values, and what their codes are about: those of the API are about no column."""
        rejects = rows.filter(pl.col("outcome").is_in([outcome.value for outcome in REJECTS]))
        codes = pl.when(outcome=Outcome.REJECTED.value).then("codes")
        return rejects.select(
            "record",
            "line",
            *COMPARED,
            correction_limits.concerned(codes, self.checked.own_names),
            "outcome",
            counted="currency_counted",
        )

    def end(self) -> None:
        """Once the report has been written: relate what is remembered, so that corrections find it."""
        self._begin()
        if self._is_original:
            Corrections(self.ledger).mark_contradictions(self.file_id, self.checked.landed.feed.model)


def _left_out(rows: pl.DataFrame) -> pl.DataFrame:
    """Records of a correction that end their original's without being sent: the feed leaves them out, or they repeat
    one that the API holds.
    """
    loaded = pl.col("original_outcome").is_in([outcome.value for outcome in AT_API])
    repeated = (pl.col("outcome") == Outcome.DUPLICATE.value) & loaded
    skipped = pl.col("outcome") == Outcome.SKIPPED.value
    return rows.filter((repeated | skipped) & pl.col("reject_record").is_not_null()).select(
        "reject_record", "outcome"
    )


class _Nowhere(io.BytesIO):
    """A file that keeps nothing: what is written stands in a report already."""

    def write(self, text: Any, /) -> int:
        return memoryview(text).nbytes


def recall(context: RunContext, files: FileRepository, original: FileRow) -> None:
    """Remember what an original rejected that an earlier version loaded, from its landed copy, as far as that goes.

    It is checked again; where its feed, its copy or its outcomes are gone, or the check comes to other numbers than
    its report,
    nothing is remembered, and its corrections are refused.
    """
    then = Summary.model_validate(original.summary, strict=False) if original.summary else None
    try:
        landed = files.landed_from(original)
    except ConfigError:  # its feed is gone
        return
    if then is None or not landed.path.exists() or feed_changed(landed, original):
        return
    with opened(landed, context.settings.limits, context.ui) as file:
        checked = check_interruptibly(landed, file, context.ui)
        counted = {each: checked.totals.count(each) for each in BY_CHECK}
        sent = then.records.total - sum(then.records.parts()[each] for each in BY_CHECK)
        if (
            counted[Outcome.REJECTED] != then.records.rejected
            or Files(files.ledger).kept_outcomes(original.id) < sent
        ):
            return
        sends = Sends(files.ledger)
        remembering = Remembering(files.ledger, original.id, checked)
        with _Nowhere() as nowhere:
            write_results(checked, lambda records: sends.outcomes(original.id, records), nowhere, remembering)
        remembering.end()
