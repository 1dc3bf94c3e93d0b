"""What a hold would change, spelled out for the person who decides: as much of it as anybody reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

from pipeline.core.how_many import how_many

_MOST = 1_000
"""Spelled out for a person; of the rest only the number is given."""


@dataclass(slots=True)
class ShownChanges:
    """Lines for a person: the first `_MOST` spelled out, of the rest the number."""

    count: int = 0
    lines: list[str] = field(default_factory=list)

    def add(self, count: int, lines: Iterable[str]) -> None:
        self.count += count
        self.lines += islice(lines, _MOST - len(self.lines))

    def shown(self) -> tuple[str, ...]:
        more = self.count - len(self.lines)
        return (*self.lines, *([f"and {more} more"] if more else []))

    def records(self) -> str:
        return how_many(self.count, "record")
