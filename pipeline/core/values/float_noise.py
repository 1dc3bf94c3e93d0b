"""Amounts that a program kept as binary fractions and wrote with all their digits: 147153.59999999998 for 147153.60.

A binary fraction of 64 bits holds 15 decimal digits for certain (Source: IEEE 754; `DBL_DIG`); digits behind them are
noise. The text is rounded as a decimal number, never through a float, and only where the currency can hold the result.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal

CERTAIN_DIGITS = 15
SPARE_DIGITS = 3
"""Digits behind the currency's decimals that have to be certain as well, and 0: else a real difference could be taken
for noise.
"""
_ROUNDING = Context(prec=CERTAIN_DIGITS, rounding=ROUND_HALF_EVEN)
_PARTS = re.compile(r"([^0-9]*)([0-9](?:.*[0-9])?)[.,]([0-9]+)([^0-9]*)", re.ASCII)


def without_noise(text: str, exponent: int, decimal: str) -> str | None:
    """The amount without noise; None where it has none, or where its first 15 digits are not an amount.

    `text`: an amount with a decimal separator, as its feed declares amounts. `exponent`: decimals of its currency, as
    many as the result has. `decimal`: the separator to write. Thousands are not separated in the result.
    """
    found = _PARTS.fullmatch(text)
    if found is None:
        return None
    before, stated, decimals, behind = found.groups()
    whole = re.sub("[^0-9]", "", stated).lstrip("0")
    if len((whole + decimals).lstrip("0")) <= CERTAIN_DIGITS:
        return None
    if len(whole) + exponent + SPARE_DIGITS > CERTAIN_DIGITS:
        return None
    rounded = _ROUNDING.plus(Decimal(f"{whole or 0}.{decimals}"))
    amount = f"{rounded:.{exponent}f}"
    if Decimal(amount) != rounded:
        return None
    return f"{before}{amount.replace('.', decimal)}{behind}"
