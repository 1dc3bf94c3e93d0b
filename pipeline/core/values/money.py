"""Amounts from text to integer minor units, exactly or not at all.

Every text passes an anchored pattern first and is then computed in integers: polars' own decimal parsing rounds
without a word and takes `1E+12`, `.5` and `5.`. Source of exponents: ISO 4217, through the `iso4217` package.
"""

from __future__ import annotations

import re
from functools import cache

import polars as pl

from pipeline.core.values.amount_text import exponents
from pipeline.core.values.fast_path import merge_slow_path
from pipeline.core.values.float_noise import without_noise
from pipeline.core.values.undeclared_notation import FLOAT_NOISE, notation
from schemas.feed import CURRENCY_CODE, AmountFormat

MAX_DIGITS = 18
"""An amount of more digits (in minor units) is out of any range and not representable; all others fit Int64."""
_PLAIN_DIGITS = 13
"""Before the decimal separator; with the 4 decimals that a currency may have they fit into `MAX_DIGITS`."""
MAX_TOTAL_DIGITS = 36
"""Of a declared sum: every record of a file may have `MAX_DIGITS`, and Int128 holds it."""

_PROBLEMS = ("format", "ambiguous", "spreadsheet", "other_currency", "too_precise", "too_long")
"""What can be wrong with an amount, as columns of `parse_amounts` and ends of rule codes (`too_long` is
`out_of_range`).
"""
_SPACE = "[ \u00a0\u202f]"
"""A blank as people type it, or one of the two no-break spaces that spreadsheets put between thousands."""
_SEPARATORS = " \u00a0\u202f.,'\u2019"
"""What may part digits in some country; a number with an undeclared one of them is ambiguous, not malformed."""
_SPREADSHEET = r"^[+-]?[0-9]+(?:[.,][0-9]+)?[eE][+-]?[0-9]+$|^#(?:#+|[A-Z0-9/]+[!?]?)$"
"""A number that a spreadsheet shortened to an exponent, or an error value: digits are lost, so it is no amount."""


def parse_amounts(texts: pl.Series, currencies: pl.Series, style: AmountFormat) -> pl.DataFrame:
    """Read a column of amounts: in minor units, and what is wrong with the text.

    `currencies`: alphabetic codes, one for each text. `style`: the feed's `amount`. Columns of the result, one row a
    text:
    - `minor` (Int64): minor units of the currency, null where the text is not exactly an amount of it;
    - `notation` (String): what an undeclared form is, with the key to set; null where that is not known;
    - `format`, `ambiguous`, `spreadsheet` (Boolean): it is not a number of this style; its separators can be read in
      two ways; a spreadsheet damaged it;
    - `other_currency` (Boolean): the code beside the number is not that of the record;
    - `too_precise` (Boolean): more decimals than the currency has, which would have to be rounded;
    - `too_long` (Boolean): more than `MAX_DIGITS` digits;
    - `noise` (Boolean): float noise was left out; only where the style declares it.

    Null text is neither an amount nor a problem. With `unit: major` a record whose currency is not in `exponents()`
    has no amount, and no problem on its account: `currency.unknown` says it already.
    """
    frame = pl.DataFrame({"text": texts, "currency": currencies})
    if style.implied_decimals is not None:
        frame = frame.with_columns(text=_with_point(pl.col("text"), style.implied_decimals, style.decimal))
    plain = pl.DataFrame({"minor": _fast_path(frame, style)}).with_columns(notation=pl.lit(None, pl.String))
    rest = plain["minor"].is_null() & texts.is_not_null()
    return merge_slow_path(plain, flags_of(style), rest, lambda: _slow_path(frame.filter(rest), style))


def flags_of(style: AmountFormat) -> tuple[str, ...]:
    """The Boolean columns of `parse_amounts`."""
    return (*_PROBLEMS, "noise") if style.float_noise else _PROBLEMS


def _slow_path(amounts: pl.DataFrame, style: AmountFormat) -> pl.DataFrame:
    """What `_parse` finds of `text` and `currency`, and beside it `notation`.

    Notations are looked for only in texts of no declared form: that costs a dozen patterns each.
    """
    found = _parse(amounts, style)
    hints: dict[int, str] = {}
    if style.float_noise or found["too_precise"].any():
        found, hints = _without_noise(amounts, found, style)
    odd = (found["format"] | found["ambiguous"]).fill_null(value=False)
    notations = pl.repeat(None, len(found), dtype=pl.String, eager=True)
    if odd.any():
        notations = notations.scatter(odd.arg_true(), notation(amounts.filter(odd)["text"], style))
    if hints:
        notations = notations.scatter(list(hints), list(hints.values()))
    return found.with_columns(notation=notations)


