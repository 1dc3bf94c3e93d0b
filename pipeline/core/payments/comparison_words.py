"""A comparison with the vendor's report in plain lines for people."""

from __future__ import annotations

from pipeline.core.how_many import how_many
from pipeline.core.payments.compare_report import MatchResult
from pipeline.core.values.amount_text import format_amount
from schemas.results import ComparisonFacts

RESULT_WORDS = {
    MatchResult.BOTH: "in both",
    MatchResult.AMOUNTS_DIFFER: "amounts differ",
    MatchResult.ONLY_THERE: "only in the report",
    MatchResult.ONLY_HERE: "only here",
    MatchResult.TIE: "fits several",
    MatchResult.REFUND: "refunded",
    MatchResult.UNREADABLE: "cannot be read",
}


def comparison_lines(facts: ComparisonFacts) -> list[str]:
    """`only here: 1 payment, ZAR 1.00`: a line for each result and currency, what was not known before last."""
    lines = [
        f"{RESULT_WORDS[MatchResult(each.result)]}: {how_many(each.payments, 'payment')},"
        f" {format_amount(each.currency, each.amount_minor)}"
        for each in facts.sums
    ]
    if facts.unreadable:
        lines.append(f"{how_many(facts.unreadable, 'row')} cannot be read")
    if facts.new_refunds:
        lines.append(f"{how_many(facts.new_refunds, 'refund')} not known before")
    return lines or ["the report has no payments"]
