"""What a comparison with the vendor's report came to, in counts and sums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pipeline.core.payments.compare_report import DIFFERS, ComparedPayment, MatchResult
from pipeline.core.payments.vendor_report import ReportText
from schemas.results import ComparisonFacts, MatchedSum


def comparison_facts(
    text: ReportText, compared: Sequence[ComparedPayment], new_refunds: int
) -> ComparisonFacts:
    """Counts and sums by result and currency, in minor units; a pair counts once, with the vendor's amount.

    Args:
        text: the report.
        compared: each payment of either side.
        new_refunds: refunds that no earlier report had.
    """
    sums: dict[tuple[MatchResult, str], tuple[int, int]] = {}
    for each in compared:
        of = each.row or each.ours
        if of is not None:
            count, minor = sums.get((each.result, of.currency), (0, 0))
            sums[each.result, of.currency] = count + 1, minor + of.amount_minor
    rules = Counter(each.rule for each in compared if each.result is MatchResult.BOTH)
    return ComparisonFacts(
        begins=text.begins,
        ends=text.ends,
        sums=[
            MatchedSum(result=str(result), currency=currency, payments=count, amount_minor=minor)
            for (result, currency), (count, minor) in sorted(sums.items())
        ],
        by_rule=dict(sorted(rules.items())),
        unreadable=len(text.unread),
        new_refunds=new_refunds,
    )


def has_differences(facts: ComparisonFacts) -> bool:
    """Whether a person must look at anything."""
    return bool(facts.unreadable) or any(each.result in DIFFERS for each in facts.sums)
