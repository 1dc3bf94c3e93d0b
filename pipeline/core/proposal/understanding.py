"""All that is decided about an unknown file, and all that is left to a person, each with its reason."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from typing import Any

from pipeline.core.proposal.amounts import AmountChoice, Amounts
from pipeline.core.proposal.columns import Column, columns_of_table
from pipeline.core.proposal.first_look import FirstLook
from pipeline.core.proposal.json_tables import ObjectList
from pipeline.core.proposal.other_tables import OtherTable
from pipeline.core.proposal.parties import Parties
from pipeline.core.proposal.readings import DateFormat, Guess, as_number, guess_dates, order_of
from pipeline.core.proposal.roles import ABSENT, Bills, Choice, by_name, chosen, strength
from pipeline.core.values.amount_text import exponents
from pipeline.core.values.date_formats import read_date
from schemas.feed import Model

_MARKS = {"€": "EUR", "R$": "BRL", "₹": "INR"}
"""Signs that one currency alone has."""
_LINE_CONCEPTS = frozenset({"LINE", "DESCRIPTION", "QUANTITY", "PRICE", "TYPE"})
_CHANGES_SUMS = frozenset({"TAX", "REDUCTION", "PAYMENT", "CHARGE", "BALANCE", "ARREARS", "AMOUNT", "TOTAL"})
"""What a bill may have beside its items: they do not add up to what is to be paid then."""
_PLAIN_AMOUNTS = frozenset({"OUTSTANDING", "DUE", "GROSS", "TOTAL", "AMOUNT"})
"""Kinds of amounts that need no items, whatever those have."""
_SENDABLE = re.compile(r"[A-Za-z0-9_-]")


@dataclass(frozen=True, slots=True)
class LinesOfBills:
    """Whether records are lines of bills. `is_open`: a person must decide, for the reason `why`."""

    sums: bool = False
    is_open: bool = False
    why: str = ""


@dataclass
class Understanding:
    """What one file's columns are taken for. Everything is worked out when it is first asked for."""

    seen: FirstLook
    bills: Understanding | None = None
    """Where records are items of bills: what the bills are taken for. Its columns are the first of these."""
    items: Choice = ABSENT
    """The list of which each item is a record."""
    columns: list[Column] = field(init=False)

    def __post_init__(self) -> None:
        self.columns = columns_of_table(self.seen.table)

    @property
    def count(self) -> int:
        """Records that were looked at."""
        return len(self.seen.table.records)

    @cached_property
    def other_table(self) -> str:
        """Why records are no bills, as far as the file shows; else empty."""
        if self.bills:
            return self.bills.other_table
        return OtherTable(self.columns, self.amounts.sums).reason()

    @cached_property
    def parties(self) -> Parties:
        """The columns about customers and accounts."""
        return Parties(self.columns)

    @cached_property
    def customer(self) -> Choice:
        """The customer's reference."""
        if self.bills:
            return self.bills.customer
        if self.other_table:
            return Choice(None, self.other_table, is_open=True)
        return self.parties.customer_reference()

    @cached_property
    def account(self) -> Choice:
        """The account's reference; that of a bare `Account` is the customer's."""
        if self.bills:
            return self.bills.account
        return ABSENT if self.other_table else self.parties.account_reference(self.customer)

    @cached_property
    def people(self) -> dict[str, Choice]:
        """Names, e-mail addresses and phone numbers of those who owe; of other tables none, for those are others."""
        if self.bills:
            return self.bills.people
        if self.other_table:
            return {}
        return {
            "customer_name": self.parties.customer_name(self.customer),
            "customer_email": self.parties.email(self.customer),
            "customer_phone": self.parties.phone(self.customer),
            "account_name": self.parties.account_name(self.account),
        }

    @cached_property
    def bill(self) -> Choice:
        """The bill's reference."""
        if self.bills:
            return self.bills.bill
        if self.other_table:
            return Choice(None, self.other_table, is_open=True)
        return Bills(self.columns, self.customer).reference()

    @cached_property
    def dates(self) -> dict[str, Choice]:
        """Bill date and due date; open where most bills would be due before they are written."""
        if self.bills:
            return self.bills.dates
        billed, due = Bills(self.columns, self.customer).dates()
        if billed.source and due.source and self._is_late(billed, due):
            why = f'"{due.source}" is mostly before "{billed.source}"'
            billed, due = Choice(None, why, is_open=True), Choice(None, why, is_open=True)
        if self.other_table:
            unsure = Choice(None, self.other_table, is_open=True)
            billed = unsure if any(each.is_dated for each in self.columns) else ABSENT
            due = unsure if due.source or due.is_open else ABSENT
        return {"bill_date": billed, "due_date": due}

    @property
    def why_no_format(self) -> str:
        """Why the dates of the file can be read in no format."""
        counted = next((each.name for each in self.columns if each.is_counted_time), None)
        if counted is None:
            return "no usual format fits"
        return f'"{counted}" counts days or seconds; have it exported as dates such as 2026-11-20'

    def _is_late(self, billed: Choice, due: Choice) -> bool:
        first, second = self.columns[billed.place], self.columns[due.place]
        read = [guess_dates(each.filled) for each in (first, second)]
        if not all(each.sure for each in read):
            return False
        forms = [each.fits[0] for each in read]
        pairs = [
            (
                read_date(one, forms[0].format, forms[0].language),
                read_date(other, forms[1].format, forms[1].language),
            )
            for one, other in zip(first.texts, second.texts, strict=True)
        ]
        known = [(one, other) for one, other in pairs if one and other]
        return bool(known) and sum(other < one for one, other in known) > 0.5 * len(known)

    @cached_property
    def amounts(self) -> Amounts:
        """The file's columns of numbers; where records are items of bills, those of the items alone."""
        return Amounts([each for each in self.columns if each.items_of] if self.bills else self.columns)

    @cached_property
    def amount(self) -> AmountChoice:
        """Where the amounts are."""
        choice = self.amounts.chosen(self.other_table)
        beside = self._beside_items() if choice.source and self.bills else ""
        return AmountChoice(None, choice.columns, beside) if beside else choice

    def _beside_items(self) -> str:
        """Why the items of a bill may not add up to what is to be paid: the bill itself has more, or less."""
        amounts = self.bills.amounts if self.bills else None
        for each in amounts.numeric if amounts else ():
            is_money = each.meaning.concepts & _CHANGES_SUMS and "QUANTITY" not in each.meaning.concepts
            if amounts and is_money and any(filter(None, amounts.sums.numbers(each))):
                return f'"{each.name}" is not in "{self.items.source}", so the items may not add up to what is due'
        return ""

    @cached_property
    def style(self) -> Guess[dict[str, Any]]:
        """How amounts are written."""
        return self.amounts.read(self.amount)

    @cached_property
    def amounts_of_bills(self) -> list[Decimal | None]:
        """What each bill is over, its lines added up where they are; empty where that cannot be known yet.

        None: an amount that the style does not read, or of a bill that has such a line.
        """
        if self.layout != "bill" or not isinstance(self.amount.source, str) or not self.style.fits:
            return []
        (column,) = self.amount.columns
        pairs = [
            (bill, as_number(text, self.style.fits[0]))
            for bill, text in zip(self._bill_of_each(), column.texts, strict=True)
            if text
        ]
        found = dict[str, Decimal | None]()
        for bill, number in pairs:
            before = found.get(bill, Decimal(0))
            found[bill] = None if before is None or number is None else before + number
        return list(found.values())

    def _bill_of_each(self) -> Sequence[str]:
        """What is the same in all records of a bill, where lines are added up, and else in none."""
        if self.lines.sums and self.bill.place >= 0:
            return self.columns[self.bill.place].texts
        return [str(at) for at in range(self.count)]

    @property
    def zeros(self) -> int:
        """Bills of 0, which the API would not take."""
        return sum(number == 0 for number in self.amounts_of_bills) if self.model == "bill" else 0

    @cached_property
    def lines(self) -> LinesOfBills:
        """Whether several records are one bill."""
        if self.bills:
            own = self.bills.lines
            return own if own.is_open else LinesOfBills(sums=True, why="items are lines of one bill")
        if not isinstance(self.bill.source, str) or self.bill.place < 0:
            return LinesOfBills()
        bills = defaultdict[str, list[int]](list)
        for at, text in enumerate(self.columns[self.bill.place].texts):
            bills[text].append(at)
        groups = [rows for rows in bills.values() if len({self._row(at) for at in rows}) > 1]
        if not groups:
            return LinesOfBills()
        said = f"{len(groups)} bill references are in several records"
        if self.amount.source is None:
            return LinesOfBills(is_open=True, why=f"{said}; set the amount first")
        amounts = [each.texts for each in self.amount.columns]
        same = sum(all(len({texts[at] for at in rows}) == 1 for texts in amounts) for rows in groups)
        if amounts and same >= 0.8 * len(groups):
            return LinesOfBills(
                is_open=True,
                why=f"{said}, and the amount is the same in all records of a bill: adding would multiply it",
            )
        differing = {
            each.name
            for each in self._mapped_columns()
            if any(len({each.texts[at] for at in rows}) > 1 for rows in groups)
        }
        if differing:
            return LinesOfBills(is_open=True, why=f"{said}, and differ in {', '.join(sorted(differing))}")
        details = [each for each in self.columns if each.meaning.concepts & _LINE_CONCEPTS]
        if any(len({each.texts[at] for at in rows}) > 1 for each in details for rows in groups):
            return LinesOfBills(sums=True, why=f"{said}, as lines of one bill")
        return LinesOfBills(is_open=True, why=f"{said}; are they lines of one bill?")

    def _row(self, at: int) -> tuple[str, ...]:
        return self.seen.table.records[at].fields

    def _mapped_columns(self) -> Iterator[Column]:
        """Of what all lines of a bill must have in common."""
        choices = (self.customer, self.currency, *self.dates.values())
        yield from (self.columns[each.place] for each in choices if each.place >= 0)

    @cached_property
    def currency(self) -> Choice:
        """The column of currency codes, where there is one."""
        if self.bills:
            return self.bills.currency
        found = chosen(by_name(self.columns, "currency", lambda each: each.has_currencies))
        why = self._other_currency(self.columns[found.place]) if found.place >= 0 else ""
        if why:
            return Choice(None, why, is_open=True)
        return found if found.source or found.is_open else self.currency_map[0]

    def _other_currency(self, column: Column) -> str:
        """Why a column of codes may not be the currency of the amount."""
        if column.fill < 0.5:
            missing = len(column.texts) - len(column.filled)
            return f'"{column.name}" is empty in {missing} of {len(column.texts)} records'
        if column.meaning.unknown:
            return f'"{column.name}" may be the currency of another amount'
        stated, _ = self.currency_known
        if stated and any(text != stated for text in column.filled):
            return f'"{column.name}" has other codes than {stated}, which the amounts have'
        amounts = self.amount.columns if self.amount.source else ()
        if amounts and any(each.meaning.has("LOCAL") != column.meaning.has("LOCAL") for each in amounts):
            return f'"{column.name}" may not be the currency of "{amounts[0].name}"'
        return ""

    @cached_property
    def currency_map(self) -> tuple[Choice, dict[str, str]]:
        """A column of currencies in other words than codes, and what each of them surely is."""
        if self.bills:
            return self.bills.currency_map
        for _, each in by_name(self.columns, "currency", lambda each: not each.has_currencies):
            texts = sorted(set(each.filled))
            meant = {text: _MARKS.get(text, text.upper()) for text in texts}
            if texts and len(texts) <= 20 and all(code in exponents() for code in meant.values()):
                return Choice(each.name, "guessed by name and values", place=each.place), meant
        return Choice(), {}

    @cached_property
    def currency_known(self) -> tuple[str, str]:
        """A currency that the file states once for all records, and by what; else two empty texts."""
        sign = str(self.style.fits[0].get("currency_sign", "")) if self.style.fits else ""
        if sign in exponents() or sign in _MARKS:
            return _MARKS.get(sign, sign), f"the amounts have {sign}"
        for each in self.amount.columns if self.amount.source else ():
            for mark in re.findall(r"R\$|[€₹]|\b[A-Z]{3}\b", each.name):
                if mark in _MARKS or mark in exponents():
                    return _MARKS.get(mark, mark), f'"{each.name}" has {mark}'
        return "", ""

    def currency_hint(self) -> str:
        """What a person may find the currency by."""
        hints = list[str]()
        sign = str(self.style.fits[0].get("currency_sign", "")) if self.style.fits else ""
        if sign:
            hints.append(f"amounts have {sign}")
        for each in self.columns:
            if strength(each, "currency") >= 0.8 and not each.has_currencies and each.filled:
                hints.append(f'"{each.name}" has other texts than ISO codes')
            elif (
                each.has_currencies and self.currency.source != each.name and each.distinct < len(each.texts)
            ):
                hints.append(f'"{each.name}" has currency codes')
        return "; ".join(hints)

    @cached_property
    def model(self) -> Model | None:
        """`bill` where bills have references; None: a person must decide."""
        return "bill" if self.bill.source is not None else None

    @cached_property
    def layout(self) -> Model:
        """The model whose columns are proposed: where it is open, the likelier one."""
        if self.model or any(each.source or each.is_open for each in self.dates.values()):
            return "bill"
        owners = self.columns[self.customer.place] if self.customer.place >= 0 else None
        if owners is None or self.amount.kind not in ("OUTSTANDING", "BALANCE", "DUE", "TOTAL", "ARREARS"):
            return "bill"
        return "account_balance" if self.account.source else "customer_balance"

    @cached_property
    def date_readings(self) -> dict[str, Guess[DateFormat]]:
        """Canonical date → its formats; other dates of the file settle the order of day and month."""
        chosen_places = {choice.place for choice in self.dates.values()}
        guesses = {
            each.place: guess_dates(each.filled)
            for each in self.columns
            if each.is_dated or each.place in chosen_places
        }
        return {
            role: order_of(guesses[choice.place], list(guesses.values()))
            for role, choice in self.dates.items()
            if choice.place in guesses
        }

    def replacements(self, sources: Sequence[int]) -> dict[str, str]:
        """Characters of references that the API does not accept → their replacements, where references stay apart."""
        texts = [self.columns[place].filled for place in sources]
        odd = sorted({char for each in texts for text in each for char in text if not _SENDABLE.match(char)})
        if not odd or len(odd) > 4 or any(char.isalnum() for char in odd):
            return {}
        found = {char: "_" if char.isspace() else "-" for char in odd}
        table = str.maketrans(found)
        apart = all(len({text.translate(table) for text in each}) == len(set(each)) for each in texts)
        return found if apart else {}


