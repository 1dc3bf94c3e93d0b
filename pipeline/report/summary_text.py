"""A report in plain lines for people. No markup: whoever prints them must not read `[…]` as such."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline.core.how_many import how_many
from pipeline.core.names import printable
from pipeline.core.outcomes import REJECTS, FileState, Outcome
from pipeline.core.payments.comparison_words import comparison_lines
from pipeline.core.totals import UNREADABLE_CURRENCY
from pipeline.core.values.amount_text import format_amount, grouped
from schemas.results import AmountFacts, Breakdown, ChainPart, Summary

if TYPE_CHECKING:  # what reads frames is loaded by those who make a report
    from pipeline.report.results import RejectedRow
    from pipeline.report.summary import FileReport

SHOWN_REJECTS = 5
FEW_AMOUNTS = 3
"""Fewer have no median that tells anything."""
SHOWN_CHANGES = 20
"""Of a correction that is held; summary.json has all of them."""
RELEASE_FIRST = (
    "release the file and let it load before you correct its rejects: an earlier correction is refused"
)


def describe(report: FileReport, *, shown_rejects: int = SHOWN_REJECTS) -> list[str]:
    """What became of one file, its records, its money and its first rejected rows: lines without line end.

    Args:
        shown_rejects: at most so many rejected rows; the report keeps the first `results.SHOWN_REJECTS` of them.

    Lines are safe for a terminal: control characters in names and messages of others are escaped.
    """
    return [printable(line) for line in _lines(report, shown_rejects)]


def _lines(report: FileReport, shown_rejects: int) -> Iterator[str]:
    summary = report.summary
    feed = f" (feed {summary.file.feed})" if summary.file.feed else ""
    yield f"{summary.file.name}: {_words(summary.state)}{feed}"
    if summary.refusal is not None:
        yield f"  {summary.refusal.code}: {summary.refusal.message}"
    yield from _held(summary)
    if summary.records.total:
        yield f"  records: {_counts(summary)}"
    for currency, amounts in summary.amounts_minor.items():
        if any(amounts.parts().values()):
            yield f"  {_amounts(summary, currency, amounts)}"
    if summary.amount_unreadable:
        yield f"  records whose amount is unreadable: {grouped(summary.amount_unreadable)}"
    if summary.control is not None and summary.control.declared == summary.control.counted:
        yield "  control totals: as declared"
    if summary.comparison is not None:
        yield from (f"  {line}" for line in comparison_lines(summary.comparison))
    yield from _chain(summary)
    for note in summary.notes:
        yield f"  note: {note}"
    yield from _rejects(summary, report.first_rejects[:shown_rejects])


def _chain(summary: Summary) -> Iterator[str]:
    """What became of its rejects, once anything has."""
    chain = summary.chain
    if chain is None or not (chain.corrections or chain.write_offs):
        return
    parts = (
        ("loaded by corrections", chain.corrected),
        ("written off", chain.written_off),
        ("still open", chain.open),
    )
    told = [
        " ".join(
            [grouped(part.records), what, *([f"({', '.join(money_of(part))})"] if money_of(part) else [])]
        )
        for what, part in parts
        if part.records
    ]
    yield f"  since then: {', '.join(told or ['written off'])}"  # of a refused file perhaps no record is known


def _held(summary: Summary) -> Iterator[str]:
    """Why a file waits, and what a person needs to judge it by: changes, sums, and the commands that decide.

    The commands name the file by the first digits of its hash, because its name may need quoting in a shell.
    """
    for hold in summary.holds:
        yield f"  {'would be held: ' if summary.run.dry_run else ''}{hold.code}: {hold.message}"
        for change in hold.changes[:SHOWN_CHANGES]:
            yield f"    {change}"
        if (left := len(hold.changes) - SHOWN_CHANGES) > 0:
            yield f"    and {grouped(left)} more, all in summary.json"
    for currency, amounts in summary.held_amounts.items():
        yield f"  to send: {to_send(currency, amounts)}"
    if summary.holds and not summary.run.dry_run:
        digits = (summary.file.sha256 or "")[:8]
        accepting = " --accept-changes" if any(hold.changes for hold in summary.holds) else ""
        yield f"  billferry release {digits}{accepting} sends it; billferry refuse {digits} --why TEXT ends it"
        if any(summary.records.parts()[outcome] for outcome in REJECTS):
            yield f"  {RELEASE_FIRST}"


def to_send(currency: str, amounts: AmountFacts) -> str:
    """`3 records, ZAR 60.00 (smallest ZAR 10.00, median ZAR 20.00, largest ZAR 30.00)`; of two records without the
    median, of one without sizes.

    Args:
        amounts: in minor units of `currency` (ISO 4217); how many decimals it has is `format_amount`'s to know.
    """
    told = f"{how_many(amounts.records, 'record')}, {format_amount(currency, amounts.total_minor)}"
    sizes = [
        f"smallest {format_amount(currency, amounts.smallest_minor)}",
        f"median {format_amount(currency, amounts.median_minor)}",
        f"largest {format_amount(currency, amounts.largest_minor)}",
    ]
    if amounts.records < FEW_AMOUNTS:
        del sizes[1]
    return f"{told} ({', '.join(sizes)})" if amounts.records > 1 else told


def money_of(part: ChainPart) -> list[str]:
    """Money of some records by currency: `ZAR 20.00`, and how many have none that is known; never 0.00 for those."""
    known = [
        f"unknown currency: {grouped(amount)}" if name == UNREADABLE_CURRENCY else format_amount(name, amount)
        for name, amount in part.amounts_minor.items()
    ]
    return [*known, *amounts_unknown(part.amount_unreadable)]


def amounts_unknown(number: int) -> list[str]:
    """`1 amount unknown`, as a line beside sums; none for 0."""
    return [f"{grouped(number)} amount{'' if number == 1 else 's'} unknown"] if number else []


def _rejects(summary: Summary, shown: tuple[RejectedRow, ...]) -> Iterator[str]:
    """The first rejected rows by physical line of the bill file, and how many more there are."""
    for row in shown:
        yield f"  line {row.line}: {row.codes.replace(';', ', ')}" + (
            f": {row.message}" if row.message else ""
        )
    records = summary.records
    left = records.rejected + records.conflict + records.refused - len(shown)
    if shown and left > 0:
        file = next((name for name in summary.reports if name.startswith("rejects.")), "the rejects file")
        yield f"  and {grouped(left)} more, all in {file}"


def _counts(summary: Summary) -> str:
    parts = [
        f"{grouped(count)} {_outcome_words(summary, outcome)}"
        for outcome, count in summary.records.parts().items()
        if count
    ]
    return f"{grouped(summary.records.total)} = {' + '.join(parts)}"


def _amounts(summary: Summary, currency: str, amounts: Breakdown) -> str:
    name = "unreadable currency" if currency == UNREADABLE_CURRENCY else "amount"
    parts = [
        f"{format_amount(currency, part)} {_outcome_words(summary, outcome)}"
        for outcome, part in amounts.parts().items()
        if part
    ]
    total = f"{name}: {format_amount(currency, amounts.total)}"
    return f"{total} = {' + '.join(parts)}" if parts else total


def _outcome_words(summary: Summary, outcome: str) -> str:
    """An outcome in plain words: of a file that is only checked, records that were not attempted are ready to load."""
    if outcome != Outcome.NOT_ATTEMPTED:
        return _words(outcome)
    checked_only = summary.state in {FileState.VALIDATED, FileState.VALIDATED_WITH_REJECTS}
    return "ready to load" if checked_only else "not sent"


def _words(name: str) -> str:
    return name.replace("_", " ")


def outcome_table(
    report: FileReport, *, shown_rejects: int = SHOWN_REJECTS
) -> tuple[list[str], list[list[str]]]:
    """What `describe` gives, for a terminal: the lines around, and a table instead of the lines of counts and sums.

    Returns:
        The lines, the file's name and state first, and the rows of the table: its head, one row for each outcome that
        occurs, the total. Columns: outcome, records, then one for each currency in major units. No rows where the file
        has no records.
    """
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
            rows.append([_outcome_words(summary, outcome), grouped(count), *sums])
    return lines, rows


def _sum(currency: str, amount_minor: int) -> str:
    """The amount without the currency, which heads the column."""
    return format_amount(currency, amount_minor).removeprefix(f"{currency} ").removesuffix(" minor units")
