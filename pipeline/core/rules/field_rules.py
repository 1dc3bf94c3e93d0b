"""The rules over the values of one record, each in one place: its code, its words and the expression that breaks it.

A rule that is added to `FIELD_RULES` is in the catalogue and is applied: what is sound is what breaks none of them.

Expressions look at canonical columns (`normalise.canonical`) and at what `evaluate.evaluate_rules` reads out of them:
`phone_e164`, `<amount>:minor`, `<date>:day`, and `<column>:<problem>` (Boolean) of amounts and dates.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from pipeline.core.mapping.file_names import SOURCE_DIGITS
from pipeline.core.mapping.layout import AMOUNT, REQUIRED, Layout, TwoColumns
from pipeline.core.payments.unposted import INCLUDED_PATTERN
from pipeline.core.rules.api_limits import (
    MAX_AMOUNT_DUE_MINOR,
    MAX_BALANCE_MINOR,
    MAX_EMAIL_CHARACTERS,
    MAX_NAME_CHARACTERS,
    MAX_REFERENCE_CHARACTERS,
    MIN_AMOUNT_DUE_MINOR,
)
from pipeline.core.rules.expected_forms import amount_like, date_like
from pipeline.core.rules.metadata_rules import metadata_rules, metadata_without_account
from pipeline.core.rules.named_checks import CHECKS
from pipeline.core.rules.rule import MANGLED_CELL, BadValues, Broken, FieldRule, detail_rule
from pipeline.core.values.amount_text import exponents
from schemas.feed import Check

_REFERENCE = r"^[a-zA-Z0-9_-]+$"
"""Source: the Billing API's `external_reference`."""
# Only with a sign in the exponent: `12E4` may well be somebody's reference.
_SPREADSHEET = r"^[0-9](?:[.,][0-9]+)?[eE]\+[0-9]+$|^#(?:#+|[A-Z0-9/]+[!?]?)$"
# An address as RFC 5322 calls it dot-atom, at a host name of RFC 1123 with at least one dot.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_EMAIL = rf"^{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])$"

CREDIT_NOTE = "amount_due.credit_note"
NOTHING_DUE = "amount_due.nothing_due"
"""Codes of amounts that can be read and are below what the API accepts."""


def field_rules_of(layout: Layout) -> list[tuple[FieldRule, pl.Expr]]:
    """The rules that records of this layout may break, with their expressions, in the order of a record's codes.

    An expression is Boolean, over canonical columns and those that `evaluate` adds; null counts as not broken.
    """
    found = ((rule, rule.broken(layout)) for rule in FIELD_RULES)
    return [(rule, broken) for rule, broken in found if broken is not None]


def first_look(layout: Layout) -> pl.Expr:
    """Whether a record breaks any of these rules (Boolean, never null)."""
    looks = ((rule.quick or rule.broken)(layout) for rule in FIELD_RULES)
    return pl.any_horizontal(look for look in looks if look is not None).fill_null(value=False)


def _stated(column: str, broken: pl.Expr) -> Broken:
    """For files that state a canonical column; in others it is null in every record, and none of its rules can be
    broken.
    """
    return lambda layout: broken if layout.states(column) or _is_required(column, layout) else None


def _is_required(column: str, layout: Layout) -> bool:
    return column in REQUIRED[layout.feed.model]


def _reference_rules(field: str) -> Iterator[FieldRule]:
    """Of a reference. What a spreadsheet has mangled also has characters that are not allowed: it gets the more
    helpful code alone.
    """
    text = pl.col(field)
    mangled = text.str.contains(_SPREADSHEET)
    yield FieldRule(
        f"{field}.missing",
        "no reference",
        "fill it in",
        lambda layout: text.is_null() if _is_required(field, layout) else None,
    )
    yield FieldRule(
        f"{field}.spreadsheet",
        "damaged by a spreadsheet",
        "export it again with this column formatted as text",
        _stated(field, mangled),
        # All of these have other characters than a reference may.
        quick=lambda _: None,
    )
    yield FieldRule(
        f"{field}.characters",
        "characters other than A-Z, a-z, 0-9, _ and -",
        "use only these characters, or ask whoever maintains the config to have others replaced"
        " (feed.reference_replace)",
        _stated(field, ~text.str.contains(_REFERENCE) & ~mangled),
        quick=_stated(field, ~text.str.contains(_REFERENCE)),
    )
    yield FieldRule(
        f"{field}.too_long",
        f"more than {MAX_REFERENCE_CHARACTERS} characters",
        "use a shorter reference",
        _stated(field, text.str.len_chars() > MAX_REFERENCE_CHARACTERS),
    )


def _bad(column: str, broken: pl.Expr) -> BadValues:
    """Of one optional column, in files that have it."""
    return lambda layout: {column: broken} if column in layout.sources else {}


def _name_rules(field: str) -> Iterator[FieldRule]:
    """Of a name: any text will do, unless a spreadsheet's error or a number cut short is in its place."""
    yield detail_rule(
        f"{field}.too_long",
        f"more than {MAX_NAME_CHARACTERS} characters",
        "shorten it",
        _bad(field, pl.col(field).str.len_chars() > MAX_NAME_CHARACTERS),
    )
    yield detail_rule(
        f"{field}.spreadsheet",
        "damaged by a spreadsheet",
        "correct the cell or empty it",
        _bad(field, pl.col(field).str.contains(MANGLED_CELL)),
    )


