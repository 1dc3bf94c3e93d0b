"""One column of an unknown table: what its name says, and what its values are."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from pipeline.core.proposal.name_meaning import NameMeaning, meaning_of
from pipeline.core.proposal.table import Table, is_date, is_number
from pipeline.core.values.amount_text import exponents

MOSTLY = 0.9
"""Share of a column's values that show what it is; a few may be damaged."""
_RUN_TOGETHER = re.compile(
    r"(?:19[89]|20[0-9])[0-9](?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[1-9]|[12][0-9]|3[01])(?:0[1-9]|1[0-2])(?:19[89]|20[0-9])[0-9]"
    r"|(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?:19[89]|20[0-9])[0-9]"
)
"""Eight digits that can be a date."""
_SHORTENED = re.compile(r"[0-9][.,][0-9]+[eE][+]?[0-9]+")
"""A number as spreadsheets shorten long ones."""
_WHOLE = re.compile(r"[0-9]{5,13}(?:\.0+)?")
_COUNTED = ((1, 36_526, 55_153), (86_400, 10_957, 29_584), (86_400_000, 10_957, 29_584))
"""Days, seconds and milliseconds: how many are a day, and which days are those of 2000 and of 2050."""
_MOST_DAYS = 1_100
"""Between the first and the last date of a file: three years."""
_OF_AMOUNTS = frozenset(
    {"AMOUNT", "TOTAL", "OUTSTANDING", "ARREARS", "BALANCE", "CHARGE", "NET", "GROSS", "TAX"}
)
_MONTH = re.compile(r"(?:0?[1-9]|1[0-2])[/.-](?:19|20)[0-9]{2}|(?:19|20)[0-9]{2}[/.-](?:0?[1-9]|1[0-2])")
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[ ]?[A-Z0-9 ]{11,34}")
_TWO_WORDS = re.compile(r"[^\W\d_]{2,}[.,&]?\s+(?:[&+]\s+)?[^\W\d_]{2,}")
"""Names have several words, references seldom."""
_WITH_CENTS = re.compile(r"-?[0-9 .,']*[.,][0-9]{2}")
_CODE = re.compile(r"\S*[0-9]\S*|[A-Z]{2,12}")


