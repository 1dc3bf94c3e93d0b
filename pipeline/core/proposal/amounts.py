"""Which column, or pair of columns, is the amount: by names, by sums that hold between columns, and by signs.

What is still owed goes before what was billed, and that before what is without tax. Where a file has two that differ
and neither is plainly it, or where credits could be read as debts, a person is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from pipeline.core.proposal.columns import MOSTLY, Column
from pipeline.core.proposal.name_meaning import meaning_of
from pipeline.core.proposal.readings import Guess, has_decimals, narrowed
from pipeline.core.proposal.roles import MARGIN, SURE
from pipeline.core.proposal.sums import HOLDS, Sums

KINDS: tuple[tuple[str, str, float], ...] = (
    ("OUTSTANDING", "AMOUNT BALANCE DUE TOTAL BILL DEALING CURRENCY CHARGE ARREARS", 0.98),
    ("DUE", "AMOUNT BALANCE TOTAL BILL NET GROSS TAX CHARGE DEALING CURRENCY PAYMENT", 0.95),
    ("GROSS", "TAX AMOUNT TOTAL BILL CHARGE", 0.85),
    ("TOTAL", "AMOUNT BILL CHARGE", 0.85),
    ("AMOUNT", "BILL DEALING CURRENCY DOCUMENT CHARGE", 0.8),
    ("BALANCE", "ACCOUNT CUSTOMER BILL AMOUNT", 0.7),
    ("CHARGE", "BILL", 0.65),
    ("ARREARS", "AMOUNT TOTAL BALANCE", 0.5),
    ("NET", "AMOUNT TOTAL BILL CHARGE TAX", 0.35),
)
"""Concept that a name must have, those that it may have beside it, and how surely it means what is to be paid."""
_DEBITS = frozenset({"s", "soll", "d", "dr", "debit", "debe", "debito", "debet", "debiet", "+"})
_CREDITS = frozenset({"h", "haben", "c", "cr", "k", "credit", "haber", "credito", "krediet", "-"})
_CREDIT_NOTES = frozenset(
    {"cm", "cn", "crn", "scn", "gutschrift", "avoir", "creditnota", "kredietnota", "storno", "sc"}
)
_OF_AMOUNTS = {"AMOUNT", "TOTAL", "BILL", "BALANCE", "DUE", "CURRENCY"}
_OTHER_KINDS = {"PAYMENT", "TAX", "CUSTOMER"}
_INVOICES = frozenset({"inv", "si", "re", "ri"})


@dataclass(frozen=True, slots=True)
class AmountChoice:
    """Where amounts are."""

    source: str | dict[str, Any] | None = None
    """A column; `{debit, credit}` or `{value, sign, negative, positive}` as in a feed; None where it is open."""
    columns: tuple[Column, ...] = ()
    """Those with the numbers of `source`, for reading their style; of an open one those that it could be."""
    why: str = ""
    kind: str = ""
    """The concept by which it was chosen."""
    warnings: tuple[str, ...] = ()


class Amounts:
    """The amounts of one table. Use `chosen`."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = columns
        self.sums = Sums(columns)
        self.numeric = self.sums.numeric

    def chosen(self, other_table: str = "") -> AmountChoice:
        """The amount; its columns are known also where a person must decide.

        `other_table`: why records are no bills; nothing is chosen then.
        """
        choice = self._likeliest()
        return AmountChoice(None, choice.columns, other_table) if other_table else choice

    def _likeliest(self) -> AmountChoice:
        candidates = self.candidates()
        pair = self._debit_and_credit()
        if pair is not None:
            return self._of_pair(pair, candidates)
        if not candidates:
            return AmountChoice(None, (), self._why_none())
        (first, column, kind), *others = candidates
        rivals = [
            each
            for surely, each, other in others
            if surely > first - MARGIN
            and each.texts != column.texts
            and not self._is_left_of(column, kind, each, other)
        ]
        if rivals:
            names = " or ".join(f'"{each.name}"' for each in (column, *rivals[:3]))
            return AmountChoice(None, (column, *rivals), f"could be {names}")
        if first < SURE:
            return AmountChoice(None, (column,), f'perhaps "{column.name}"')
        if problem := self._doubt(column, kind) or self._doubt_about_values(column):
            return AmountChoice(None, (column,), problem)
        return self._with_sign(AmountChoice(column.name, (column,), "guessed by name and values", kind))

    def _of_pair(
        self, pair: tuple[Column, Column], candidates: Sequence[tuple[float, Column, str]]
    ) -> AmountChoice:
        """Debits less credits, unless the file has another amount, or is a statement of movements."""
        beside = [each for each in self.numeric if "BALANCE" in each.meaning.concepts]
        if beside:
            why = f'"{beside[0].name}" is beside debits and credits: is it a statement of movements?'
            return AmountChoice(None, (*pair, beside[0]), why)
        if candidates and candidates[0][0] >= 0.8:
            names = f'"{candidates[0][1].name}" or "{pair[0].name}" less "{pair[1].name}"'
            return AmountChoice(None, (candidates[0][1], *pair), f"could be {names}")
        source = {"debit": pair[0].name, "credit": pair[1].name}
        return AmountChoice(source, pair, "guessed: two columns, never both filled", "DEBIT")

    def candidates(self) -> list[tuple[float, Column, str]]:
        """Columns that may be the amount with their kind, the surest first."""
        found = []
        for column in self.numeric:
            surely, kind = _strength(column)
            surely = self._with_evidence(surely, kind, column)
            if surely > 0.3 and column.fill >= 0.3:
                found.append((surely, column, kind))
        return sorted(found, key=lambda each: -each[0])

    def _with_evidence(self, surely: float, kind: str, column: Column) -> float:
        """What sums say: without its tax it is not the amount; a balance that is never above the total is open."""
        if kind in ("AMOUNT", "CHARGE", "TOTAL") and self._plus_tax(column) is not None:
            return min(surely, 0.4)
        if kind == "BALANCE" and any(
            self.sums.is_part_of(column, each)
            for each in self.numeric
            if _strength(each)[1] in ("TOTAL", "AMOUNT", "GROSS")
        ):
            return 0.96
        return surely

    def _plus_tax(self, net: Column) -> Column | None:
        """The column that is this one and tax together, if there is one."""
        taxes = [
            each
            for each in self.numeric
            if each.meaning.concepts <= {"TAX", "AMOUNT", "TOTAL"} and "TAX" in each.meaning.concepts
        ]
        for tax in taxes:
            if not any(filter(None, self.sums.numbers(tax))):
                continue
            for gross in self.numeric:
                if (
                    gross not in (net, tax)
                    and not gross.meaning.concepts & {"QUANTITY", "PRICE", "REF"}
                    and self.sums.adds_up((net, tax), gross)
                ):
                    return gross
        return None

    def _is_left_of(self, part: Column, kind: str, whole: Column, other: str) -> bool:
        """Whether what is open is what is left of what was billed."""
        billed = ("DUE", "TOTAL", "AMOUNT", "GROSS", "BALANCE")
        return kind == "OUTSTANDING" and other in billed and self.sums.is_part_of(part, whole)

    def _doubt(self, column: Column, kind: str) -> str:
        """Why an amount that was billed may not be what is to be paid."""
        if kind == "BALANCE" and any(each.meaning.concepts & {"DEBIT", "CREDIT"} for each in self.columns):
            return f'"{column.name}" is beside debits and credits, so it may be a running balance'
        if kind in ("OUTSTANDING", "BALANCE", "ARREARS"):
            return ""
        if kind == "DUE":
            return self._doubt_about_payments(column)
        charges = [
            each
            for each in self.numeric
            if "CHARGE" in each.meaning.concepts
            and each is not column
            and not each.meaning.concepts & {"NET", "GROSS", "TAX"}
        ]
        if (
            kind in ("CHARGE", "TOTAL")
            and "CHARGE" in column.meaning.concepts
            and charges
            and not self.sums.is_sum(column, charges)
        ):
            return f'could be "{column.name}" or "{charges[0].name}"'
        taxes = [
            each for each in self.numeric if {"TAX"} <= each.meaning.concepts <= {"TAX", "AMOUNT", "TOTAL"}
        ]
        taxed = taxes and any(filter(None, self.sums.numbers(taxes[0])))
        if kind == "AMOUNT" and taxed and not self._includes(column, taxes):
            return f'"{column.name}" may be without "{taxes[0].name}"'
        for each in self.numeric:
            if "REDUCTION" in each.meaning.concepts and (less := self._less(column, each)):
                return f'"{column.name}" less "{each.name}" is "{less.name}"'
        if paid := self._payments():
            return f'"{column.name}" is before payments ("{paid[0].name}"), and no column has what is left'
        return ""

    def _includes(self, column: Column, taxes: Sequence[Column]) -> bool:
        """Whether it is the sum of taxes and others."""
        others = [each for each in self.numeric if each is not column and each not in taxes][:12]
        return any(
            self.sums.adds_up((*taxes, *some), column)
            or any(self.sums.adds_up((tax, *some), column) for tax in taxes)
            for size in (1, 2)
            for some in combinations(others, size)
        )

    def _less(self, column: Column, reduction: Column) -> Column | None:
        """What is left of it after a reduction, where another column has that."""
        if not any(filter(None, self.sums.numbers(reduction))):
            return None
        others = (each for each in self.numeric if each not in (column, reduction))
        return next((each for each in others if self.sums.adds_up((each, reduction), column)), None)

    def _payments(self) -> list[Column]:
        """Columns of what was paid already."""
        return [
            each
            for each in self.numeric
            if {"PAYMENT"} <= each.meaning.concepts <= {"PAYMENT", "AMOUNT", "TOTAL", "BILL"}
            and any(filter(None, self.sums.numbers(each)))
        ]

    def _doubt_about_payments(self, due: Column) -> str:
        """What was due may have been paid since; it is what is left only where sums of the file say so."""
        for paid in self._payments():
            others = [each for each in self.numeric if each not in (paid, due) and not each.meaning.numbered][
                :12
            ]
            pairs = [(paid, each) for each in others] + [
                (paid, each, other) for each, other in combinations(others, 2)
            ]
            if not any(self.sums.adds_up((due, paid), each) for each in others) and not any(
                self.sums.adds_up(parts, due) for parts in pairs
            ):
                return f'"{due.name}" may be before payments ("{paid.name}")'
        return ""

    def _doubt_about_values(self, column: Column) -> str:
        """What the values say: another column may be what is left, or nearly all amounts are negative."""
        for each in self.numeric:
            is_other = each is not column and each.meaning.unknown and not each.meaning.concepts - _OF_AMOUNTS
            if is_other and self.sums.is_part_of(each, column):
                same = sum(one == other for one, other in zip(each.texts, column.texts, strict=True))
                if 0.2 * len(column.texts) <= same < len(column.texts):
                    return f'"{each.name}" is never above "{column.name}": is it what is left to pay?'
        numbers = [number for number in self.sums.numbers(column) if number]
        if len(numbers) > 1 and sum(number < 0 for number in numbers) >= MOSTLY * len(numbers):
            return f'nearly all amounts of "{column.name}" are negative, as money that was spent'
        return ""

    def _debit_and_credit(self) -> tuple[Column, Column] | None:
        """Two columns of which each record has one."""
        beside = {"AMOUNT", "TOTAL", "DEALING", "CURRENCY"}
        found = [
            [
                each
                for each in self.columns
                if part in each.meaning.concepts and each.meaning.concepts <= {part, *beside}
                if each.is_named_once and (each in self.numeric or not each.filled)
            ]
            for part in ("DEBIT", "CREDIT")
        ]
        if any(len(each) != 1 for each in found):
            return None
        debit, credit = found[0][0], found[1][0]
        pairs = list(zip(self.sums.numbers(debit), self.sums.numbers(credit), strict=True))
        both = sum(bool(one) and bool(other) for one, other in pairs)
        return (debit, credit) if both <= (1 - HOLDS) * len(pairs) else None

    def _with_sign(self, choice: AmountChoice) -> AmountChoice:
        """Credits that only another column tells from debts."""
        (column,) = choice.columns
        numbers = self.sums.numbers(column)
        if any(number is not None and number < 0 for number in numbers):
            return choice
        for each in self.columns:
            concepts = each.meaning.concepts
            if "SIGN" in concepts or concepts == {"DEBIT", "CREDIT"}:
                return self._signed(choice, each, _DEBITS, _CREDITS) or choice
        for each in self.columns:
            is_kind = "TYPE" in each.meaning.concepts and not each.meaning.concepts & _OTHER_KINDS
            if is_kind and 1 < each.distinct <= 12 and any(map(_is_credit_note, set(each.filled))):
                return self._typed(choice, each)
        return choice

    def _signed(
        self, choice: AmountChoice, sign: Column, debits: frozenset[str], credits: frozenset[str]
    ) -> AmountChoice | None:
        seen = sorted(set(sign.texts))
        if not any(seen):
            return None
        positive = [each for each in seen if each.casefold().strip(".") in debits]
        negative = [each for each in seen if each.casefold().strip(".") in credits]
        if len(positive) + len(negative) < len(seen):
            return AmountChoice(
                None,
                choice.columns,
                f'"{sign.name}" seems to tell credits from debts, with signs not known here',
            )
        (column,) = choice.columns
        both = {"value": column.name, "sign": sign.name, **_codes(positive, negative)}
        return AmountChoice(
            both, choice.columns, f'guessed: "{sign.name}" tells credits from debts', choice.kind
        )

    def _typed(self, choice: AmountChoice, kind: Column) -> AmountChoice:
        """By kinds of documents, where every kind is known."""
        seen = sorted(set(kind.texts))
        negative = [each for each in seen if _is_credit_note(each)]
        positive = [each for each in seen if each not in negative and _is_invoice(each)]
        if len(positive) + len(negative) < len(seen):
            why = f'credit notes by "{kind.name}" are written without a minus'
            return AmountChoice(None, choice.columns, why)
        (column,) = choice.columns
        source = {"value": column.name, "sign": kind.name, "negative": negative, "positive": positive}
        return AmountChoice(source, choice.columns, f'guessed: credit notes by "{kind.name}"', choice.kind)

    def _why_none(self) -> str:
        names = [f'"{each.name}"' for each in self.numeric if has_decimals(each.filled, self.sums.style)][:6]
        return (
            f"no name looks like it; numbers with decimals are in {', '.join(names)}"
            if names
            else "no name looks like it"
        )

    def read(self, choice: AmountChoice) -> Guess[dict[str, Any]]:
        """The styles that read the amounts, with the file's other amounts to settle a doubt."""
        texts = [text for each in choice.columns for text in each.filled]
        if choice.source is None:
            texts = [text for each in choice.columns[:1] for text in each.filled]
        return narrowed(
            self.sums.guessed(tuple(texts)), (self.sums.guessed(each.filled) for each in self._others(choice))
        )

    def _others(self, choice: AmountChoice) -> Iterator[Column]:
        for each in self.numeric:
            if each not in choice.columns and not each.meaning.concepts & {
                "REF",
                "QUANTITY",
                "PRICE",
                "PHONE",
                "IDENTITY",
            }:
                yield each


