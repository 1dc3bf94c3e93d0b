"""Whether a table is something other than bills: a statement of movements, a journal, a list of what is owed to others.

Such files have numbers, dates and references as bills have, and nobody would notice that a transaction became a bill.
Values decide where they can (a balance that runs, postings that cancel out), then names.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal

from pipeline.core.proposal.columns import Column
from pipeline.core.proposal.roles import strength
from pipeline.core.proposal.sums import Movement, Sums

_FEWEST_BALANCED = 0.8
"""Share of documents with several postings that cancel out."""
_PURCHASE = re.compile(
    "accpay|purchase|supplier|vendor|lieferant|fournisseur|achat|compra|inkoop|acquist|zakup|k(ø|oe)b|kj(ø|oe)p|ink(ö|oe)p",
    re.IGNORECASE,
)
"""Kinds of documents of what is owed to others."""
_OF_DOCUMENTS = {"REF", "DOCUMENT", "BILL", "TRANSACTION", "POSTING", "JOURNAL", "DATE"}

_OWED = {
    "AMOUNT",
    "TOTAL",
    "DUE",
    "OUTSTANDING",
    "ARREARS",
    "BALANCE",
    "CHARGE",
    "NET",
    "GROSS",
    "DEBIT",
    "CREDIT",
}
"""What numbers that somebody owes are called."""


class OtherTable:
    """One table's columns, asked whether they are of bills. Use `reason`."""

    def __init__(self, columns: Sequence[Column], sums: Sums) -> None:
        self.columns, self.sums = columns, sums
        self.movements = sums.movements

    def reason(self) -> str:
        """What else the table is, and what shows it, as a sentence without its end; empty where it may be bills."""
        return next(filter(None, self._reasons()), "")

    def _reasons(self) -> Iterator[str]:
        yield self._journal_by_values()
        yield self._statement_by_values()
        yield self._of_others()
        yield self._of_people()
        if any(strength(each, "due_date") >= 0.9 and each.is_dated for each in self.columns):
            return
        if not self._is_of_bills():
            yield self._journal_by_names()
        yield self._statement_by_names()
        yield self._unnamed_by_names()

    def _is_of_bills(self) -> bool:
        """A bill's number in nearly every record, and who it is for."""
        numbers = (each for each in self.columns if strength(each, "bill_reference") >= 0.85)
        return self._with("CUSTOMER") is not None and any(each.fill >= 0.95 for each in numbers)

    def _with(self, *concepts: str) -> Column | None:
        """The first column whose name says all of these, and that has values."""
        return next((each for each in self.columns if each.meaning.has(*concepts) and each.filled), None)

    def _of_people(self) -> str:
        """A list of customers, as the first sheet of a workbook often is: nothing in it can be owed."""
        may_be_owed = [
            each
            for each in self.sums.numeric
            if each.meaning.concepts & _OWED
            or each.meaning.unknown
            or not (each.meaning.concepts - {"NUMBER"})
        ]
        person = self._with("EMAIL") or self._with("PHONE")
        if (
            may_be_owed
            or person is None
            or any(each.is_dated and each.meaning.has("DUE") for each in self.columns)
        ):
            return ""
        return f'no column has amounts, and "{person.name}" is as in a list of customers; bills may be on another sheet'

    def _statement_by_values(self) -> str:
        balance = self.sums.running_balance()
        if balance is not None:
            return f'"{balance.name}" runs from record to record, as in a statement of movements'
        return ""

    def _statement_by_names(self) -> str:
        fee, net = self._with("CHARGE"), self._with("NET")
        if fee and net and not self._with("TAX") and (self._with("GROSS") or self._with("AMOUNT")):
            return f'"{fee.name}" and "{net.name}" are of payments that a provider settled'
        for each in self.columns:
            if each.filled and each.meaning.concepts & {"MOVEMENT", "COUNTERPARTY"}:
                return f'"{each.name}" is of money that moved, as in a statement of an account'
            if each.is_dated and (each.meaning.has("CURRENCY") or each.meaning.has("VALUE_DATE")):
                return f'"{each.name}" is the day on which money moved, as in a statement of an account'
        moved = self._with("TRANSACTION", "REF")
        if moved and not self._with("BILL", "REF"):
            return f'"{moved.name}" is of movements, and no column has numbers of bills'
        return ""

    def _unnamed_by_names(self) -> str:
        """Payments, and documents that no word calls bills."""
        billed = any(strength(each, "bill_date") >= 0.8 and each.is_dated for each in self.columns)
        for each in self.columns:
            if not billed and each.is_dated and each.fill >= 0.9 and each.meaning.has("PAYMENT", "DATE"):
                return f'"{each.name}" is when it was paid, and no column says when it is due'
        if self._with("BILL"):
            return ""
        amounts = [each for each in self.sums.numeric if each.meaning.concepts == {"AMOUNT"}]
        amounts = [each for each in amounts if each.filled and not each.meaning.unknown]
        for each in self.sums.numeric if amounts and any(one.is_dated for one in self.columns) else ():
            balances = "BALANCE" in each.meaning.concepts and not each.meaning.concepts & {
                "DUE",
                "OUTSTANDING",
            }
            if balances and not self.sums.is_part_of(each, amounts[0]):
                return f'"{each.name}" beside "{amounts[0].name}" is as in a statement of movements'
        if self._with("CUSTOMER"):
            return ""
        if self._with("DEBIT") and self._with("CREDIT") and not self._with("ACCOUNT", "NAME"):
            return "debits and credits without a customer may be movements of one account"
        document = self._with("DOCUMENT", "REF")
        if document and not (self._with("NAME") or self._with("EMAIL")):
            return f'"{document.name}" may be of any document, and no column names a customer'
        return ""

    def _journal_by_values(self) -> str:
        for movement in self.movements:
            numbers = movement.numbers
            if not (any(each > 0 for each in numbers) and any(each < 0 for each in numbers)):
                continue
            if len(numbers) >= 4 and not sum(numbers):
                return f"{movement.name} adds up to 0, as postings of a journal do"
            for each in self.columns:
                if each.meaning.concepts & _OF_DOCUMENTS and self._cancel_out(each, movement):
                    return f'{movement.name} adds up to 0 in each "{each.name}", as postings of a journal do'
        return ""

    def _cancel_out(self, document: Column, movement: Movement) -> bool:
        """Whether most records are in groups of one document whose amounts cancel out."""
        groups = defaultdict[str, list[Decimal]](list)
        for text, number in zip(document.texts, movement.numbers, strict=True):
            if text and number:
                groups[text].append(number)
        several = [each for each in groups.values() if len(each) > 1]
        balanced = [each for each in several if not sum(each)]
        return len(balanced) >= max(_FEWEST_BALANCED * len(several), 1) and sum(
            map(len, balanced)
        ) >= 0.5 * len(document.filled)

    def _journal_by_names(self) -> str:
        journal, ledger = self._with("JOURNAL"), self._with("LEDGER")
        sides = self._with("DEBIT") and self._with("CREDIT")
        if journal:
            return f'"{journal.name}" is of a journal, whose records are postings'
        if ledger and (
            sides or self._with("SIGN") or self._with("DEBIT", "CREDIT") or not self._with("CUSTOMER")
        ):
            return f'"{ledger.name}" is an account of a ledger, so records are postings'
        return ""

    def _of_others(self) -> str:
        """What is owed to suppliers, or was spent or paid out."""
        for each in self.columns:
            if "TYPE" in each.meaning.concepts and each.share(_PURCHASE.search) >= 0.5:
                return f'"{each.name}" says of most records that they are purchases'
        customers = (each for each in self.columns if "CUSTOMER" in each.meaning.concepts)
        if any(each.distinct > 1 or len(each.texts) == 1 for each in customers):
            return ""  # one customer alone is who the suppliers know us as
        for each in self.columns:
            if each.filled and each.meaning.concepts & {"SUPPLIER", "EXPENSE"}:
                return f'"{each.name}" is of what you owe or spent, not of what is owed to you'
        return ""
