"""Totals as an XLSX workbook: the table of `totals_table`, money as numbers with the currency's decimals.

A spreadsheet keeps a number as a double: at most 15 digits of it are exact, and an amount that has more is written as
text. Source: IEEE 754, binary64; ECMA-376, 18.3.1.96.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import IO, TYPE_CHECKING, Any

from pipeline.core.values.amount_text import exponents
from pipeline.errors import ExtraMissing
from pipeline.report.totals_table import TotalsRow, is_known, rows_of_totals, table_columns
from schemas.totals import TotalsResult

if TYPE_CHECKING:  # an extra, imported only when a workbook is asked for
    from xlsxwriter.worksheet import Worksheet

EXACT_DIGITS = 15
"""Every whole number of so many digits, and every fraction of them, comes out of a double as it went in."""
_WIDTHS = {"file": 40, "sha256": 20, "outcome": 16, "amount": 20, "amount_minor": 20}
_LIBRARY = "xlsxwriter"


def require_workbooks() -> None:
    """Raises ExtraMissing where XlsxWriter is not installed."""
    if find_spec(_LIBRARY) is None:
        raise ExtraMissing(name="--xlsx", what="writing a workbook", package="XlsxWriter", extra="xlsx")


def write_totals_workbook(totals: TotalsResult, file: IO[bytes]) -> None:
    """One sheet, its first row the names of the columns. Raises ExtraMissing."""
    require_workbooks()
    from xlsxwriter import Workbook  # noqa: PLC0415

    # Nothing that came in with a text becomes a formula or a link.
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with Workbook(file, options) as book:
        book.set_properties({"title": f"Totals of {totals.merchant}", "created": totals.as_of})
        sheet = book.add_worksheet("Totals")
        names = table_columns(totals)
        sheet.write_row(0, 0, names, book.add_format({"bold": True}))
        sheet.freeze_panes(1, 0)
        for column, name in enumerate(names):
            sheet.set_column(column, column, _WIDTHS.get(name, 12))
        formats: dict[str, Any] = {}
        for at, row in enumerate(rows_of_totals(totals), start=1):
            if row.currency not in formats:
                formats[row.currency] = book.add_format({"num_format": _number_format(row.currency)})
            _write(sheet, at, row, formats[row.currency])


def _write(sheet: Worksheet, at: int, row: TotalsRow, money: Any) -> None:
    texts = (*row.group, row.currency, row.outcome)
    for column, text in enumerate(texts):
        sheet.write_string(at, column, text)
    part, after = row.part, len(texts)
    sheet.write_number(at, after, part.records)
    known = part.amount_minor if is_known(part) else None
    _write_amount(sheet, (at, after + 1), part.amount, known, money)
    sheet.write_number(at, after + 3, part.amount_unreadable)
    for place, (amount, minor) in enumerate(row.payment_figures()):
        _write_amount(sheet, (at, after + 4 + 2 * place), amount, minor, money)


def _write_amount(
    sheet: Worksheet, at: tuple[int, int], amount: str | None, minor: int | None, money: Any
) -> None:
    """Major and minor units side by side, as numbers where these are exact; nothing where nothing is known."""
    row, column = at
    exact = minor is None or len(str(abs(minor))) <= EXACT_DIGITS
    if amount is not None and exact:
        sheet.write_number(row, column, float(amount), money)
    elif amount is not None:
        sheet.write_string(row, column, amount)
    if minor is not None and exact:
        sheet.write_number(row, column + 1, minor)
    elif minor is not None:
        sheet.write_string(row, column + 1, str(minor))


def _number_format(currency: str) -> str:
    decimals = exponents().get(currency, 0)
    return f"#,##0.{'0' * decimals}" if decimals else "#,##0"
