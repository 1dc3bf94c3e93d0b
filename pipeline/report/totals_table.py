"""Totals as a table for spreadsheets: one row for each group, currency and outcome. Adding up a column counts every
record once.

Text from outside is defused (`formulas`); figures are plain, without separators.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import IO, NamedTuple

from pipeline.report.formulas import defused
from schemas.totals import CurrencyTotals, GroupTotals, PaidTotals, Part, TotalsResult

GROUP_COLUMNS = {"day": ("day",), "feed": ("feed",), "file": ("file", "sha256", "state"), "currency": ()}
"""Columns before the others, by how the totals are grouped."""
COLUMNS = ("currency", "outcome", "records", "amount", "amount_minor", "amount_unknown")
"""`amount` in major units and `amount_minor`, empty where they are unknown; `amount_unknown`: records that are in
neither."""


PAYMENT_COLUMNS = ("billed", "billed_minor", "paid", "paid_minor", "not_paid", "not_paid_minor")
"""After the others where payments are configured: of bills, in the first row of a group and currency alone, so that
they may be added up, too."""


class TotalsRow(NamedTuple):
    """One row: what it is of, then `COLUMNS`, then `PAYMENT_COLUMNS`."""

    group: tuple[str, ...]
    currency: str
    outcome: str
    part: Part
    payments: PaidTotals | None

    def payment_figures(self) -> tuple[tuple[str | None, int], ...]:
        """Major and minor units of `PAYMENT_COLUMNS`; empty where nothing is known."""
        each = self.payments
        if each is None:
            return ()
        return (each.billed, each.billed_minor), (each.paid, each.paid_minor), (each.open, each.open_minor)


def has_payments(totals: TotalsResult) -> bool:
    """Whether there are figures for `PAYMENT_COLUMNS`."""
    return any(each.payments is not None for each in totals.currencies)


def table_columns(totals: TotalsResult) -> tuple[str, ...]:
    """The names of the columns."""
    more = PAYMENT_COLUMNS if has_payments(totals) else ()
    return (*(GROUP_COLUMNS[totals.by] if totals.by else ()), *COLUMNS, *more)


def rows_of_totals(totals: TotalsResult) -> Iterator[TotalsRow]:
    """Every row, in the order of the groups."""
    if totals.by is None or totals.by == "currency":
        yield from _rows((), totals.currencies)
    for group in totals.groups if totals.by != "currency" else ():
        yield from _rows(_group(group), group.currencies)


def write_totals_csv(totals: TotalsResult, file: IO[str]) -> None:
    """CSV after RFC 4180, but with LF as line end."""
    writer = csv.writer(file, lineterminator="\n")
    names = table_columns(totals)
    writer.writerow(names)
    for row in rows_of_totals(totals):
        part = row.part
        minor = part.amount_minor if is_known(part) else None
        figures = (part.records, part.amount, minor, part.amount_unreadable)
        paid = [figure for pair in row.payment_figures() for figure in pair]
        cells = [*row.group, row.currency, row.outcome, *figures, *paid]
        writer.writerow([*cells, *[None] * (len(names) - len(cells))])


def is_known(part: Part) -> bool:
    """Whether any of its amounts is; else it is not even 0."""
    return part.records != part.amount_unreadable


def _group(group: GroupTotals) -> tuple[str, ...]:
    of_file = (group.sha256 or "", group.state or "") if group.sha256 else ()
    return (defused(group.name), *of_file)


def _rows(group: tuple[str, ...], currencies: list[CurrencyTotals]) -> Iterator[TotalsRow]:
    for each in currencies:
        payments = each.payments
        for outcome, part in each.outcomes.items():
            yield TotalsRow(group, defused(each.currency or ""), outcome, part, payments)
            payments = None
