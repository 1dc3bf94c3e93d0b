"""What a feed leaves out on purpose: records by `where`, `where_not` and `nothing_due`, details by `bad_details`.

A record that is left out is `skipped`: it breaks no rule, contradicts nothing and is never sent, and every total counts
it. A damaged one is never left out, since what it states cannot be known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import polars as pl

from pipeline.core.mapping.layout import AMOUNT, Layout, ValueFilter
from pipeline.core.rules.rule import FieldRule

VERDICT = "skipped"
"""Of a record that is left out; its message says why."""
SKIPPED_AS_PAID = "left out by feed.nothing_due"
"""The message of a record with an amount of 0."""
SHOWN_LINES = 5
"""Of records in which a detail is left out; a note of more gives only their number."""


def leaves_out_records(layout: Layout) -> bool:
    """Whether any record of such a file may be left out."""
    return bool(layout.filters) or layout.feed.nothing_due == "skip"


def why_left_out(layout: Layout) -> pl.Expr | None:
    """Why a record is left out (String); null for one that is not. None where the feed leaves out no single record.

    With `line_items`, nothing is due where the sum of a bill is 0: `line_items.evaluate_bills` finds that.
    """
    reasons = [
        pl.when(_is_left_out(each)).then(pl.lit(f"left out by feed.{each.key}: column {each.column}"))
        for each in layout.filters
    ]
    if layout.feed.nothing_due == "skip" and layout.feed.line_items is None:
        amount = pl.col(f"{AMOUNT[layout.feed.model]}:minor")
        reasons.append(pl.when(amount == 0).then(pl.lit(SKIPPED_AS_PAID)))
    return pl.when(pl.col("damage").is_null()).then(pl.coalesce(reasons)) if reasons else None


def _is_left_out(asked: ValueFilter) -> pl.Expr:
    listed = _value(asked).is_in(list(asked.values))
    return listed if asked.key == "where_not" else ~listed


def _value(asked: ValueFilter) -> pl.Expr:
    return pl.col(f"own_{asked.position}").fill_null("")


@dataclass(slots=True)
class LeftOut:
    """What is left out of the records of a file, or what its feed lists and none of them has. Added up batch by batch;
    batches may come in any order.
    """

    values: set[tuple[int, str]] = field(default_factory=set)
    """Values that `where` and `where_not` list, and that a record has; by position of the column."""
    details: dict[str, list[int]] = field(default_factory=dict)
    """What is left out, as the beginning of a note → physical lines of the first records that had it."""
    counts: dict[str, int] = field(default_factory=dict)
    """The same → how many such records."""

    def add(self, other: LeftOut) -> None:
        """Add what is left out of other records."""
        self.values |= other.values
        for what, lines in other.details.items():
            self.details[what] = sorted([*self.details.get(what, ()), *lines])[:SHOWN_LINES]
            self.counts[what] = self.counts.get(what, 0) + other.counts[what]

    def notes(self, layout: Layout) -> Iterator[str]:
        """Sentences about details that are left out, and about listed values that no record has: a misspelled one
        would leave out, or let in, what it should not.
        """
        for what, count in self.counts.items():
            lines = ", ".join(map(str, self.details[what]))
            where = f" (line{'s' if count > 1 else ''} {lines}{', …' if count > SHOWN_LINES else ''})"
            yield f"{what} left out in {count} record{'s' if count > 1 else ''}{where}"
        for asked in layout.filters if layout.rejects_of is None else ():  # a correction has few records
            absent = [value for value in asked.values if (asked.position, value) not in self.values]
            if absent:
                shown = " or ".join(value or "(empty)" for value in absent)
                yield f"feed.{asked.key}: no record has {asked.column} {shown}"


def listed_values(records: pl.DataFrame, layout: Layout) -> set[tuple[int, str]]:
    """Which of the values that `where` and `where_not` list are in these records (`normalise.canonical`)."""
    whole = records.filter(pl.col("damage").is_null()) if layout.filters else records
    return {
        (asked.position, value)
        for asked in layout.filters
        for value in whole.select(_value(asked).unique()).to_series()
        if value in asked.values
    }


def without_bad_details(
    records: pl.DataFrame, rules: Iterable[tuple[FieldRule, pl.Expr]], layout: Layout
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Records without the optional values that break a rule, and by which rule each of them had one.

    The second frame has one Boolean column for each such rule that a record breaks, named as `LeftOut.details`.
    """
    bad = {rule.code: rule.bad_values(layout) for rule, _ in rules if rule.bad_values is not None}
    flags = records.select(
        expression.fill_null(value=False).alias(f"{code} {column}")
        for code, values in bad.items()
        for column, expression in values.items()
    )
    flags = flags.select(name for name in flags.columns if flags[name].any())
    if flags.is_empty():
        return records, flags
    broken_by: dict[str, list[str]] = {}
    values_of: dict[str, list[str]] = {}
    for name in flags.columns:
        code, _, column = name.partition(" ")
        broken_by.setdefault(code, []).append(name)
        values_of.setdefault(column, []).append(name)
    emptied = records.hstack(flags).with_columns(
        pl.when(~pl.any_horizontal(names)).then(pl.col(column)).alias(column)
        for column, names in values_of.items()
    )
    return emptied.select(records.columns), flags.select(
        pl.any_horizontal(names).alias(f"{code}: value") for code, names in broken_by.items()
    )


def left_out_details(flags: pl.DataFrame, lines: pl.Series, sent: pl.Series) -> LeftOut:
    """What is said of flags named as `LeftOut.details`. `lines` of the records; `sent`: those that break no rule."""
    found = LeftOut()
    for what in flags.columns:
        mine = lines.filter(flags[what] & sent)
        if len(mine):
            found.details[what], found.counts[what] = mine.head(SHOWN_LINES).to_list(), len(mine)
    return found
