"""Which column, or pair of columns, is the amount: by names, by sums that hold between columns, and by signs.

What is still owed goes before what was billed, and that before what is without tax. Where a file has two that differ
and neither is plainly it, or where credits could be read as debts, a person is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import pairwise
from typing import Any

from pipeline.core.proposal.columns import Column
from pipeline.core.proposal.readings import Guess, as_number, guess_amounts, has_decimals, narrowed
from pipeline.core.proposal.roles import MARGIN, SURE
from pipeline.core.proposal.vocabulary import meaning_of

_HOLDS = 0.95
"""Share of records in which a sum must hold."""
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
        self.numeric = [
            each for each in columns if each.is_numeric and each.is_named_once and not each.is_dated
        ]
        self._guesses: dict[tuple[str, ...], Guess[dict[str, Any]]] = {}

    @cached_property
    def style(self) -> dict[str, Any]:
        """A style that reads most numbers of the file, for comparing its columns."""
        marked = [each for each in self.numeric if "." in "".join(each.filled) or "," in "".join(each.filled)]
        for each in sorted(marked, key=lambda column: -len(column.filled)):
            guess = narrowed(
                self._guessed(each.filled), map(self._guessed, (other.filled for other in marked))
            )
            if guess.sure and has_decimals(each.filled, guess.fits[0]):
                return guess.fits[0]
        return {"decimal": "."}

    def numbers(self, column: Column) -> list[Decimal | None]:
        """A column's numbers, None where it has none."""
        return [as_number(text, self.style) if text else None for text in column.texts]

    def chosen(self) -> AmountChoice:
        """The amount; its columns are known also where a person must decide."""
        candidates = self.candidates()
        pair = self._debit_and_credit()
        if pair is not None:
            running = self._running_balance(*pair)
            if running is not None:
                why = f'"{running.name}" runs from record to record, so no record states what is owed'
                return AmountChoice(None, (*pair, running), why)
            if not candidates or candidates[0][0] < 0.8:
                debit, credit = pair
                source = {"debit": debit.name, "credit": credit.name}
                return AmountChoice(source, pair, "guessed: two columns, never both filled", "DEBIT")
            names = f'"{candidates[0][1].name}" or "{pair[0].name}" less "{pair[1].name}"'
            return AmountChoice(None, (candidates[0][1], *pair), f"could be {names}")
        if not candidates:
            return AmountChoice(None, (), self._why_none())
        (first, column, kind), *others = candidates
        rivals = [
            each
            for surely, each, other in others
            if surely > first - MARGIN
            and each.texts != column.texts
            and not self._is_part_of(column, kind, each, other)
        ]
        if rivals:
            names = " or ".join(f'"{each.name}"' for each in (column, *rivals[:3]))
            return AmountChoice(None, (column, *rivals), f"could be {names}")
        if first < SURE:
            return AmountChoice(None, (column,), f'perhaps "{column.name}"')
        if problem := self._doubt(column, kind):
            return AmountChoice(None, (column,), problem)
        return self._with_sign(AmountChoice(column.name, (column,), "guessed by name and values", kind))

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
            self._is_part_of(column, "OUTSTANDING", each, "TOTAL")
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
            if not any(filter(None, self.numbers(tax))):
                continue
            for gross in self.numeric:
                if gross not in (net, tax) and _strength(gross)[0] > 0.5 and self._adds_up((net, tax), gross):
                    return gross
        return None

    def _adds_up(self, parts: Sequence[Column], whole: Column) -> bool:
        rows = list(zip(*(self.numbers(each) for each in (*parts, whole)), strict=True))
        known = [row for row in rows if all(each is not None for each in row)]
        if len(known) < 2:
            return False
        holds = sum(sum(filter(None, row[:-1]), Decimal(0)) == row[-1] for row in known)
        return bool(holds >= _HOLDS * len(known))

    def _is_part_of(self, part: Column, kind: str, whole: Column, other: str) -> bool:
        """Whether what is open never exceeds what was billed, and has its sign; it is then what is left to pay."""
        if kind != "OUTSTANDING" or other not in ("DUE", "TOTAL", "AMOUNT", "GROSS", "BALANCE"):
            return False
        pairs = [
            (small, large)
            for small, large in zip(self.numbers(part), self.numbers(whole), strict=True)
            if small is not None and large is not None
        ]
        return bool(pairs) and all(abs(small) <= abs(large) and small * large >= 0 for small, large in pairs)

    def _doubt(self, column: Column, kind: str) -> str:
        """Why an amount that was billed may not be what is to be paid."""
        if kind in ("OUTSTANDING", "DUE", "BALANCE", "ARREARS"):
            return ""
        taxes = [
            each for each in self.numeric if {"TAX"} <= each.meaning.concepts <= {"TAX", "AMOUNT", "TOTAL"}
        ]
        if kind == "AMOUNT" and taxes and any(filter(None, self.numbers(taxes[0]))):
            return f'"{column.name}" may be without "{taxes[0].name}"'
        paid = [
            each
            for each in self.numeric
            if {"PAYMENT"} <= each.meaning.concepts <= {"PAYMENT", "AMOUNT", "TOTAL", "BILL"}
            and any(filter(None, self.numbers(each)))
        ]
        if paid:
            return f'"{column.name}" is before payments ("{paid[0].name}"), and no column has what is left'
        return ""

    def _debit_and_credit(self) -> tuple[Column, Column] | None:
        """Two columns of which each record has one."""
        beside = {"AMOUNT", "TOTAL", "DEALING", "CURRENCY"}
        found = [
            [
                each
                for each in self.numeric
                if part in each.meaning.concepts and each.meaning.concepts <= {part, *beside}
            ]
            for part in ("DEBIT", "CREDIT")
        ]
        if any(len(each) != 1 for each in found):
            return None
        debit, credit = found[0][0], found[1][0]
        pairs = list(zip(self.numbers(debit), self.numbers(credit), strict=True))
        both = sum(bool(one) and bool(other) for one, other in pairs)
        return (debit, credit) if both <= (1 - _HOLDS) * len(pairs) else None

    def _running_balance(self, debit: Column, credit: Column) -> Column | None:
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

    def _with_sign(self, choice: AmountChoice) -> AmountChoice:
        """Credits that only another column tells from debts."""
        (column,) = choice.columns
        numbers = self.numbers(column)
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
        names = [f'"{each.name}"' for each in self.numeric if has_decimals(each.filled, self.style)][:6]
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
            self._guessed(tuple(texts)), (self._guessed(each.filled) for each in self._others(choice))
        )

    def _guessed(self, texts: tuple[str, ...]) -> Guess[dict[str, Any]]:
        """As `guess_amounts`, once for the same texts: that is the dearest part of a proposal."""
        if texts not in self._guesses:
            self._guesses[texts] = guess_amounts(texts)
        return self._guesses[texts]

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
