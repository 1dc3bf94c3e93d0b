"""Chance for tests that draw their input: the same draw each time, a fresh one each time under SOAK.

What decides whether a change may land must not be a lottery; what looks for faults should be one. `SEED=N` draws
again what a soak has found.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any, TypeVar

Case = TypeVar("Case")

SOAK = bool(os.environ.get("SOAK"))
"""Whether the long tests run with all their cases: `make soak`."""
FIXED = 20261128


def cases(usual: int, *, soak: int) -> int:
    """How many cases a test draws: enough to meet each kind, or as many as a long test is given."""
    return soak if SOAK else usual


def some(every: Iterable[Case], usual: int) -> list[Case]:
    """So many of a long row of like cases, strewn over it with its first and its last; all of them under SOAK."""
    row = list(every)
    if SOAK or usual >= len(row):
        return row
    return [row[round(place * (len(row) - 1) / max(usual - 1, 1))] for place in range(usual)]


def each_once(*axes: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Cases in which each value of each axis is met, for `parametrize`; under SOAK each with each of the others."""
    if SOAK:
        return list(product(*axes))
    return [tuple(axis[place % len(axis)] for axis in axes) for place in range(max(map(len, axes)))]


def drawn() -> random.Random:
    """A source of chance; its seed is printed, and pytest shows it when the test fails."""
    fresh = random.randrange(10**9) if SOAK else FIXED  # noqa: S311 - no secret
    seed = int(os.environ.get("SEED", fresh))
    print("seed", seed)  # noqa: T201
    return random.Random(seed)  # noqa: S311
