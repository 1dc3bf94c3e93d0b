"""What a rule is: its code, its words, and for a rule over the values of one record what breaks it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from pipeline.core.mapping.layout import Layout


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

    broken: Callable[[Layout], pl.Expr | None]
    """Boolean expression, true for records that break the rule; null counts as false. None where no record of a file
    with this layout can break it, for instance because its model lacks the column."""
    detail: str | None = None
    """Column (String) that adds to the message what is known of one record; null where that is nothing."""
