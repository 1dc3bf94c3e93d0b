"""A file that the ledger knows, read again: held where a changed feed would bill records of it a second time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import polars as pl

from pipeline.core.api.requests import LEAF_OF, Kind
from pipeline.core.file_stages import CheckedFile, Hold
from pipeline.core.rules import changed_references
from pipeline.core.rules.missed_corrections import Missed, perhaps_made
from pipeline.core.rules.shown_changes import ShownChanges
from pipeline.edge.config import same_feed
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.earlier_loads import EarlierLoads
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.reader.checked_parts import accepted, parts_of


def compared_with_earlier_loads(
    checked: CheckedFile, ledger: Ledger, row: FileRow | None, missed: Missed
) -> CheckedFile:
    """The file with holds for records that were loaded, or perhaps corrected, under other references.

    Args:
        row: what the ledger knows of its bytes; None: nothing.
        missed: of which files the ledger may lack corrections.
    """
    if checked.refusal is not None or row is None:
        return checked
    holds = [*checked.holds]
    copied = row.feed_print if missed.is_unrecognised and row.is_open else row.copied_print
    if copied is not None and not same_feed(copied, checked.landed.feed):
        holds.append(changed_references.not_finished_when_copied())
    return replace(checked, holds=(*holds, *_Reload.of(checked, ledger, row, missed).holds()))


@dataclass(frozen=True, slots=True)
class _Reload:
    """The accepted records of one file beside what was done for them before."""

    checked: CheckedFile
    memory: EarlierLoads
    was_loaded: bool
    may_be_corrected: bool
    renamed: ShownChanges = field(default_factory=ShownChanges)
    perhaps: ShownChanges = field(default_factory=ShownChanges)

    @classmethod
    def of(cls, checked: CheckedFile, ledger: Ledger, row: FileRow, missed: Missed) -> _Reload:
        """A correction is compared with its original, so that its own rejects are not looked at here."""
        memory = EarlierLoads(ledger, row)
        may_be = row.rejects_of is None and memory.any_rejected()
        records = (row.summary or {}).get("records", {})
        may_be = may_be and missed.may_be_corrected(row.id, row.name_parts.get("date"), records)
        return cls(checked, memory, memory.any_loaded(), may_be)

    @property
    def _kind(self) -> Kind:
        return LEAF_OF[self.checked.landed.feed.model]

    def holds(self) -> Iterator[Hold]:
        """Reasons to hold the file, each with all records that it is about."""
        if self.was_loaded or self.may_be_corrected:
            leaf = f"{self._kind}_reference"
            for part in parts_of(self.checked.records):
                self._compare(accepted(part).select("record", "line", leaf).collect(), leaf)
        if self.renamed.count:
            yield Hold(
                changed_references.CHANGED,
                f"{self.renamed.records()} of it were loaded under other references before its feed was changed, and"
                " would be billed again; put the feed back",
                self.renamed.shown(),
            )
        if self.perhaps.count:
            yield perhaps_made(self.perhaps, "that it rejected before")

    def _compare(self, rows: pl.DataFrame, leaf: str) -> None:
        records = rows["record"]
        if self.was_loaded:
            found = changed_references.renamed(rows, self.memory.loaded(records), leaf)
            known = self.memory.loaded_references(found[leaf])
            self._add(self.renamed, found.filter(~pl.col(leaf).is_in(known.implode())), leaf)
        if self.may_be_corrected:
            before = self.memory.rejected(self._kind, records)
            self._add(self.perhaps, changed_references.perhaps_corrected(rows, before, leaf), leaf)

    def _add(self, shown: ShownChanges, found: pl.DataFrame, leaf: str) -> None:
        shown.add(found.height, changed_references.lines(found, leaf))
