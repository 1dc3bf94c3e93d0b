"""What became of every record, streamed from the checked records joined with the ledger's outcomes.

Records are taken in windows, so that ten million of them need the memory of one window.
"""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import polars as pl

from pipeline.core.file_stages import CheckedFile
from pipeline.core.outcomes import REJECTS, Outcome
from pipeline.core.prefetch import prefetched
from pipeline.core.rules.catalogue import expected_by
from pipeline.core.rules.left_out import VERDICT
from pipeline.core.totals import UNREADABLE_CURRENCY, Totals, imbalances
from pipeline.edge.reader.checked_parts import (
    findings_of,
    parts_of,
    scan_parts,
    with_reject_numbers,
    with_verdicts,
)
from pipeline.errors import UnbalancedReport
from pipeline.report.formulas import defused_columns

Outcomes = Callable[[pl.Series], pl.DataFrame]
"""Records (Int64, ascending, each once) → what the ledger knows of those that were to be sent, sorted by record.

Columns: `record` (Int64), `outcome` (String), `codes` (String, joined by `;`, or empty), `message` (String or
null), `customer_id`, `account_id`, `bill_id` (String or null), `attempts` (Int64). A record without a row was
not attempted.
"""

IDS = ("customer_id", "account_id", "bill_id")
OUTCOME_SCHEMA = pl.Schema(
    {"record": pl.Int64, "outcome": pl.String, "codes": pl.String, "message": pl.String}
    | dict.fromkeys(IDS, pl.String)
    | {"attempts": pl.Int64}
)
# Merchants' programs read results.csv by these names.
RESULT_COLUMNS = (
    "line",
    "record",
    "outcome",
    "customer_reference",
    "account_reference",
    "bill_reference",
    "currency",
    "amount_minor",
    *IDS,
    "codes",
    "message",
    "attempts",
)
CHECKED_COLUMNS = (
    "record",
    "line",
    "byte_start",
    "byte_end",
    "customer_reference",
    "account_reference",
    "bill_reference",
    "currency",
    "currency_readable",
    "amount_minor",
    "bill_date",
    "due_date",
    "verdict",
    "codes",
    "message",
    "duplicate_of",
    "reject_record",
)
WINDOW_RECORDS = 32_768
"""Joined and written at a time; the ledger is asked once for each window."""
SHOWN_REJECTS = 20
"""How many rejected records are kept to be shown to people; all of them stand in rejects.csv."""

_LOST = "records are missing, doubled or out of order"


def nothing_sent(_records: pl.Series) -> pl.DataFrame:
    """The outcomes of a dry run, or of a refused file: none."""
    return OUTCOME_SCHEMA.to_frame()


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """One record that did not make it, for people."""

    line: int
    codes: str
    message: str


@dataclass(slots=True)
class Tally:
    """What the rows of a report add up to, counted twice: as input before any outcome is known, and as outcomes.

    Amounts are Python integers in minor units, because a 64-bit sum wraps silently.
    """

    totals: Totals = field(default_factory=Totals)
    counted: dict[str, tuple[int, int]] = field(default_factory=lambda: defaultdict(lambda: (0, 0)))
    """Records and minor units by currency, taken from the checked records before any outcome is known."""
    counted_unreadable: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    unexpected_rejects: int = 0
    """Rejects with a code that the feed does not expect; they alone make a run exit with 1."""
    first_rejects: list[RejectedRow] = field(default_factory=list)
    first_conflicts: list[RejectedRow] = field(default_factory=list)

    def count_input(self, window: pl.LazyFrame) -> None:
        """Count what the file holds. Columns: `currency_counted` (String), `amount_minor` (Int64 or null)."""
        for currency, records, amount_minor, unreadable in _sums(window, "currency_counted").iter_rows():
            before = self.counted[currency]
            self.counted[currency] = (before[0] + records, before[1] + amount_minor)
            self.counted_unreadable += unreadable

    def count_rows(self, rows: pl.DataFrame, expected_codes: Iterable[str]) -> None:
        """Count what became of it, and keep the first rejects to be shown.

        Args:
            rows: one window as `write_results` hands it out.
            expected_codes: the feed's `expected_codes`; a reject with nothing but these keeps the exit status.
        """
        for currency, outcome, *sums in _sums(rows.lazy(), "currency_counted", "outcome").iter_rows():
            records, amount_minor, unreadable = sums
            self.totals.add(
                currency,
                Outcome(outcome),
                records=records,
                amount_minor=amount_minor,
                unreadable=unreadable,
            )
        codes = rows.select(code=pl.col("codes").drop_nulls().str.split(";").explode())
        self.codes.update(dict(codes.group_by("code").len().iter_rows()))
        rejects = rejected_rows(rows)
        self.unexpected_rejects += rejects.filter(~_all_expected(expected_codes)).height
        _keep_first(self.first_rejects, rejects)
        _keep_first(self.first_conflicts, rejects.filter(outcome=Outcome.CONFLICT.value))


