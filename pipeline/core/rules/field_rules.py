"""The rules over the values of one record, in groups: what breaks each of them, and what surely breaks none.

Nearly all records are sound, and one quick expression for each group says so; its faults are looked for in the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from operator import and_

import polars as pl

from pipeline.core.mapping.file_names import SOURCE_DIGITS
from pipeline.core.mapping.layout import AMOUNT, DATES, METADATA, REQUIRED, Layout, TwoColumns
from pipeline.core.rules import catalogue
from pipeline.core.rules.named_checks import CHECKS
from pipeline.core.values import money

_REFERENCE = r"^[a-zA-Z0-9_-]+$"
_SOUND_REFERENCE = rf"^[a-zA-Z0-9_-]{{1,{catalogue.MAX_REFERENCE_CHARACTERS}}}$"
"""No spreadsheet's number fits it: that has a sign."""
# Only with a sign in the exponent: `12E4` may well be somebody's reference.
_SPREADSHEET = r"^[0-9](?:[.,][0-9]+)?[eE]\+[0-9]+$|^#(?:#+|[A-Z0-9/]+[!?]?)$"
# What our own reading of a workbook writes for damaged cells; wherever else it stands, a spreadsheet was there too.
_CELL = r"^-?[0-9]\.[0-9]+E[+-][0-9]{2,}$|^#(?:#+|N/A|[A-Z0-9/]+[!?])$"
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_EMAIL = rf"^{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])$"


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule as a true/false expression: true where it is broken; null counts as false."""

    code: str
    bad: pl.Expr
    told: str | None = None
    """Column (String) of what is seen of a record beyond what the code says; null where it is nothing."""


@dataclass(frozen=True, slots=True)
class FieldRules:
    """Rules about one thing.

    `sound` is true only where none of `faults` holds. It may be false or null elsewhere too: there the faults decide.
    """

    sound: pl.Expr
    faults: tuple[Fault, ...]


def field_rules_of(layout: Layout) -> Iterator[FieldRules]:
    """Every rule that a layout's records must keep.

    They look at canonical columns and at what `content.judge` reads out of them: `phone_e164`, `<amount>:minor`,
    `<date>:day`, and `<column>:<problem>` of both.
    """
    model = layout.feed.model
    for name in ("customer_reference", "account_reference", "bill_reference"):
        if name in REQUIRED[model] or name in layout.sources:
            yield _reference(name, required=name in REQUIRED[model])
    yield _name("customer_name")
    yield _email()
    phone, e164 = pl.col("customer_phone"), pl.col("phone_e164")
    yield _by_faults(Fault("customer_phone.invalid", phone.is_not_null() & e164.is_null()))
    if model != "customer_balance":
        yield _name("account_name")
    known = pl.col("currency").is_in(list(money.exponents()))
    missing = Fault("currency.missing", pl.col("currency").is_null())
    yield FieldRules(known, (missing, Fault("currency.unknown", ~known)))
    yield _amount(AMOUNT[model], layout)
    yield from (_date(name) for name in DATES[model])
    if model == "bill":
        yield _by_faults(*_bill_faults(layout))
    yield from (_metadata(layout, family) for family in METADATA[model] if layout.metadata_keys(family))
    yield _by_faults(*_check_faults(layout))
    if layout.rejects_of is not None and layout.is_correction:
        digits = pl.col("reject_source").str.extract(SOURCE_DIGITS)
        yield _by_faults(
            Fault("record.reject_source", digits.ne_missing(pl.lit(layout.rejects_of.rpartition(".")[2])))
        )
        if "reject_record" in layout.rejects:
            yield _by_faults(Fault("record.reject_record", pl.col("reject_record").is_null()))


def _by_faults(*faults: Fault) -> FieldRules:
    """For rules that are as quick as anything that could be said in their place."""
    return FieldRules(_all(~fault.bad.fill_null(value=False) for fault in faults), faults)


def _all(conditions: Iterable[pl.Expr]) -> pl.Expr:
    return reduce(and_, conditions, pl.lit(value=True))


def _or_absent(text: pl.Expr, sound: pl.Expr) -> pl.Expr:
    return text.is_null() | sound


def _reference(name: str, *, required: bool) -> FieldRules:
    text = pl.col(name)
    sound = text.str.contains(_SOUND_REFERENCE)
    mangled = text.str.contains(_SPREADSHEET)
    faults = (
        Fault(f"{name}.spreadsheet", mangled),
        Fault(f"{name}.characters", ~text.str.contains(_REFERENCE) & ~mangled),
        _too_long(name, catalogue.MAX_REFERENCE_CHARACTERS),
    )
    if required:
        return FieldRules(sound, (Fault(f"{name}.missing", text.is_null()), *faults))
    return FieldRules(_or_absent(text, sound), faults)


def _too_long(name: str, max_characters: int) -> Fault:
    return Fault(f"{name}.too_long", pl.col(name).str.len_chars() > max_characters)


def _short(name: str, max_characters: int) -> pl.Expr:
    return pl.col(name).str.len_bytes() <= max_characters


def _mangled(field: str, columns: list[str]) -> Fault:
    return Fault(
        f"{field}.spreadsheet", pl.any_horizontal(pl.col(name).str.contains(_CELL) for name in columns)
    )


def _sound_text(name: str, max_characters: int) -> pl.Expr:
    text = pl.col(name)
    return _or_absent(text, _short(name, max_characters) & ~text.str.contains(_CELL))


def _name(name: str) -> FieldRules:
    most = catalogue.MAX_NAME_CHARACTERS
    return FieldRules(_sound_text(name, most), (_too_long(name, most), _mangled(name, [name])))


def _email() -> FieldRules:
    text, most = pl.col("customer_email"), catalogue.MAX_EMAIL_CHARACTERS
    fits = text.str.contains(_EMAIL)
    faults = (_too_long("customer_email", most), Fault("customer_email.invalid", ~fits))
    return FieldRules(_or_absent(text, _short("customer_email", most) & fits), faults)


def _amount(column: str, layout: Layout) -> FieldRules:
    low, high = -catalogue.MAX_BALANCE_MINOR, catalogue.MAX_BALANCE_MINOR
    if (
        column == "amount_due" and layout.feed.line_items is None
    ):  # the sum of lines is judged when it is known
        low, high = catalogue.MIN_AMOUNT_DUE_MINOR, catalogue.MAX_AMOUNT_DUE_MINOR
    within = pl.col(f"{column}:minor").is_between(low, high)
    problems: tuple[str, ...] = ("format", "ambiguous", "spreadsheet", "other_currency", "too_precise")
    if isinstance(layout.sources.get(column), TwoColumns):
        problems += ("sign",)
    outside = pl.col(f"{column}:too_long") | (~within).fill_null(value=False)
    return FieldRules(
        within,
        (
            Fault(f"{column}.missing", pl.col(column).is_null()),
            *(_fault(column, problem) for problem in problems),
            Fault(f"{column}.out_of_range", outside),
        ),
    )


def _fault(column: str, problem: str) -> Fault:
    """A problem that was found when the column was read."""
    told = f"{column}:told" if problem in ("format", "ambiguous") else None
    return Fault(f"{column}.{problem}", pl.col(f"{column}:{problem}"), told)


def _date(name: str) -> FieldRules:
    problems = ("format", "impossible", "ambiguous")
    return FieldRules(
        _or_absent(pl.col(name), pl.col(f"{name}:day").is_not_null()),
        tuple(_fault(name, problem) for problem in problems),
    )


def _bill_faults(layout: Layout) -> Iterator[Fault]:
    if layout.feed.due_before_bill_date == "reject":
        yield Fault("due_date.before_bill_date", pl.col("due_date:day") < pl.col("bill_date:day"))
    no_account = pl.col("account_reference").is_null()
    yield Fault("account_name.without_account", pl.col("account_name").is_not_null() & no_account)
    if keys := _columns(layout, "account_metadata"):
        filled = pl.any_horizontal(pl.col(name).is_not_null() for name in keys)
        yield Fault("account_metadata.without_account", filled & no_account)


def _check_faults(layout: Layout) -> Iterator[Fault]:
    for check, positions in layout.checks.items():
        texts = [pl.col(f"checked_{position}") for position in positions]
        fails = [text.is_not_null() & ~CHECKS[check](text) for text in texts]
        yield Fault(f"column.{check}", pl.any_horizontal(fails))


def _columns(layout: Layout, family: str) -> list[str]:
    return [f"{family}.{key}" for key in layout.metadata_keys(family)]


def _metadata(layout: Layout, family: str) -> FieldRules:
    names, most = _columns(layout, family), catalogue.MAX_METADATA_VALUE_CHARACTERS
    too_long = [pl.col(name).str.len_chars() > most for name in names]
    keys = zip(names, layout.metadata_keys(family), strict=True)
    unfit = [pl.col(name).is_not_null() for name, key in keys if not _is_key(key)]
    of_keys = [*_too_many_keys(layout, family)]
    if unfit:
        of_keys.append(Fault(f"{family}.key", pl.any_horizontal(unfit)))
    values = Fault(f"{family}.value_too_long", pl.any_horizontal(too_long))
    return FieldRules(
        _all([*(_sound_text(name, most) for name in names), _by_faults(*of_keys).sound]),
        (values, _mangled(family, names), *of_keys),
    )


def _too_many_keys(layout: Layout, family: str) -> Iterator[Fault]:
    families = [family]
    if layout.feed.model == "customer_balance" and family == "metadata":
        # Both families are the customer's own here, and are sent as one object.
        families = ["metadata", "customer_metadata"]
    keys = dict.fromkeys(key for each in families for key in layout.metadata_keys(each))
    if len(keys) <= catalogue.MAX_METADATA_KEYS:
        return
    columns = [[f"{each}.{key}" for each in families if f"{each}.{key}" in layout.sources] for key in keys]
    filled = [pl.any_horizontal(pl.col(name).is_not_null() for name in names) for names in columns]
    count = pl.sum_horizontal(each.cast(pl.Int64) for each in filled)
    yield Fault(f"{family}.too_many", count > catalogue.MAX_METADATA_KEYS)


def _is_key(key: str) -> bool:
    return 0 < len(key) <= catalogue.MAX_METADATA_KEY_CHARACTERS
