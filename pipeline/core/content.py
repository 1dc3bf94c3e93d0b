"""What the values of one record must be: every rule over every record of a batch, all faults at once.

Each rule adds one true/false column, in one lazy pass; codes and messages are spelled out for rejected records only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from pipeline.core import dates, money, phones, rules
from pipeline.core.checks import CHECKS
from pipeline.core.columns import AMOUNT, DATES, METADATA, REQUIRED, Layout, is_stated_by_us
from pipeline.core.normalise import metadata_json
from pipeline.core.structure import DAMAGE
from pipeline.core.wanted import LEAF_OF

RECORD_COLUMNS: dict[str, pl.DataType] = {
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
        )
    },
    "amount_minor": pl.Int64(),
    "currency_readable": pl.Boolean(),
    "verdict": pl.String(),
    "codes": pl.List(pl.String()),
    "message": pl.String(),
    "duplicate_of": pl.Int64(),
}
"""Columns of checked records, as `CheckedFile` describes them."""

_REFERENCE = r"^[a-zA-Z0-9_-]+$"
# Only with a sign in the exponent: `12E4` may well be somebody's reference.
_SPREADSHEET = r"^[0-9](?:[.,][0-9]+)?[eE]\+[0-9]+$|^#(?:#+|[A-Z0-9/]+[!?]?)$"
# What our own reading of a workbook writes for damaged cells; wherever else it stands, a spreadsheet was there too.
_CELL = r"^-?[0-9]\.[0-9]+E[+-][0-9]{2,}$|^#(?:#+|N/A|[A-Z0-9/]+[!?])$"
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_EMAIL = rf"^{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])$"


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule as a true/false expression: true where it is broken."""

    code: str
    bad: pl.Expr


@dataclass(frozen=True, slots=True)
class Rejected:
    """What a corrected rejects file may hold: only records that `source` rejected, none that it loaded."""

    source: str
    loaded_there: pl.Series
    """References (String) of bills, accounts or customers that the source file's load took."""


def judge(records: pl.DataFrame, layout: Layout, *, rejected: Rejected | None) -> pl.DataFrame:
    """Apply every rule to canonical text (of `normalise.canonical`); returns `RECORD_COLUMNS`.

    `stated_<name>` (String) stays for each reference of `Layout.blended`, for the rules across records.
    """
    records = records.with_columns(_readings(records, layout))
    faults = list(_faults(layout, rejected))
    sound = pl.col("damage").is_null()
    judged = records.lazy().with_columns(
        *_values(layout),
        *((fault.bad & sound).fill_null(value=False).alias(f"bad_{i}") for i, fault in enumerate(faults)),
        *((pl.col("damage") == i).fill_null(value=False).alias(f"damage_{i}") for i in range(len(DAMAGE))),
    )
    flags = {f"bad_{i}": fault.code for i, fault in enumerate(faults)}
    flags |= {f"damage_{i}": code for i, code in enumerate(DAMAGE)}
    frame = judged.collect()
    return _spell_out(frame, flags, layout)


def _readings(records: pl.DataFrame, layout: Layout) -> Iterator[pl.Series]:
    """What is read out of text before it is judged: `<column>:<what>` of each amount and date, and `phone_e164`."""
    yield phones.to_e164(records["customer_phone"], layout.feed.phone_region).alias("phone_e164")
    column = AMOUNT[layout.feed.model]
    read = {column: money.reading(records[column], records["currency"], layout.feed.amount)}
    for name in DATES[layout.feed.model]:
        read[name] = dates.reading(records[name], _date_formats(layout, name))
    for name, found in read.items():
        yield from (each.alias(f"{name}:{each.name}") for each in found)


def _date_formats(layout: Layout, name: str) -> list[str]:
    source = layout.sources.get(name)
    # A date from the file's name or the config is ISO already, however the records write theirs.
    return [dates.ISO] if source is not None and is_stated_by_us(source) else list(layout.feed.date_formats)


def _values(layout: Layout) -> Iterator[pl.Expr]:
    """The values that are sent, from the text that is stated."""
    yield pl.col(f"{AMOUNT[layout.feed.model]}:minor").alias("amount_minor")
    yield pl.col("currency").is_in(list(money.exponents())).fill_null(value=False).alias("currency_readable")
    yield pl.col("phone_e164").alias("customer_phone")
    for family in ("metadata", "customer_metadata", "account_metadata"):
        yield metadata_json(layout, family)
    for name in DATES[layout.feed.model]:
        yield pl.col(f"{name}:day").alias(name)


def _spell_out(frame: pl.DataFrame, flags: dict[str, str], layout: Layout) -> pl.DataFrame:
    hit = frame.select(pl.col(name).any() for name in flags).row(0)
    active = {name: code for (name, code), any_hit in zip(flags.items(), hit, strict=True) if any_hit}
    told = frame.select("record", *active).filter(pl.any_horizontal(*active)) if active else frame.clear()
    told = told.select(
        "record",
        pl.lit("rejected").alias("verdict"),
        codes=_listed(active),
        message=_listed({name: layout.message(code) for name, code in active.items()}).list.join("; "),
    )
    stated = [f"stated_{name}" for name in layout.blended()]
    there = [name for name in RECORD_COLUMNS if name in frame.columns]
    absent = {name: dtype for name, dtype in RECORD_COLUMNS.items() if name not in (*there, *told.columns)}
    return (
        frame.select(*there, *stated)
        .join(told, on="record", how="left", maintain_order="left")
        .with_columns(
            pl.col("verdict").fill_null("accepted"),
            pl.col("codes").fill_null(pl.lit([], pl.List(pl.String))),
            *(pl.lit(None, dtype).alias(name) for name, dtype in absent.items()),
        )
        .select(*(pl.col(name).cast(dtype) for name, dtype in RECORD_COLUMNS.items()), *stated)
    )


