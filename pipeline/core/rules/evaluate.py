"""What the values of one record must be: every rule over every record of a batch, all faults at once.

One expression over a whole batch says which records break any rule. Only for those, which are few, each rule is
evaluated by itself, and codes and messages are spelled out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

import polars as pl

from pipeline.core.csv_structure import CONTROL, DAMAGE, ITEMS
from pipeline.core.mapping.layout import AMOUNT, DATES, Layout, TwoColumns
from pipeline.core.mapping.normalise import metadata_json
from pipeline.core.rules.catalogue import rule_message
from pipeline.core.rules.expected_forms import date_formats_of
from pipeline.core.rules.field_rules import field_rules_of, first_look
from pipeline.core.rules.left_out import (
    VERDICT,
    LeftOut,
    left_out_details,
    listed_values,
    why_left_out,
    without_bad_details,
)
from pipeline.core.rules.text_marks import without_text_marks
from pipeline.core.values import dates, money, phones, two_columns
from pipeline.core.values.amount_text import exponents

VALUES: dict[str, pl.DataType] = {
    "record": pl.Int64(),
    "line": pl.Int64(),
    "byte_start": pl.Int64(),
    "byte_end": pl.Int64(),
    **{
        name: pl.String()
        for name in (
            "customer_reference",
            "customer_name",
            "customer_email",
            "customer_phone",
            "customer_metadata",
            "account_reference",
            "account_name",
            "account_metadata",
            "bill_reference",
            "currency",
            "bill_date",
            "due_date",
            "metadata",
            "payments_included_until",
        )
    },
    "amount_minor": pl.Int64(),
    "currency_readable": pl.Boolean(),
}
"""Columns of every checked record, as `CheckedFile` describes them."""
FINDINGS: dict[str, pl.DataType] = {
    "record": pl.Int64(),
    "line": pl.Int64(),
    "verdict": pl.String(),
    "codes": pl.List(pl.String()),
    "message": pl.String(),
    "duplicate_of": pl.Int64(),
}
"""Columns of what is said of records that are not simply accepted."""


class RuleResults(NamedTuple):
    """A batch of records: `VALUES` of all of them, and `FINDINGS` of those that are damaged, break a rule or are left
    out.

    A record without findings is accepted, unless a rule across records says otherwise later.
    """

    values: pl.DataFrame
    findings: pl.DataFrame
    left_out: LeftOut


def evaluate_rules(records: pl.DataFrame, layout: Layout) -> RuleResults:
    """Apply every rule over the values of one record.

    `records`: canonical text, as `normalise.canonical` returns it. `values` of the result keep `stated_<name>`
    (String) for each of `Layout.derived_references`, for the rules across records, and `reject_record` (Int64) of a
    corrected rejects file.

    Values are kept also of records that break a rule, as far as they can be read: totals count them, and rules across
    records compare them.
    """
    results, broken = _evaluated(records, layout)
    # Where bad details are left out, a marked phone number breaks nothing.
    suspect = broken if layout.feed.bad_details == "reject" else broken.is_not_null()
    if not suspect.any():
        return results
    unmarked, marks = without_text_marks(records, suspect, layout)
    if not marks.width:
        return results
    results, broken = _evaluated(unmarked, layout)
    flags = marks.rename(lambda name: f"{name}: spreadsheet's mark of text")
    results.left_out.add(left_out_details(flags, records["line"], ~broken))
    return results


def _evaluated(records: pl.DataFrame, layout: Layout) -> tuple[RuleResults, pl.Series]:
    """What the rules say of these texts, and which records are damaged or break one (Boolean)."""
    records = records.with_columns(_read(records, layout))
    flags = pl.DataFrame()
    if layout.feed.bad_details == "leave_out":
        records, flags = without_bad_details(records, field_rules_of(layout), layout)
    why = why_left_out(layout)
    if why is not None:
        records = records.with_columns(left_out=why)
    evaluated = (
        records.lazy().with_columns(_broken(layout)).select(_kept(layout, tuple(records.columns))).collect()
    )
    findings = _findings(records.filter(evaluated["broken"]), layout)
    sent = ~evaluated["broken"]
    if why is not None:
        findings = pl.concat([findings, _left_out(records)]).sort("record")
        sent &= records["left_out"].is_null()
    if layout.feed.amount.float_noise:
        amount = AMOUNT[layout.feed.model]
        noise = records[f"{amount}:noise"].fill_null(value=False).alias(f"{amount}: float noise")
        flags = flags.with_columns(noise) if flags.width else noise.to_frame()
    left_out = left_out_details(flags, records["line"], sent)
    left_out.values = listed_values(records, layout)
    return RuleResults(evaluated.drop("broken"), findings, left_out), evaluated["broken"]


def _read(records: pl.DataFrame, layout: Layout) -> Iterator[pl.Series]:
    """What is read out of text before rules are applied: `<column>:<what>` of each amount and date, and `phone_e164`.

    Eager, one column at a time: `money` and `dates` choose their patterns by what the column holds.
    """
    yield phones.to_e164(records["customer_phone"], layout.feed.phone_region).alias("phone_e164")
    column = AMOUNT[layout.feed.model]
    read = {column: _amounts(records, column, layout)}
    for name in DATES[layout.feed.model]:
        formats = date_formats_of(layout, name)
        read[name] = dates.parse_dates(records[name], formats, layout.feed.date_language)
    if layout.days_due is not None:
        read["due_date"] = dates.days_after(read["bill_date"], layout.days_due)
    for name, found in read.items():
        yield from (each.alias(f"{name}:{each.name}") for each in found.iter_columns())


def _amounts(records: pl.DataFrame, column: str, layout: Layout) -> pl.DataFrame:
    """What `money` reads of the amounts, be they in one column or in two."""
    source, style, currencies = layout.sources.get(column), layout.feed.amount, records["currency"]
    if not isinstance(source, TwoColumns):
        return money.parse_amounts(records[column], currencies, style)
    first, second = records[f"{column}:first"], records[f"{column}:second"]
    if source.signs is None:
        return two_columns.debits_less_credits(first, second, currencies, style)
    return two_columns.with_sign_column(first, second, currencies, style, source.signs)


# Expressions are made once for a file: for each of its batches that would take longer than a look at the few records
# that break a rule.
@lru_cache(maxsize=8)
def _broken(layout: Layout) -> pl.Expr:
    """`broken`: whether a record is damaged or breaks a rule, and is not left out."""
    broken = pl.col("damage").is_not_null() | first_look(layout)
    if why_left_out(layout) is not None:
        broken &= pl.col("left_out").is_null()
    return broken.alias("broken")


@lru_cache(maxsize=8)
def _kept(layout: Layout, columns: tuple[str, ...]) -> list[pl.Expr]:
    """`broken`, `VALUES` and what else is kept of records that have these columns: from the text that is stated and
    from what was read out of it. Columns of other models are null.
    """
    made = {
        "amount_minor": pl.col(f"{AMOUNT[layout.feed.model]}:minor"),
        "currency_readable": pl.col("currency").is_in(list(exponents())).fill_null(value=False),
        "customer_phone": pl.col("phone_e164"),
        **{family: metadata_json(layout, family) for family in _FAMILIES},
        **{name: pl.col(f"{name}:day") for name in DATES[layout.feed.model]},
    }
    kept = [pl.col("broken")]
    for name, dtype in VALUES.items():
        stated = pl.col(name) if name in columns else pl.lit(None, dtype)
        kept.append(made.get(name, stated).cast(dtype).alias(name))
    kept += [pl.col(f"stated_{name}") for name in layout.derived_references()]
    return kept + ([pl.col("reject_record")] if layout.is_correction else [])


_FAMILIES = ("metadata", "customer_metadata", "account_metadata")


class _Fault(NamedTuple):
    """A rule that a record may break, or a damage, as a column of flags."""

    name: str
    broken: pl.Expr
    code: pl.Expr
    message: pl.Expr


@lru_cache(maxsize=8)
def _faults(layout: Layout) -> tuple[list[pl.Expr], list[_Fault]]:
    """What is looked at of records that are damaged or break a rule, and what may be wrong with them."""
    # What is missing from a damaged record is no fault of its own.
    whole = pl.col("damage").is_null()
    rules = field_rules_of(layout)
    found = [
        (f"rule_{i}", rule.code, rule.detail, rule.like and rule.like(layout), broken & whole)
        for i, (rule, broken) in enumerate(rules)
    ] + [
        (
            f"damage_{i}",
            code,
            "damaged_column" if i in (CONTROL, ITEMS) else None,
            None,
            pl.col("damage") == i,
        )
        for i, code in enumerate(DAMAGE)
    ]
    faults = [
        _Fault(
            name,
            broken.fill_null(value=False).alias(name),
            pl.when(pl.col(name)).then(pl.lit(code)),
            pl.when(pl.col(name)).then(_message(code, detail, like, layout)),
        )
        for name, code, detail, like, broken in found
    ]
    details = {detail for _, _, detail, _, _ in found if detail is not None}
    return [pl.col("record"), pl.col("line"), *map(pl.col, sorted(details))], faults


def _findings(broken: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """`FINDINGS` of records that are damaged or break a rule: all that is wrong with each of them."""
    if broken.is_empty():
        return pl.DataFrame(schema=FINDINGS)
    looked_at, faults = _faults(layout)
    frame = broken.select(*looked_at, *(each.broken for each in faults))
    found = frame.select(pl.col(each.name).any() for each in faults).row(0)
    hit = [fault for fault, any_hit in zip(faults, found, strict=True) if any_hit]
    return frame.select(
        "record",
        "line",
        pl.lit("rejected").alias("verdict"),
        codes=_listed(each.code for each in hit),
        message=_listed(each.message for each in hit).list.join("; "),
        duplicate_of=pl.lit(None, pl.Int64),
    )


def _left_out(records: pl.DataFrame) -> pl.DataFrame:
    """`FINDINGS` of records that the feed leaves out."""
    return records.filter(pl.col("left_out").is_not_null()).select(
        "record",
        "line",
        verdict=pl.lit(VERDICT),
        codes=pl.lit([], pl.List(pl.String)),
        message="left_out",
        duplicate_of=pl.lit(None, pl.Int64),
    )


def _message(code: str, detail: str | None, like: str | None, layout: Layout) -> pl.Expr:
    """What is said of a code; the same for all records but for `detail`, which adds what is known of one, never its
    value. `like`: an example of what is expected.
    """
    message = pl.lit(rule_message(code, layout.own_names) + (f" (expected: {like})" if like else ""))
    return message if detail is None else message + pl.coalesce(pl.lit(": ") + pl.col(detail), pl.lit(""))


def _listed(texts: Iterable[pl.Expr]) -> pl.Expr:
    """The texts of the flags that are set, as a list for each record, in the order of the rules."""
    return pl.concat_list(texts).list.drop_nulls()
