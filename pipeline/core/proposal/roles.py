"""Which column is what, but for amounts: by what its name says, and only where its values agree.

A choice is `sure`, `open` (a person must decide, and is told why), or absent. Names alone decide nothing: a reference
that is empty in half of the records is none, and a date of payment is not a due date.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pipeline.core.proposal.columns import MOSTLY, Column

SURE = 0.6
"""Strength from which a name means what it seems to, if nothing else comes near."""
MARGIN = 0.1
_UNKNOWN_WORD = 0.15

Pattern = tuple[str, float]
PATTERNS: dict[str, tuple[Pattern, ...]] = {
    "bill_reference": (
        ("BILL REF", 1.0),
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
    "bill_reference": frozenset({"TAX"}),
    "customer_email": frozenset({"OTHER_PARTY", "NAME"}),
    "customer_phone": frozenset({"OTHER_PARTY", "NAME"}),
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


class Parties:
    """Who owes: customer, account, and how to reach them."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = columns

    def customer_reference(self) -> Choice:
        """A customer's number; where there is none, that of the account, if records are told apart by it."""
        identities = self._identities()
        if identities is not None:
            return identities
        found = by_name(self.columns, "customer_reference", _can_refer)
        if found and found[0][0] >= SURE:
            return chosen(found)
        accounts = [
            pair
            for pair in by_name(self.columns, "account_reference", _can_refer)
            if "CONTRACT" not in pair[1].meaning.concepts and not self._is_ledger_account(pair[1])
        ]
        if accounts:
            choice = chosen([(1.0, accounts[0][1]), *accounts[1:]])
            return Choice(
                choice.source, "guessed: no other reference of a customer", choice.is_open, choice.place
            )
        return Choice(None, self._why_no_customer(), is_open=True)

    def _identities(self) -> Choice | None:
        """Identity number or passport: of two that fill each other's gaps, the first filled one."""
        found = [
            each
            for surely, each in by_name(self.columns, "customer_reference", _any)
            if "IDENTITY" in each.meaning.concepts
        ]
        sure = [pair for pair in by_name(self.columns, "customer_reference", _can_refer) if pair[0] > 0.7]
        if len(found) < 2 or sure or any(each.is_shortened for each in found):
            return None
        together = zip(*(each.texts for each in found), strict=True)
        alone = [each for each in found if each.fill >= 0.95]
        if alone or not all(map(any, together)):
            return None
        found.sort(key=lambda each: -each.fill)
        return Choice([each.name for each in found], "guessed: one of them is filled in every record")

    def _why_no_customer(self) -> str:
        """Which columns look like it, and why they are not."""
        for _, column in by_name(self.columns, "customer_reference", _any):
            if problem := column.reference_problem():
                return f'"{column.name}" {problem}'
        for _, column in by_name(self.columns, "account_reference", _any):
            if "CONTRACT" in column.meaning.concepts and column.reference_problem() is None:
                return f'no column names the customer; "{column.name}" only if each is a customer of its own'
        return "no column looks like it"

    def _is_ledger_account(self, column: Column) -> bool:
        """Whether it is an account of bookkeeping: few of them, while there are many customers or records."""
        people = [
            each.distinct
            for each in self.columns
            if strength(each, "customer_name") >= 0.7 and each.has_words
        ]
        return column.distinct <= 0.34 * max([*people, 0]) and len(column.texts) > 3

    def account_reference(self, customer: Choice) -> Choice:
        """An account's number, where accounts belong to one customer each."""
        found = [
            (surely, each)
            for surely, each in by_name(self.columns, "account_reference", _can_refer)
            if surely > 0.7 and not self._is_ledger_account(each) and self._is_owned(each, customer)
        ]
        choice = chosen(found)
        return choice if choice.source else ABSENT

    def _is_owned(self, account: Column, customer: Choice) -> bool:
        """Whether no account is of two customers."""
        if not isinstance(customer.source, str):
            return True
        owners = self.columns[customer.place].texts
        return len(set(zip(account.texts, owners, strict=True))) == account.distinct

    def customer_name(self, customer: Choice) -> Choice:
        """A name, or a template of two; a description that is the same for every record of a customer is one, too."""
        first, last = (
            next(
                (
                    each
                    for each in self.columns
                    if part in each.meaning.concepts and each.is_named_once and each.has_words
                ),
                None,
            )
            for part in ("FIRSTNAME", "LASTNAME")
        )
        found = by_name(self.columns, "customer_name", lambda each: each.has_words)
        if first and last and not (found and found[0][0] >= 1.0):
            return Choice(f"{{{first.name}}} {{{last.name}}}", "guessed by name and values")
        choice = chosen(found)
        if choice.source or not isinstance(customer.source, str):
            return choice if choice.source else ABSENT
        owner = self.columns[customer.place]
        for each in self.columns:
            if each.meaning.concepts == {"DESCRIPTION"} and each.has_words and _follows(each, owner):
                return Choice(each.name, "guessed: one for each customer", place=each.place)
        return ABSENT

    def account_name(self, account: Choice) -> Choice:
        """What an account is called, beside its reference."""
        found = [each for each in self.columns if each.meaning.has("ACCOUNT", "NAME") and each.has_words]
        if account.source is None or len(found) != 1 or "CUSTOMER" in found[0].meaning.concepts:
            return ABSENT
        return Choice(found[0].name, "guessed by name and values", place=found[0].place)

    def email(self) -> Choice:
        """E-mail addresses."""
        fits = lambda each: each.has_emails and (each.distinct > 1 or len(each.texts) < 3)  # noqa: E731
        said = chosen(by_name(self.columns, "customer_email", fits))
        by_value = [each for each in self.columns if each.has_emails and each.is_named_once]
        if said.source:
            return said
        return Choice(by_value[0].name, "guessed by its values") if len(by_value) == 1 else ABSENT

    def phone(self) -> Choice:
        """Phone numbers: all columns of them, for the first filled one is taken."""
        names = [
            each.name for _, each in by_name(self.columns, "customer_phone", lambda each: each.has_phones)
        ]
        if not names:
            return ABSENT
        return Choice(names if len(names) > 1 else names[0], "guessed by name and values")


