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
    columns = list(dict.fromkeys((rule.key, *rule.content)))
    for mine in _dealt(parts.filter(readable), rule, buckets):
        keys = mine.select(columns).group_by(rule.key).agg(differ=_differ(rule.content)).filter("differ")
        found = keys.select(rule.key).collect(engine="streaming")
        if not found.is_empty():
            yield (
                _of(mine, rule.key, found)
                .select("record", code=pl.lit(rule.code), duplicate_of=pl.lit(None, pl.Int64))
                .collect(engine="streaming")
            )


def duplicates(
    parts: pl.LazyFrame, rule: Uniqueness, buckets: int, contradicting: pl.Series
) -> Iterator[Findings]:
    """Later records that are the same as an accepted earlier one."""
    accepted = (pl.col("verdict") == "accepted") & ~pl.col("record").is_in(contradicting.implode())
    for mine in _dealt(parts.filter(accepted), rule, buckets):
        first = mine.group_by(rule.key).agg(duplicate_of=pl.col("record").min(), times=pl.len())
        repeated = first.filter(pl.col("times") > 1).collect(engine="streaming")
        if not repeated.is_empty():
            copies = mine.select("record", rule.key).join(repeated.lazy(), on=rule.key)
            yield (
                copies.filter(pl.col("record") != pl.col("duplicate_of"))
                .select("record", pl.lit(None, pl.String).alias("code"), "duplicate_of")
                .collect(engine="streaming")
            )


def no_findings() -> Findings:
    return pl.DataFrame(schema={"record": pl.Int64, "code": pl.String, "duplicate_of": pl.Int64})


def _dealt(parts: pl.LazyFrame, rule: Uniqueness, buckets: int) -> Iterator[pl.LazyFrame]:
    """Records by bucket, so that those with the same key are together; where keys should stand once, only those whose
    key may stand more often."""
    hashed = pl.col(rule.key).hash(seed=1)
    if rule.repeats:
        found = parts.select(hashed).collect(engine="streaming")[rule.key].sort()
        again = found.filter(found == found.shift(1)).unique()
        for first in range(0, len(again), RECORDS_PER_BUCKET):
            yield parts.filter(hashed.is_in(again.slice(first, RECORDS_PER_BUCKET).implode()))
    else:
        for bucket in range(buckets):
            yield parts.filter(hashed % buckets == bucket) if buckets > 1 else parts


def _differ(content: Iterable[str]) -> pl.Expr:
    """Within a group: whether any column of it has two values; absent is one of them."""
    return pl.any_horizontal(
        (pl.col(name).min() != pl.col(name).max()).fill_null(value=False)
        | pl.col(name).null_count().is_between(1, pl.len() - 1)
        for name in content
    )


def _of(records: pl.LazyFrame, key: str, keys: pl.DataFrame) -> pl.LazyFrame:
    return records.select("record", key).join(keys.lazy(), on=key, how="semi")


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

    def hashed(name: str) -> pl.Expr:
        return pl.when(pl.col(name).is_not_null()).then(pl.col(name).hash(seed=1))

    counts = (
        mine.group_by(key)
        # By hashes, which compare faster than texts and are sure enough for a note.
        .agg((hashed(name).min() != hashed(name).max()).alias(name) for name in details)
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
    hit = pl.col("more").is_not_null()
    touched = (
        part.join(findings.select("record"), on="record", how="semi")
        .join(rejected, on="record", how="left")
        .join(copies, on="record", how="left")
        .with_columns(
            codes=pl.when(hit).then(pl.col("codes").list.concat("more_codes")).otherwise(pl.col("codes")),
            message=pl.when(hit)
            .then(pl.concat_str("message", "more", separator="; ", ignore_nulls=True))
            .otherwise("message"),
            verdict=pl.when(hit).then(pl.lit("rejected")).otherwise(pl.lit("duplicate")),
            duplicate_of=pl.col("copy_of"),
        )
        .select(part.columns)
    )
    others = part.join(touched.select("record"), on="record", how="anti")
    return pl.concat([others, touched]).sort("record")