def _keep_first(kept: list[RejectedRow], rows: pl.DataFrame) -> None:
    """Add the first rows to those that are kept for people, SHOWN_REJECTS at most."""
    some = rows.select("line", "codes", "message").head(SHOWN_REJECTS - len(kept))
    kept += [RejectedRow(line, codes or "", message or "") for line, codes, message in some.iter_rows()]


TEXT_FROM_OUTSIDE = ("customer_reference", "account_reference", "bill_reference", "currency", *IDS, "message")
"""What people open in a spreadsheet, and others have written."""


def write_results(
    checked: CheckedFile, outcomes: Outcomes, file: IO[bytes], *readers: Callable[[pl.DataFrame], None]
) -> Tally:
    """Write results.csv, hand the rows of each window to `readers`, and return what it all adds up to.

    Args:
        outcomes: called once a window, with the records of the window and of what its duplicates point at.
        file: gets CSV after RFC 4180, but with LF as line end, in UTF-8, with the columns `RESULT_COLUMNS`: `line` and
            `record` (1-based), `amount_minor` (minor units of `currency`), `codes` joined by `;`, `attempts` at the
            API. Text from outside is defused here (`formulas`), and only here: readers get it as it is.
        readers: called with each window in file order. Its rows have the columns of results.csv (`line`, `record`,
            `amount_minor`, `attempts` Int64, the others String), `byte_start`, `byte_end`, `reject_record` (Int64; the
            record of the first original that it stands for), `currency_counted`, `bill_date` and `due_date` (String).

    Raises:
        UnbalancedReport: a record is lost, doubled or out of order, or the sums do not agree.
    """
    tally, expected = Tally(), expected_by(checked.landed.feed)
    file.write(_as_csv(pl.DataFrame(schema=RESULT_COLUMNS), include_header=True))
    for rows, text in prefetched(_with_text, _rows(checked, outcomes, tally)):
        file.write(text)
        tally.count_rows(rows, expected)
        for reader in readers:
            reader(rows)
    assert_balanced(checked, tally)
    return tally


def tally_of_check(checked: CheckedFile) -> Tally:
    """What the rows of a report would add up to where nothing is sent, without making them; rejects are not shown.

    Raises:
        UnbalancedReport: what the check counted by outcome is not what the records hold.
    """
    tally = Tally(totals=checked.totals, codes=Counter(checked.code_counts))
    if parts := parts_of(checked.records):
        tally.count_input(scan_parts(*parts).with_columns(_currency_counted()))
        rejected = findings_of(*parts).filter(verdict="rejected").select(codes=pl.col("codes").list.join(";"))
        unexpected = ~_all_expected(expected_by(checked.landed.feed))
        tally.unexpected_rejects = rejected.filter(unexpected).select(pl.len()).collect().item()
    assert_balanced(checked, tally)
    return tally


def _rows(checked: CheckedFile, outcomes: Outcomes, tally: Tally) -> Iterator[pl.DataFrame]:
    """Windows of records with their outcomes, each record checked to be there once and in its place."""
    written = 0
    for window in _windows(checked.records):
        tally.count_input(window.lazy())
        rows = _with_outcomes(window, outcomes)
        _assert_every_record_once(checked, rows, window, after=written)
        written += rows.height
        yield rows


def _with_text(rows: pl.DataFrame) -> tuple[pl.DataFrame, memoryview]:
    shown = defused_columns(rows.select(RESULT_COLUMNS), TEXT_FROM_OUTSIDE)
    return rows, _as_csv(shown, include_header=False)


def rejected_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """Those rows that belong into rejects.csv: rejected by a rule, refused by the API or in conflict with what it
    holds."""
    return rows.filter(pl.col("outcome").is_in([outcome.value for outcome in REJECTS]))


def assert_balanced(checked: CheckedFile, tally: Tally) -> None:
    """Law 1: what the check counted, what the records hold, and what the outcomes add up to, are the same.

    Raises:
        UnbalancedReport: they differ. Its message names currencies and sums, never a record.
    """
    by_check = {
        currency: (sum(by_outcome.values()), sum(checked.totals.amounts_minor.get(currency, {}).values()))
        for currency, by_outcome in checked.totals.records.items()
    }
    problems = [*imbalances(by_check, tally.totals), *imbalances(tally.counted, tally.totals)]
    if not checked.totals.amount_unreadable == tally.counted_unreadable == tally.totals.amount_unreadable:
        problems.append(
            f"unreadable amounts: {checked.totals.amount_unreadable} in the file, "
            f"{tally.totals.amount_unreadable} in the outcomes"
        )
    if problems:
        raise UnbalancedReport(name=checked.landed.name, problem="; ".join(dict.fromkeys(problems)))


def _as_csv(rows: pl.DataFrame, *, include_header: bool) -> memoryview:
    """In memory: an error of polars' own file writing does not say that the disk is full."""
    text = io.BytesIO()
    rows.write_csv(text, include_header=include_header)
    return text.getbuffer()


def _windows(records: Path) -> Iterator[pl.DataFrame]:
    return prefetched(_window, _places(records))


