"""A bill file to measure with: made of the record's number alone, so that it is the same bytes wherever it is written.

Records are realistic: customers with several accounts, accounts with several bills, in no order; half of the phones as
people write them at home, one name in fifty quoted because it holds a comma. One record in a hundred is bad, in every
way of `BAD` in turn: damaged structure, each kind of rule broken, and records that contradict each other.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

COLUMNS = (
    "customer_reference",
    "customer_name",
    "customer_email",
    "customer_phone",
    "account_reference",
    "account_name",
    "bill_reference",
    "currency",
    "amount_due",
    "bill_date",
    "due_date",
)
BLOCK_RECORDS = 250_000
BAD_EVERY, BAD_AT = 100, 37
_NOT_UTF8 = "\ue000"
"""Stands for a byte that is no character until the file is written."""

_REPLACED: tuple[tuple[str, str | None], ...] = (
    ("customer_reference", None),
    ("customer_reference", "CU/00 1"),
    ("customer_reference", "C" * 256),
    ("customer_reference", "8.50102E+12"),
    ("customer_name", "N" * 300),
    ("customer_email", "nobody.example"),
    ("customer_phone", "12 34"),
    ("account_reference", "AC#1"),
    ("account_reference", None),
    ("bill_reference", None),
    ("bill_reference", "INV 00001"),
    ("currency", None),
    ("currency", "XXQ"),
    ("amount_due", None),
    ("amount_due", "12.x"),
    ("amount_due", '"1,234.50"'),
    ("amount_due", "1.2E+5"),
    ("amount_due", "10.12345"),
    ("amount_due", "-5.00"),
    ("amount_due", "0"),
    ("bill_date", "01/11/2026"),
    ("bill_date", "2026-02-30"),
    ("due_date", "soon"),
    ("due_date", "2026-13-01"),
    ("due_date", "2026-10-01"),
)
"""Column and the bad text that stands in it."""

_Damage = Callable[[pl.Expr], pl.Expr]
_DAMAGED: tuple[_Damage, ...] = (
    lambda line: line.str.replace(",ZAR|,KES|,JPY", ""),
    lambda line: pl.concat_str(line, pl.lit(",one more")),
    lambda line: line.str.replace("@", '"@'),
    lambda line: line.str.replace(",", ',"'),
    lambda line: line.str.replace("@", "\x07@"),
    lambda line: line.str.replace("@", f"{_NOT_UTF8}@"),
    lambda _: pl.lit(""),
)
"""Too few fields, too many, a stray quote, an open one, a control character, no UTF-8, a blank line."""
_TWO_CUSTOMERS, _CONTRADICTION, _DUPLICATE = range(
    len(_REPLACED) + len(_DAMAGED), len(_REPLACED) + len(_DAMAGED) + 3
)
"""Of an account; of a bill reference; the same bill again: what the record before states stands here as well."""
BAD = _DUPLICATE + 1
"""Ways of being bad."""


def write_bills(path: Path, records: int, *, damaged: bool = True) -> None:
    """Write a header and so many records. Memory is that of one block.

    `damaged=False` leaves the structure whole, for readers that stop at the first damage.
    """
    with path.open("wb") as file:
        file.write(",".join(COLUMNS).encode() + b"\n")
        for first in range(0, records, BLOCK_RECORDS):
            numbers = pl.int_range(first, min(first + BLOCK_RECORDS, records), eager=True).alias("number")
            text = _lines(numbers.to_frame(), records, damaged=damaged).str.join("\n").item()
            file.write(text.encode().replace(_NOT_UTF8.encode(), b"\xff") + b"\n")


def _lines(numbers: pl.DataFrame, records: int, *, damaged: bool) -> pl.Series:
    bad = pl.col("number") % BAD_EVERY == BAD_AT
    kinds = numbers.with_columns(kind=pl.when(bad).then(pl.col("number") // BAD_EVERY % BAD).otherwise(-1))
    fields = kinds.select("kind", *_fields(records)).with_columns(_replaced())
    whole = pl.concat_str(pl.col(COLUMNS).fill_null(""), separator=",")
    line: Any = pl.when(pl.lit(value=False)).then(whole)
    for kind, damage in enumerate(_DAMAGED if damaged else (), start=len(_REPLACED)):
        line = line.when(pl.col("kind") == kind).then(damage(whole))
    return fields.select(line.otherwise(whole).alias("line"))["line"]


def _replaced() -> list[pl.Expr]:
    """Columns with bad text where the record is bad in that way."""
    chains: dict[str, pl.Expr] = {}
    for kind, (column, text) in enumerate(_REPLACED):
        before = chains.get(column, pl.col(column))
        chains[column] = pl.when(pl.col("kind") == kind).then(pl.lit(text, pl.String)).otherwise(before)
    return [chain.alias(column) for column, chain in chains.items()]


def _fields(records: int) -> list[pl.Expr]:
    number, kind = pl.col("number"), pl.col("kind")
    # The bad ones of these kinds say again what stands before them.
    told = number - (kind == _DUPLICATE).cast(pl.Int64)
    customer = _customer(told, records)
    account = _account(number - kind.is_in([_TWO_CUSTOMERS, _DUPLICATE]).cast(pl.Int64), records)
    bill = number - kind.is_in([_CONTRADICTION, _DUPLICATE]).cast(pl.Int64)
    first, last = _one_of(_FIRST_NAMES, customer), _one_of(_LAST_NAMES, customer // 7)
    currency = _one_of(("ZAR",) * 47 + ("KES", "KES", "JPY"), customer)
    rand = pl.format("{}.{}", 20 + told * 7_919 % 9_000, _digits(told * 31 % 100, 2))
    return [
        pl.format("CU-{}", _digits(customer, 8)).alias("customer_reference"),
        pl.when(customer % 50 == 0)
        .then(pl.format('"{}, {}"', last, first))
        .otherwise(pl.format("{} {}", first, last))
        .alias("customer_name"),
        pl.format("{}.{}@example.com", first.str.to_lowercase(), customer).alias("customer_email"),
        pl.format(
            "{}82{}",
            pl.when(customer % 2 == 0).then(pl.lit("0")).otherwise(pl.lit("+27")),
            _digits(customer % 10_000_000, 7),
        ).alias("customer_phone"),
        pl.format("AC-{}", _digits(account, 9)).alias("account_reference"),
        pl.format("{} {}", _one_of(("Electricity", "Water", "Refuse"), account), account % 900).alias(
            "account_name"
        ),
        pl.format("INV-2026-{}", _digits(bill, 9)).alias("bill_reference"),
        currency.alias("currency"),
        pl.when(currency == "JPY")
        .then((100 + told * 7_919 % 90_000).cast(pl.String))
        .otherwise(rand)
        .alias("amount_due"),
        pl.lit("2026-11-20").alias("bill_date"),
        pl.format("2026-12-{}", _digits(1 + told * 13 % 28, 2)).alias("due_date"),
    ]


def _customer(number: pl.Expr, records: int) -> pl.Expr:
    """Five bills each, far apart in the file."""
    return number * 7_368_787 % max(1, records // 5)


def _account(number: pl.Expr, records: int) -> pl.Expr:
    """Two of each customer."""
    return 2 * _customer(number, records) + number * 5 // records % 2


def _one_of(texts: tuple[str, ...], number: pl.Expr) -> pl.Expr:
    return pl.lit(pl.Series(texts)).gather((number % len(texts)).cast(pl.UInt32))


def _digits(number: pl.Expr, width: int) -> pl.Expr:
    return number.cast(pl.String).str.zfill(width)


_FIRST_NAMES = (
    "Thandi",
    "Sipho",
    "Lerato",
    "Johan",
    "Naledi",
    "Pieter",
    "Zanele",
    "Fatima",
    "Kagiso",
    "Chloe",
    "Andre",
)
_LAST_NAMES = (
    "Nkosi",
    "Dlamini",
    "Botha",
    "van der Merwe",
    "Mokoena",
    "Smit",
    "Naidoo",
    "Molefe",
    "Zulu",
    "Okafor",
)
