"""A report in plain lines for people. No markup: whoever prints them must not read `[…]` as such."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.core.money import exponents
from pipeline.core.totals import UNREADABLE_CURRENCY
from pipeline.report.results import RejectedRow
from pipeline.report.summary import FileReport
from schemas.results import Breakdown, Summary

SHOWN_REJECTS = 5


def describe(report: FileReport, *, shown_rejects: int = SHOWN_REJECTS) -> list[str]:
    """What became of one file, its records and its money, and the first of its rejected rows."""
    return [_printable(line) for line in _lines(report, shown_rejects)]


def money(currency: str, amount_minor: int) -> str:
    """`ZAR 1 234.50`: major units, exact, with as many decimals as the currency has.

    An amount whose currency has no known exponent stays in minor units. Source: ISO 4217.
    """
    exponent = exponents().get(currency)
    if exponent is None:
        return f"{currency} {_grouped(amount_minor)} minor units"
    sign = "-" if amount_minor < 0 else ""
    whole, fraction = divmod(abs(amount_minor), 10**exponent)
    decimals = f".{fraction:0{exponent}d}" if exponent else ""
    return f"{currency} {sign}{_grouped(whole)}{decimals}"


def _lines(report: FileReport, shown_rejects: int) -> Iterator[str]:
    summary = report.summary
    feed = f" (feed {summary.file.feed})" if summary.file.feed else ""
    yield f"{summary.file.name}: {_words(summary.state)}{feed}"
    if summary.refusal is not None:
        yield f"  {summary.refusal.code}: {summary.refusal.message}"
    if summary.records.total:
        yield f"  records: {_counts(summary.records)}"
    for currency, amounts in summary.amounts_minor.items():
        if any(amounts.parts().values()):
            yield f"  {_amounts(currency, amounts)}"
    if summary.amount_unreadable:
        yield f"  records whose amount is unreadable: {_grouped(summary.amount_unreadable)}"
    for note in summary.notes:
        yield f"  note: {note}"
    yield from _rejects(summary, report.first_rejects[:shown_rejects])


def _rejects(summary: Summary, shown: tuple[RejectedRow, ...]) -> Iterator[str]:
    for row in shown:
        yield f"  line {row.line}: {row.codes.replace(';', ', ')}" + (
            f": {row.message}" if row.message else ""
        )
    records = summary.records
    left = records.rejected + records.conflict + records.refused - len(shown)
    if shown and left > 0:
        yield f"  and {_grouped(left)} more, all in rejects.csv"


def _counts(records: Breakdown) -> str:
    parts = (f"{_grouped(count)} {_words(outcome)}" for outcome, count in records.parts().items() if count)
    return f"{_grouped(records.total)} = {' + '.join(parts)}"


def _amounts(currency: str, amounts: Breakdown) -> str:
    name = "unreadable currency" if currency == UNREADABLE_CURRENCY else "amount"
    parts = [
        f"{money(currency, part)} {_words(outcome)}" for outcome, part in amounts.parts().items() if part
    ]
    total = f"{name}: {money(currency, amounts.total)}"
    return f"{total} = {' + '.join(parts)}" if parts else total


def _words(name: str) -> str:
    return name.replace("_", " ")


def _grouped(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def _printable(line: str) -> str:
    """A file name or an answer of the API must not be able to steer a terminal."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in line
    )


def outcome_table(
    report: FileReport, *, shown_rejects: int = SHOWN_REJECTS
) -> tuple[list[str], list[list[str]]]:
    """The lines around, and a table of records and money by outcome with its head and its total; for a terminal."""
    summary = report.summary
    amounts = {
        currency: parts for currency, parts in summary.amounts_minor.items() if any(parts.parts().values())
    }
    lines = [
        line
        for line in describe(report, shown_rejects=shown_rejects)
        if not line.startswith(("  records: ", "  amount: ", "  unreadable currency: "))
    ]
    if not summary.records.total:
        return lines, []
    rows = [
        ["outcome", "records", *("unreadable" if name == UNREADABLE_CURRENCY else name for name in amounts)]
    ]
    for outcome, count in [*summary.records.parts().items(), ("total", summary.records.total)]:
        if count:
            sums = [
                _sum(currency, getattr(parts, outcome)) if getattr(parts, outcome) else ""
                for currency, parts in amounts.items()
            ]
            rows.append([_words(outcome), _grouped(count), *sums])
    return lines, rows


def _sum(currency: str, amount_minor: int) -> str:
    """The amount without the currency, which heads the column."""
    return money(currency, amount_minor).removeprefix(f"{currency} ").removesuffix(" minor units")