def _places(records: Path) -> Iterator[tuple[Path, int]]:
    """Part and offset of each window. A window never reaches over two parts, so that reading one opens one file."""
    for part in parts_of(records):
        height = scan_parts(part).select(pl.len()).collect().item()
        yield from ((part, offset) for offset in range(0, height, WINDOW_RECORDS))


def _window(place: tuple[Path, int]) -> pl.DataFrame:
    part, offset = place
    rows = with_reject_numbers(with_verdicts(part)).select(CHECKED_COLUMNS).slice(offset, WINDOW_RECORDS)
    return rows.with_columns(_currency_counted()).collect()


def _currency_counted() -> pl.Expr:
    """The name a record's currency is counted under."""
    readable = pl.col("currency_readable") & pl.col("currency").is_not_null()
    return pl.when(readable).then("currency").otherwise(pl.lit(UNREADABLE_CURRENCY)).alias("currency_counted")


def _with_outcomes(window: pl.DataFrame, outcomes: Outcomes) -> pl.DataFrame:
    """One row per record: the ledger's outcome where it has one, else what the check decided.

    Args:
        window: `CHECKED_COLUMNS` and `currency_counted`.
        outcomes: see `Outcomes`.

    Returns:
        The window with `outcome`, `codes`, `message`, `attempts` and the API's ids; helper columns stay in it. A
        duplicate shows the ids of the record that was sent in its place, a line of a bill all that became of the
        bill.
    """
    if window.is_empty():
        return window
    # Also of the records that duplicates point at: they may lie anywhere in the file, outside this window.
    asked = pl.concat([window["record"], window["duplicate_of"].drop_nulls()]).unique().sort()
    known = outcomes(asked).cast(OUTCOME_SCHEMA)
    by_api = known.rename({name: f"api_{name}" for name in known.columns if name != "record"})
    originals = known.rename({name: f"original_{name}" for name in known.columns}).rename(
        {"original_record": "duplicate_of"}
    )
    rows = window.join(by_api, on="record", how="left", maintain_order="left")
    rows = rows.join(originals, on="duplicate_of", how="left", maintain_order="left")
    is_line = pl.col("verdict") == "line"
    rows = rows.with_columns(
        pl.when(is_line).then(f"original_{name}").otherwise(f"api_{name}").alias(f"api_{name}")
        for name in ("outcome", "codes", "message", "attempts")
    )
    sent = pl.col("api_outcome").is_not_null()
    own_codes = pl.col("codes").list.join(";")
    return rows.with_columns(
        outcome=pl.coalesce("api_outcome", _outcome_of_verdict()),
        codes=_null_if_empty(pl.when(sent).then("api_codes").otherwise(own_codes)),
        message=_null_if_empty(pl.when(sent).then("api_message").otherwise("message")),
        attempts=pl.col("api_attempts").fill_null(0),
        **{name: pl.coalesce(f"api_{name}", f"original_{name}") for name in IDS},
    )


def _outcome_of_verdict() -> pl.Expr:
    """For records that the ledger knows nothing of. A `line` gets here only where its bill was not sent."""
    verdicts = {
        "rejected": Outcome.REJECTED,
        "duplicate": Outcome.DUPLICATE,
        VERDICT: Outcome.SKIPPED,
        "accepted": Outcome.NOT_ATTEMPTED,
        "line": Outcome.NOT_ATTEMPTED,
    }
    return pl.col("verdict").replace_strict(
        {verdict: outcome.value for verdict, outcome in verdicts.items()}, return_dtype=pl.String
    )


def _assert_every_record_once(
    checked: CheckedFile, rows: pl.DataFrame, window: pl.DataFrame, *, after: int
) -> None:
    """Raise UnbalancedReport unless the rows are the records `after + 1`, `after + 2`, … without a gap."""
    expected = pl.int_range(after + 1, after + window.height + 1, dtype=pl.Int64, eager=True)
    if rows.height != window.height or not rows["record"].equals(expected, check_names=False):
        raise UnbalancedReport(name=checked.landed.name, problem=f"{_LOST} after record {after}")


def _sums(frame: pl.LazyFrame, *keys: str) -> pl.DataFrame:
    """Per group: the keys, records, minor units, and records whose amount is unreadable."""
    amount = pl.col("amount_minor")
    sums = frame.group_by(keys).agg(
        pl.len().alias("records"),
        amount.cast(pl.Int128).sum().alias("sum_minor"),  # a 64-bit sum wraps silently
        amount.is_null().sum().alias("unreadable"),
    )
    return sums.sort(keys).collect(engine="streaming")


def _all_expected(expected_codes: Iterable[str]) -> pl.Expr:
    """Boolean: whether all codes of a rejected row are expected ones. A row without any code is never expected."""
    codes = pl.col("codes").str.split(";")
    return (codes.list.eval(pl.element().is_in(list(expected_codes))).list.all()).fill_null(value=False)


def _null_if_empty(text: pl.Expr) -> pl.Expr:
    return pl.when(text != "").then(text)
