"""Check: a landed file becomes a checked file: each record accepted, rejected or a duplicate, all of it counted.

The order: open the file; every record by itself, batch by batch; records compared with each other; a correction
compared with its original; control totals, proportion and limits of the whole file. Memory is bounded: batches pass
into Parquet parts, and rules across records work on one bucket at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from pipeline.check.apply_cross_record_rules import CrossRecordRules, write_findings
from pipeline.check.check_records import RecordChecks
from pipeline.check.compare_with_original import Review
from pipeline.core.file_stages import CheckedFile, Hold, LandedFile, Refusal
from pipeline.core.mapping.file_names import REJECT_COLUMNS
from pipeline.core.mapping.fit_feed import lay_out
from pipeline.core.mapping.layout import Layout
from pipeline.core.outcomes import Outcome
from pipeline.core.rules import catalogue, cross_record_rules
from pipeline.core.rules.control_totals import (
    confirm,
    counted_totals,
    declared_included,
    declared_totals,
    is_trailer,
)
from pipeline.core.rules.correction_limits import Originals
from pipeline.core.rules.left_out import VERDICT
from pipeline.core.rules.plausibility import refuse_out_of_proportion
from pipeline.core.totals import Totals
from pipeline.core.values.amount_spread import Spread, spreads
from pipeline.edge.reader.checked_parts import Parts, considered, findings_of, sent_amounts, with_verdicts
from pipeline.edge.reader.corrected_rejects import with_detected_dialect
from pipeline.edge.reader.open_records import BillFile, Records, open_records
from pipeline.errors import FileRefused
from schemas.results import ControlFacts
from schemas.settings import Limits

MANY_RECORDS = 20
"""From so many records on `max_reject_ratio` is applied; of fewer a single one is a large share."""
SHARE_OF_FEW = 0.5
"""Share of rejected records that refuses a file of fewer than `MANY_RECORDS`."""
_OUTCOMES = {
    "accepted": Outcome.NOT_ATTEMPTED,
    "rejected": Outcome.REJECTED,
    "duplicate": Outcome.DUPLICATE,
    VERDICT: Outcome.SKIPPED,
    "line": Outcome.NOT_ATTEMPTED,
}
"""Verdict of a check → outcome of the record as long as nothing is sent."""


def check(
    landed: LandedFile,
    workspace: Path,
    *,
    limits: Limits,
    originals: Originals | None = None,
    progress: Callable[[int], None] | None = None,
) -> CheckedFile:
    """Apply every rule to a landed file.

    `workspace`: a folder of the caller's own; records go to `workspace/records/`, our plain copy of a file that is no
    plain text to `workspace/plain`. `originals`: for a corrected rejects file, what is known of its original; without
    it nothing is compared. `progress` is called with the bytes of the file read so far.

    A refused file comes back with `refusal`, not as an exception, so that it is reported like any other.

    Raises:
        DiskFull: no room in the workspace.
    """
    landed = with_detected_dialect(landed)
    work = _Check(landed, workspace, Parts(workspace / "records"), limits, originals)
    try:
        work.run(progress)
    except FileRefused as refused:
        work.refusal = Refusal(refused.rule, refused.reason)
    return work.result()


def refused_unopened(landed: LandedFile, workspace: Path, limits: Limits, refusal: Refusal) -> CheckedFile:
    """A file that is refused before it can be opened: one that cannot be decrypted."""
    return _Check(landed, workspace, Parts(workspace / "records"), limits, refusal=refusal).result()


@dataclass(slots=True)
class _Check:
    """One file being checked. Use `run` once, then `result`; that is whole also when `run` raised FileRefused
    midway.
    """

    landed: LandedFile
    workspace: Path
    parts: Parts
    limits: Limits
    originals: Originals | None = None
    file: BillFile | None = None
    notes: list[str] = field(default_factory=list)
    holds: tuple[Hold, ...] = ()
    refusal: Refusal | None = None
    trailer: str | None = None
    hashed: int | None = None
    left_out: dict[str, int] = field(default_factory=dict)
    """Why the feed leaves records out → how many."""
    totals: Totals | None = None
    """Once all records have their verdict; counted at the end else."""
    control: ControlFacts | None = None
    spreads: tuple[Spread, ...] = ()
    own_names: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def run(self, progress: Callable[[int], None] | None) -> None:
        """All rules, in the order in which they can be told apart. Raises FileRefused, and keeps what was found.

        Lines of one bill come after a comparison with the original, since a line that is wrong for any reason rejects
        its bill; everything else across records comes before it.
        """
        self.file = open_records(self.landed, self.limits, self.workspace)
        self.notes += self.file.notes
        layout = self._lay_out(self.file)
        self._refuse_unattributed_rejects(self.file.records.names)
        self.notes += layout.notes
        self.own_names = layout.own_names
        self._records(self.file.records, layout, progress and self._scaled(progress))
        if self.landed.feed.line_items is None:
            self._apply_cross_record_rules(self.file.records, layout)
        if layout.is_correction and self.originals is not None and self.parts.paths():
            self._review(layout, self.originals)
        if self.landed.feed.line_items is not None:  # a line that is wrong for any reason rejects its bill
            self._apply_cross_record_rules(self.file.records, layout)
        if self.landed.rejects_of is None:  # part of a file is in no proportion, and has no totals of its own
            self._confirm_totals()
        self._note_left_out()
        self._refuse_empty()
        if self.landed.rejects_of is None:
            self._refuse_out_of_proportion()
        self._refuse_for_rejects()
        self.spreads = spreads(sent_amounts(*self.parts.paths())) if self.parts.paths() else ()

    def _lay_out(self, file: BillFile) -> Layout:
        """The feed fitted to the header. Raises FileRefused, with the line that looks more like a header, if any."""
        try:
            return lay_out(
                self.landed.feed,
                file.records.names,
                self.landed.name_parts,
                file_name=self.landed.name,
                rejects_of=self.landed.rejects_of,
            )
        except FileRefused as refused:
            hint = file.header_hint() if self.landed.rejects_of is None else None
            if hint is None:
                raise
            problem = refused.facts["problem"]
            raise FileRefused(
                name=self.landed.name, rule=refused.rule, problem=problem, remedy=hint
            ) from refused

    def _records(self, file: Records, layout: Layout, progress: Callable[[int], None] | None) -> None:
        """Every record by itself; see `RecordChecks`."""
        seed = cross_record_rules.seed_of(self.landed.sha256)
        checks = RecordChecks(file, layout, self.parts, self._hash_digits(layout), seed)
        checks.run(self._take_trailer, progress)
        self.hashed = checks.hashed
        self.notes += checks.notes

    def _refuse_unattributed_rejects(self, names: Iterable[str]) -> None:
        """A rejects file that does not say where it came from would be taken for a bill file of its own."""
        ours = {name.strip() for name in names} & set(REJECT_COLUMNS)
        if self.landed.rejects_of is None and len(ours) > 1:
            raise FileRefused(
                name=self.landed.name,
                rule="file.rejects_unknown",
                problem="it is a rejects file, but does not name a file that is known here",
                remedy="save it as plain CSV (not packed, no large XLSX), keep the column reject_source as it was"
                " written, and drop it where the original was loaded",
            )

    def _review(self, layout: Layout, originals: Originals) -> None:
        review = Review(
            self.landed.name,
            layout.feed.model,
            self.parts,
            originals,
            numbered="reject_record" in layout.rejects,
            lines=layout.feed.line_items is not None,
        )
        write_findings(self.parts, review.run(), layout)
        self.holds, self.notes = review.holds, [*self.notes, *review.notes]

    def _take_trailer(self, text: str) -> bool:
        """Whether the last record is the trailer that the feed declares; a corrected rejects file has none."""
        control = self.landed.feed.control
        if control is None or control.marker is None or self.landed.rejects_of is not None:
            return False
        if not is_trailer(text, control.marker, self._delimiter()):
            return False
        self.trailer = text
        return True

    def _delimiter(self) -> str:
        """The feed's, unless the file states its own."""
        return (self.file and self.file.separator) or self.landed.feed.delimiter

    def _hash_digits(self, layout: Layout) -> int | None:
        """Digits of the hash total that the feed declares; a corrected rejects file has none."""
        control = self.landed.feed.control
        if layout.hash_column is None or control is None or control.hash_total is None:
            return None
        return control.hash_total.digits

    def _confirm_totals(self) -> None:
        """Raises FileRefused where declared totals are missing, unreadable, or not what the file holds.

        Counted before any limit on rejects: a cut file is refused as cut, not for the rejects that the cut caused.
        """
        feed, name = self.landed.feed, self.landed.name
        if feed.control is None:
            return
        self.totals = totals = self._totals()
        hashed = self.hashed or 0 if feed.control.hash_total else None
        self.control = ControlFacts(counted=counted_totals(totals, hashed, feed.control))
        as_read = feed.model_copy(update={"delimiter": self._delimiter()})
        declared = declared_totals(as_read, name, trailer=self.trailer, sidecar=self.landed.control)
        self.control = ControlFacts(declared=declared, counted=self.control.counted)
        if declared is None:
            self.notes.append("it declares no control totals, so nothing confirms that it is complete")
        else:
            confirm(declared, self.control.counted, totals, name)

    def _refuse_out_of_proportion(self) -> None:
        """Raises FileRefused where the file is not what `feed.expect` says."""
        expect, paths = self.landed.feed.expect, self.parts.paths()
        if expect is not None:
            refuse_out_of_proportion(
                considered(*paths) if paths else None,
                self._records_considered(),
                expect,
                self.landed.name,
            )

    def _scaled(self, progress: Callable[[int], None]) -> Callable[[int], None]:
        """Bytes of the text that is read as bytes of the landed file, which may be packed or encrypted."""
        if self.file is None:
            return progress
        text_bytes = max(1, (self.file.plain_copy or self.landed.path).stat().st_size)
        return lambda done_bytes: progress(self.landed.size_bytes * done_bytes // text_bytes)

    def _apply_cross_record_rules(self, file: Records, layout: Layout) -> None:
        """Records compared with each other; see `CrossRecordRules`."""
        if not self.parts.paths():
            return
        rules = CrossRecordRules(file, layout, self.parts, cross_record_rules.seed_of(self.landed.sha256))
        rules.run()
        self.notes += rules.notes()
        self.parts.forget_hashes()

    def _note_left_out(self) -> None:
        """Count the records that the feed leaves out, by reason."""
        if not self.parts.paths():
            return
        skipped = findings_of(*self.parts.paths()).filter(verdict=VERDICT)
        reasons = skipped.group_by("message").len().sort("message").collect(engine="streaming")
        self.left_out = dict(reasons.iter_rows())
        for why, count in self.left_out.items():
            self.notes.append(f"{count} record{'' if count == 1 else 's'} {why}")

    def _records_considered(self) -> int:
        """How many records the feed does not leave out."""
        return self.parts.records() - sum(self.left_out.values())

    def _refuse_empty(self) -> None:
        """Raises FileRefused for a header alone, since an export that failed looks just so, and for records of which
        the feed leaves out every one, since a misspelled value looks just so.
        """
        if self.landed.feed.may_be_empty or self._records_considered():
            return
        if not self.left_out:
            raise FileRefused(
                name=self.landed.name,
                rule="file.no_records",
                problem="it has a header and no records",
                remedy="export it again, or ask whoever maintains the config to accept empty files (feed.may_be_empty)",
            )
        raise FileRefused(
            name=self.landed.name,
            rule="file.all_skipped",
            problem=f"all of its records are {' or '.join(self.left_out)}",
            remedy="compare the values in the feed with those in the file, upper and lower case included, or ask"
            " whoever maintains the config to accept such files (feed.may_be_empty)",
        )

    def _refuse_for_rejects(self) -> None:
        """Raises FileRefused where more records are rejected than feed and limits allow."""
        rejects, records = self._unexpected_rejects()
        feed = self.landed.feed
        if rejects and (feed.on_reject or self.limits.on_reject) == "refuse_file":
            raise FileRefused(
                name=self.landed.name,
                rule="file.rejects_not_allowed",
                problem=f"{rejects} of {records} records are rejected, and on_reject is refuse_file",
                remedy="correct them; nothing was sent",
            )
        if self.landed.rejects_of is None:  # a correction holds what is hard to correct
            self._refuse_for_share(rejects, records)

    def _refuse_for_share(self, rejects: int, records: int) -> None:
        """The feed's `max_reject_ratio` and `max_rejects` overrule those of `limits`; a ratio of 1 allows
        everything.
        """
        feed = self.landed.feed
        ratio = self.limits.max_reject_ratio if feed.max_reject_ratio is None else feed.max_reject_ratio
        most = self.limits.max_rejects if feed.max_rejects is None else feed.max_rejects
        if ratio >= 1:
            return
        if records < MANY_RECORDS:
            ratio = SHARE_OF_FEW
        if rejects > ratio * records:
            allowed = f"{ratio:.0%} of them"
        elif most is not None and rejects > most:
            allowed = f"{most}"
        else:
            return
        raise FileRefused(
            name=self.landed.name,
            rule="file.too_many_rejects",
            problem=f"{rejects} of {records} records are rejected; at most {allowed} are allowed",
            remedy="correct the feed or the file; nothing was sent",
        )

    def _unexpected_rejects(self) -> tuple[int, int]:
        """Rejected records that count against the limits, and all records that the feed does not leave out."""
        codes = pl.col("codes").list.set_difference(list(catalogue.expected_by(self.landed.feed)))
        expected = codes.list.len() == 0
        unexpected = (pl.col("verdict") == "rejected") & ~expected
        found = findings_of(*self.parts.paths()).select(unexpected.sum())
        return int(found.collect(engine="streaming").item()), self._records_considered()

    def result(self) -> CheckedFile:
        """The checked file as far as `run` came; of a refused one totals and codes are those found until then."""
        checked = CheckedFile(
            landed=self.landed,
            records=self.parts.folder,
            totals=self.totals or self._totals(),
            refusal=self.refusal,
            spreads=self.spreads,
            holds=self.holds,
            notes=tuple(self.notes),
            code_counts=self._code_counts(),
            control=self.control,
            payments_included_until=declared_included(self.landed.feed.control, self.landed.control),
            own_names=self.own_names,
        )
        if self.file is None:
            return checked
        return replace(
            checked,
            header=self.file.header,
            line_end=self.file.line_end,
            delimiter=self.file.delimiter,
            byte_order_mark=self.file.text.byte_order_mark,
            codec=self.file.text.codec,
            text_format=self.file.text_format,
            plain_copy=self.file.plain_copy,
        )

    def _totals(self) -> Totals:
        """Records and minor units by currency and verdict. An unreadable currency is None here, `?` in reports."""
        totals = Totals()
        currency = pl.when(pl.col("currency_readable")).then(pl.col("currency")).alias("currency")
        for path in self.parts.paths():  # of a whole file at once, what is said of its records may be much
            groups = (
                with_verdicts(path)
                .group_by(currency, "verdict")
                .agg(
                    pl.len().alias("records"),
                    # Int64 sums wrap without a word.
                    pl.col("amount_minor").cast(pl.Int128).sum().alias("amount_minor"),
                    pl.col("amount_minor").null_count().alias("unreadable"),
                )
            )
            for name, verdict, count, amount, unreadable in groups.collect().iter_rows():
                totals.add(
                    name,
                    _OUTCOMES[verdict],
                    records=count,
                    amount_minor=int(amount or 0),
                    unreadable=unreadable,
                )
        return totals

    def _code_counts(self) -> dict[str, int]:
        """Code → records with it, in the order of the catalogue."""
        codes = findings_of(*self.parts.paths()).select(pl.col("codes").explode().drop_nulls())
        found = dict(codes.group_by("codes").len().collect(engine="streaming").iter_rows())
        return {code: found[code] for code in catalogue.RULES if code in found}