def _without_noise(
    amounts: pl.DataFrame, found: pl.DataFrame, style: AmountFormat
) -> tuple[pl.DataFrame, dict[int, str]]:
    """What `_parse` finds once the noise is left out of amounts that are too precise, with the column `noise`; or, of
    a feed that does not declare it, a hint by row.
    """
    cleaned: dict[int, str] = {}
    for row in found["too_precise"].arg_true():
        text, currency = amounts.row(row)
        if exact := without_noise(text, exponents()[currency], style.decimal):
            cleaned[row] = exact
    if not style.float_noise:
        return found, dict.fromkeys(cleaned, FLOAT_NOISE)
    rows = list(cleaned)
    noise = pl.Series("noise", [False]).new_from_index(0, len(found))
    if not rows:
        return found.with_columns(noise), {}
    again = _parse(amounts[rows].with_columns(text=pl.Series(list(cleaned.values()))), style)
    merged = found.select(column.scatter(rows, again[column.name]) for column in found.iter_columns())
    return merged.with_columns(noise.scatter(rows, True)), {}


def _fast_path(amounts: pl.DataFrame, style: AmountFormat) -> pl.Series:
    """Minor units (Int64) of amounts that are nothing but digits, with exactly as many decimals as the currency has.

    Null for everything else, which `_slow_path` then reads. A leading minus is taken where the style has it. Nearly
    all amounts of nearly all files are written so, and this is a tenth of the work.
    """
    text = pl.col("text")
    number = f"{'-?' if style.negative == 'leading_minus' else ''}[0-9]{{1,{_PLAIN_DIGITS}}}"
    if style.unit == "minor":
        plain = pl.when(text.str.contains(f"^{number}$")).then(text.cast(pl.Int64, strict=False))
        return amounts.select(plain).to_series()
    found = pl.Series([None], dtype=pl.Int64).new_from_index(0, amounts.height)
    by_exponent: dict[int, list[str]] = {}
    for currency in amounts["currency"].unique().drop_nulls():
        if currency in exponents():
            by_exponent.setdefault(exponents()[currency], []).append(currency)
    for exponent, codes in by_exponent.items():
        decimals = f"{re.escape(style.decimal)}[0-9]{{{exponent}}}" if exponent else ""
        digits = text.str.replace(style.decimal, "", literal=True) if exponent else text
        mine = amounts["currency"].is_in(codes)
        plain = pl.when(text.str.contains(f"^{number}{decimals}$")).then(digits.cast(pl.Int64, strict=False))
        minor = amounts.filter(mine).select(plain).to_series()
        found = minor if len(minor) == len(found) else found.scatter(mine.arg_true(), minor)
    return found


def _parse(amounts: pl.DataFrame, style: AmountFormat, *, max_digits: int = MAX_DIGITS) -> pl.DataFrame:
    """Read `text` and `currency` in full, as `parse_amounts` describes but for `notation`.

    `max_digits`: an amount of more is `too_long`; `minor` is Int128 where that is more than Int64 holds. The number
    is taken apart as text (digits, decimal places) and scaled in integers; at no step does a decimal or a float
    appear.
    """
    first, *steps, last = _steps(style, max_digits)
    read = amounts.lazy().select(**first)
    for step in steps:
        read = read.with_columns(**step)
    return read.select(**last).collect()


