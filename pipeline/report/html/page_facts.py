"""What a page says beyond the summary, gathered window by window: rejects by rule, sums by due date, records to show.

Memory is bounded whatever a file holds: so many codes, so many examples, so many records of each outcome, and due
dates by day only where there are few of them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import polars as pl

from pipeline.core.file_stages import CheckedFile
from pipeline.core.outcomes import OPEN, Outcome
from pipeline.edge.reader.checked_parts import parts_of, scan_parts

NEEDS_A_PERSON = (Outcome.IN_DOUBT, Outcome.CONFLICT, Outcome.REFUSED, Outcome.REJECTED)
SHOWN_RECORDS = 400
"""Of each outcome; a page with more of them opens slowly, and nobody reads them there."""
EXAMPLE_LINES = 5
EXAMPLE_MESSAGES = 3
MAX_CODES = 200
"""The API names the kinds of its refusals, so their number is unknown."""
MAX_TEXT = 300
MANY_DAYS = 31
MANY_MONTHS = 36
"""Up to so many different days (months) a page tells due dates by day (month); a longer table is not read."""
EARLIER, LATER = "earlier", "later"
"""Where years go that are surely mistakes, so that no file has more than a hundred of them."""
UNREADABLE = "unreadable"
"""The period of due dates that are there and cannot be read."""
_NOT_READ = r"(?:^|;)(?:due_date\.(?:format|impossible|ambiguous)|record\.)"
"""Codes of records whose due date cannot be read, those of damaged lines among them."""

Unit = Literal["day", "month", "year"]
Group = Literal["loaded", "duplicate", "skipped", "open", "rejects"]
_LENGTH = {"day": 10, "month": 7, "year": 4}
"""Characters of YYYY-MM-DD that name a period."""
_GROUPS: dict[Outcome, Group] = {
    Outcome.CREATED: "loaded",
    Outcome.UPDATED: "loaded",
    Outcome.UNCHANGED: "loaded",
    Outcome.DUPLICATE: "duplicate",
    Outcome.SKIPPED: "skipped",
    **dict.fromkeys(sorted(OPEN), "open"),
    Outcome.REJECTED: "rejects",
    Outcome.CONFLICT: "rejects",
    Outcome.REFUSED: "rejects",
}


class ShownRecord(NamedTuple):
    """One record that needs a person, as results.csv tells it."""

    line: int
    outcome: str
    customer_reference: str | None
    account_reference: str | None
    bill_reference: str | None
    currency_counted: str
    amount_minor: int | None
    codes: str | None
    message: str | None


@dataclass(slots=True)
class Reason:
    """A code that records of one outcome carry: how many do, the physical lines of the first, their differing
    messages."""

    records: int = 0
    lines: list[int] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Sum:
    """Records and minor units."""

    records: int = 0
    amount_minor: int = 0

    def add(self, records: int, amount_minor: int) -> None:
        self.records += records
        self.amount_minor += amount_minor


@dataclass(slots=True)
class PageFacts:
    """A reader of the rows of `write_results`: call `read` with each window in file order, then use the fields."""

    unit: Unit | None
    """How finely due dates are shown; None where no record has one."""
    reasons: dict[tuple[str, str], Reason] = field(default_factory=dict)
    """By outcome and code; `""` for records without a code."""
    codes_left_out: bool = False
    due: dict[str, dict[str | None, dict[Group, Sum]]] = field(default_factory=dict)
    """By currency, due date (None: there is none) and group of outcomes."""
    records: list[ShownRecord] = field(default_factory=list)
    _room: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys((outcome.value for outcome in NEEDS_A_PERSON), SHOWN_RECORDS)
    )

    @classmethod
    def of(cls, checked: CheckedFile) -> PageFacts:
        """Empty facts for a checked file. Its due dates are looked at once, to choose how finely they are shown."""
        return cls(_unit(checked.records))

    def read(self, rows: pl.DataFrame) -> None:
        """Take one window of rows, in the order of the file.

        Columns used: `line`, `record`, `amount_minor` (Int64), `outcome`, `codes`, `message`, `due_date`,
        `currency_counted` and the three references (String).
        """
        if self.unit is not None:
            self._sum_up(rows, self.unit)
        noted = rows.filter(pl.col("outcome").is_in(list(self._room)))
        if not noted.is_empty():
            self._take_reasons(noted)
            self._take_records(noted)

    def _sum_up(self, rows: pl.DataFrame, unit: Unit) -> None:
        group = pl.col("outcome").replace_strict(
            {outcome.value: group for outcome, group in _GROUPS.items()}, return_dtype=pl.String
        )
        is_unread = pl.col("due_date").is_null() & pl.col("codes").str.contains(_NOT_READ)
        period = pl.when(is_unread).then(pl.lit(UNREADABLE)).otherwise(_period(unit)).alias("due_date")
        sums = rows.group_by("currency_counted", period, group.alias("group")).agg(
            pl.len(), pl.col("amount_minor").cast(pl.Int128).sum()
        )
        for currency, period, name, records, amount_minor in sums.iter_rows():
            by_period = self.due.setdefault(currency, {})
            by_period.setdefault(period, defaultdict(Sum))[name].add(records, int(amount_minor or 0))

    def _take_reasons(self, rows: pl.DataFrame) -> None:
        """Count records by outcome and code. A record with two codes counts under both, so reasons do not add up to
        records."""
        code = pl.col("codes").fill_null("").str.split(";")
        each = rows.lazy().select("line", "outcome", _short("message"), code=code).explode("code")
        found = (
            each.group_by("outcome", "code", maintain_order=True)
            .agg(
                pl.len(),
                pl.col("line").head(EXAMPLE_LINES),
                # Of many records: their first messages that differ.
                pl.col("message").drop_nulls().unique(maintain_order=True).head(EXAMPLE_MESSAGES),
            )
            .collect()
        )
        for outcome, name, records, lines, messages in found.iter_rows():
            reason = self._reason(outcome, name)
            if reason is None:
                self.codes_left_out = True
                continue
            reason.records += records
            reason.lines = [*reason.lines, *lines][:EXAMPLE_LINES]
            reason.messages = list(dict.fromkeys([*reason.messages, *messages]))[:EXAMPLE_MESSAGES]

    def _reason(self, outcome: str, code: str) -> Reason | None:
        """The reason to count under, made at its first record; None once the page has `MAX_CODES` of them."""
        if (outcome, code) not in self.reasons and len(self.reasons) >= MAX_CODES:
            return None
        return self.reasons.setdefault((outcome, code), Reason())

    def _take_records(self, rows: pl.DataFrame) -> None:
        kept = [
            rows.filter(pl.col("outcome") == outcome).head(room)
            for outcome, room in self._room.items()
            if room
        ]
        if not kept:
            return
        shown = pl.concat(kept).sort("record").with_columns(_short("message"), *map(_short, _REFERENCES))
        for row in shown.select(ShownRecord._fields).iter_rows():
            record = ShownRecord(*row)
            self._room[record.outcome] -= 1
            self.records.append(record)


_REFERENCES = ("customer_reference", "account_reference", "bill_reference", "currency_counted")


def _short(column: str) -> pl.Expr:
    """The column cut to `MAX_TEXT` characters: messages may come from the API, references from a broken line."""
    text = pl.col(column)
    return pl.when(text.str.len_chars() > MAX_TEXT).then(text.str.head(MAX_TEXT) + "…").otherwise(text)


def _unit(records: Path) -> Unit | None:
    """Days where a file has few of them, else months, else years. A rough count is enough to choose by."""
    parts = parts_of(records)
    if not parts:
        return None
    day = pl.col("due_date").drop_nulls()
    days, months = (
        scan_parts(*parts)
        .select(day.approx_n_unique(), day.str.head(_LENGTH["month"]).approx_n_unique().alias("months"))
        .collect(engine="streaming")
        .row(0)
    )
    if not days:
        return None
    if days <= MANY_DAYS:
        return "day"
    return "month" if months <= MANY_MONTHS else "year"


def _period(unit: Unit) -> pl.Expr:
    """The due date (String, YYYY-MM-DD or null) cut to a day, month or year; null stays null."""
    period = pl.col("due_date").str.head(_LENGTH[unit])
    if unit != "year":
        return period
    return (
        pl.when(period < "2000")
        .then(pl.lit(EARLIER))
        .when(period > "2099")
        .then(pl.lit(LATER))
        .otherwise(period)
    ).alias("due_date")
