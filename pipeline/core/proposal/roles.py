"""Which column is what, but for amounts: by what its name says, and only where its values agree.

A choice is `sure`, `open` (a person must decide, and is told why), or absent. Names alone decide nothing: a reference
that is empty in half of the records is none, and a date of payment is not a due date.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.core.mapping.layout import PART
from pipeline.core.proposal.columns import MOSTLY, Column

SURE = 0.6
"""Strength from which a name means what it seems to, if nothing else comes near."""
MARGIN = 0.1
_UNKNOWN_WORD = 0.15

Pattern = tuple[str, float]
PATTERNS: dict[str, tuple[Pattern, ...]] = {
    "bill_reference": (
        ("BILL REF", 1.0),
        ("BILL TAX REF", 1.0),
        ("BILL TAX", 0.85),
        ("BILL DOCUMENT REF", 1.0),
        ("BILL", 0.85),
        ("DOCUMENT REF", 0.75),
        ("DOCUMENT", 0.6),
        ("TRANSACTION REF", 0.5),
        ("REF", 0.45),
    ),
    "customer_reference": (
        ("CUSTOMER REF", 1.0),
        ("CUSTOMER ACCOUNT REF", 0.85),
        ("CUSTOMER ACCOUNT", 0.8),
        ("CUSTOMER", 0.75),
        ("CUSTOMER IDENTITY REF", 0.65),
        ("IDENTITY REF", 0.6),
        ("IDENTITY", 0.6),
    ),
    "account_reference": (
        ("ACCOUNT REF", 1.0),
        ("CONTRACT REF", 0.9),
        ("CONTRACT ACCOUNT REF", 0.95),
        ("CONTRACT", 0.8),
        ("ACCOUNT", 0.7),
    ),
    "customer_name": (
        ("CUSTOMER NAME", 1.0),
        ("CUSTOMER", 0.8),
        ("NAME", 0.8),
        ("ACCOUNT NAME", 0.75),
    ),
    "customer_email": (("EMAIL", 1.0), ("CUSTOMER EMAIL", 1.0), ("BILL EMAIL", 0.8), ("EMAIL REF", 0.9)),
    "customer_phone": (
        ("PHONE", 1.0),
        ("PHONE REF", 1.0),
        ("CUSTOMER PHONE", 1.0),
        ("CUSTOMER PHONE REF", 1.0),
    ),
    "bill_date": (
        ("BILL DATE", 1.0),
        ("BILL ISSUE DATE", 1.0),
        ("BILL ISSUE", 0.9),
        ("ISSUE DATE", 0.95),
        ("ISSUE", 0.9),
        ("DOCUMENT DATE", 0.8),
        ("DATE", 0.7),
        ("POSTING DATE", 0.6),
        ("CREATED DATE", 0.5),
        ("CREATED", 0.45),
    ),
    "due_date": (
        ("DUE DATE", 1.0),
        ("DUE", 0.95),
        ("DUE PAYMENT", 0.95),
        ("DUE PAYMENT DATE", 1.0),
        ("DUE BILL DATE", 0.95),
        ("DUE NET DATE", 0.95),
        ("DUE NET", 0.95),
        ("DUE BALANCE DATE", 0.9),
        ("DUE AMOUNT DATE", 0.8),
        ("COLLECTION DATE", 0.75),
        ("COLLECTION", 0.7),
        ("DEBIT DATE", 0.7),
        ("PAYMENT DATE", 0.4),
    ),
    "currency": (
        ("CURRENCY", 1.0),
        ("CURRENCY REF", 1.0),
        ("BILL CURRENCY", 1.0),
        ("BILL CURRENCY REF", 1.0),
        ("DOCUMENT CURRENCY", 1.0),
        ("AMOUNT CURRENCY", 0.8),
        ("CURRENCY DEALING", 1.0),
        ("CURRENCY LOCAL", 0.5),
    ),
}
"""Canonical column → the concepts that its name has, all of them and no others, and how surely they mean it."""
_NEUTRAL = frozenset({"NUMBER"})
_BESIDE = {
    "customer_email": frozenset({"CONTACT", "NAME"}),
    "customer_phone": frozenset({"CONTACT", "NAME"}),
    "due_date": frozenset({"TERMS"}),
}
"""Concepts that change nothing about what a name means."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What is known of one canonical column."""

    source: str | list[str] | None = None
    """The file's column; None where it is open or absent."""
    why: str = ""
    """What it is guessed by, or why it is open, as the end of a sentence."""
    is_open: bool = False
    place: int = -1
    """Of the column, where it is one."""


ABSENT = Choice()


def strength(column: Column, role: str) -> float:
    """How surely the name of a column means a canonical one, from 0 to 1."""
    concepts = column.meaning.concepts - _NEUTRAL - _BESIDE.get(role, frozenset())
    if "NAME" in concepts and column.has_words:
        concepts -= {"QUANTITY"}  # `nombre` is a name in Spanish and a number in French
    fits = [surely for words, surely in PATTERNS[role] if concepts == frozenset(words.split())]
    return max(0.0, max(fits, default=0.0) - _UNKNOWN_WORD * column.meaning.unknown)


def by_name(
    columns: Sequence[Column], role: str, fits: Callable[[Column], bool]
) -> list[tuple[float, Column]]:
    """Columns whose names may mean a canonical one and whose values agree, the surest first."""
    found = [(strength(each, role), each) for each in columns if each.is_named_once and fits(each)]
    return sorted((pair for pair in found if pair[0] > 0), key=lambda pair: -pair[0])


