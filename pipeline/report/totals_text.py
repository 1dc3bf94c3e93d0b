"""How totals are said, on the terminal and on the month's page: names, sums of several outcomes, money that may be
unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipeline.core.days import Days, month_of
from pipeline.core.how_many import how_many
from pipeline.core.outcomes import OPEN, REJECTS, Outcome
from pipeline.core.totals import UNREADABLE_CURRENCY
from pipeline.core.values.amount_parts import part_of
from pipeline.core.values.amount_text import format_amount, grouped
from pipeline.report.html.wording import LOADED, REFUSED_WITH_FILE
from pipeline.report.summary_text import amounts_unknown
from schemas.totals import CurrencyTotals, Part, TotalsResult

GROUPS: tuple[tuple[str, str, tuple[Outcome, ...]], ...] = (
    ("loaded", "Loaded", LOADED),
    ("rejects", "Not loaded", tuple(outcome for outcome in Outcome if outcome in REJECTS)),
    ("open", "In doubt or not sent", tuple(outcome for outcome in Outcome if outcome in OPEN)),
    ("skipped", "Duplicate or left out", (Outcome.DUPLICATE, Outcome.SKIPPED)),
)
"""CSS class, title, outcomes: every outcome is in one of them, so that they add up to the total."""
KINDS: dict[str, str] = {
    "bill": "Bills",
    "account_balance": "Account balances",
    "customer_balance": "Customer balances",
}
"""Models as people know them. Their sum means little: a balance may contain a bill already."""
AS_KNOWN = (
    "Bills that these files created, and what is paid of them as far as known here: by payments that were received, and"
    " by what the API showed when it was last asked."
)
_DAYS = {"landed": "day of arrival", "file": "date in the file name", "loaded": "day of loading"}


def kind_order(model: str) -> tuple[int, str]:
    """Sort key of a model: bills first, what this version does not know last."""
    kinds = list(KINDS)
    return (kinds.index(model) if model in KINDS else len(kinds)), model


def currency_named(currency: str | None) -> str:
    """The code, or what is known instead."""
    if currency is None:
        return "currency not recorded"
    return "currency unknown" if currency == UNREADABLE_CURRENCY else currency


def combined(each: CurrencyTotals, outcomes: Iterable[Outcome]) -> Part:
    """The sum of some outcomes of one currency."""
    parts = [each.outcomes[outcome] for outcome in outcomes if outcome in each.outcomes]
    records, unreadable = sum(part.records for part in parts), sum(part.amount_unreadable for part in parts)
    amount_minor = sum(part.amount_minor for part in parts)
    return part_of(each.currency, records, amount_minor, unreadable)


def parts_by_group(each: CurrencyTotals | None) -> Iterator[tuple[str, str, Part]]:
    """CSS class, title and sum of each of `GROUPS`, and of what was refused with its file: they add up to the total."""
    refused = each.refused_with_file if each else Part()
    for css, title, outcomes in GROUPS:
        part = combined(each, outcomes) if each else Part()
        is_of_both = Outcome.NOT_ATTEMPTED in outcomes
        yield css, title, without(each.currency, part, refused) if each and is_of_both else part
        if is_of_both:
            yield "rejects", REFUSED_WITH_FILE, refused


def without(currency: str | None, whole: Part, *others: Part) -> Part:
    """A sum of records of a currency without some of them."""
    return part_of(
        currency,
        whole.records - sum(other.records for other in others),
        whole.amount_minor - sum(other.amount_minor for other in others),
        whole.amount_unreadable - sum(other.amount_unreadable for other in others),
    )


def money_in_words(currency: str | None, part: Part) -> str:
    """`ZAR 1 234.50`, with how many amounts are unknown; `amount unknown` where all are; a dash without records."""
    if not part.records:
        return "–"
    if currency is None or part.records == part.amount_unreadable:
        return "amount unknown"
    if currency == UNREADABLE_CURRENCY:
        known = f"{grouped(part.amount_minor)} minor units"
    else:
        known = format_amount(currency, part.amount_minor)
    return "; ".join([known, *amounts_unknown(part.amount_unreadable)])


def payments_of(each: CurrencyTotals) -> list[tuple[str, str]]:
    """`Billed`, `Paid` and `Not paid` with their money; empty where nothing is known of payments."""
    payments, currency = each.payments, each.currency
    if payments is None or currency is None:
        return []
    figures = (
        ("Billed", payments.billed_minor),
        ("Paid", payments.paid_minor),
        ("Not paid", payments.open_minor),
    )
    return [(title, format_amount(currency, minor)) for title, minor in figures]


def period_in_words(days: Days) -> str:
    """`November 2026`, `2026-11-01 to 2026-11-15`, …"""
    if days.first and days == month_of(days.first):
        return f"{days.first:%B %Y}"
    if days.first and days.last:
        return f"{days.first} to {days.last}" if days.first != days.last else f"{days.first}"
    return f"from {days.first}" if days.first else f"until {days.last}" if days.last else "all days"


def files_in_words(document: TotalsResult) -> str:
    """`46 files, 6 of them corrections`: as the list of all files counts them."""
    files = how_many(document.files + document.corrections, "file")
    if not document.corrections:
        return files
    word = "a correction" if document.corrections == 1 else "corrections"
    return f"{files}, {grouped(document.corrections)} of them {word}"


def basis_in_words(document: TotalsResult) -> str:
    """Which days are meant."""
    return f"by {_DAYS[document.date]}, days in {document.timezone}"
