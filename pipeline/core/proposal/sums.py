"""What holds between the columns of numbers in a table: sums, parts of wholes, balances that run."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import cached_property
from itertools import combinations, pairwise
from typing import Any

from pipeline.core.proposal.columns import Column
from pipeline.core.proposal.readings import Guess, as_number, guess_amounts, has_decimals, narrowed

HOLDS = 0.95
"""Share of records in which a sum must hold."""


class Sums:
    """The columns of numbers of one table, compared with each other."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = columns
        self.numeric = [
            each for each in columns if each.is_numeric and each.is_named_once and not each.is_dated
        ]
        self._numbers: dict[int, list[Decimal | None]] = {}
        self._guesses: dict[tuple[str, ...], Guess[dict[str, Any]]] = {}

    @cached_property
    def style(self) -> dict[str, Any]:
        """A style that reads most numbers of the file, for comparing its columns."""
        marked = [each for each in self.numeric if "." in "".join(each.filled) or "," in "".join(each.filled)]
        for each in sorted(marked, key=lambda column: -len(column.filled)):
            guess = narrowed(self.guessed(each.filled), map(self.guessed, (other.filled for other in marked)))
            if guess.sure and has_decimals(each.filled, guess.fits[0]):
                return guess.fits[0]
        return {"decimal": "."}

    def numbers(self, column: Column) -> list[Decimal | None]:
        """A column's numbers, None where it has none."""
        if column.place not in self._numbers:
            self._numbers[column.place] = [
                as_number(text, self.style) if text else None for text in column.texts
            ]
        return self._numbers[column.place]

    def guessed(self, texts: tuple[str, ...]) -> Guess[dict[str, Any]]:
        """As `guess_amounts`, once for the same texts: that is the dearest part of a proposal."""
        if texts not in self._guesses:
            self._guesses[texts] = guess_amounts(texts)
        return self._guesses[texts]

    def adds_up(self, parts: Sequence[Column], whole: Column) -> bool:
        rows = zip(*(self.numbers(each) for each in (*parts, whole)), strict=True)
        holds = wrong = 0
        for row in rows:
            if any(each is None for each in row):
                continue
            if sum(filter(None, row[:-1]), Decimal(0)) == row[-1]:
                holds += 1
            else:
                wrong += 1
                if wrong > (1 - HOLDS) * len(whole.texts):
                    return False
        return holds >= 2 and holds >= HOLDS * (holds + wrong)

    def is_sum(self, whole: Column, parts: Sequence[Column]) -> bool:
        """Whether it is the sum of two or three others, or of all of them."""
        sizes = {2, 3, len(parts)}
        return any(self.adds_up(some, whole) for size in sizes for some in combinations(parts[:8], size))

    def is_part_of(self, part: Column, whole: Column) -> bool:
        """Whether what is open never exceeds what was billed, and has its sign; it is then what is left to pay."""
        pairs = [
            (small, large)
            for small, large in zip(self.numbers(part), self.numbers(whole), strict=True)
            if small is not None and large is not None
        ]
        return bool(pairs) and all(abs(small) <= abs(large) and small * large >= 0 for small, large in pairs)

    def running_balance(self, debit: Column, credit: Column) -> Column | None:
        """A balance that each record changes by its debit and credit."""
        for each in self.numeric:
            if "BALANCE" not in each.meaning.concepts:
                continue
            rows = list(zip(self.numbers(each), self.numbers(debit), self.numbers(credit), strict=True))
            steps = [
                now - before == (plus or 0) - (minus or 0)
                for (before, _, _), (now, plus, minus) in pairwise(rows)
                if before is not None and now is not None
            ]
            if steps and sum(steps) >= 0.5 * len(steps):
                return each
        return None