@dataclass(frozen=True)
class Column:
    """One column. `texts`: of all records, empty where there is nothing."""

    place: int
    name: str
    texts: tuple[str, ...]
    is_named_once: bool = True
    """Whether the name leads to it: a column whose name another has too cannot be mapped."""
    items_of: str = ""
    """The list of objects of whose items it is a field."""

    @cached_property
    def meaning(self) -> NameMeaning:
        """What its name says: of a field of items without the list's name, unless that says that they are bills."""
        if not self.items_of:
            return meaning_of(self.name)
        field = meaning_of(self.name.removeprefix(f"{self.items_of}."))
        bills = meaning_of(self.items_of).concepts & {"BILL", "LINE"} == {"BILL"}
        of_a_line = {"LINE"} if field.concepts & _OF_AMOUNTS else set()
        return replace(field, concepts=field.concepts - of_a_line | ({"BILL"} if bills else set()))

    @cached_property
    def filled(self) -> tuple[str, ...]:
        """Its texts that are not empty."""
        return tuple(filter(None, self.texts))

    @cached_property
    def fill(self) -> float:
        """Share of records in which it is filled."""
        return len(self.filled) / len(self.texts) if self.texts else 0.0

    @cached_property
    def distinct(self) -> int:
        """How many different values it has."""
        return len(set(self.filled))

    def share(self, fits: Callable[[str], object]) -> float:
        """Of its values, how many fit; 0 where there are none."""
        return sum(map(bool, map(fits, self.filled))) / len(self.filled) if self.filled else 0.0

    @cached_property
    def is_numeric(self) -> bool:
        """Whether its values are numbers, in whatever notation, and are not days counted from one that is long ago."""
        return not self.is_counted_time and self.share(is_number) - self.share(_SHORTENED.fullmatch) >= MOSTLY

    @cached_property
    def is_counted_time(self) -> bool:
        """Whether it is named like a day, and counts days as spreadsheets do, or seconds as Unix does.

        `Due` names an amount as well; but amounts do not lie within a few years, nor are all of them whole then.
        """
        concepts = self.meaning.concepts
        if not self.filled or not concepts & {"DATE", "DUE", "ISSUE"} or concepts & _OF_AMOUNTS:
            return False
        if not all(_WHOLE.fullmatch(text) for text in self.filled):
            return False
        numbers = [int(text.partition(".")[0]) for text in self.filled]
        return any(
            first * a_day <= min(numbers) and max(numbers) <= last * a_day
            for a_day, first, last in _COUNTED
            if max(numbers) - min(numbers) <= _MOST_DAYS * a_day
        )

    @cached_property
    def is_dated(self) -> bool:
        """Whether its values are dates: by separators or names of months; of eight digits only where its name says
        so.
        """
        if self.share(is_date) >= MOSTLY:
            return True
        says_so = self.meaning.concepts & {"DATE", "DUE", "ISSUE"}
        together = self.share(_RUN_TOGETHER.fullmatch) >= MOSTLY or (
            self.share(re.compile("[0-9]{6}").fullmatch) >= MOSTLY and self.meaning.has("DATE")
        )
        return bool(says_so) and together

    @cached_property
    def has_days_of_months(self) -> bool:
        """Whether its values are numbers from 1 to 31."""
        return self.share(re.compile("0?[1-9]|[12][0-9]|3[01]").fullmatch) >= MOSTLY

    @cached_property
    def has_emails(self) -> bool:
        """Whether its values are e-mail addresses."""
        return self.share(re.compile(r"[^@\s]+@[^@\s]+").fullmatch) >= MOSTLY

    @cached_property
    def has_phones(self) -> bool:
        """Whether its values may be phone numbers."""
        return self.share(lambda text: re.fullmatch(r"[-+0-9() ./]{7,20}", text)) >= MOSTLY

    @cached_property
    def has_currencies(self) -> bool:
        """Whether its values are currency codes of ISO 4217."""
        return self.share(lambda text: text in exponents()) >= MOSTLY

    @cached_property
    def has_words(self) -> bool:
        """Whether its values are words, such as names: letters, and no digits in most of them."""
        letters = re.compile(r"[^0-9]*[^\W\d_]{2}[^0-9]*")
        names = self.share(letters.fullmatch) >= 0.8 or self.share(_TWO_WORDS.search) >= 0.8
        return names and self.share(_CODE.fullmatch) < 0.5

    @cached_property
    def has_codes(self) -> bool:
        """Whether its values are references: no spaces, and digits or capitals in them."""
        return self.share(_CODE.fullmatch) >= MOSTLY

    @cached_property
    def is_shortened(self) -> bool:
        """Whether a spreadsheet shortened numbers in it."""
        return any(map(_SHORTENED.fullmatch, self.filled))

    @cached_property
    def counts_records(self) -> bool:
        """Whether it is only 1, 2, 3 …, or another number that rises by one."""
        if not all(text.isdecimal() and len(text) < 10 for text in self.texts) or len(self.texts) < 3:
            return False
        numbers = [int(text) for text in self.texts]
        return numbers == list(range(numbers[0], numbers[0] + len(numbers)))

    def reference_problem(self) -> str | None:
        """Why its values cannot be references that records are told apart by; None where they can."""
        empty = len(self.texts) - len(self.filled)
        if not self.filled:
            return "is empty"
        if self.fill < 0.95:
            return f"is empty in {empty} of {len(self.texts)} records"
        if self.is_shortened:
            return "has numbers that a spreadsheet shortened"
        kinds = {
            "has e-mail addresses": self.has_emails,
            "has dates": self.share(is_date) >= MOSTLY or self.share(_MONTH.fullmatch) >= MOSTLY,
            "is masked": self.share(lambda text: "*" in text) >= 0.5,
            "has amounts": self.share(_WITH_CENTS.fullmatch) >= 0.5,
            "has bank accounts": self.share(_IBAN.fullmatch) >= 0.5,
            "has names, which may change": self.has_words or self.share(_TWO_WORDS.search) >= 0.3,
            "is the same in all records": self.distinct == 1 and len(self.texts) >= 3,
        }
        return next((problem for problem, is_so in kinds.items() if is_so), None)


def columns_of_table(table: Table) -> list[Column]:
    """Its columns in order; nameless ones have an empty name."""
    names = [name.strip() for name in table.names]
    prefix = f"{table.items_of}."
    return [
        Column(
            place,
            name,
            tuple(table.texts(place)),
            bool(name) and names.count(name) == 1,
            table.items_of if table.items_of and name.startswith(prefix) else "",
        )
        for place, name in enumerate(names)
    ]


def is_the_same(first: Sequence[str], second: Sequence[str]) -> bool:
    """Whether two columns have the same texts wherever both are filled."""
    return all(one == other for one, other in zip(first, second, strict=True) if one and other)