@cache
def _steps(style: AmountFormat, max_digits: int) -> tuple[dict[str, pl.Expr], ...]:
    """Columns of the steps of `_parse`, so that nothing is computed twice. They are made once: that takes longer than
    a few texts do.
    """
    whole_number = pl.Int64 if max_digits <= MAX_DIGITS else pl.Int128
    stated, text, currency = pl.col("text"), pl.col("plain"), pl.col("currency")
    written = pl.col("written")
    stated_places = (written.str.len_bytes().cast(pl.Int64) - _point(written, style) - 1).fill_null(0)
    plain, other = _without_sign(stated, currency, style.currency_sign)
    exponent = currency.replace_strict(exponents(), default=None, return_dtype=pl.Int64)
    if style.unit == "minor":
        exponent = pl.lit(0, pl.Int64)
    number, digits = pl.col("number"), pl.col("digits")
    places = (pl.col("length") - pl.col("point") - 1).fill_null(0)
    units = pl.when(digits == "").then(pl.lit("0")).otherwise(digits).cast(whole_number, strict=False)
    powers = {n: 10**n for n in range(5)}
    factor = pl.col("shift").replace_strict(powers, default=None, return_dtype=whole_number)
    sized, nothing = pl.col("sized"), pl.lit(0, whole_number)
    signed = pl.when(_is_credit(text, style)).then(nothing - sized).otherwise(sized)
    fits, precise, short = pl.col("fits"), pl.col("precise"), pl.col("short")
    zeros = pl.lit(value=False) if style.extra_zeros else stated_places > pl.col("exponent")
    right = fits & ~pl.col("other")
    return (
        {"currency": currency, "plain": plain, "other": other, "exponent": exponent},
        {"fits": text.str.contains(_gate(style)), "written": _number_only(text, style)},
        {"number": _without_closing_zeros(written, style)},
        {
            "length": number.str.len_bytes().cast(pl.Int64),
            "point": _point(number, style),
            "digits": number.str.replace(style.decimal, "", literal=True),
            "spreadsheet": text.str.contains(_SPREADSHEET),
            "ambiguous": text.str.contains(_ambiguous()),
        },
        {
            "shift": pl.col("exponent") - places,
            "precise": places <= pl.col("exponent"),
            "short": pl.coalesce("point", "length") + pl.col("exponent") <= max_digits,
        },
        {"sized": units * factor},
        {
            "minor": pl.when(right & precise & ~zeros & short).then(signed),
            "format": ~fits & ~pl.col("spreadsheet") & ~pl.col("ambiguous"),
            "ambiguous": (~fits & pl.col("ambiguous")) | (right & precise & zeros),
            "spreadsheet": ~fits & pl.col("spreadsheet"),
            "other_currency": fits & pl.col("other"),
            "too_precise": right & ~precise,
            "too_long": right & precise & ~zeros & ~short,
        },
    )


def parse_total(text: str, currency: str, style: AmountFormat) -> int | None:
    """One declared sum in minor units, written as the feed's amounts are; None when it is no exact amount of that
    currency.

    More digits than a record's amount may have are taken, up to `MAX_TOTAL_DIGITS`. So are surplus zeros behind the
    decimal separator: a sum only confirms what was counted, so a wrong reading of it cannot pass.
    """
    style = style.model_copy(update={"extra_zeros": True})
    exact = without_noise(text, exponents().get(currency, 0), style.decimal) if style.float_noise else None
    amount = pl.DataFrame({"text": [exact or text], "currency": [currency]})
    if style.implied_decimals is not None:
        amount = amount.with_columns(text=_with_point(pl.col("text"), style.implied_decimals, style.decimal))
    found: int | None = _parse(amount, style, max_digits=MAX_TOTAL_DIGITS)["minor"].item()
    return found


def _with_point(text: pl.Expr, decimals: int, point: str) -> pl.Expr:
    """Digits with the separator that is left out: `12345-` is `123.45-`. A text that has one becomes no amount."""
    number = r"^([^0-9]*)([0-9]+)([^0-9]*)$"
    digits = text.str.extract(number, 2).str.zfill(decimals + 1)
    whole = digits.str.head(-decimals)
    written = pl.concat_str(
        text.str.extract(number, 1),
        whole,
        pl.lit(point),
        digits.str.tail(decimals),
        text.str.extract(number, 3),
    )
    other = pl.when(text.str.contains(_SPREADSHEET)).then(text).otherwise(pl.lit("?") + text)
    return pl.when(text.str.contains(number)).then(written).otherwise(other)


def _without_sign(text: pl.Expr, currency: pl.Expr, sign: str | None) -> tuple[pl.Expr, pl.Expr]:
    """The text without one declared sign in front of or behind its number, and whether the sign is another currency's.

    `-R 5.00`, `R-5.00`, `(R5.00)`, `5.00 R-`, `5.00 R CR`: a minus, parentheses and CR stay for the gate to judge.
    """
    if sign is None:
        return text, pl.lit(value=False)
    is_code = sign == CURRENCY_CODE or sign in exponents()
    mark = "[A-Z]{3}" if sign == CURRENCY_CODE else re.escape(sign)
    before = f"^([-\u2212(]?)({mark}){_SPACE}?"
    behind = f"([0-9][-)]?){_SPACE}?({mark})((?:-|\\)| ?(?:CR|DR))?)$"
    in_front = text.str.contains(before)
    plain = (
        pl.when(in_front)
        .then(text.str.replace(before, "${1}"))
        .otherwise(text.str.replace(behind, "${1}${3}"))
    )
    stated = pl.when(in_front).then(text.str.extract(before, 2)).otherwise(text.str.extract(behind, 2))
    other = (stated != currency).fill_null(value=False) if is_code else pl.lit(value=False)
    return plain, other


