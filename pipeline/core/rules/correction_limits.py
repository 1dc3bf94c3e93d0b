"""A correction stands for its original: what its records may change, and what a person must look at first (law 11).

What was right in the original (references, currency, amount, dates) stays, unless a code of that very record was about
that very column. Where it does not stay, the corrected file is held until a person accepts the changes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import reduce
from operator import or_
from typing import Protocol

import polars as pl

from pipeline.core.api.requests import Kind
from pipeline.core.csv_structure import DAMAGE
from pipeline.core.rules.compared_columns import COMPARED
from pipeline.core.values.amount_text import plain

ORIGINALS: dict[str, pl.DataType] = {
    "record": pl.Int64(),
    **{name: pl.Int64() if name == "amount_minor" else pl.String() for name in COMPARED},
    "concerned": pl.String(),
    "taken": pl.Boolean(),
    "written_off": pl.Boolean(),
}
"""Rejected records of an original. `concerned`: columns that its codes were about, each between semicolons, `*` is all;
`taken`: whether another file's correction stands for it; `written_off`: whether somebody closed it."""
LOADED: dict[str, pl.DataType] = {"record": pl.Int64(), "reference": pl.String()}
"""What the original and its corrections loaded: the original's record, and the reference that it went under."""
TAKEN: dict[str, pl.DataType] = {"reference": pl.String(), "reject_record": pl.Int64()}
"""A reference, and the number of the only rejected record that has it."""
CONTENT = (*COMPARED, "metadata")
"""What makes a second correction of one record the same as the first, so that it is not reported as another one."""

_ALSO_ABOUT = {
    "other_currency": ("currency",),
    "before_bill_date": ("bill_date", "due_date"),
    "without_account": ("account_reference",),
    "two_customers": ("customer_reference",),
}
"""Problem of a code → columns that it is about beside its own field."""
_RELATED = re.compile(r";[a-z_]+\.(?:contradiction|two_customers);")
"""Codes that are about several records at once; they are kept whole, so that those records are found together."""
EXACT_DIGITS = 15
"""Of a number in a spreadsheet."""
FACTOR = 20
"""How many times larger or smaller than usual an amount may be that could not be compared."""


class Originals(Protocol):
    """What is known of the original of a corrected rejects file."""

    @property
    def source(self) -> str:
        """Name of the first original, for messages."""

    @property
    def medians(self) -> Mapping[str, int]:
        """Currency → median of what it loaded, or its feed did, in minor units without sign."""

    @property
    def missed_some(self) -> bool:
        """Whether records of it may have been corrected without this ledger knowing."""

    def rejected(self, records: pl.Series) -> pl.DataFrame:
        """Those of these records of the original that may be corrected (columns: ORIGINALS)."""

    def numbered(self, kind: Kind, references: pl.Series) -> pl.DataFrame:
        """The only rejected record that has a reference, where there is only one (columns: TAKEN)."""

    def incomplete(self, records: pl.Series) -> pl.Series:
        """Those of these records of the original whose bill had more lines that were rejected."""

    def loaded(self, among: Collection[str] | None) -> Iterator[pl.DataFrame]:
        """References that the original and its other corrections loaded, and for which record (columns: LOADED).

        `among`: none but these is asked about; None: all.
        """
        ...


def concerned(codes: pl.Expr, own_names: Mapping[str, Iterable[str]]) -> pl.Expr:
    """The columns that codes (joined by semicolons) are about, as `ORIGINALS` has them, and codes of contradictions.

    `own_names`: canonical column → the file's own columns behind it; those of `column` are what checks are over.
    """
    text = pl.concat_str(
        pl.lit(";"), codes.fill_null("").str.replace_all(";", ";;", literal=True), pl.lit(";")
    )
    checked = set(own_names.get("column", ()))
    found: list[pl.Expr] = [pl.when(_has(text, DAMAGE)).then(pl.lit(";*;"))]
    for name in COMPARED:
        fields = ("amount_due", "balance") if name == "amount_minor" else (name,)
        about = text.str.contains(rf";(?:{'|'.join(fields)})\.")
        about |= text.str.contains(
            rf"\.(?:{'|'.join(problem for problem, names in _ALSO_ABOUT.items() if name in names) or '-'});"
        )
        own = {own for field in fields for own in own_names.get(field, ())}
        if own & checked:
            about |= text.str.contains(";column.", literal=True)
        found.append(pl.when(about).then(pl.lit(f";{name};")))
    found.append(text.str.extract_all(_RELATED.pattern).list.join(""))
    return pl.concat_str(found, ignore_nulls=True).alias("concerned")


def _has(text: pl.Expr, codes: Iterable[str]) -> pl.Expr:
    """Whether one of the codes is among those of `text`, which has each between semicolons."""
    return reduce(or_, (text.str.contains(f";{code};", literal=True) for code in codes))


