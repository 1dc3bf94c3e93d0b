"""What an amount is that is written as the feed does not declare: its notation, and the keys that would declare it.

Nothing is read here. A person is told what was seen, so that the right key is set, or the file is corrected.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import polars as pl

from schemas.feed import CURRENCY_CODE, AmountFormat

_SPACES = " \u00a0\u202f\u2009"
"""Blanks that part thousands or stand beside a currency sign: plain, no-break, narrow no-break, thin."""
_SEPARATORS = f"{_SPACES}.,'\u2019\u066b\u066c"
"""What parts groups or decimals in numbers of any country, Arabic separators among them."""
_MINUS, _DASHES = "\u2212", "\u2010\u2011\u2012\u2013\u2014\ufe63\uff0d"
_SIGNS = f"[-+{_MINUS}{_DASHES}]"
_BEFORE = rf"(\p{{Sc}}|\p{{L}}{{1,4}}\.?)[{_SPACES}]?"
_BEHIND = rf"(?:[{_SPACES}]?(\p{{Sc}}|[A-Z]{{3}})|[{_SPACES}](\p{{L}}{{1,4}}\.?))"
"""Letters that touch the number from behind are slips of the pen (`12,5O`) unless they may be a code."""
_NUMBER = rf"([.,]?\p{{Nd}}+(?:[{_SEPARATORS}]\p{{Nd}}+)*[.,]?)"
_USUAL = (
    rf"^\(?{_SIGNS}? ?(?:{_BEFORE})?{_SIGNS}?{_NUMBER}(?: ?{_SIGNS}|\))?"
    rf"{_BEHIND}??(?:[{_SPACES}]?((?i:CR|DR)))?(?:{_SIGNS}|\))?$"
)
"""A number in any usual notation; groups: currency before, number, currency behind (or behind a space), CR or DR."""
_THOUSANDS = {
    ",": "commas",
    ".": "points",
    " ": "spaces",
    "\u00a0": "no-break spaces (U+00A0)",
    "\u202f": "narrow no-break spaces (U+202F)",
    "'": "apostrophes",
    "\u2019": "apostrophes (U+2019)",
}
"""Separator of thousands → what to call it in a message."""
_ASK, _END = " (whoever maintains the config can set ", ")"
FLOAT_NOISE = (
    f"digits that a program's arithmetic left behind the 15th{_ASK}feed.amount.float_noise: true{_END}"
)
"""What an amount is that `float_noise` would read."""


class _Trait(NamedTuple):
    """Something about a text, what to call it, and the key that declares it; without one the file must change."""

    seen: pl.Expr
    called: str
    key: str = ""


def notation(texts: pl.Series, style: AmountFormat) -> pl.Series:
    """What each text is (String), and the keys to set; null where it is not a number in any usual notation.

    `texts`: those that `money.parse_amounts` found `format` or `ambiguous`. The kind of text is described, never
    quoted, so that a message shows no value: `a decimal comma (whoever maintains the
    config can set feed.amount.decimal: ',')`.
    """
    parts, seen, text = _steps(style)
    read = pl.DataFrame({"text": texts}).lazy().with_columns(parts).with_columns(seen)
    return read.select(text).collect()["notation"]


@cache
def _steps(style: AmountFormat) -> tuple[list[pl.Expr], list[pl.Expr], pl.Expr]:
    """Parts of a text, what is seen in it, and its notation; made once, for that takes longer than a few texts do."""
    parts = ("before", "number", "behind", "apart", "credit")
    traits = [*_traits(style)]
    called = [pl.when(each.seen).then(pl.lit(each.called)) for each in traits]
    keys = [pl.when(each.seen).then(pl.lit(f"feed.{each.key}")) for each in traits if each.key]
    traits_seen = pl.concat_list(called).list.drop_nulls()
    keys_to_set = pl.concat_list(keys).list.drop_nulls().list.unique(maintain_order=True)
    is_number = pl.col("number").is_not_null() & (pl.col("traits_seen").list.len() > 0)
    advice = (
        pl.when(pl.col("keys_to_set").list.len() > 0)
        .then(pl.lit(_ASK) + pl.col("keys_to_set").list.join(" and ") + pl.lit(_END))
        .otherwise(pl.lit(""))
    )
    return (
        [pl.col("text").str.extract(_USUAL, group).alias(name) for group, name in enumerate(parts, start=1)],
        [traits_seen.alias("traits_seen"), keys_to_set.alias("keys_to_set")],
        pl.when(is_number).then(pl.col("traits_seen").list.join(", ") + advice).alias("notation"),
    )


def _traits(style: AmountFormat) -> Iterator[_Trait]:
    """Everything that a text may have and this style does not declare, in the order of the message."""
    yield from _signs(style)
    yield from _currency(style)
    yield _Trait(
        pl.col("number").str.contains(rf"[^0-9{_SEPARATORS}]"), "digits other than 0 to 9 (use 0 to 9)"
    )
    yield from _separators(style)


def _signs(style: AmountFormat) -> Iterator[_Trait]:
    """Minus signs, parentheses and CR or DR, in forms other than `amount.negative`."""
    text, credit = pl.col("text"), pl.col("credit").is_not_null()
    forms = {
        "parentheses": (text.str.contains("[()]"), "a number in parentheses"),
        "trailing_minus": (text.str.contains(r"\p{Nd}[^\p{Nd}]*-$"), "a minus after the number"),
        "leading_minus": (text.str.contains(r"^[^\p{Nd}]*-"), "a minus before the number"),
        "unicode_minus": (text.str.contains(_MINUS, literal=True), "the minus sign U+2212"),
        "cr": (credit, "CR or DR after the number"),
    }
    for form, (seen, called) in forms.items():
        if form != style.negative:
            yield _Trait(seen, called, f"amount.negative: {form}")
    if style.negative == "cr":
        yield _Trait(
            text.str.contains("(?i)cr|dr") & ~text.str.contains("CR|DR"),
            "CR and DR in small letters (write capitals)",
        )
    yield _Trait(text.str.contains(f"[{_DASHES}]"), "a dash that is not a minus sign (write -)")
    yield _Trait(text.str.contains("+", literal=True), "a plus sign (leave it out)")


def _currency(style: AmountFormat) -> Iterator[_Trait]:
    """A currency sign where the feed declares none, or another one."""
    found = pl.coalesce("before", "behind", "apart")
    if style.currency_sign is None:
        yield _Trait(found.is_not_null(), "a currency sign", "amount.currency_sign")
        return
    known = found == style.currency_sign
    if style.currency_sign == CURRENCY_CODE:
        known = found.str.contains("^[A-Z]{3}$")
    yield _Trait(~known, "another currency sign than the feed declares", "amount.currency_sign")


def _separators(style: AmountFormat) -> Iterator[_Trait]:
    """Decimal and thousands separators other than those of the feed, and surplus zeros."""
    number = pl.col("number")
    yield _Trait(
        number.str.contains("^[.,]|[.,]$"), "no digit on one side of the decimal separator (write 0)"
    )
    if style.unit == "minor":
        yield _Trait(number.str.contains("[.,]"), "a separator in minor units", "amount.unit")
        return
    other, name = (",", "comma") if style.decimal == "." else (".", "point")
    either = rf"[{re.escape(style.decimal)}{other}]"
    if style.thousands != other:
        three = number.str.contains(rf"^\p{{Nd}}{{1,3}}{re.escape(other)}\p{{Nd}}{{3}}$")
        yield _Trait(
            three,
            f"a {name} before three digits, which may separate thousands or decimals",
            "amount.thousands or feed.amount.decimal",
        )
        last = number.str.contains(rf"^[^{other}]*{re.escape(other)}\p{{Nd}}+$")
        yield _Trait(last & ~three, f"a decimal {name}", f"amount.decimal: '{other}'")
    for mark, marks in _THOUSANDS.items():
        if mark == style.thousands:
            continue
        groups = rf"^\p{{Nd}}{{1,3}}(?:{re.escape(mark)}\p{{Nd}}{{3}})"
        many = rf"{groups}{{2,}}(?:{either}\p{{Nd}}+)?$|{groups}{either}\p{{Nd}}+$"
        if mark not in ".,":
            many += f"|{groups}$"
        yield _Trait(number.str.contains(many), f"thousands separated by {marks}", "amount.thousands")
    if style.grouping != "lakh":
        lakh = number.str.contains(r"^\p{Nd}{1,2}(?:,\p{Nd}{2})+,\p{Nd}{3}(?:\.\p{Nd}+)?$")
        yield _Trait(lakh, "groups as in India", "amount.grouping: lakh")
    plain = number.str.contains(rf"^[^{_SEPARATORS}]+{re.escape(style.decimal)}\p{{Nd}}*0$")
    yield _Trait(
        plain & (pl.col("text") == number),
        "more decimals than the currency has, all of them zeros, which may be thousands",
        "amount.extra_zeros or feed.amount.thousands",
    )