def _contact_rules() -> Iterator[FieldRule]:
    """Of e-mail address and phone number, both optional."""
    email, phone = pl.col("customer_email"), pl.col("customer_phone")
    yield detail_rule(
        "customer_email.too_long",
        f"more than {MAX_EMAIL_CHARACTERS} characters",
        "correct or empty it",
        _bad("customer_email", email.str.len_chars() > MAX_EMAIL_CHARACTERS),
    )
    yield detail_rule(
        "customer_email.invalid",
        "not a valid e-mail address",
        "correct or empty it",
        _bad("customer_email", ~email.str.contains(_EMAIL)),
    )
    yield detail_rule(
        "customer_phone.invalid",
        "not a valid phone number, or a national number of another country than the feed's (feed.phone_region)",
        "write it as +27…, leave it empty, or ask whoever maintains the config to set the country (feed.phone_region)",
        _bad("customer_phone", phone.is_not_null() & pl.col("phone_e164").is_null()),
    )


def _currency_rules() -> Iterator[FieldRule]:
    """A currency without minor units (XAU) is unknown too: its amounts could not be exact."""
    currency = pl.col("currency")
    yield FieldRule(
        "currency.missing",
        "no currency",
        "fill it in, or ask whoever maintains the config to set the feed's currency (feed.currency)",
        _stated("currency", currency.is_null()),
    )
    yield FieldRule(
        "currency.unknown",
        "not a recognised currency code",
        "use a code such as ZAR",
        _stated("currency", ~currency.is_in(list(exponents()))),
    )


def _as_read(field: str, problem: str, meaning: str, remedy: str) -> FieldRule:
    """A problem that `money` or `dates` found when it read the column."""
    detail = f"{field}:notation" if problem in ("format", "ambiguous", "too_precise") else None
    broken = _stated(field, pl.col(f"{field}:{problem}"))
    like = amount_like if field in AMOUNT.values() else date_like(field)
    has_form = problem == "format" or (problem == "ambiguous" and field in AMOUNT.values())
    return FieldRule(f"{field}.{problem}", meaning, remedy, broken, detail, like=like if has_form else None)


def _amount_rules(field: str, *, allowed: str) -> Iterator[FieldRule]:
    """Of the amount. `allowed`: its range, in words. Amounts are never rounded, guessed or cut."""
    missing = _stated(field, pl.col(field).is_null())
    yield FieldRule(f"{field}.missing", "no amount", "fill it in", missing)
    yield _as_read(
        field, "format", "not an amount in this feed's format", "write it in the feed's format (feed.amount)"
    )
    yield _as_read(
        field,
        "ambiguous",
        "can be read in two ways",
        "find out which amount is meant and write it in the feed's format, or ask whoever maintains the config to"
        " correct that format (feed.amount)",
    )
    yield _as_read(
        field, "spreadsheet", "damaged by a spreadsheet", "export it again with this column formatted as text"
    )
    yield _as_read(
        field,
        "other_currency",
        "the currency code beside the amount is not the record's currency",
        "correct one of them",
    )
    yield _as_read(
        field,
        "too_precise",
        "more decimals than the currency allows",
        "correct the amount",
    )
    sign = pl.col(f"{field}:sign")
    yield FieldRule(
        f"{field}.sign",
        "a sign that the feed does not list (feed.columns), or a minus in a column of debits, credits or"
        " unsigned values",
        "correct it, or ask whoever maintains the config to list the sign (feed.columns)",
        lambda layout: sign if isinstance(layout.sources.get(field), TwoColumns) else None,
    )
    yield from _nothing_to_bill() if field == "amount_due" else ()
    yield FieldRule(
        f"{field}.out_of_range",
        f"not within {allowed}",
        "check the amount, and whether it is written in the feed's unit, such as cents (feed.amount.unit)",
        lambda layout: _out_of_range(field, layout),
    )


def _out_of_range(column: str, layout: Layout) -> pl.Expr | None:
    """An amount outside the API's range, or of too many digits. One that could not be read at all is null, and has
    its own code.
    """
    if column != AMOUNT[layout.feed.model]:
        return None
    low, high = -MAX_BALANCE_MINOR, MAX_BALANCE_MINOR
    # Lines of a bill may be anything: `line_items` compares their sum once it is known.
    if column == "amount_due" and layout.feed.line_items is None:
        high = MAX_AMOUNT_DUE_MINOR  # bills of less than 1 have their own codes
    within = pl.col(f"{column}:minor").is_between(low, high)
    return pl.col(f"{column}:too_long") | (~within).fill_null(value=False)


