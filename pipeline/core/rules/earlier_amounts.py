"""The amounts of files that were loaded before: what a file is compared with."""

from __future__ import annotations

from dataclasses import dataclass

MOST_COMPARED = 10
"""Loaded files that a file is compared with, for each currency."""


@dataclass(frozen=True, slots=True)
class Past:
    """The amounts of one currency in a file that was loaded."""

    usual_twice_minor: int
    """As in `Spread`."""
    with_decimals: int
