"""The rules over a record's metadata: how many keys, how long, and what a spreadsheet did to values.

A family's columns are known from the header, so where none of them can break a rule there is no expression at all.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from pipeline.core.mapping.layout import METADATA, Layout
from pipeline.core.rules.api_limits import (
    MAX_METADATA_KEY_CHARACTERS,
    MAX_METADATA_KEYS,
    MAX_METADATA_VALUE_CHARACTERS,
)
from pipeline.core.rules.rule import MANGLED_CELL, FieldRule, detail_rule


def metadata_without_account() -> FieldRule:
    """Metadata of an account needs an account to belong to."""
    return FieldRule(
        "account_metadata.without_account",
        "metadata of an account, but no account_reference",
        "fill in account_reference or empty the metadata",
        _without_account,
    )


def metadata_rules(family: str) -> Iterator[FieldRule]:
    """Of one family of metadata."""
    most = MAX_METADATA_VALUE_CHARACTERS
    yield detail_rule(
        f"{family}.value_too_long",
        f"a value of more than {most} characters",
        "shorten it or leave the column out",
        lambda layout: {name: pl.col(name).str.len_chars() > most for name in _columns(layout, family)},
    )
    yield detail_rule(
        f"{family}.spreadsheet",
        "a value damaged by a spreadsheet",
        "enter it as text, round it, or leave the column out",
        lambda layout: {name: pl.col(name).str.contains(MANGLED_CELL) for name in _columns(layout, family)},
    )
    yield FieldRule(
        f"{family}.too_many",
        f"more than {MAX_METADATA_KEYS} filled keys",
        "ask whoever maintains the config to map fewer columns to metadata",
        lambda layout: _too_many_keys(layout, family),
    )
    yield detail_rule(
        f"{family}.key",
        f"a key that is empty or longer than {MAX_METADATA_KEY_CHARACTERS} characters",
        "ask whoever maintains the config to map the column under a shorter key",
        lambda layout: _unfit_keys(layout, family),
    )


def _too_many_keys(layout: Layout, family: str) -> pl.Expr | None:
    """More filled keys than the API takes; None where the file has no more columns than that."""
    if family not in METADATA[layout.feed.model] or not layout.metadata_keys(family):
        return None
    families = [family]
    if layout.feed.model == "customer_balance" and family == "metadata":
        # The design of `customer_balance`: it has no other object that metadata could belong to.
        # Both families are the customer's own here, and are sent as one object.
        families = ["metadata", "customer_metadata"]
    keys = dict.fromkeys(key for each in families for key in layout.metadata_keys(each))
    if len(keys) <= MAX_METADATA_KEYS:
        return None
    columns = [[f"{each}.{key}" for each in families if f"{each}.{key}" in layout.sources] for key in keys]
    count = pl.sum_horizontal(_any_filled(names).cast(pl.Int64) for names in columns)
    return count > MAX_METADATA_KEYS


def _unfit_keys(layout: Layout, family: str) -> dict[str, pl.Expr]:
    """A filled key that the API would refuse. Known from the header, but an empty column harms nobody."""
    lengths = {name: len(name) - len(f"{family}.") for name in _columns(layout, family)}
    return {
        name: pl.col(name).is_not_null()
        for name, length in lengths.items()
        if not 0 < length <= MAX_METADATA_KEY_CHARACTERS
    }


def _columns(layout: Layout, family: str) -> list[str]:
    """The columns of a family; none where the model has no such object."""
    if family not in METADATA[layout.feed.model]:
        return []
    return [f"{family}.{key}" for key in layout.metadata_keys(family)]


def _without_account(layout: Layout) -> pl.Expr | None:
    names = _columns(layout, "account_metadata")
    return _any_filled(names) & pl.col("account_reference").is_null() if names else None


def _any_filled(names: list[str]) -> pl.Expr:
    return pl.any_horizontal(pl.col(name).is_not_null() for name in names)
