"""What a rule is: its code, its words, and for a rule over the values of one record what breaks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

from pipeline.core.mapping.layout import Layout

Broken = Callable[[Layout], pl.Expr | None]
"""From a file's layout, a Boolean expression that is true for records that break a rule; null counts as false. None
where no record of such a file can break it, for instance because its model lacks the column."""

BadValues = Callable[[Layout], Mapping[str, pl.Expr]]
"""From a file's layout, canonical column → a Boolean expression that is true where its value breaks a rule."""

MANGLED_CELL = r"^-?[0-9]\.[0-9]+E[+-][0-9]{2,}$|^#(?:#+|N/A|[A-Z0-9/]+[!?])$"
"""What our own reading of a workbook writes for damaged cells. Elsewhere it says that a spreadsheet was there too."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One code of the catalogue. `core/rules/examples.py` shows each of them broken."""

    code: str
    """`<field>.<problem>`; its field is the canonical column, `record`, `file`, `column` or another family."""
    meaning: str
    """What is wrong, as the end of a record's message: `<field> (column <own name>): <meaning>`."""
    remedy: str
    """What to do about it, for whoever reads the report."""


@dataclass(frozen=True, slots=True)
class FieldRule(Rule):
    """A rule over the values of one record."""

    broken: Broken
    detail: str | None = None
    """Column (String) that adds to the message what is known of one record; null where that is nothing."""
    quick: Broken | None = None
    """What tells as much in the first look at all records, and costs less: true where this rule is broken, and else
    only where another rule of its column is. None: `broken` itself."""
    like: Callable[[Layout], str] | None = None
    """An example of what is expected, for the message (`expected_forms`)."""
    bad_values: BadValues | None = None
    """For a rule over optional details: which values of a record break it, so that `feed.bad_details` may leave those
    out."""


def detail_rule(code: str, meaning: str, remedy: str, bad_values: BadValues) -> FieldRule:
    """A rule over values that no record needs; one such value is enough to break it."""

    def broken(layout: Layout) -> pl.Expr | None:
        found = bad_values(layout)
        return pl.any_horizontal(found.values()) if found else None

    return FieldRule(code, meaning, remedy, broken, bad_values=bad_values)