def _nothing_to_bill() -> Iterator[FieldRule]:
    """Amounts that are read well, and that the API takes for no bill. `line_items` compares the sum of a bill."""
    amount = pl.col("amount_due:minor")

    def of_bills(broken: pl.Expr) -> Broken:
        is_bill = AMOUNT["bill"]
        return lambda layout: (
            broken if AMOUNT[layout.feed.model] == is_bill and layout.feed.line_items is None else None
        )

    yield FieldRule(
        CREDIT_NOTE,
        "a credit note: the amount is negative, and the API accepts bills only",
        "deduct it from a bill, or ask whoever maintains the config to leave credit notes out by a column that marks"
        " them (feed.where_not)",
        of_bills(amount < 0),
    )
    yield FieldRule(
        NOTHING_DUE,
        "nothing is due: the amount is 0",
        "remove it, or ask whoever maintains the config to leave such records out (feed.nothing_due: skip)",
        of_bills(amount == 0),
    )


def _date_rules(field: str) -> Iterator[FieldRule]:
    """Of a date, optional everywhere."""
    yield _as_read(
        field,
        "format",
        "date is not in the expected format",
        "write it in that format, or ask whoever maintains the config to add this one (feed.date_formats)",
    )
    yield _as_read(field, "impossible", "no such date", "correct the date")
    yield _as_read(
        field,
        "ambiguous",
        "can be read as two different days in the feed's date formats",
        "ask whoever maintains the config to keep one date format; this day can be read in two ways",
    )


def _included_rule() -> FieldRule:
    """What a balance says of the payments that it includes; optional."""
    field = "payments_included_until"
    return FieldRule(
        f"{field}.format",
        "neither the number of a payments file nor a time such as 2026-11-28 18:00",
        "write the number of the last payments file that was posted, or when payments were last posted",
        lambda layout: ~pl.col(field).str.contains(INCLUDED_PATTERN) if layout.feed.model != "bill" else None,
    )


def _bill_rules() -> Iterator[FieldRule]:
    """Rules over several columns of a bill."""
    no_account = pl.col("account_reference").is_null()
    yield FieldRule(
        "due_date.before_bill_date",
        "before bill_date",
        "correct one of the dates, or ask whoever maintains the config to accept such dates"
        " (feed.due_before_bill_date: note)",
        lambda layout: (
            pl.col("due_date:day") < pl.col("bill_date:day")
            if layout.feed.model == "bill" and layout.feed.due_before_bill_date == "reject"
            else None
        ),
    )
    yield FieldRule(
        "account_name.without_account",
        "a name of an account, but no account_reference",
        "fill in account_reference or empty the name",
        lambda layout: (
            pl.col("account_name").is_not_null() & no_account if layout.feed.model == "bill" else None
        ),
    )


def _check_rule(check: Check, meaning: str) -> FieldRule:
    """A check that a feed asks for by name (`feed.checks`); absent values pass."""

    def broken(layout: Layout) -> pl.Expr | None:
        texts = [pl.col(f"own_{position}") for position in layout.checks.get(check, ())]
        return (
            pl.any_horizontal(text.is_not_null() & ~CHECKS[check](text) for text in texts) if texts else None
        )

    remedy = "correct it, or ask whoever maintains the config to check this column no more (feed.checks)"
    return FieldRule(f"column.{check}", meaning, remedy, broken)


def _correction_rules() -> Iterator[FieldRule]:
    """Rules over the columns of ours in a corrected rejects file."""
    yield FieldRule(
        "record.reject_source",
        "reject_source is not that of the file's first record",
        "correct one rejects.csv at a time",
        _other_source,
    )
    yield FieldRule(
        "record.reject_record",
        "in a corrected rejects file, and reject_record is not a record number",
        "keep reject_record as it was written: it says which record of the original this one corrects",
        lambda layout: (
            pl.col("reject_record").is_null()
            if layout.is_correction and "reject_record" in layout.rejects
            else None
        ),
    )


def _other_source(layout: Layout) -> pl.Expr | None:
    """A row that came from another rejects file than the first row: two files were pasted together."""
    if layout.rejects_of is None or not layout.is_correction:
        return None
    digits = pl.col("reject_source").str.extract(SOURCE_DIGITS)
    return digits.ne_missing(pl.lit(layout.rejects_of.rpartition(".")[2]))


FIELD_RULES: tuple[FieldRule, ...] = (
    *_reference_rules("customer_reference"),
    *_reference_rules("account_reference"),
    *_reference_rules("bill_reference"),
    *_name_rules("customer_name"),
    *_contact_rules(),
    *_name_rules("account_name"),
    *_currency_rules(),
    *_amount_rules("amount_due", allowed=f"{MIN_AMOUNT_DUE_MINOR} to {MAX_AMOUNT_DUE_MINOR} minor units"),
    *_amount_rules("balance", allowed="18 digits of minor units"),
    *_date_rules("bill_date"),
    *_date_rules("due_date"),
    _included_rule(),
    *_bill_rules(),
    metadata_without_account(),
    *metadata_rules("metadata"),
    *metadata_rules("customer_metadata"),
    *metadata_rules("account_metadata"),
    _check_rule(
        "sa_id", "not a valid South African identity number (13 digits, a date of birth and a check digit)"
    ),
    *_correction_rules(),
)
"""Every rule over the values of one record. A record's codes and messages come in this order."""