def chosen(found: Sequence[tuple[float, Column]], open_reason: str = "") -> Choice:
    """The surest of several; open where it is not sure, or another comes near and says something else."""
    if not found:
        return ABSENT
    (first, column), *others = found
    rivals = [other for surely, other in others if surely > first - MARGIN and other.texts != column.texts]
    if rivals:
        names = " or ".join(f'"{each.name}"' for each in (column, *rivals[:3]))
        return Choice(None, f"could be {names}", is_open=True)
    if first < SURE:
        return Choice(None, open_reason or f'perhaps "{column.name}"', is_open=True)
    return Choice(column.name, "guessed by name and values", place=column.place)


def can_refer(column: Column) -> bool:
    return column.reference_problem() is None


def any_column(_: Column) -> bool:
    return True


class Bills:
    """What is asked for: the bill's own reference and dates."""

    def __init__(self, columns: Sequence[Column], customer: Choice) -> None:
        self.columns, self.customer = columns, customer

    def reference(self) -> Choice:
        """A bill's number. Without one, which columns come nearest and why they are not it."""
        fits = lambda each: can_refer(each) and self._tells_bills_apart(each)  # noqa: E731
        found = by_name(self.columns, "bill_reference", fits)
        found = [(self._with_evidence(surely, each), each) for surely, each in found]
        found.sort(key=lambda pair: -pair[0])
        choice = chosen(found)
        if choice.source:
            return self._with_series(choice, self.columns[choice.place])
        return choice if choice.is_open else Choice(None, self._why_none(), is_open=True)

    def _with_series(self, choice: Choice, number: Column) -> Choice:
        """A number that begins afresh in each series or year is a bill's only together with that."""
        for each in self.columns:
            if (
                each is number
                or not each.meaning.concepts & {"SERIES", "YEAR", "BRANCH"}
                or each.fill < MOSTLY
            ):
                continue
            pairs = list(zip(each.texts, number.texts, strict=True))
            together = f"{{{each.name}}}-{{{number.name}}}"
            if len(set(pairs)) > number.distinct:
                is_whole = len(set(pairs)) == len(pairs) and not each.meaning.has("BRANCH")
                if (
                    is_whole
                    and each.is_named_once
                    and PART.findall(together) == [each.name, number.name]
                    and "-" not in "".join(each.filled)
                ):
                    return Choice(together, f'guessed: "{number.name}" is unique only with "{each.name}"')
                why = f'"{number.name}" comes again in another "{each.name}"; perhaps "{together}"'
                return Choice(None, why, is_open=True)
            if "SERIES" in each.meaning.concepts and not all(text.startswith(one) for one, text in pairs):
                why = f'"{number.name}" may come again in another "{each.name}"; perhaps "{together}"'
                return Choice(None, why, is_open=True)
        if self.customer.place >= 0 and self.customer.place != number.place:
            owners = self.columns[self.customer.place].texts
            shared = len(set(zip(number.texts, owners, strict=True))) - number.distinct
            if shared > 0.1 * number.distinct:
                why = f'"{number.name}" is the same for several customers'
                return Choice(None, why, is_open=True)
        return choice

    def _tells_bills_apart(self, column: Column) -> bool:
        """Not a counter of records, unless it is called a bill's number; not the customer's reference again."""
        if column.counts_records and strength(column, "bill_reference") < 0.9:
            return False
        return column.distinct > 0.1 * len(column.texts)

    def _with_evidence(self, surely: float, column: Column) -> float:
        """A bare `Number` is a bill's where its values are codes that differ, and the file is about bills."""
        if surely >= SURE or "NUMBER" not in column.meaning.concepts:
            return surely
        letters = column.share(lambda text: any(map(str.isalpha, text)) and any(map(str.isdigit, text)))
        bills = any(strength(each, "due_date") > 0.9 and each.is_dated for each in self.columns)
        unique = column.distinct == len(column.texts)
        return SURE + 0.05 if letters >= MOSTLY and bills and unique else surely

    def _why_none(self) -> str:
        for surely, column in by_name(self.columns, "bill_reference", any_column):
            if surely > 0.4 and (problem := column.reference_problem()):
                return f'"{column.name}" {problem}'
            if surely > 0.4 and column.counts_records:
                return f'"{column.name}" only counts the records'
        return "no column looks like it"

    def dates(self) -> tuple[Choice, Choice]:
        """Bill date and due date."""
        dated = lambda each: each.is_dated or each.is_counted_time or self._should_be_dated(each)  # noqa: E731
        due = chosen(by_name(self.columns, "due_date", dated), self._why_open_due())
        billed = chosen(by_name(self.columns, "bill_date", dated))
        unknown = [f'"{each.name}"' for each in self.columns if each.is_dated and not each.meaning.concepts]
        days = [
            f'"{each.name}"' for each in self.columns if each.has_days_of_months and each.meaning.has("DUE")
        ]
        if due is ABSENT and days:
            due = Choice(None, f"{days[0]} has days of a month, which are no dates", is_open=True)
        if due is ABSENT and unknown:
            due = Choice(None, f"dates are in {', '.join(unknown[:6])}", is_open=True)
        return billed, due

    def _should_be_dated(self, column: Column) -> bool:
        """Whether a name surely means a date, though values are in no notation that is known: that is asked then."""
        named_so = max(strength(column, "bill_date"), strength(column, "due_date")) >= 0.7
        says_date = column.meaning.concepts & {"DATE", "DUE"}
        return (
            named_so
            and not column.has_days_of_months
            and bool(says_date)
            and bool(column.filled)
            and not column.has_emails
            and ("DATE" in column.meaning.concepts or not column.is_numeric)
        )

    def _why_open_due(self) -> str:
        paid = [each for _, each in by_name(self.columns, "due_date", lambda each: each.is_dated)]
        return f'"{paid[0].name}" may be the day of payment' if paid else ""
