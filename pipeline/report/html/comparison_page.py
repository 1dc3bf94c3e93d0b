"""The page of a comparison with the vendor's report: the result and its sums, then the payments that differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO

from pipeline.core.how_many import how_many
from pipeline.core.outcomes import FileState
from pipeline.core.payments.compare_report import DIFFERS, ComparedPayment, MatchResult
from pipeline.core.payments.comparison_words import RESULT_WORDS
from pipeline.core.payments.vendor_report import UnreadRow
from pipeline.core.values.amount_text import format_amount, grouped
from pipeline.report.comparison_csv import urgent_first
from pipeline.report.html.render import rendered
from pipeline.report.html.wording import tone
from schemas.results import ComparisonFacts, RunFacts

SHOWN_ROWS = 400
"""Of each result that a person must look at; the file of results has all of them."""
WHAT_TO_DO: dict[MatchResult, tuple[str, str]] = {
    MatchResult.AMOUNTS_DIFFER: (
        "One payment of that reference is on each side, with different amounts.",
        "Look the payment up in the vendor's dashboard by its payment id. If the vendor's amount is right, correct what"
        " was posted.",
    ),
    MatchResult.ONLY_THERE: (
        "The report has it, and nothing is known of it here.",
        "Have missed payments fetched (billferry payments sweep): if the bill was loaded here, the payment comes into"
        " the next payments file. If it was loaded by other means, post the payment by hand.",
    ),
    MatchResult.ONLY_HERE: (
        "It was paid within the report's time, and is not in the report.",
        "Look for it in the report of the day before or after, then in the vendor's dashboard by its payment id. Ask"
        " the vendor if it is in neither.",
    ),
    MatchResult.TIE: (
        "Equal payments, and their numbers differ on the two sides.",
        "One is missing on one side, or is there twice: compare them one by one with the vendor's dashboard.",
    ),
    MatchResult.UNREADABLE: (
        "The row cannot be read, and was not compared.",
        "Look at that line of the report, check the payment by hand, and report the line to the vendor.",
    ),
}
"""Result → what it means, what a person does about it."""


@dataclass(frozen=True, slots=True)
class PageOfComparison:
    """What the page tells; texts are as they came."""

    name: str
    """Of the report."""
    sha256: str
    feed: str | None
    """None: it was named on the command line."""
    run: RunFacts
    state: FileState
    facts: ComparisonFacts | None
    """None: it was not compared."""
    transactions: int
    """Payments and refunds of the report that can be read."""
    compared: Sequence[ComparedPayment]
    unread: Sequence[UnreadRow]
    results: str | None
    """Name of the file of results beside the page; None: there is none."""
    refusal: str | None = None
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class DifferingRow:
    """A line of the table of payments that differ; None where that side has nothing."""

    result: MatchResult
    line: int | None = None
    customer: str | None = None
    reference: str | None = None
    payment_id: str | None = None
    at: datetime | None = None
    there: str | None = None
    here: str | None = None
    note: str = ""


def write_comparison_page(page: PageOfComparison, file: IO[bytes], *, timezone: str) -> None:
    """Write the page, in UTF-8; `timezone`: an IANA name, times on the page are written in it."""
    by_result = Counter(each.result for each in page.compared if each.result in DIFFERS)
    by_result[MatchResult.UNREADABLE] += len(page.unread)
    present = [result for result in WHAT_TO_DO if by_result[result]]
    rows = list(_rows(page))
    context = {
        "page": page,
        "names": [page.name],
        "tone": tone(page.state),
        "sentence": _sentence(page, by_result.total()),
        "figures": list(_figures(page)),
        "words": RESULT_WORDS,
        "reasons": [(RESULT_WORDS[each], by_result[each], *WHAT_TO_DO[each]) for each in present],
        "choices": [(str(each), RESULT_WORDS[each].capitalize()) for each in present],
        "rows": rows,
        "left_out": by_result.total() - len(rows),
    }
    file.writelines(rendered("comparison.html", context, timezone=timezone))


def _sentence(page: PageOfComparison, differing: int) -> str:
    rows = how_many(page.transactions, "transaction")
    if page.refusal is not None:
        return "The file was refused. Nothing was compared."
    if page.facts is None:
        return f"The report has {rows}. This was a dry run: nothing was compared."
    if differing:
        return f"{how_many(differing, 'difference')} between the report and the payments known here."
    if not page.transactions:
        return "The report has no payments."
    return "The report agrees with the payments known here."


def _figures(page: PageOfComparison) -> Iterator[tuple[str, str, list[str], str]]:
    """CSS class, result, sums by currency, how many payments."""
    for result in RESULT_WORDS:
        sums = [each for each in (page.facts.sums if page.facts else ()) if each.result == result]
        number = len(page.unread) if result is MatchResult.UNREADABLE else sum(each.payments for each in sums)
        if number or result is MatchResult.BOTH:
            css = "rejects" if result in DIFFERS else "loaded" if result is MatchResult.BOTH else "total"
            money = [format_amount(each.currency, each.amount_minor) for each in sums]
            yield css, RESULT_WORDS[result].capitalize(), money, grouped(number)


def _rows(page: PageOfComparison) -> Iterator[DifferingRow]:
    left = dict.fromkeys(DIFFERS, SHOWN_ROWS)
    for row in _all_rows(page.compared, page.unread):
        if left[row.result] > 0:
            left[row.result] -= 1
            yield row


def _all_rows(compared: Iterable[ComparedPayment], unread: Iterable[UnreadRow]) -> Iterator[DifferingRow]:
    for bad in unread:
        yield DifferingRow(MatchResult.UNREADABLE, line=bad.line, note=bad.problem)
    for each in urgent_first(each for each in compared if each.result in DIFFERS):
        row, ours = each.row, each.ours
        yield DifferingRow(
            each.result,
            line=row.line if row else None,
            customer=(row.customer_reference if row else None) or (ours.customer_reference if ours else None),
            reference=(row.merchant_reference if row else None)
            or (ours.bill_reference or ours.account_reference if ours else None),
            payment_id=(ours.payment_id if ours else None) or (row.reconciliation_id if row else None),
            at=row.at if row else ours.at if ours else None,
            there=format_amount(row.currency, row.amount_minor) if row else None,
            here=format_amount(ours.currency, ours.amount_minor) if ours else None,
            note=f"by {each.rule}" if each.rule else "",
        )