def _listed(texts: dict[str, str]) -> pl.Expr:
    """The texts of the flags that are set."""
    if not texts:
        return pl.lit([], pl.List(pl.String))
    return pl.concat_list(
        pl.when(pl.col(name)).then(pl.lit(text)) for name, text in texts.items()
    ).list.drop_nulls()


def _faults(layout: Layout, rejected: Rejected | None) -> Iterator[Fault]:
    model = layout.feed.model
    required = REQUIRED[model]
    for name in ("customer_reference", "account_reference", "bill_reference"):
        if name in required or name in layout.sources:
            yield from _reference_faults(name, required=name in required)
    yield from _customer_faults()
    if model != "customer_balance":
        yield _too_long("account_name", rules.MAX_NAME_CHARACTERS)
        yield _mangled("account_name", ["account_name"])
    yield Fault("currency.missing", pl.col("currency").is_null())
    yield Fault("currency.unknown", ~pl.col("currency").is_in(list(money.exponents())))
    yield from _amount_faults(layout)
    if model == "bill":
        yield from _bill_faults(layout)
    yield from _metadata_faults(layout)
    yield from _check_faults(layout)
    if rejected is not None:
        yield Fault("record.reject_source", pl.col("reject_source").ne_missing(pl.lit(rejected.source)))
        leaf = pl.col(f"{LEAF_OF[layout.feed.model]}_reference")
        yield Fault("record.not_rejected_there", leaf.is_in(rejected.loaded_there.implode()))


def _reference_faults(name: str, *, required: bool) -> Iterator[Fault]:
    text = pl.col(name)
    if required:
        yield Fault(f"{name}.missing", text.is_null())
    mangled = text.str.contains(_SPREADSHEET)
    yield Fault(f"{name}.spreadsheet", mangled)
    yield Fault(f"{name}.characters", ~text.str.contains(_REFERENCE) & ~mangled)
    yield _too_long(name, rules.MAX_REFERENCE_CHARACTERS)


def _too_long(name: str, max_characters: int) -> Fault:
    return Fault(f"{name}.too_long", pl.col(name).str.len_chars() > max_characters)


def _mangled(field: str, columns: list[str]) -> Fault:
    return Fault(
        f"{field}.spreadsheet", pl.any_horizontal(pl.col(name).str.contains(_CELL) for name in columns)
    )


def _customer_faults() -> Iterator[Fault]:
    yield _too_long("customer_name", rules.MAX_NAME_CHARACTERS)
    yield _mangled("customer_name", ["customer_name"])
    yield _too_long("customer_email", rules.MAX_EMAIL_CHARACTERS)
    yield Fault("customer_email.invalid", ~pl.col("customer_email").str.contains(_EMAIL))
    yield Fault(
        "customer_phone.invalid", pl.col("customer_phone").is_not_null() & pl.col("phone_e164").is_null()
    )


def _amount_faults(layout: Layout) -> Iterator[Fault]:
    column = AMOUNT[layout.feed.model]
    yield Fault(f"{column}.missing", pl.col(column).is_null())
    for problem in ("format", "ambiguous", "spreadsheet", "other_currency", "too_precise"):
        yield Fault(f"{column}.{problem}", pl.col(f"{column}:{problem}"))
    low, high = -rules.MAX_BALANCE_MINOR, rules.MAX_BALANCE_MINOR
    if column == "amount_due":
        low, high = rules.MIN_AMOUNT_DUE_MINOR, rules.MAX_AMOUNT_DUE_MINOR
    outside = ~pl.col(f"{column}:minor").is_between(low, high)
    yield Fault(f"{column}.out_of_range", pl.col(f"{column}:too_long") | outside.fill_null(value=False))


def _bill_faults(layout: Layout) -> Iterator[Fault]:
    for name in DATES["bill"]:
        for problem in ("format", "impossible", "ambiguous"):
            yield Fault(f"{name}.{problem}", pl.col(f"{name}:{problem}"))
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


def _metadata_faults(layout: Layout) -> Iterator[Fault]:
    for family in METADATA[layout.feed.model]:
        names = _columns(layout, family)
        if not names:
            continue
        filled = [pl.col(name).is_not_null() for name in names]
        too_long = [pl.col(name).str.len_chars() > rules.MAX_METADATA_VALUE_CHARACTERS for name in names]
        yield Fault(f"{family}.value_too_long", pl.any_horizontal(too_long))
        yield _mangled(family, names)
        yield from _too_many_keys(layout, family)
        keys = layout.metadata_keys(family)
        unfit = [each for each, key in zip(filled, keys, strict=True) if not _is_key(key)]
        if unfit:
            yield Fault(f"{family}.key", pl.any_horizontal(unfit))


def _too_many_keys(layout: Layout, family: str) -> Iterator[Fault]:
    families = [family]
    if layout.feed.model == "customer_balance" and family == "metadata":
        # Both families are the customer's own here, and are sent as one object.
        families = ["metadata", "customer_metadata"]
    keys = dict.fromkeys(key for each in families for key in layout.metadata_keys(each))
    if len(keys) <= rules.MAX_METADATA_KEYS:
        return
    columns = [[f"{each}.{key}" for each in families if f"{each}.{key}" in layout.sources] for key in keys]
    filled = [pl.any_horizontal(pl.col(name).is_not_null() for name in names) for names in columns]
    count = pl.sum_horizontal(each.cast(pl.Int64) for each in filled)
    yield Fault(f"{family}.too_many", count > rules.MAX_METADATA_KEYS)


def _is_key(key: str) -> bool:
    return 0 < len(key) <= rules.MAX_METADATA_KEY_CHARACTERS
