"""Checks that a feed asks for by name (`feed.checks`), each over one of the file's own columns."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from schemas.feed import Check


def sa_id(text: pl.Expr) -> pl.Expr:
    """Whether a text is a South African identity number: YYMMDD, SSSS, C, A and a check digit by Luhn.

    Of which century the day of birth is does not stand there, so a day of either counts. Source: Department of Home
    Affairs; ISO/IEC 7812-1 annex B for the check digit.
    """
    digits = [text.str.slice(place, 1).cast(pl.Int64, strict=False) for place in range(13)]
    doubled = [2 * digit for digit in digits[1::2]]
    total = pl.sum_horizontal(*digits[::2], *(each // 10 + each % 10 for each in doubled))
    birth = text.str.slice(0, 6)
    days = [
        pl.concat_str(pl.lit(century), birth).str.strptime(pl.Date, "%Y%m%d", strict=False)
        for century in ("19", "20")
    ]
    is_day = pl.any_horizontal(day.is_not_null() for day in days)
    return text.str.contains("^[0-9]{13}$") & is_day & (total % 10 == 0)


CHECKS: dict[Check, Callable[[pl.Expr], pl.Expr]] = {"sa_id": sa_id}
"""Name of a check → an expression that is true where a value passes."""
