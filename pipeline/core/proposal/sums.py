"""What holds between the columns of numbers in a table: sums, parts of wholes, balances that run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import combinations, pairwise
from typing import Any

from pipeline.core.proposal.columns import Column
from pipeline.core.proposal.readings import Guess, as_number, guess_amounts, has_decimals, narrowed

HOLDS = 0.95
"""Share of records in which a sum must hold."""


_NO_MONEY = {"QUANTITY", "PHONE", "IDENTITY", "REF", "PLACE", "BANK"}


@dataclass(frozen=True, slots=True)
class Movement:
    """What each record moves, 0 where it moves nothing."""

    name: str
    """In quotes, for messages."""
    places: tuple[Column, ...]
    numbers: tuple[Decimal, ...]


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

    @cached_property
    def movements(self) -> list[Movement]:
        """Columns of amounts, and pairs of which each record has one, as money that went in or out."""
        amounts = [each for each in self.numeric if not each.meaning.concepts & _NO_MONEY and each.filled]
        found = [self._movement((each,)) for each in amounts if each.fill >= HOLDS]
        sparse = [each for each in amounts if self._filled(each) < HOLDS][:8]
        found += [self._movement(pair) for pair in combinations(sparse, 2) if self._is_one_of_two(*pair)]
        signs = [each for each in self.columns if "SIGN" in each.meaning.concepts and each.distinct == 2]
        for each in signs[:1]:
            first = each.filled[0]
            found += [
                Movement(
                    f'"{one.places[0].name}" by "{each.name}"',
                    one.places,
                    tuple(
                        number if text == first else -number
                        for number, text in zip(one.numbers, each.texts, strict=True)
                    ),
                )
                for one in found
                if len(one.places) == 1
            ]
        return found

    def _filled(self, column: Column) -> float:
        """Share of records in which there is more than nothing or 0."""
        return sum(map(bool, self.numbers(column))) / max(1, len(column.texts))

    def _is_one_of_two(self, first: Column, second: Column) -> bool:
        pairs = list(zip(self.numbers(first), self.numbers(second), strict=True))
        return sum(bool(one) != bool(other) for one, other in pairs) >= 0.9 * len(pairs)

    def _movement(self, columns: tuple[Column, ...]) -> Movement:
        """The numbers of one column, or those of the first less those of the second, whatever their signs are."""
        first = [each or Decimal(0) for each in self.numbers(columns[0])]
        if len(columns) == 1:
            return Movement(f'"{columns[0].name}"', columns, tuple(first))
        second = [each or Decimal(0) for each in self.numbers(columns[1])]
        names = f'"{columns[0].name}" less "{columns[1].name}"'
        both = zip(first, second, strict=True)
        return Movement(names, columns, tuple(abs(one) - abs(other) for one, other in both))

    def running_balance(self) -> Column | None:
        """A balance that each record changes by what it moves, in the order of the file or against it."""
        for each in self.numeric:
            if each.meaning.concepts & _NO_MONEY or each.fill < 0.5:
                continue
            balances = self.numbers(each)
            steps = [
                (at, now - before)
                for at, (before, now) in enumerate(pairwise(balances), start=1)
                if before is not None and now is not None
            ]
            for movement in self.movements:
                if each not in movement.places and self._runs(steps, movement, each):
                    return each
        return None

    def _runs(self, steps: Sequence[tuple[int, Decimal]], movement: Movement, balance: Column) -> bool:
        """Whether steps are what moved: the record's own, or that of the record before where the newest is first."""
        named = "BALANCE" in balance.meaning.concepts
        share, fewest = (0.5, 1) if named else (0.8, 3)
        for back in (0, 1):
            moved = [
                (step, abs(movement.numbers[at - back])) for at, step in steps if movement.numbers[at - back]
            ]
            if not named and len({size for _, size in moved}) < 3:
                continue  # numbers that rise by one beside a fee of 1 prove nothing
            holds = sum(abs(step) == size for step, size in moved)
            if len(moved) >= fewest and holds >= share * len(moved):
                return True
        return False
