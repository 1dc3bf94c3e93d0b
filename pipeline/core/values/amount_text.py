"""Minor units as text, exactly: for people and for bill files. Source of decimals: ISO 4217, through `iso4217`."""

from __future__ import annotations

from functools import cache


@cache
def exponents() -> dict[str, int]:
    """Currencies with minor units: alphabetic code → number of decimals (0 to 4). Source: ISO 4217, list one.

    Codes without minor units (XAU, XXX) are left out: there is nothing to bill in them.
    """
    from iso4217 import Currency  # noqa: PLC0415 - reads ISO's table when first imported

    return {each.code: each.exponent for each in Currency if each.exponent is not None}


def format_amount(currency: str, amount_minor: int) -> str:
    """`ZAR 1 234.50`: major units for people, exact, with as many decimals as the currency has.

    `currency` is an alphabetic ISO 4217 code; where it has no known exponent the amount stays in minor units, and
    says so. The number is formatted in integers, so that no float comes between.
    """
    exponent = exponents().get(currency)
    if exponent is None:
        return f"{currency} {grouped(amount_minor)} minor units"
    sign = "-" if amount_minor < 0 else ""
    whole, fraction = divmod(abs(amount_minor), 10**exponent)
    decimals = f".{fraction:0{exponent}d}" if exponent else ""
    return f"{currency} {sign}{grouped(whole)}{decimals}"


def plain(currency: str, amount_minor: int) -> str:
    """`1234.50`: major units as a bill file may write them, without currency or separators.

    Minor units where the currency has no known exponent.
    """
    exponent = exponents().get(currency, 0)
    whole, fraction = divmod(abs(amount_minor), 10**exponent)
    decimals = f".{fraction:0{exponent}d}" if exponent else ""
    return f"{'-' if amount_minor < 0 else ''}{whole}{decimals}"


def grouped(number: int) -> str:
    """A number for people, with spaces between thousands."""
    return f"{number:,}".replace(",", " ")
