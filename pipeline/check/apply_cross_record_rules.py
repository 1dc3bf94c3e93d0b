"""Rules across the records of a file that is checked: contradictions, duplicates, and the lines of one bill.

What is looked at closely is few: records whose reference is there more than once. They are read a second time, with all
their columns, and stand beside the others while they are compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

from pipeline.core.mapping.layout import Layout
from pipeline.core.rules import cross_record_rules, line_items
from pipeline.core.rules.catalogue import rule_message
from pipeline.core.rules.cross_record_rules import RecordFindings, is_among
from pipeline.core.rules.left_out import VERDICT, leaves_out_records
from pipeline.core.rules.uniqueness import PRINT, UNIQUENESS, Uniqueness, collisions
from pipeline.edge.reader.checked_parts import Parts, accepted, considered, findings_of, scan_parts
from pipeline.edge.reader.hash_buckets import in_buckets, windows
from pipeline.edge.reader.open_records import Records

_PLACE = ("record", "line", "byte_start", "byte_end")
"""Where a record is, as far as it is needed to read it again."""


@dataclass(slots=True)
class CrossRecordRules:
    """The rules across the records of one file, every record of which has been checked by itself. Use `run` once.

    `seed`: of hashes, from `cross_record_rules.seed_of`.
    """

    file: Records
    layout: Layout
    parts: Parts
    seed: int

    def run(self) -> None:
        """Write what is found across records beside what was found of each of them by itself.

        First the rules in which records may agree (an account under one customer, a currency, a collision), over all
        records at once. Then those of references that should be there once: their records are read again, with all
        columns.
        """
        model, paths = self.layout.feed.model, self.parts.paths()
        found = [cross_record_rules.no_findings()]
        rules = (
            *UNIQUENESS[model],
            *collisions(self.layout.derived_references()),
        )
        for rule in (rule for rule in rules if not rule.repeats):
            candidates = cross_record_rules.candidate_hashes(self._hashes(), rule)
            found += cross_record_rules.contradictions(self._seen(*paths), rule, candidates, seed=self.seed)
        contradicting = pl.concat(found)
        write_findings(self.parts, contradicting, self.layout)
        for rule in (rule for rule in rules if rule.repeats):
            candidates = cross_record_rules.candidate_hashes(self._hashes(), rule)
            count = self._write_repeated(rule, candidates)
            if self.layout.feed.line_items is not None:
                self._bill_lines(candidates, count)
            elif count:
                self._contradictions_and_duplicates(rule, candidates, contradicting["record"])
            self.parts.forget_repeated()

    def _seen(self, *paths: Path) -> pl.LazyFrame:
        """Values of the records that are compared: those that the feed leaves out contradict nothing."""
        return considered(*paths) if leaves_out_records(self.layout) else scan_parts(*paths)

    def _hashes(self, *, only_accepted: bool = False) -> pl.LazyFrame:
        """What the records are compared by, with `record`; without those that `_seen` is without, or all that have a
        finding.

        Made anew for each rule: findings are written between them, and a frame that was made before reads the file
        that was there.
        """
        return pl.concat(
            self._hashes_of(number, only_accepted=only_accepted) for number in range(len(self.parts.bounds()))
        )

    def _hashes_of(self, number: int, *, only_accepted: bool = False) -> pl.LazyFrame:
        hashes = self.parts.hashes(number)
        if not only_accepted and not leaves_out_records(self.layout):
            return hashes
        found = findings_of(self.parts.paths()[number])
        found = found if only_accepted else found.filter(verdict=VERDICT)
        without = found.select("record").collect().to_series()
        return hashes.filter(~pl.col("record").is_in(without.implode())) if len(without) else hashes

    def _write_repeated(self, rule: Uniqueness, candidates: pl.Series) -> int:
        """Put the records whose key has one of the hashes, with a print of all their columns, beside the others; how
        many.

        A second reading of the file, but only of the few chosen records: keeping a print of every record would cost
        eight bytes each and a hash over all columns, mapped or not.
        """
        if candidates.is_empty():
            return 0
        count = 0
        own = tuple(sorted(set(range(self.layout.width)) - set(self.layout.rejects.values())))
        for number, path in enumerate(self.parts.paths()):
            hashes = self._hashes_of(number).select("record", rule.key).collect()
            chosen = hashes["record"].filter(is_among(hashes[rule.key], candidates))
            if chosen.is_empty():
                continue
            values = scan_parts(path)
            if self.layout.feed.line_items is None:
                values = values.select(*_PLACE, rule.key)
            mine = values.collect()[chosen - self.parts.bounds()[number][0]]
            texts = self.file.records_at(mine.select(_PLACE))
            fields = self.file.fields(texts, own).select("record", _print(own, self.seed))
            self.parts.write_repeated(number, mine.join(fields, on="record", maintain_order="left"))
            count += mine.height
        return count

    def _contradictions_and_duplicates(
        self, rule: Uniqueness, candidates: pl.Series, already: pl.Series
    ) -> None:
        """Write which records with one reference are duplicates, and which contradict each other.

        `candidates`: hashes of references that appear more than once. `already`: numbers of records that contradict
        another one by an earlier rule, whose findings are written.
        """
        repeated = scan_parts(*self.parts.repeated()).filter(~pl.col("record").is_in(already.implode()))
        found = [
            cross_record_rules.no_findings(),
            *cross_record_rules.contradictions(repeated, rule, candidates, seed=self.seed),
        ]
        contradicting = pl.concat(found)["record"].unique()
        good = repeated.join(findings_of(*self.parts.paths()).select("record"), on="record", how="anti")
        found += cross_record_rules.duplicates(good, rule, candidates, contradicting, seed=self.seed)
        write_findings(self.parts, pl.concat(found), self.layout)

    def _bill_lines(self, candidates: pl.Series, count: int) -> None:
        """Add up the lines of each bill, or reject all of them, or leave them out.

        `candidates`: hashes of bill references that appear more than once, `count` records in all; bills of one line
        are compared with the API's range here as well.
        """
        paths, feed = self.parts.paths(), self.layout.feed
        singles, following = line_items.evaluate_singles(self._seen(*paths), candidates, feed, seed=self.seed)
        found = [singles]
        if count:
            rejected = findings_of(*paths).filter(verdict="rejected").select("record").collect()["record"]
            repeated = (
                scan_parts(*window).select(line_items.LINE) for window in windows(self.parts.repeated())
            )
            buckets = in_buckets(
                repeated,
                line_items.KEY,
                -(-count // line_items.LINES_AT_ONCE),
                self.parts.folder / "by_bill",
                seed=self.seed,
            )
            for wrong, lines in line_items.evaluate_bills(buckets, rejected, feed):
                found.append(wrong)
                following.extend(lines)
        write_findings(self.parts, pl.concat(found), self.layout, following)

    def notes(self) -> list[str]:
        """Sentences about accepted records: how many differ in what, never which."""
        paths, feed, derived = self.parts.paths(), self.layout.feed, self.layout.derived_references()
        hashes = self._hashes(only_accepted=True)
        notes = [*cross_record_rules.detail_notes(accepted(*paths), hashes, feed.model, seed=self.seed)]
        notes += cross_record_rules.replaced_notes(
            self._seen(*paths), derived if feed.reference_replace else ()
        )
        if feed.due_before_bill_date == "note":
            notes += cross_record_rules.early_due_notes(accepted(*paths))
        return notes


def write_findings(
    parts: Parts, found: RecordFindings, layout: Layout, lines: pl.DataFrame | None = None
) -> None:
    """Add what was found across records to the findings of each part.

    `found`: `RecordFindings` of the whole file. `lines`: records that follow the first line of their bill
    (`line_items.LINES`). Parts without either are not written again.
    """
    for number, (first, last) in enumerate(parts.bounds()):
        here = pl.col("record").is_between(first, last)
        mine = found.filter(here)
        following = lines.filter(here) if lines is not None else pl.DataFrame()
        if mine.is_empty() and following.is_empty():
            continue
        findings = parts.findings(number)
        if not mine.is_empty():
            findings = cross_record_rules.merge_findings(
                findings, mine, partial(rule_message, own_names=layout.own_names)
            )
        if not following.is_empty():
            places = (
                scan_parts(parts.paths()[number]).select(pl.col("record").cast(pl.UInt32), "line").collect()
            )
            findings = cross_record_rules.add_bill_lines(
                findings, following.join(places, on="record", maintain_order="left")
            )
        parts.write_findings(number, findings)


def _print(positions: tuple[int, ...], seed: int) -> pl.Expr:
    """A hash (UInt64) of all columns of a record, blanks around their texts apart; empty is absent."""
    stripped = [pl.col(f"field_{position}").str.strip_chars() for position in positions]
    filled = [pl.when(text != "").then(text).alias(str(number)) for number, text in enumerate(stripped)]
    return pl.struct(filled).hash(seed).alias(PRINT)
