"""What a rule is: its code, its words, and for a rule over the values of one record what breaks it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from pipeline.core.mapping.layout import Layout

Broken = Callable[[Layout], pl.Expr | None]
"""From a file's layout, a Boolean expression that is true for records that break a rule; null counts as false. None
where no record of such a file can break it, for instance because its model lacks the column."""

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
