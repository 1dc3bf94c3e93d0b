"""Records of one currency with their money, as the documents of `totals` and `export` have them."""

from __future__ import annotations

from pipeline.core.values.amount_text import exponents, plain
from schemas.totals import Part


def part_of(currency: str | None, records: int, amount_minor: int, unreadable: int) -> Part:
    """As JSON has it. Where no amount can be read nothing is known of the money, and that is never 0.00."""
    known = currency is not None and currency in exponents() and (records > unreadable or not records)
    return Part(
        records=records,
        amount_minor=amount_minor,
        amount=plain(currency, amount_minor) if known and currency else None,
        amount_unreadable=unreadable,
    )