def _codes(positive: list[str], negative: list[str]) -> dict[str, list[str]]:
    """Codes of a sign; of one that no record has, the one that goes with the other."""
    partners = {"S": "H", "H": "S", "D": "C", "C": "D", "DR": "CR", "CR": "DR", "K": "D"}
    if not negative:
        negative = [partners.get(positive[0].upper(), "C")]
    if not positive:
        positive = [partners.get(negative[0].upper(), "D")]
    return {"negative": negative, "positive": positive}


def _is_credit_note(text: str) -> bool:
    concepts = meaning_of(text).concepts
    return "CREDIT" in concepts or text.casefold() in _CREDIT_NOTES


def _is_invoice(text: str) -> bool:
    return "BILL" in meaning_of(text).concepts or text.casefold() in _INVOICES


def _strength(column: Column) -> tuple[float, str]:
    """How surely a name means what is to be paid, and the concept by which."""
    meaning = column.meaning
    concepts = meaning.concepts - {"NUMBER", "LOCAL"}
    for kind, beside, surely in KINDS:
        if kind in concepts and concepts <= {kind, *beside.split()}:
            if kind == "DUE" and "PAYMENT" in concepts and not concepts & {"AMOUNT", "TOTAL"}:
                continue
            alone = 0.8 if concepts == {"TOTAL"} else surely
            found = alone - 0.1 * meaning.unknown - (0.3 if meaning.numbered else 0)
            return found / 2 if "LOCAL" in meaning.concepts else found, kind
    return 0.0, ""