def understood(seen: FirstLook) -> Understanding:
    """What a file is taken for: records are its objects, or the items of a list where only those have amounts.

    Items are proposed where the file has one list of objects, and it is sure which bill an item is of. Where amounts
    may be in either, or there are several lists, a person is asked.
    """
    objects = Understanding(seen)
    if not seen.lists or (objects.amount.source is not None and objects.amount.kind in _PLAIN_AMOUNTS):
        return objects
    found = [each for each in (_of_items(objects, one) for one in seen.lists) if _has_amounts(each)]
    if not found:
        return objects
    if len(seen.lists) == 1 and not objects.amount.columns and found[0].bill.source is not None:
        return found[0]
    names = " or ".join(f'"{each.items.source}"' for each in found)
    why = f"amounts may be in {names}; the list of which each item is a record, or remove this line"
    return replace(objects, items=Choice(None, why, is_open=True))


def _of_items(objects: Understanding, one: ObjectList) -> Understanding:
    """The same file with items as records; they are bills themselves where the objects have no reference of one."""
    why = "guessed: only its items have amounts"
    return Understanding(
        replace(objects.seen, table=one.table),
        bills=objects if objects.bill.source is not None else None,
        items=Choice(one.name, why),
    )


def _has_amounts(items: Understanding) -> bool:
    """Whether what is or may be the amount is in the items."""
    columns = items.amount.columns
    return bool(columns) and all(each.items_of for each in columns)
