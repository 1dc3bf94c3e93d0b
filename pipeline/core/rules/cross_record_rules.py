"""Rules across the records of a file: what stands in it twice, and what contradicts itself.

Records that contradict each other reject each other, because which one is right cannot be known. Hashes choose the few
references that are worth a look; those are compared exactly. A hash has 64 bits, and a seed that who writes the file
cannot know (`seed_of`), so that no contradiction can be hidden behind two texts of one hash.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import polars as pl

from pipeline.core.rules.left_out import SKIPPED_AS_PAID, VERDICT
from pipeline.core.rules.uniqueness import UNIQUENESS, Uniqueness, collisions
from schemas.feed import Model

HASHES_PER_BUCKET = 8_000_000
"""Sorted at once: 16 bytes each, and a little more than as much again while they are sorted."""
CANDIDATES_AT_ONCE = 1_000_000
"""Compared exactly at once, so that a file of nothing but repeated references stays within memory."""


DETAILS = {
    "customer_reference": ("customer_name", "customer_email", "customer_phone", "customer_metadata"),
    "account_reference": ("account_name", "account_metadata"),
}
"""Columns that may differ within a file: the last record counts."""

RecordFindings = pl.DataFrame
"""`record`, `line` (Int64), `code` (String or null) and `duplicate_of` (Int64 or null)."""


def seed_of(sha256: str) -> int:
    """A seed for hashes, out of the SHA-256 of the whole file (hexadecimal).

    Whoever writes a file to make two references collide changes the seed by writing it.
    """
    return int(sha256[:16], 16)


def is_among(values: pl.Series, ascending: pl.Series) -> pl.Series:
    """Which of the values are among others that are sorted (Boolean).

    For parts of a file beside what is of the whole file: `is_in` would make a set of the others for each part.
    """
    if ascending.is_empty():
        return pl.repeat(value=False, n=len(values), eager=True)
    places = ascending.search_sorted(values).clip(upper_bound=len(ascending) - 1)
    return (ascending.gather(places) == values).fill_null(value=False)


def hash_columns(model: Model, derived: Iterable[str], *, seed: int) -> list[pl.Expr]:
    """Hashes (UInt64) of what the records of a model are compared by, each named as below; null without a key.

    `<key>`: of each reference that is a key. `<code>`: of the content of each rule that does not `repeat`.
    `<key>.details`: of what may differ. `derived`: references that have a `stated_<name>`.
    """
    keys, contents = dict[str, None](), dict[str, tuple[str, tuple[str, ...]]]()
    for rule in (*UNIQUENESS[model], *collisions(derived)):
        keys[rule.key] = None
        if not rule.repeats:
            contents[rule.code] = rule.key, rule.content
    for key in _keys_with_details(model):
        keys[key] = None
        contents[f"{key}.details"] = key, DETAILS[key]
    hashed = [_where_stated(key, pl.col(key).hash(seed)).alias(key) for key in keys]
    return hashed + [
        _where_stated(key, pl.struct(content).hash(seed)).alias(name)
        for name, (key, content) in contents.items()
    ]


def _keys_with_details(model: Model) -> list[str]:
    return [key for key in DETAILS if key != "account_reference" or model != "customer_balance"]


def _where_stated(key: str, hashed: pl.Expr) -> pl.Expr:
    return pl.when(pl.col(key).is_not_null()).then(hashed)


def candidate_hashes(hashes: pl.LazyFrame, rule: Uniqueness) -> pl.Series:
    """Hashes (UInt64) of the keys that are worth comparing, sorted.

    Of keys that should be there once (`rule.repeats`) those that are there more often; of all others those with more
    than one content. `hashes`: the file's records as `hash_columns` makes them.
    """
    if rule.repeats:
        found = hashes.select(pl.col(rule.key).drop_nulls().sort()).collect().to_series()
        return found.filter(found == found.shift(1)).unique(maintain_order=True)
    return _differing(hashes, rule.key, rule.code)


def _differing(hashes: pl.LazyFrame, key: str, content: str) -> pl.Series:
    """Hashes of the keys whose records have more than one content, sorted; one bucket of them at a time.

    Sorted by key, records of one key with two contents are beside each other at some place.
    """
    found = hashes.select(key=key, content=content).filter(pl.col("key").is_not_null()).collect()
    buckets = max(1, -(-found.height // HASHES_PER_BUCKET))
    same, other = pl.col("key") == pl.col("key").shift(1), pl.col("content") != pl.col("content").shift(1)
    differing = []
    for bucket in range(buckets):
        mine = found.filter(pl.col("key") % buckets == bucket) if buckets > 1 else found
        differing.append(mine.sort("key").filter(same & other)["key"].unique())
    return pl.concat(differing).sort()


def contradictions(
    parts: pl.LazyFrame, rule: Uniqueness, candidates: pl.Series, *, seed: int
) -> Iterator[RecordFindings]:
    """Records that contradict another one, as frames of `RecordFindings`.

    `candidates`: hashes of keys, of `candidate_hashes`. All readable records count, also those rejected for other
    reasons: a wrong amount in one of two does not make the other right.
    """
    readable = pl.col(rule.key).is_not_null()
    if not rule.includes_unreadable:
        readable &= pl.col("amount_minor").is_not_null() & pl.col("currency_readable")
    columns = list(dict.fromkeys((rule.key, *rule.content)))
    for mine in _chosen(parts.filter(readable), rule.key, candidates, seed):
        keys = mine.select(columns).group_by(rule.key).agg(differ=differ(rule.content)).filter("differ")
        found = keys.select(rule.key).collect(engine="streaming")
        if not found.is_empty():
            yield (
                mine.select("record", "line", rule.key)
                .join(found.lazy(), on=rule.key, how="semi")
                .select("record", "line", code=pl.lit(rule.code), duplicate_of=pl.lit(None, pl.Int64))
                .collect(engine="streaming")
            )


def duplicates(
    accepted: pl.LazyFrame,
    rule: Uniqueness,
    candidates: pl.Series,
    contradicting: pl.Series,
    *,
    seed: int,
) -> Iterator[RecordFindings]:
    """Later records that are the same as an accepted earlier one, with its number in `duplicate_of` and no code.

    `contradicting`: numbers of records that are left out.
    """
    left = accepted.filter(~pl.col("record").is_in(contradicting.implode()))
    for mine in _chosen(left, rule.key, candidates, seed):
        first = mine.group_by(rule.key).agg(duplicate_of=pl.col("record").min(), times=pl.len())
        repeated = first.filter(pl.col("times") > 1).collect(engine="streaming")
        if not repeated.is_empty():
            copies = mine.select("record", "line", rule.key).join(repeated.lazy(), on=rule.key)
            yield (
                copies.filter(pl.col("record") != pl.col("duplicate_of"))
                .select("record", "line", pl.lit(None, pl.String).alias("code"), "duplicate_of")
                .collect(engine="streaming")
            )


def no_findings() -> RecordFindings:
    """An empty frame of `RecordFindings`, to which others are added."""
    schema = {"record": pl.Int64, "line": pl.Int64, "code": pl.String, "duplicate_of": pl.Int64}
    return pl.DataFrame(schema=schema)


def _chosen(records: pl.LazyFrame, key: str, hashes: pl.Series, seed: int) -> Iterator[pl.LazyFrame]:
    """The records whose key has one of the hashes; those with the same key together, so many keys at a time."""
    for first in range(0, len(hashes), CANDIDATES_AT_ONCE):
        yield records.filter(pl.col(key).hash(seed).is_in(hashes.slice(first, CANDIDATES_AT_ONCE).implode()))


def differ(content: Iterable[str]) -> pl.Expr:
    """Within a group: whether any column of it has two values; absent is one of them."""
    return pl.any_horizontal(
        (pl.col(name).min() != pl.col(name).max()).fill_null(value=False)
        | pl.col(name).null_count().is_between(1, pl.len() - 1)
        for name in content
    )


def replaced_notes(parts: pl.LazyFrame, references: Iterable[str]) -> Iterator[str]:
    """Notes on references that are sent otherwise than they are stated: how many, never which."""
    for name in references:
        differ = (
            parts.select((pl.col(name) != pl.col(f"stated_{name}")).sum()).collect(engine="streaming").item()
        )
        if differ:
            yield f"{name}: characters replaced in {differ} record{'s' if differ > 1 else ''}"


def early_due_notes(accepted: pl.LazyFrame) -> Iterator[str]:
    """A note on bills that are due before they are billed."""
    early = accepted.select((pl.col("due_date") < pl.col("bill_date")).sum())
    if count := early.collect(engine="streaming").item():
        yield f"{count} record{'s' if count > 1 else ''} with a due_date before bill_date"


def detail_notes(accepted: pl.LazyFrame, hashes: pl.LazyFrame, model: Model, *, seed: int) -> Iterator[str]:
    """Notes on customers and accounts whose details differ within the file: how many, never which.

    `accepted`: values of the accepted records; `hashes`: of the same (`hash_columns`). Not a rejection: names change,
    and the last record of a customer counts.
    """
    for key in _keys_with_details(model):
        details = DETAILS[key]
        counts = dict.fromkeys(details, 0)
        candidates = _differing(hashes, key, f"{key}.details")
        for mine in _chosen(accepted, key, candidates, seed):
            for name, count in _with_several(mine, key, details).items():
                counts[name] += count
        thing = key.removesuffix("_reference")
        for name, count in counts.items():
            if count:
                things = thing if count == 1 else f"{thing}s"
                yield f"{count} {things} with more than one {name} in this file; the last one counts"


def _with_several(records: pl.LazyFrame, key: str, details: tuple[str, ...]) -> dict[str, int]:
    """By detail: keys that have more than one."""
    counts = (
        records.group_by(key)
        .agg((pl.col(name).min() != pl.col(name).max()).alias(name) for name in details)
        .select(pl.col(name).sum() for name in details)
        .collect(engine="streaming")
    )
    return {name: int(count or 0) for name, count in counts.row(0, named=True).items()}


def add_bill_lines(findings: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """`FINDINGS` of a batch, with the lines that follow the first one of their bill (`line_items.LINES`, and `line`).

    They get the verdict `line`, no code, and the first line's number in `duplicate_of`. Where nothing is due, a line is
    left out whatever else was found.
    """
    left_out = pl.col("line_of").is_null()
    bill_lines = lines.select(
        pl.col("record").cast(pl.Int64),
        "line",
        verdict=pl.when(left_out).then(pl.lit(VERDICT)).otherwise(pl.lit("line")),
        codes=pl.lit([], pl.List(pl.String)),
        message=pl.when(left_out).then(pl.lit(SKIPPED_AS_PAID)),
        duplicate_of=pl.col("line_of").cast(pl.Int64),
    )
    others = findings.join(bill_lines.select("record"), on="record", how="anti")
    return pl.concat([others, bill_lines.select(findings.columns)]).sort("record")


def merge_findings(
    findings: pl.DataFrame, found: RecordFindings, message: Callable[[str], str]
) -> pl.DataFrame:
    """`FINDINGS` of a batch, with what was found across records added: their codes and messages behind those that are
    there.

    `found`: of records of this batch alone. `message`: code → what is said of it. A record with a code is `rejected`,
    one with `duplicate_of` alone a `duplicate`.
    """
    codes = found.filter(pl.col("code").is_not_null())
    texts = {code: message(code) for code in codes["code"].unique()}
    rejected = (
        codes.with_columns(text=pl.col("code").replace_strict(texts, default=None, return_dtype=pl.String))
        .group_by("record")
        .agg(
            pl.col("code").sort().alias("more_codes"),
            pl.col("text").sort_by("code").str.join("; ").alias("more"),
        )
    )
    copies = found.filter(pl.col("code").is_null()).select("record", copy_of="duplicate_of")
    hit = pl.col("more").is_not_null()
    none = pl.lit([], pl.List(pl.String))
    touched = (
        found.select("record", "line")
        .unique()
        .join(findings.drop("line"), on="record", how="left")
        .join(rejected, on="record", how="left")
        .join(copies, on="record", how="left")
        .with_columns(
            codes=pl.concat_list(pl.col("codes").fill_null(none), pl.col("more_codes").fill_null(none)),
            message=pl.when(hit)
            .then(pl.concat_str("message", "more", separator="; ", ignore_nulls=True))
            .otherwise("message"),
            verdict=pl.when(hit).then(pl.lit("rejected")).otherwise(pl.lit("duplicate")),
            duplicate_of=pl.col("copy_of"),
        )
        .select(findings.columns)
    )
    others = findings.join(touched.select("record"), on="record", how="anti")
    return pl.concat([others, touched]).sort("record")
