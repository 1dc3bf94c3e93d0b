"""Phone numbers to E.164.

A number that is E.164 already passes as it is: that is all the Billing API asks. Others are read as the feed's
region writes them, and the `phonenumbers` library has the last word; common shapes are settled by a pattern made from
that library's own tables, because asking it for each of ten million numbers takes minutes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import polars as pl

_E164 = r"^\+[1-9][0-9]{1,14}$"
"""Source: ITU-T E.164, 6.2: a country code that does not begin with 0, and 15 digits at most."""
_MAX_DIGITS = 15
"""Of an E.164 number; some numbering plans have longer ones (Nigeria's 0800)."""
_PARTS_OF_A_REGION = ("mobile", "fixed_line", "toll_free", "shared_cost", "uan", "voip")
"""Kinds of numbers on which a customer can be reached; premium rates and pagers are left to the library."""


@dataclass(frozen=True, slots=True)
class FastPath:
    """National numbers that need no second look: `prefix` and a number of the region's own `plans`, dialled at home."""

    country_code: str
    prefix: str
    plans: tuple[str, ...]
    """Patterns that must all fit the number behind the prefix."""
    abroad: str
    """Pattern of what leads out of the region; such texts are left to the library."""


@cache
def fast_path(region: str) -> FastPath | None:
    """The fast path of a region, or None where its numbering plan has special cases that only the library knows."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata  # noqa: PLC0415 - large tables

    metadata = PhoneMetadata.metadata_for_region(region)
    if metadata is None or metadata.country_code is None or metadata.general_desc is None:
        return None
    prefix, general = metadata.national_prefix, metadata.general_desc.national_number_pattern
    if not prefix or not prefix.isdigit() or metadata.national_prefix_for_parsing != prefix:
        return None
    shared = len(COUNTRY_CODE_TO_REGION_CODE[metadata.country_code]) > 1
    if shared or metadata.national_prefix_transform_rule or not general:
        return None
    plans = [getattr(metadata, part) for part in _PARTS_OF_A_REGION]
    patterns = [plan.national_number_pattern for plan in plans if plan and plan.national_number_pattern]
    leads_out = "|".join([str(metadata.country_code), metadata.international_prefix or "00"])
    if not patterns or re.search(r"\(\?[=!<]", "".join([*patterns, general, leads_out])):
        return None
    return FastPath(
        country_code=str(metadata.country_code),
        prefix=prefix,
        plans=(_ascii(f"^(?:{general})$"), _ascii(f"^(?:{'|'.join(patterns)})$")),
        abroad=_ascii(f"^(?:{leads_out})"),
    )


def _ascii(pattern: str) -> str:
    """`\\d` as the library means it. In polars' patterns it would take digits of every script."""
    return pattern.replace(r"\d", "[0-9]")


def by_library(text: str, region: str | None) -> str | None:
    """One number as the library reads it in a region: E.164, or None when it is no valid number."""
    import phonenumbers  # noqa: PLC0415 - large tables

    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if number.extension or not phonenumbers.is_valid_number(number):
        return None
    formatted = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return formatted if re.fullmatch(r"\+[1-9][0-9]{1,14}", formatted, re.ASCII) else None


def to_e164(texts: pl.Series, region: str | None) -> pl.Series:
    """A column of numbers as E.164; null where absent or no valid number.

    In three steps, each for what the one before did not settle: E.164 already, the region's common shapes, the library.
    """
    text = pl.col("text")
    quick = _each(texts, pl.when(text.str.contains(_E164)).then(text))
    path = fast_path(region) if region else None
    if path is not None:
        quick = _rest(quick, texts, lambda left: _each(left, _national(text, path)))
    return _rest(quick, texts, lambda left: _slowly(left, region))


def _each(texts: pl.Series, number: pl.Expr) -> pl.Series:
    return pl.DataFrame({"text": texts}).select(number.alias("number"))["number"]


def _rest(settled: pl.Series, texts: pl.Series, settle: Callable[[pl.Series], pl.Series]) -> pl.Series:
    left = settled.is_null() & texts.is_not_null()
    return settled.scatter(left.arg_true(), settle(texts.filter(left))) if left.any() else settled


def _slowly(texts: pl.Series, region: str | None) -> pl.Series:
    different = texts.unique()
    answers = [by_library(text, region) for text in different]
    return texts.replace_strict(different, pl.Series(answers, dtype=pl.String), return_dtype=pl.String)


def _national(text: pl.Expr, path: FastPath) -> pl.Expr:
    number = text.str.slice(len(path.prefix))
    national = text.str.contains(f"^{path.prefix}[1-9][0-9]+$") & ~text.str.contains(path.abroad)
    short = number.str.len_bytes() + len(path.country_code) <= _MAX_DIGITS
    fits = pl.all_horizontal(national, short, *(number.str.contains(plan) for plan in path.plans))
    return pl.when(fits).then(pl.concat_str(pl.lit(f"+{path.country_code}"), number))