def compared(rows: pl.DataFrame, originals: pl.DataFrame) -> pl.DataFrame:
    """Records of a correction beside their originals.

    `rows`: `record`, `line`, `reject_record` and COMPARED. To them come `known` (false: no record that may be
    corrected), `taken`, `<column>:before`, `<column>:mangled` for references that a spreadsheet damaged and
    `<column>:changed` for what was right in the original and is something else now.
    """
    beside = originals.rename({name: f"{name}:before" for name in COMPARED} | {"record": "reject_record"})
    beside = beside.with_columns(known=pl.lit(value=True))
    both = rows.join(beside, on="reject_record", how="left", maintain_order="left")
    both = both.with_columns(
        pl.col("known", "taken", "written_off").fill_null(value=False), pl.col("concerned").fill_null("*")
    )
    free = pl.col("known") & ~pl.col("taken")
    return both.with_columns(
        [
            (free & ~is_about(name) & _mangled(name)).fill_null(value=False).alias(f"{name}:mangled")
            for name in COMPARED
            if name.endswith("_reference")
        ]
    ).with_columns((free & ~is_about(name) & _differs(name)).alias(f"{name}:changed") for name in COMPARED)


def is_about(name: str) -> pl.Expr:
    """Whether a code of the original record was about this column, so that it may change."""
    text = pl.col("concerned")
    return text.str.contains("*", literal=True) | text.str.contains(f";{name};", literal=True)


def _differs(name: str) -> pl.Expr:
    """Whether the correction states something else than the original did."""
    differs = pl.col(name).ne_missing(pl.col(f"{name}:before"))
    # An amount is never absent: where there is none it could not be read, be it for its currency alone.
    return differs & pl.col(f"{name}:before").is_not_null() if name == "amount_minor" else differs


def _mangled(name: str) -> pl.Expr:
    """Leading zeros lost, or digits behind the fifteenth, or written with an exponent, or as a date."""
    now, before = pl.col(name), pl.col(f"{name}:before")
    zeros = before.str.contains("^0[0-9]+$") & (now == before.str.replace("^0+([0-9])", "${1}"))
    long = (
        before.str.contains(rf"^[0-9]{{{EXACT_DIGITS + 1},}}$")
        & (now.str.slice(0, EXACT_DIGITS) == before.str.slice(0, EXACT_DIGITS))
        & now.str.slice(EXACT_DIGITS).str.contains("^0+$")
        & (now.str.len_chars() == before.str.len_chars())
        & (now != before)
    )
    return zeros | long | (now.str.contains(r"^[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]+$") & (now != before))


def mangled(both: pl.DataFrame) -> pl.Expr:
    """Whether a spreadsheet damaged a reference of a record."""
    return pl.any_horizontal(name for name in both.columns if name.endswith(":mangled"))


def perhaps_renamed(leaf: str) -> pl.Expr:
    """Whether an earlier correction that the ledger does not know may have another reference than this one: where it
    was right and stays, the API tells whether there was one."""
    return is_about(leaf) | _differs(leaf)


def references(both: pl.DataFrame, leaf: str) -> Iterator[str]:
    """The reference of each record, before → after, in order of the file."""
    for row in both.iter_rows(named=True):
        yield f"line {row['line']}, {leaf}: {_shown(row, leaf, ':before')} → {_shown(row, leaf, '')}"


def changes(both: pl.DataFrame, *, amount: str) -> Iterator[str]:
    """Each change of what was right, before → after, in order of the file; `amount` is what the amount is called."""
    names = [name for name in COMPARED if both[f"{name}:changed"].any()]
    if not names:
        return
    some = both.filter(pl.any_horizontal(f"{name}:changed" for name in names))
    for row in some.iter_rows(named=True):
        for name in names:
            if row[f"{name}:changed"]:
                before, after = _shown(row, name, ":before"), _shown(row, name, "")
                called = amount if name == "amount_minor" else name
                yield f"line {row['line']}, {called}: {before} → {after}"


def _shown(row: Mapping[str, object], name: str, when: str) -> str:
    """A value for the person who decides: held files show what changed, before → after, amounts in major units."""
    value = row[f"{name}{when}"]
    if value is None:
        return "(empty)"
    if name != "amount_minor":
        return str(value)
    return plain(str(row[f"currency{when}"] or row["currency"]), int(str(value)))


def out_of_proportion(both: pl.DataFrame, medians: Mapping[str, int]) -> pl.DataFrame:
    """Records whose amount could not be compared and is far from what is usual (columns: `line`, `currency`,
    `amount_minor`, `median`)."""
    amount, median = pl.col("amount_minor").abs(), pl.col("median")
    schema = {"currency": pl.String, "median": pl.Int64}
    usual = pl.DataFrame({"currency": list(medians), "median": list(medians.values())}, schema=schema)
    return (
        both.filter(unlike())
        .join(usual, on="currency", how="inner", maintain_order="left")
        .filter((amount > FACTOR * median) | (FACTOR * amount < median))
        .select("line", "currency", "amount_minor", "median")
    )


def unlike() -> pl.Expr:
    """Whether an amount is another one than the original has, and nobody is asked about that for its own sake."""
    differs = pl.col("amount_minor").ne_missing(pl.col("amount_minor:before"))
    differs |= pl.col("currency").ne_missing(pl.col("currency:before"))
    return pl.col("known") & ~pl.col("taken") & differs & ~pl.col("amount_minor:changed")
