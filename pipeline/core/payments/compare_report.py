"""Compares the vendor's report with the payments that are known here: by reference, currency and amount, and time.

How the vendor's ids are related to those of events is undocumented, so RULES is a table: the first rule that finds
exactly one partner for each counts. What could be paired in several ways is a tie, and never guessed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, TypeVar

from pipeline.core.payments.vendor_report import ReportRow

Each = TypeVar("Each")
Key = TypeVar("Key", bound=Hashable)

TOLERANCE = timedelta(days=1)
"""How far apart the times of the same payment may be: when it was made, settled and reported."""


class MatchResult(StrEnum):
    """What a payment of either side came to."""

    BOTH = "both"
    AMOUNTS_DIFFER = "amounts_differ"
    ONLY_THERE = "only_there"
    """The vendor reports it, and nothing is known of it here."""
    ONLY_HERE = "only_here"
    """It is known here, and the vendor's report of that time does not have it."""
    TIE = "tie"
    """It fits several of the other side, and how many is not the same on both."""
    REFUND = "refund"
    UNREADABLE = "unreadable"


DIFFERS = frozenset(
    {
        MatchResult.AMOUNTS_DIFFER,
        MatchResult.ONLY_THERE,
        MatchResult.ONLY_HERE,
        MatchResult.TIE,
        MatchResult.UNREADABLE,
    }
)
"""What a person must look at."""


class OurPayment(NamedTuple):
    """A payment as it is known here, in minor units."""

    seq: int
    """Its place in the inbox; of what a sweep found, the number of that difference."""
    payment_id: str | None
    bill_reference: str | None
    account_reference: str | None
    customer_reference: str | None
    currency: str
    amount_minor: int
    at: datetime
    """When it was paid; where that is unknown, received or found."""
    is_difference: bool = False
    """A sweep found it: perhaps several payments in one sum."""


class ComparedPayment(NamedTuple):
    """A payment of either side, or of both."""

    result: MatchResult
    rule: str
    row: ReportRow | None = None
    ours: OurPayment | None = None


@dataclass(frozen=True, slots=True)
class MatchRule:
    """A way in which a row and a payment are the same: their keys are equal, and neither is empty."""

    name: str
    of_row: Callable[[ReportRow], str | None]
    of_ours: Callable[[OurPayment], str | None]


RULES: tuple[MatchRule, ...] = (
    MatchRule("payment id", lambda row: row.reconciliation_id, lambda ours: ours.payment_id),
    MatchRule("bill reference", lambda row: row.merchant_reference, lambda ours: ours.bill_reference),
    MatchRule("account reference", lambda row: row.merchant_reference, lambda ours: ours.account_reference),
    MatchRule("customer reference", lambda row: row.merchant_reference, lambda ours: ours.customer_reference),
    MatchRule("customer's own", lambda row: row.customer_reference, lambda ours: ours.customer_reference),
)
"""In this order. Currency and amount must be equal, and times within TOLERANCE."""
BY_SUM = "found by a sweep"
"""All rows of a bill add up to what sweeps found of it."""


def compare_report(
    rows: Sequence[ReportRow], ours: Sequence[OurPayment], begins: datetime, ends: datetime
) -> list[ComparedPayment]:
    """Each payment of the report and each of ours, once; refunds are not compared.

    Args:
        rows: of the report.
        ours: payments from TOLERANCE before `begins` to TOLERANCE after `ends`, and differences of any time.
        begins, ends: what the report is about. Ours outside of it may be in another report.
    """
    found = [ComparedPayment(MatchResult.REFUND, "", row) for row in rows if row.kind == "refund"]
    left_rows = [row for row in rows if row.kind != "refund"]
    events = [each for each in ours if not each.is_difference]
    for rule in RULES:
        found += _pairs(rule, left_rows, events)
        done_rows = {each.row for each in found}
        done_ours = {each.ours for each in found}
        left_rows = [row for row in left_rows if row not in done_rows]
        events = [each for each in events if each not in done_ours]
    for part in (
        _by_sum(left_rows, [each for each in ours if each.is_difference]),
        _differing(left_rows, events),
    ):
        found += part
        done_rows = {each.row for each in part}
        done_ours = {each.ours for each in part}
        left_rows = [row for row in left_rows if row not in done_rows]
        events = [each for each in events if each not in done_ours]
    found += [ComparedPayment(MatchResult.ONLY_THERE, "", row) for row in left_rows]
    found += [
        ComparedPayment(MatchResult.ONLY_HERE, "", None, each) for each in events if begins <= each.at <= ends
    ]
    return found


def _pairs(rule: MatchRule, rows: Iterable[ReportRow], ours: Iterable[OurPayment]) -> list[ComparedPayment]:
    """Pairs by one rule, and ties."""
    by_key = _grouped(ours, lambda each: (rule.of_ours(each), each.currency, each.amount_minor))
    found: list[ComparedPayment] = []
    for key, some in _grouped(rows, lambda row: (rule.of_row(row), row.currency, row.amount_minor)).items():
        others = by_key.get(key, [])
        if not key[0] or not others:
            continue
        near = {row: [each for each in others if abs(row.at - each.at) <= TOLERANCE] for row in some}
        rows_near = [row for row in some if near[row]]
        partners = dict.fromkeys(each for row in rows_near for each in near[row])
        in_time = list(
            zip(
                sorted(rows_near, key=lambda row: (row.at, row.line)),
                sorted(partners, key=lambda each: (each.at, each.seq)),
                strict=False,
            )
        )
        if len(rows_near) == len(partners) and all(
            abs(row.at - each.at) <= TOLERANCE for row, each in in_time
        ):
            found += [ComparedPayment(MatchResult.BOTH, rule.name, row, each) for row, each in in_time]
        else:
            found += [ComparedPayment(MatchResult.TIE, rule.name, row) for row in rows_near]
            found += [ComparedPayment(MatchResult.TIE, rule.name, None, each) for each in partners]
    return found


def _by_sum(rows: Iterable[ReportRow], differences: Iterable[OurPayment]) -> list[ComparedPayment]:
    """Rows of a bill that add up to what sweeps found of it."""
    sums: dict[Hashable, int] = defaultdict(int)
    for each in differences:
        sums[each.bill_reference, each.currency] += each.amount_minor
    grouped = _grouped(rows, lambda row: (row.merchant_reference, row.currency))
    return [
        ComparedPayment(MatchResult.BOTH, BY_SUM, row)
        for key, some in grouped.items()
        if sums.get(key) == sum(row.amount_minor for row in some)
        for row in some
    ]


def _differing(rows: Iterable[ReportRow], ours: Iterable[OurPayment]) -> list[ComparedPayment]:
    """One payment of a reference on each side, at the same time, and other amounts."""
    found: list[ComparedPayment] = []
    by_key = _grouped(ours, lambda each: (each.bill_reference or each.account_reference, each.currency))
    for key, some in _grouped(rows, lambda row: (row.merchant_reference, row.currency)).items():
        others = by_key.get(key, [])
        if key[0] and len(some) == len(others) == 1 and abs(some[0].at - others[0].at) <= TOLERANCE:
            found.append(ComparedPayment(MatchResult.AMOUNTS_DIFFER, "", some[0], others[0]))
    return found


def _grouped(all_of: Iterable[Each], key: Callable[[Each], Key]) -> dict[Key, list[Each]]:
    groups: dict[Key, list[Each]] = {}
    for each in all_of:
        groups.setdefault(key(each), []).append(each)
    return groups
