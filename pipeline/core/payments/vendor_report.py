"""Rows of the vendor's reconciliation and settlement reports, read by the names of their columns.

Source: the vendor's documentation of both reports, as billing-api.md has it. Some lines about the report come first,
then a header. It names no column of amounts; the first of AMOUNT_COLUMNS that is there counts.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from pipeline.core.values.amount_text import exponents

TYPE, AT, CURRENCY = "transaction_type", "transaction_timestamp", "presentment_currency"
REQUIRED = (TYPE, AT, CURRENCY)
AMOUNT_COLUMNS = ("presentment_amount", "transaction_amount", "gross_amount", "amount")
PAYMENT, REFUND = "payment", "refund"
MAX_REPORT_BYTES = 67_108_864
"""Some 400 000 payments: a report is compared in memory."""
MOST_LINES_BEFORE = 100
"""Lines before the header."""
MAX_TEXT = 255
YEARS = range(2000, 2200)
"""Of times that can be meant."""
_AMOUNT = re.compile(r"(-?)([0-9]{1,15})(?:\.([0-9]{1,9}))?", re.ASCII)


class NotAReport(Exception):
    """The file is not one of these reports; the message says why."""


class ReportRow(NamedTuple):
    """A payment or a refund as the vendor has it; `amount_minor` is above zero for both."""

    line: int
    kind: str
    at: datetime
    reconciliation_id: str
    merchant_reference: str
    customer_reference: str
    currency: str
    amount_minor: int


class UnreadRow(NamedTuple):
    """A row that cannot be read, and why."""

    line: int
    problem: str


class ReportText(NamedTuple):
    """A report."""

    rows: list[ReportRow]
    unread: list[UnreadRow]
    begins: datetime | None
    """The first moment that it is about, by the lines before its header or its first row; None: it has no rows."""
    ends: datetime | None


class _Unreadable(Exception):
    """A row cannot be read."""


def read_report_bytes(content: bytes) -> ReportText:
    """All of a report, in UTF-8. Raises NotAReport."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise NotAReport(f"line {line} is not UTF-8") from None
    return read_report(io.StringIO(text, newline=""))


def read_report(lines: Iterable[str]) -> ReportText:
    """All of a report. Raises NotAReport."""
    reader = csv.reader(lines, strict=True)
    try:
        head, columns = _header(reader)
        rows: list[ReportRow] = []
        unread: list[UnreadRow] = []
        for cells in reader:
            if any(cell.strip() for cell in cells):
                try:
                    rows.append(_row(reader.line_num, cells, columns))
                except _Unreadable as error:
                    unread.append(UnreadRow(reader.line_num, str(error)))
    except csv.Error as error:
        raise NotAReport(f"line {reader.line_num} is not CSV ({error})") from None
    times = [row.at for row in rows]
    return ReportText(
        rows,
        unread,
        begins=min((*times, *_said(head, "from")), default=None),
        ends=max((*times, *_said(head, "to")), default=None),
    )


def _header(reader: Iterator[list[str]]) -> tuple[list[list[str]], dict[str, int]]:
    """The lines before the header, and column → its place. Raises NotAReport."""
    before: list[list[str]] = []
    for cells in reader:
        names = [cell.strip().casefold() for cell in cells]
        if TYPE in names:
            missing = [name for name in REQUIRED if name not in names]
            if not missing and not any(name in names for name in AMOUNT_COLUMNS):
                missing = [" or ".join(AMOUNT_COLUMNS)]
            if missing:
                raise NotAReport(f"it has no column {missing[0]}")
            twice = [name for name in names if name and names.count(name) > 1]
            if twice:
                raise NotAReport(f"two columns are named {twice[0][:MAX_TEXT]}")
            return before, {name: at for at, name in enumerate(names)}
        before.append(cells)
        if len(before) > MOST_LINES_BEFORE:
            break
    raise NotAReport(f"no header with the column {TYPE} in its first {MOST_LINES_BEFORE} lines")


def _said(head: Iterable[list[str]], name: str) -> list[datetime]:
    """A time that the lines before the header state."""
    found = [cells[1] for cells in head if len(cells) > 1 and cells[0].strip().casefold() == name]
    try:
        return [_time(text) for text in found]
    except _Unreadable:
        return []


def _row(line: int, cells: list[str], columns: dict[str, int]) -> ReportRow:
    """Raises _Unreadable."""

    def cell(name: str) -> str:
        at = columns.get(name, len(cells))
        text = cells[at].strip() if at < len(cells) else ""
        if len(text) > MAX_TEXT:
            raise _Unreadable(f"{name} is longer than {MAX_TEXT} characters")
        return text

    kind = cell(TYPE).casefold()
    if kind not in {PAYMENT, REFUND}:
        raise _Unreadable(f"{TYPE} is neither Payment nor Refund")
    currency = cell(CURRENCY)
    if currency not in exponents():
        raise _Unreadable(f"{CURRENCY} is not a recognised currency code")
    amount_column = next(name for name in AMOUNT_COLUMNS if name in columns)
    amount_minor = _minor(cell(amount_column), currency, amount_column)
    if amount_minor == 0 or (amount_minor < 0 and kind == PAYMENT):
        raise _Unreadable(f"{amount_column} is not above zero")
    return ReportRow(
        line=line,
        kind=kind,
        at=_time(cell(AT)),
        reconciliation_id=cell("reconciliation_id"),
        merchant_reference=cell("merchant_reference_id"),
        customer_reference=cell("customer_reference"),
        currency=currency,
        amount_minor=abs(amount_minor),
    )


def _minor(text: str, currency: str, name: str) -> int:
    """An amount in major units as minor units, exactly. Raises _Unreadable."""
    if (parts := _AMOUNT.fullmatch(text)) is None:
        raise _Unreadable(f"{name} is not an amount such as 240.00")
    digits, exponent = (parts[3] or "").rstrip("0"), exponents()[currency]
    if len(digits) > exponent:
        raise _Unreadable(f"{name} has more decimals than its currency")
    minor = int(parts[2] + digits.ljust(exponent, "0"))
    return -minor if parts[1] else minor


def _time(text: str) -> datetime:
    """A time; one without a zone is in UTC. Raises _Unreadable."""
    try:
        read = datetime.fromisoformat(text)
        at = (read.replace(tzinfo=UTC) if read.tzinfo is None else read).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _Unreadable(f"{AT} is not a time") from None
    if at.year not in YEARS:
        raise _Unreadable(f"{AT} is not a time of these centuries")
    return at
