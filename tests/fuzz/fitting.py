"""Values that a feed takes: what a column of the file holds when it is written as the feed says."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

from pipeline.core.values.date_formats import ISO
from schemas.feed import Feed

REFERENCES = ("customer_reference", "account_reference", "bill_reference")
DETAILS = {
    "customer_name": ("Ann", "Bo Ng", ""),
    "customer_email": ("a@b.co", ""),
    "customer_phone": ("+27821234567", ""),
}
AMOUNTS = ("amount_due", "balance")
DATES = ("due_date", "bill_date")


def value_for(chance: random.Random, feed: Feed, source: str, number: int) -> str:
    """A value of a source column in the record of this number."""
    if source == "sign":
        return chance.choice("HS")
    wanted = source if feed.columns is None else _first_use(feed.columns, source)
    if wanted in AMOUNTS:
        return amount(chance, feed)
    if wanted in DATES:
        return day(chance, feed)
    if wanted == "currency":
        return feed.currency or chance.choice(["ZAR", "ZAR", "USD"])
    if wanted in REFERENCES:
        return f"{wanted[0].upper()}-{number // 2 if feed.line_items is not None else number}"
    return chance.choice(DETAILS.get(wanted, ("x", "")))


def _first_use(columns: dict[str, Any], source: str) -> str:
    """The column of ours that is made of this one; amounts and dates before others, which take any text."""
    used = [name for name, made_of in columns.items() if source in str(made_of)]
    return min(
        used, key=lambda name: (name not in AMOUNTS, name not in DATES, name != "currency"), default=""
    )


def amount(chance: random.Random, feed: Feed) -> str:
    """Up to 9 999 of a currency of two decimals, or so many of the smallest units, as the feed writes them."""
    declared = feed.amount
    text = str(chance.randrange(1, 10_000))
    if declared.unit == "major":
        grouped = f"{int(text):,}".replace(",", declared.thousands or "")
        text = grouped + chance.choice(["", f"{declared.decimal}{chance.randrange(100):02}"])
    if feed.model == "bill" or chance.random() < 0.7:
        return text
    signed = {
        "leading_minus": f"-{text}",
        "trailing_minus": f"{text}-",
        "parentheses": f"({text})",
        "cr": f"{text} CR",
        "unicode_minus": f"\u2212{text}",
    }
    return signed[declared.negative]


def day(chance: random.Random, feed: Feed) -> str:
    """A day of 2026 in one of the feed's formats, months in English."""
    written = (date(2026, 1, 1) + timedelta(days=chance.randrange(365))).strftime
    return written(chance.choice(feed.date_formats) if feed.date_formats else ISO)