def _number(style: AmountFormat) -> str:
    """A pattern of an unsigned number in this style; groups of thousands are all there or all left out."""
    if style.unit == "minor":
        return "[0-9]+"
    whole = "[0-9]+"
    if style.thousands:
        mark = re.escape(style.thousands)
        grouped = f"[0-9]{{1,3}}(?:{mark}[0-9]{{3}})+"
        if style.grouping == "lakh":
            grouped = f"[0-9]{{1,2}}(?:{mark}[0-9]{{2}})*{mark}[0-9]{{3}}"
        whole = f"(?:{grouped}|[0-9]+)"
    return f"{whole}(?:{re.escape(style.decimal)}[0-9]+)?"


def _gate(style: AmountFormat) -> str:
    """A pattern of a whole amount in this style, its sign included; what it does not match is never computed."""
    number = _number(style)
    match style.negative:
        case "leading_minus":
            return f"^-?{number}$"
        case "trailing_minus":
            return f"^{number}-?$"
        case "parentheses":
            return rf"^(?:\({number}\)|{number})$"
        case "cr":
            return f"^{number}(?: ?(?:CR|DR))?$"
        case "unicode_minus":
            return f"^\u2212?{number}$"


def _is_credit(text: pl.Expr, style: AmountFormat) -> pl.Expr:
    """Whether an amount that fits the gate is negative. In `cr` style DR and nothing both mean a debit."""
    match style.negative:
        case "leading_minus":
            return text.str.starts_with("-")
        case "trailing_minus":
            return text.str.ends_with("-")
        case "parentheses":
            return text.str.starts_with("(")
        case "cr":
            return text.str.ends_with("CR")
        case "unicode_minus":
            return text.str.starts_with("\u2212")


def _number_only(text: pl.Expr, style: AmountFormat) -> pl.Expr:
    """Digits and decimal separator, without zeros at their beginning. Only sound for text that fits the gate."""
    number = text.str.strip_chars("-\u2212() CRD")
    if style.unit == "major" and style.thousands:
        number = number.str.replace_all(style.thousands, "", literal=True)
    return number.str.strip_chars_start("0")


def _without_closing_zeros(number: pl.Expr, style: AmountFormat) -> pl.Expr:
    """Without zeros at the end of its decimals: `1.500` is exactly 1.50. A separator that is left last counts no
    places.
    """
    if style.unit == "minor":
        return number
    stated = number.str.contains(style.decimal, literal=True)
    return pl.when(stated).then(number.str.strip_chars_end("0")).otherwise(number)


def _point(number: pl.Expr, style: AmountFormat) -> pl.Expr:
    """Where the decimal separator is; null where there is none."""
    return number.str.find(style.decimal, literal=True).cast(pl.Int64)


def _ambiguous() -> str:
    """A pattern of digits parted by any separator, which in some country would be a number."""
    separators = "[" + re.escape(_SEPARATORS) + "]"
    return rf"^[-(]?[0-9]+(?:{separators}[0-9]+)+(?:[-)]| ?(?:CR|DR))?$"


def plain_amounts(currencies: pl.Series, amounts_minor: pl.Series) -> pl.Series:
    """`plain` for whole columns (String), in integers; null where the amount or the currency's decimals are unknown.

    Args:
        currencies: alphabetic codes.
        amounts_minor: Int64, at most `MAX_DIGITS` digits.
    """
    frame = pl.DataFrame({"currency": currencies, "minor": amounts_minor})
    minor = pl.col("minor")
    sign = pl.when(minor < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    by_decimals: dict[int, list[str]] = {}
    for code in currencies.unique().drop_nulls():
        if code in exponents():
            by_decimals.setdefault(exponents()[code], []).append(code)
    text = pl.lit(None, pl.String)
    for decimals, codes in by_decimals.items():
        whole = (minor.abs() // 10**decimals).cast(pl.String)
        parts = [sign, whole]
        if decimals:
            fraction = (minor.abs() % 10**decimals).cast(pl.String).str.zfill(decimals)
            parts += [pl.lit("."), fraction]
        text = pl.when(pl.col("currency").is_in(codes)).then(pl.concat_str(parts)).otherwise(text)
    return frame.select(amount=text)["amount"]
