"""Rules across the records of a file: what stands in it twice, and what contradicts itself.

Records that contradict each other reject each other, because which one is right cannot be known. References are
compared exactly; hashes only deal them into buckets, so that memory is bounded whatever the file's size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import polars as pl

from schemas.feed import Model

RECORDS_PER_BUCKET = 1_000_000

_BILL = (
    "customer_reference",
    "account_reference",
    "currency",
    "amount_minor",
    "bill_date",
    "due_date",
    "metadata",
)
_BALANCE = ("customer_reference", "currency", "amount_minor", "metadata")


@dataclass(frozen=True, slots=True)
class Uniqueness:
    """Records with the same `key` must agree on every column of `content`, or all of them get `code`."""

    key: str
    content: tuple[str, ...]
    code: str
    repeats: bool = False
    """Whether agreeing records are the same record again, so that the later ones are duplicates."""
    unread_too: bool = False
    """Whether records whose amount cannot be read count as well."""


UNIQUENESS: dict[Model, tuple[Uniqueness, ...]] = {
    "bill": (
        Uniqueness("account_reference", ("customer_reference",), "account_reference.two_customers"),
        Uniqueness("bill_reference", _BILL, "bill_reference.contradiction", repeats=True),
    ),
    "account_balance": (
        Uniqueness("account_reference", ("customer_reference",), "account_reference.two_customers"),
        Uniqueness("customer_reference", ("currency",), "customer_reference.contradiction"),
        Uniqueness("account_reference", _BALANCE[1:], "account_reference.contradiction", repeats=True),
    ),
    "customer_balance": (
        Uniqueness("customer_reference", _BALANCE[1:], "customer_reference.contradiction", repeats=True),
    ),
}


def collisions(references: Iterable[str]) -> tuple[Uniqueness, ...]:
    """Two references of the file that become one would join two customers, accounts or bills into one."""
    return tuple(
        Uniqueness(name, (f"stated_{name}",), f"{name}.collision", unread_too=True) for name in references
    )


DETAILS = {
    "customer_reference": ("customer_name", "customer_email", "customer_phone", "customer_metadata"),
    "account_reference": ("account_name", "account_metadata"),
}
"""Columns that may differ within a file: the last record counts."""

Findings = pl.DataFrame
"""`record` (Int64), `code` (String or null) and `duplicate_of` (Int64 or null)."""


def bucket_count(records: int) -> int:
    return max(1, -(-records // RECORDS_PER_BUCKET))


def contradictions(parts: pl.LazyFrame, rule: Uniqueness, buckets: int) -> Iterator[Findings]:
    """Records that contradict another one. All readable records count, also those rejected for other reasons."""
    readable = pl.col(rule.key).is_not_null()
    if not rule.unread_too:
        readable &= pl.col("amount_minor").is_not_null() & pl.col("currency_readable")
    for bucket in range(buckets):
        group = _repeated(parts.filter(readable), rule, bucket, buckets)
        differ = pl.any_horizontal(
            pl.col(name).ne_missing(pl.col(name).first()).any().over(rule.key) for name in rule.content
        )
        yield group.filter(differ).select(
            "record", pl.lit(rule.code).alias("code"), pl.lit(None, pl.Int64).alias("duplicate_of")
        )


def duplicates(
    parts: pl.LazyFrame, rule: Uniqueness, buckets: int, contradicting: pl.Series
) -> Iterator[Findings]:
    """Later records that are the same as an accepted earlier one."""
    accepted = (pl.col("verdict") == "accepted") & ~pl.col("record").is_in(contradicting.implode())
    for bucket in range(buckets):
        group = _repeated(parts.filter(accepted), rule, bucket, buckets)
        first = pl.col("record").min().over(rule.key)
        later = group.with_columns(duplicate_of=first).filter(pl.col("record") != pl.col("duplicate_of"))
        yield later.select("record", pl.lit(None, pl.String).alias("code"), "duplicate_of")


def _repeated(parts: pl.LazyFrame, rule: Uniqueness, bucket: int, buckets: int) -> pl.DataFrame:
    """Records of one bucket whose key stands there more than once, with their content."""
    mine = parts if buckets == 1 else parts.filter(pl.col(rule.key).hash(seed=1) % buckets == bucket)
    counts = mine.group_by(rule.key).agg(pl.len().alias("times")).filter(pl.col("times") > 1).select(rule.key)
    keys = counts.collect(engine="streaming")
    columns = list(dict.fromkeys(("record", rule.key, *rule.content)))
    if keys.is_empty():
        return mine.select(columns).head(0).collect()
    return mine.select(columns).join(keys.lazy(), on=rule.key, how="semi").collect(engine="streaming")


def replaced_notes(parts: pl.LazyFrame, references: Iterable[str]) -> Iterator[str]:
    """Notes on references that are sent otherwise than they are stated: how many, never which."""
    for name in references:
        differ = (
            parts.select((pl.col(name) != pl.col(f"stated_{name}")).sum()).collect(engine="streaming").item()
        )
        if differ:
            yield f"{name}: characters replaced in {differ} record{'s' if differ > 1 else ''}"


def early_due_notes(parts: pl.LazyFrame) -> Iterator[str]:
    """A note on bills that are due before they are billed."""
    early = parts.filter(pl.col("verdict") == "accepted").select(
        (pl.col("due_date") < pl.col("bill_date")).sum()
    )
    if count := early.collect(engine="streaming").item():
        yield f"{count} record{'s' if count > 1 else ''} with a due_date before bill_date"


def detail_notes(parts: pl.LazyFrame, model: Model, buckets: int) -> Iterator[str]:
    """Notes on customers and accounts whose details differ within the file: how many, never which."""
    for key, details in DETAILS.items():
        if key == "account_reference" and model == "customer_balance":
            continue
        counts = dict.fromkeys(details, 0)
        for bucket in range(buckets):
            for name, count in _differing(parts, key, details, bucket, buckets).items():
                counts[name] += count
        thing = key.removesuffix("_reference")
        for name, count in counts.items():
            if count:
                things = thing if count == 1 else f"{thing}s"
                yield f"{count} {things} with more than one {name} in this file; the last one counts"


def _differing(
    parts: pl.LazyFrame, key: str, details: tuple[str, ...], bucket: int, buckets: int
) -> dict[str, int]:
    mine = parts.filter((pl.col("verdict") == "accepted") & pl.col(key).is_not_null())
    if buckets > 1:
        mine = mine.filter(pl.col(key).hash(seed=1) % buckets == bucket)
    counts = (
        mine.group_by(key)
        .agg((pl.col(name).min() != pl.col(name).max()).alias(name) for name in details)
        .select(pl.col(name).sum() for name in details)
        .collect(engine="streaming")
    )
    return {name: int(count or 0) for name, count in counts.row(0, named=True).items()}


def apply(part: pl.DataFrame, findings: Findings, message: Callable[[str], str]) -> pl.DataFrame:
    """Write findings into a part: codes and messages added behind those that stand, verdicts set."""
    codes = findings.filter(pl.col("code").is_not_null())
    texts = {code: message(code) for code in codes["code"].unique()}
    rejected = (
        codes.with_columns(text=pl.col("code").replace_strict(texts, default=None, return_dtype=pl.String))
        .group_by("record")
        .agg(
            pl.col("code").sort().alias("more_codes"),
            pl.col("text").sort_by("code").str.join("; ").alias("more"),
        )
    )
    copies = findings.filter(pl.col("code").is_null()).select(
        "record", pl.col("duplicate_of").alias("copy_of")
    )
    joined = part.join(rejected, on="record", how="left", maintain_order="left")
    joined = joined.join(copies, on="record", how="left", maintain_order="left")
    hit, copy = pl.col("more").is_not_null(), pl.col("copy_of").is_not_null()
    return joined.with_columns(
        codes=pl.when(hit).then(pl.col("codes").list.concat("more_codes")).otherwise(pl.col("codes")),
        message=pl.when(hit)
        .then(pl.concat_str("message", "more", separator="; ", ignore_nulls=True))
        .otherwise("message"),
        verdict=pl.when(hit)
        .then(pl.lit("rejected"))
        .when(copy)
        .then(pl.lit("duplicate"))
        .otherwise(pl.col("verdict")),
        duplicate_of=pl.col("copy_of"),
    ).drop("more_codes", "more", "copy_of")
