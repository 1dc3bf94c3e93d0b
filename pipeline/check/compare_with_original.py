"""A corrected rejects file beside its original: each record to the one that it stands for, and what changed on the way.

Nothing is decided here that a look at two records does not tell (`core.corrections`); what was loaded by now is taken
from the ledger, part by part.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

import polars as pl

from pipeline.core.api.requests import LEAF_OF, Kind
from pipeline.core.file_stages import Hold
from pipeline.core.mapping.layout import AMOUNT
from pipeline.core.rules import correction_limits, cross_record_rules
from pipeline.core.rules.compared_columns import COMPARED
from pipeline.core.rules.correction_limits import FACTOR, Originals
from pipeline.core.rules.missed_corrections import perhaps_made
from pipeline.core.rules.shown_changes import ShownChanges
from pipeline.core.values.amount_text import plain
from pipeline.edge.reader.checked_parts import Parts, considered, scan_parts
from pipeline.errors import FileRefused
from schemas.feed import Model

SHOWN_AMOUNTS = 5
"""Amounts out of proportion that are spelled out in the reason of a hold."""
FEW_RECORDS = 1_000
"""Of a correction: the ledger can be asked about so many references at once."""
_HASH_SEED = 0
"""Any will do: equal hashes are compared exactly afterwards."""


@dataclass(slots=True)
class Review:
    """Records of one corrected rejects file beside those of its original. Use `run` once all have their verdict."""

    name: str
    model: Model
    parts: Parts
    originals: Originals
    numbered: bool
    """Whether the file has `reject_record`; those of earlier versions do not."""
    lines: bool
    """Whether its records are lines of bills, which come back whole."""
    holds: tuple[Hold, ...] = ()
    notes: tuple[str, ...] = ()
    _changed: ShownChanges = field(default_factory=ShownChanges)
    _perhaps_made: ShownChanges = field(default_factory=ShownChanges)
    _out_of_proportion: list[pl.DataFrame] = field(default_factory=list)
    _out_of_proportion_count: int = 0
    _unmeasured: int = 0
    _written_off: int = 0
    _repeated: int = 0
    _seen: pl.Series = field(default_factory=partial(pl.Series, dtype=pl.Int64))
    """Numbers of the original's records that accepted ones of this file stand for, sorted."""

    def run(self) -> cross_record_rules.RecordFindings:
        """What is found against records, in addition to what was found before; `holds` and `notes` are set then.

        Raises:
            FileRefused: records of a rejects file without numbers belong to none of the original for certain.
        """
        if not self.numbered:
            self._number()
        loaded = self._loaded_elsewhere()
        found = [cross_record_rules.no_findings()]
        for part in range(len(self.parts.bounds())):
            found += self._part(part, loaded)
        if self.lines:
            found.append(self._incomplete())
        self.holds = tuple(self._holds())
        self.notes = tuple(self._notes())
        return pl.concat(found)

    def _incomplete(self) -> cross_record_rules.RecordFindings:
        """Lines whose bill had others in the original that were rejected with them: half a bill is a wrong bill."""
        given = considered(*self.parts.paths()).select("record", "line", "reject_record").collect()
        lacking = self.originals.incomplete(given["reject_record"])
        return given.filter(pl.col("reject_record").is_in(lacking.implode())).select(
            "record", "line", code=pl.lit("line_items.incomplete"), duplicate_of=pl.lit(None, pl.Int64)
        )

    @property
    def _kind(self) -> Kind:
        """Kind of the record that a row stands for: a bill, or the owner of a balance."""
        return LEAF_OF[self.model]

    def _number(self) -> None:
        """Find by its reference which record of the original each one stands for, and write that as its
        `reject_record`.

        Raises FileRefused where a record that is not rejected has no such original, or several.
        """
        lost = 0
        for part, path in enumerate(self.parts.paths()):
            values = scan_parts(path).drop("reject_record").collect()
            references = values[f"{self._kind}_reference"]
            numbers = self.originals.numbered(self._kind, references)
            values = values.join(
                numbers,
                left_on=f"{self._kind}_reference",
                right_on="reference",
                how="left",
                maintain_order="left",
            )
            self.parts.write_values(part, values)
            accepted = values.join(self.parts.findings(part), on="record", how="anti")
            lost += accepted["reject_record"].null_count()
        if lost:
            raise FileRefused(
                name=self.name,
                rule="file.rejects_unnumbered",
                problem=f"it has no column reject_record, and the references of {lost} records do not identify them",
                remedy=f"write the rejects again (billferry report {self.originals.source}) and correct those",
            )

    def _loaded_elsewhere(self) -> pl.DataFrame:
        """References of this file that the original or another correction loaded (columns: LOADED).

        The original may have loaded millions. Where this file corrects a few of it, the ledger is asked about those;
        else their hashes choose them.
        """
        reference = pl.col(f"{self._kind}_reference").drop_nulls()
        paths, found = self.parts.paths(), [pl.DataFrame(schema=correction_limits.LOADED)]
        if all(last <= FEW_RECORDS for _, last in self.parts.bounds()):
            few = [scan_parts(path).select(reference).collect().to_series() for path in paths]
            mine = pl.concat(few).unique().to_list() if few else []
            return pl.concat([*found, *self.originals.loaded(mine)])
        hashes = [scan_parts(path).select(reference.hash(_HASH_SEED)).collect().to_series() for path in paths]
        among = pl.concat(hashes).unique().sort()
        for some in self.originals.loaded(None):
            found.append(some.filter(cross_record_rules.is_among(some["reference"].hash(_HASH_SEED), among)))
        return pl.concat(found)

    def _part(self, part: int, loaded: pl.DataFrame) -> Iterable[cross_record_rules.RecordFindings]:
        """What is wrong with the records of one part as corrections, as `RecordFindings`; `_compare` sees the
        others.
        """
        columns = ("record", "line", "reject_record", *COMPARED)
        rows = (
            considered(self.parts.paths()[part]).select(columns).filter(pl.col("reject_record").is_not_null())
        )
        values = rows.collect()
        both = correction_limits.compared(values, self.originals.rejected(values["reject_record"]))
        leaf = f"{self._kind}_reference"
        elsewhere = (
            both.filter("known", ~pl.col("taken"))
            .join(loaded, left_on=leaf, right_on="reference", how="inner", suffix="_loaded")
            .filter(pl.col("record_loaded") != pl.col("reject_record"))["record"]
            .unique()
        )
        wrong = {
            "record.not_rejected_there": ~pl.col("known") | pl.col("record").is_in(elsewhere.implode()),
            "correction.spreadsheet": correction_limits.mangled(both),
        }
        for code, bad in wrong.items():
            yield both.filter(bad).select(
                "record", "line", code=pl.lit(code), duplicate_of=pl.lit(None, pl.Int64)
            )
        refused = self.parts.findings(part)["record"]
        good = both.filter(~pl.any_horizontal(*wrong.values()) & ~pl.col("record").is_in(refused.implode()))
        self._compare(self._not_corrected_before(good))

    def _not_corrected_before(self, good: pl.DataFrame) -> pl.DataFrame:
        """Without records whose original is corrected already, by another file or further up in this one."""
        free = good.filter(
            ~pl.col("taken"),
            pl.col("reject_record").is_first_distinct(),
            ~cross_record_rules.is_among(good["reject_record"], self._seen),
        )
        self._seen = pl.concat([self._seen, free["reject_record"]]).sort()
        self._repeated += good.height - free.height
        return free

    def _compare(self, good: pl.DataFrame) -> None:
        """Collect what a person must look at before these records are sent: see `_holds`."""
        self._changed.add(
            int(sum(good[f"{name}:changed"].sum() for name in COMPARED)),
            correction_limits.changes(good, amount=AMOUNT[self.model]),
        )
        if self.originals.missed_some:
            leaf = f"{self._kind}_reference"
            renamed = good.filter(correction_limits.perhaps_renamed(leaf))
            self._perhaps_made.add(renamed.height, correction_limits.references(renamed, leaf))
        self._written_off += int(good["written_off"].sum())
        unusual = correction_limits.out_of_proportion(good, self.originals.medians)
        self._out_of_proportion_count += unusual.height
        if len(self._out_of_proportion) < SHOWN_AMOUNTS:
            self._out_of_proportion.append(unusual.head(SHOWN_AMOUNTS))
        known = pl.col("currency").is_in(list(self.originals.medians))
        self._unmeasured += good.filter(correction_limits.unlike() & ~known).height

    def _holds(self) -> Iterable[Hold]:
        """Reasons to hold the file, each once, with all that it is about."""
        if count := self._changed.count:
            what = "1 value that was" if count == 1 else f"{count} values that were"
            yield Hold(
                "correction.changed",
                f"it changes {what} valid in {self.originals.source}",
                self._changed.shown(),
            )
        if self._perhaps_made.count:
            yield perhaps_made(self._perhaps_made, f"of {self.originals.source}")
        if count := self._written_off:
            were = "1 record that was" if count == 1 else f"{count} records that were"
            yield Hold(
                "correction.written_off",
                f"it corrects {were} written off in {self.originals.source}; release it to load them after all",
            )
        if self._out_of_proportion_count:
            shown = pl.concat(self._out_of_proportion).head(SHOWN_AMOUNTS)
            lines = [
                f"line {line}: {plain(currency, amount)}, median {plain(currency, median)}"
                for line, currency, amount, median in shown.iter_rows()
            ]
            many = (
                f"{self._out_of_proportion_count} amounts are"
                if self._out_of_proportion_count > 1
                else "1 amount is"
            )
            yield Hold(
                "correction.out_of_proportion",
                f"{many} more than {FACTOR} times, or less than a twentieth of, what {self.originals.source} or its"
                f" feed loaded ({'; '.join(lines)}{'; …' if self._out_of_proportion_count > len(lines) else ''})",
            )

    def _notes(self) -> Iterable[str]:
        """What is worth a note and holds nothing."""
        if self._unmeasured:
            what = "1 amount" if self._unmeasured == 1 else f"{self._unmeasured} amounts"
            yield f"{what} could not be compared, neither with the original nor with what its feed loaded"
        if self._repeated:
            what = "1 record was" if self._repeated == 1 else f"{self._repeated} records were"
            yield f"{what} corrected before; nothing is sent for {'it' if self._repeated == 1 else 'them'} again"
