"""From a file's own fields to canonical columns: mapped and stripped, and empty is absent. Nothing is checked here."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import polars as pl

from pipeline.core.csv_structure import ITEMS
from pipeline.core.mapping.layout import (
    AMOUNT,
    CANONICAL,
    METADATA,
    ConstantText,
    Field,
    FirstOf,
    Joined,
    Layout,
    Source,
    TwoColumns,
)

PLACE = ("record", "line", "byte_start", "byte_end", "damage", "damaged_column")
"""Columns that say where a record is, index into `csv_structure.DAMAGE` (UInt8, null where it is whole), and the name
of the one column that is damaged (String, or null)."""


def canonical(fields: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """Map a batch of records (`field_<position>`, all text) onto canonical columns.

    Returns `PLACE`, every column of `CANONICAL` (String, null where absent or damaged), `<family>.<key>` for each
    metadata key, `stated_<name>` for each of `Layout.derived_references` (as its columns state it, U+001F between
    them), `<amount>:first` and `<amount>:second` where the amount has two columns, `own_<position>` for each of
    `Layout.own_positions`, and for a corrected rejects file `reject_source` and `reject_record` (Int64, null where it
    is no number).
    """
    own = [name for name in fields.columns if name.startswith("field_")]
    stripped = fields.with_columns(pl.col(name).str.strip_chars() for name in own)
    filled = stripped.with_columns(pl.when(pl.col(name) != "").then(pl.col(name)).alias(name) for name in own)
    return filled.select(*PLACE, *_columns(layout)).with_columns(_of_whole_records(layout))


@lru_cache(maxsize=8)
def _columns(layout: Layout) -> list[pl.Expr]:
    """What `canonical` makes of the fields; once for a file."""
    columns = [_value(name, layout).alias(name) for name in layout.sources]
    columns += [_stated(layout.sources[name]).alias(f"stated_{name}") for name in layout.derived_references()]
    columns += [each.alias(f"{name}:{part}") for name, part, each in _parts_of_amount(layout)]
    own_positions = sorted(layout.own_positions())
    columns += [pl.col(f"field_{position}").alias(f"own_{position}") for position in own_positions]
    absent = [name for name in CANONICAL[layout.feed.model] if name not in layout.sources]
    columns += [pl.lit(None, pl.String).alias(name) for name in absent]
    if layout.is_correction:
        columns.append(pl.col(f"field_{layout.rejects['reject_source']}").alias("reject_source"))
        columns.append(_number(layout.rejects.get("reject_record")).alias("reject_record"))
    return columns


@lru_cache(maxsize=8)
def _of_whole_records(layout: Layout) -> list[pl.Expr]:
    """A damaged record states nothing, not even what the feed says of every record."""
    whole = pl.col("damage").is_null() | (pl.col("damage") == ITEMS)
    if not layout.feed.currency:
        return [pl.when(whole).then(pl.exclude(*PLACE))]
    currency = pl.col("currency").fill_null(pl.lit(layout.feed.currency))
    return [
        pl.when(whole).then(pl.exclude(*PLACE, "currency")),
        pl.when(whole).then(currency).alias("currency"),
    ]


def _number(position: int | None) -> pl.Expr:
    """A whole number, as a spreadsheet may write it; null for anything else."""
    if position is None:
        return pl.lit(None, pl.Int64)
    return pl.col(f"field_{position}").str.extract(r"^0*([0-9]{1,15})(?:[.,]0+)?$").cast(pl.Int64)


def _value(name: str, layout: Layout) -> pl.Expr:
    """A canonical column's text, with the feed's replacements where it is a reference or a currency."""
    value = _expression(layout.sources[name])
    if name == "currency" and layout.feed.currency_map:
        meant = {text.strip(): currency for text, currency in layout.feed.currency_map.items()}
        return value.replace_strict(meant, default=value, return_dtype=pl.String)
    replace = layout.feed.reference_replace
    return value.str.replace_many(replace) if replace and name in layout.derived_references() else value


def _parts_of_amount(layout: Layout) -> Iterator[tuple[str, str, pl.Expr]]:
    """Both columns of an amount that has two, each by itself: `money` puts them together."""
    name = AMOUNT[layout.feed.model]
    source = layout.sources.get(name)
    if isinstance(source, TwoColumns):
        yield name, "first", _expression(source.first)
        yield name, "second", _expression(source.second)


def _stated(source: Source) -> pl.Expr:
    """What a reference's source columns state, before anything is joined or replaced; for comparing, never sent."""
    match source:
        case FirstOf(sources):
            return pl.coalesce([_stated(each) for each in sources])
        case Joined(pieces):
            texts = [
                pl.lit(each.text) if isinstance(each, ConstantText) else _stated(each) for each in pieces
            ]
            return pl.concat_str(texts, separator="\x1f", ignore_nulls=False)
        case _:
            return _expression(source)


def _expression(source: Source) -> pl.Expr:
    """A source as an expression over `field_<position>` (String, null where empty)."""
    match source:
        case Field(position):
            return pl.col(f"field_{position}")
        case ConstantText(text):
            return pl.lit(text.strip() or None, pl.String)
        case FirstOf(sources):
            return pl.coalesce([_expression(each) for each in sources])
        case Joined(pieces, lenient):
            return _joined(pieces, lenient=lenient)
        case TwoColumns(first, second, signs):
            return _expression(first) if signs else pl.coalesce(_expression(first), _expression(second))


def _joined(pieces: tuple[Source, ...], *, lenient: bool) -> pl.Expr:
    """A template. A lenient one (names) leaves out what is absent and folds blanks; any other is null as soon as one
    of its columns is, since half a reference would be another reference.
    """
    texts = [pl.lit(each.text) if isinstance(each, ConstantText) else _expression(each) for each in pieces]
    if not lenient:
        return _filled(pl.concat_str(texts, ignore_nulls=False))
    stated = [
        text.is_not_null()
        for text, each in zip(texts, pieces, strict=True)
        if not isinstance(each, ConstantText)
    ]
    joined = pl.concat_str(texts, ignore_nulls=True).str.replace_all(r"\s+", " ")
    return pl.when(pl.any_horizontal(stated) if stated else pl.lit(value=True)).then(_filled(joined))


def _filled(text: pl.Expr) -> pl.Expr:
    """Without blanks around it; null where nothing is left."""
    stripped = text.str.strip_chars()
    return pl.when(stripped != "").then(stripped)


def metadata_json(layout: Layout, family: str) -> pl.Expr:
    """A record's metadata as one JSON object; null when no key is filled. Absent keys are null inside."""
    names = [f"{family}.{key}" for key in layout.metadata_keys(family)]
    if family not in METADATA[layout.feed.model] or not names:
        return pl.lit(None, pl.String).alias(family)
    pairs = pl.struct(pl.col(name).alias(name.removeprefix(f"{family}.")) for name in names)
    filled = pl.any_horizontal(pl.col(name).is_not_null() for name in names)
    return pl.when(filled).then(pairs.struct.json_encode()).alias(family)