class Bills:
    """What is asked for: the bill's own reference and dates."""

    def __init__(self, columns: Sequence[Column], customer: Choice) -> None:
        self.columns, self.customer = columns, customer

    def reference(self) -> Choice:
        """A bill's number. Without one, which columns come nearest and why they are not it."""
        fits = lambda each: _can_refer(each) and self._tells_bills_apart(each)  # noqa: E731
        found = by_name(self.columns, "bill_reference", fits)
        found = [(self._with_evidence(surely, each), each) for surely, each in found]
        found.sort(key=lambda pair: -pair[0])
        choice = chosen(found)
        if choice.source:
            return choice
        return choice if choice.is_open else Choice(None, self._why_none(), is_open=True)

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
        for surely, column in by_name(self.columns, "bill_reference", _any):
            if surely > 0.4 and (problem := column.reference_problem()):
                return f'"{column.name}" {problem}'
            if surely > 0.4 and column.counts_records:
                return f'"{column.name}" only counts the records'
        return "no column looks like it"

    def dates(self) -> tuple[Choice, Choice]:
        """Bill date and due date."""
        dated = lambda each: each.is_dated or self._should_be_dated(each)  # noqa: E731
        due = chosen(by_name(self.columns, "due_date", dated), self._why_open_due())
        billed = chosen(by_name(self.columns, "bill_date", dated))
        unknown = [f'"{each.name}"' for each in self.columns if each.is_dated and not each.meaning.concepts]
        if due is ABSENT and unknown:
            due = Choice(None, f"dates are in {', '.join(unknown[:6])}", is_open=True)
        return billed, due

    def _should_be_dated(self, column: Column) -> bool:
        """Whether a name surely means a date, though values are in no notation that is known: that is asked then."""
        named_so = max(strength(column, "bill_date"), strength(column, "due_date")) >= 0.7
        says_date = column.meaning.concepts & {"DATE", "DUE"}
        return (
            named_so
            and bool(says_date)
            and bool(column.filled)
            and not column.has_emails
            and ("DATE" in column.meaning.concepts or not column.is_numeric)
        )

    def _why_open_due(self) -> str:
        paid = [each for _, each in by_name(self.columns, "due_date", lambda each: each.is_dated)]
        return f'"{paid[0].name}" may be the day of payment' if paid else ""


def _can_refer(column: Column) -> bool:
    return column.reference_problem() is None


def _any(_: Column) -> bool:
    return True


def _follows(column: Column, owner: Column) -> bool:
    """Whether each owner has one text of this column, other owners mostly have others, and some owner comes twice."""
    pairs = set(zip(owner.texts, column.texts, strict=True))
    return len(pairs) == owner.distinct < len(owner.texts) and column.distinct >= MOSTLY * owner.distinct


def weak_names(columns: Sequence[Column], taken: set[str]) -> Iterator[str]:
    """Columns that something may be paid by or left out by, for a person to think of."""
    for each in columns:
        if each.name not in taken and "STATUS" in each.meaning.concepts and 1 < each.distinct <= 12:
            yield each.name
