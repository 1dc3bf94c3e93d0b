"""What is looked up in sorted order is found as in a set."""

from __future__ import annotations

import random

import polars as pl

from pipeline.core.rules.cross_record_rules import is_among


def test_values_are_among_sorted_ones_when_they_are_in_their_set() -> None:
    chance = random.Random(7)  # noqa: S311 (no secret)
    for _ in range(200):
        many = [chance.choice([0, 1, 2**64 - 1, chance.randrange(30)]) for _ in range(chance.randrange(40))]
        others = {chance.choice([0, 2**64 - 1, chance.randrange(30)]) for _ in range(chance.randrange(20))}
        values = pl.Series([*many, None], dtype=pl.UInt64)
        found = is_among(values, pl.Series(sorted(others), dtype=pl.UInt64))
        assert found.to_list() == [each in others for each in [*many, None]]
