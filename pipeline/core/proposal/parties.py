"""Who owes: the columns of customers and accounts, and how to reach them.

A name, an e-mail address or a phone number is the customer's only where names and values say so: that of a clerk who
has many customers, of a user, or of a tenant who is not the one billed would be sent for years before anybody saw it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from pipeline.core.mapping.layout import PART
from pipeline.core.proposal.columns import MOSTLY, Column
from pipeline.core.proposal.name_meaning import without_accents, words_by_concept
from pipeline.core.proposal.roles import (
    ABSENT,
    SURE,
    Choice,
    any_column,
    by_name,
    can_refer,
    chosen,
    strength,
)

_FEWEST_OWN = 0.34
"""Different names or addresses for each customer; one that is the same for more of them is of somebody else."""
_REACHING = frozenset({"CUSTOMER", "CONTACT", "NAME", "EMAIL", "BILL", "ACCOUNT", "REF", "NUMBER", "LINE"})
"""Concepts that the name of the only column of e-mail addresses may have; LINE is that of a nameless `column 3`."""
_SAME_ROLE = frozenset(
    """customer customers cust client clients debtor debtors payer buyer party partner contact bill_to account_holder
    kunde kunden debitor debitoren auftraggeber client debiteur tiers payeur titulaire cliente deudor titular sacado
    pagador klient kliente klant debiteuren afnemer relatie kunnr""".split()  # noqa: SIM905 (a page of quotes reads worse)
)
"""Words for a customer that all mean the one who pays; a tenant or a patient may be somebody else."""


class Parties:
    """Who owes: customer, account, and how to reach them."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = columns

    def customer_reference(self) -> Choice:
        """A customer's number; where there is none, that of the account, if records are told apart by it."""
        identities = self._identities()
        if identities is not None:
            return identities
        found = by_name(self.columns, "customer_reference", can_refer)
        if found and found[0][0] >= SURE:
            return chosen(found)
        accounts = [
            pair
            for pair in by_name(self.columns, "account_reference", can_refer)
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
            for surely, each in by_name(self.columns, "customer_reference", any_column)
            if "IDENTITY" in each.meaning.concepts
        ]
        sure = [pair for pair in by_name(self.columns, "customer_reference", can_refer) if pair[0] > 0.7]
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
        for _, column in by_name(self.columns, "customer_reference", any_column):
            if problem := column.reference_problem():
                return f'"{column.name}" {problem}'
        for _, column in by_name(self.columns, "account_reference", any_column):
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
            for surely, each in by_name(self.columns, "account_reference", can_refer)
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
        fits = lambda each: each.has_words and self._is_of(each, customer)  # noqa: E731
        found = by_name(self.columns, "customer_name", fits)
        parts = [self._with_words("FIRSTNAME"), self._with_words("LASTNAME")]
        if any(parts):
            whole = [pair for pair in found if pair[1] not in parts]
            if not all(parts):
                # of `Nom` and `Prénom`, and of `Nombre` and `Apellidos`, the first is only the other part
                other = [pair for pair in whole if re.fullmatch(r"\w+\.?", pair[1].name)]
                parts = [part or next((each for _, each in other), None) for part in parts]
                whole = [pair for pair in whole if pair[1] not in parts]
            return self._of_parts(parts, whole, customer)
        choice = chosen([pair for pair in found if not self._is_bare(pair[1], customer)])
        if choice.source or not isinstance(customer.source, str):
            return choice if choice.source else ABSENT
        owner = self.columns[customer.place]
        for each in self.columns:
            if each.meaning.concepts == {"DESCRIPTION"} and each.has_words and _follows(each, owner):
                return Choice(each.name, "guessed: one for each customer", place=each.place)
        return ABSENT

    def _with_words(self, part: str) -> Column | None:
        """The first column of a part of names."""
        fits = (each for each in self.columns if part in each.meaning.concepts and each.is_named_once)
        return next((each for each in fits if each.has_words), None)

    def _of_parts(
        self, parts: Sequence[Column | None], whole: Sequence[tuple[float, Column]], customer: Choice
    ) -> Choice:
        """A template of first and last name; where names of companies are beside them, those may be contacts."""
        if whole:
            (surely, column), *_ = whole
            sure = surely >= 1.0 and "CUSTOMER" in column.meaning.concepts
            return Choice(column.name, "guessed by name and values", place=column.place) if sure else ABSENT
        first, last = parts
        if first is None or last is None or not all(self._is_of(each, customer) for each in (first, last)):
            return ABSENT
        both = f"{{{first.name}}} {{{last.name}}}"
        named = PART.findall(both) == [first.name, last.name]  # not where a name has braces itself
        return Choice(both, "guessed by name and values") if named else ABSENT

    def _is_bare(self, column: Column, customer: Choice) -> bool:
        """Whether a name is anybody's or anything's: just `Name`, where nothing else says that customers are named."""
        concepts = column.meaning.concepts
        if "CUSTOMER" in concepts and isinstance(customer.source, str) and "contact" in column.name.lower():
            return "contact" not in customer.source.lower()
        if "CUSTOMER" in concepts:
            return "NAME" not in concepts and column.meaning.unknown > 0
        if "ACCOUNT" in concepts:
            return False
        reached = any(
            each.meaning.concepts & {"EMAIL", "PHONE", "PLACE", "IDENTITY"}
            and not each.meaning.concepts & {"OTHER_PARTY", "COUNTERPARTY"}
            for each in self.columns
        )
        of_things = any("QUANTITY" in each.meaning.concepts and each.is_numeric for each in self.columns)
        return column.meaning.unknown > 0 or of_things or not (isinstance(customer.source, str) or reached)

    def _is_of(self, column: Column, customer: Choice) -> bool:
        """Whether it is about the customer: the same in all records of one, and not the same for many.

        A clerk has many customers, and a customer may have several users.
        """
        owner = self._role_of(customer)
        if owner is None or owner is column or not owner.filled:
            return True
        if _role_words(column.name) and _role_words(owner.name) - _role_words(column.name):
            return not (_role_words(column.name) ^ _role_words(owner.name)) - _SAME_ROLE
        texts = defaultdict[str, set[str]](set)
        for one, text in zip(owner.texts, column.texts, strict=True):
            if one and text:
                texts[one].add(text)
        known = len(texts)
        several = 0 if column.has_phones else sum(len(each) > 1 for each in texts.values())
        return several <= 0.2 * known and (known < 5 or column.distinct >= _FEWEST_OWN * known)

    def _role_of(self, customer: Choice) -> Column | None:
        """The column that customers are told apart by: their reference, else what is surely their name."""
        if customer.place >= 0:
            return self.columns[customer.place]
        named = by_name(self.columns, "customer_name", lambda each: each.has_words)
        return next((each for surely, each in named if surely >= 0.8 and each.meaning.has("CUSTOMER")), None)

    def account_name(self, account: Choice) -> Choice:
        """What an account is called, beside its reference."""
        found = [each for each in self.columns if each.meaning.has("ACCOUNT", "NAME") and each.has_words]
        if account.source is None or len(found) != 1 or "CUSTOMER" in found[0].meaning.concepts:
            return ABSENT
        return Choice(found[0].name, "guessed by name and values", place=found[0].place)

    def email(self, customer: Choice) -> Choice:
        """E-mail addresses."""
        fits = lambda each: (  # noqa: E731
            each.has_emails
            and not each.meaning.unknown
            and (each.distinct > 1 or len(each.texts) < 3)
            and self._is_of(each, customer)
        )
        said = chosen(by_name(self.columns, "customer_email", fits))
        by_value = [each for each in self.columns if each.has_emails and each.is_named_once]
        if said.source:
            return said
        (only,) = by_value if len(by_value) == 1 else (None,)
        is_other = only is not None and (only.meaning.unknown > 0 and not only.name.startswith("column "))
        if only is None or is_other or only.meaning.concepts - _REACHING or not self._is_of(only, customer):
            return ABSENT
        return Choice(only.name, "guessed by its values")

    def phone(self, customer: Choice) -> Choice:
        """Phone numbers: all columns of them, for the first filled one is taken."""
        fits = lambda each: each.has_phones and not each.meaning.unknown and self._is_of(each, customer)  # noqa: E731
        names = [each.name for _, each in by_name(self.columns, "customer_phone", fits)]
        if not names:
            return ABSENT
        return Choice(names if len(names) > 1 else names[0], "guessed by name and values")


def _follows(column: Column, owner: Column) -> bool:
    """Whether each owner has one text of this column, other owners mostly have others, and some owner comes twice."""
    pairs = set(zip(owner.texts, column.texts, strict=True))
    return len(pairs) == owner.distinct < len(owner.texts) and column.distinct >= MOSTLY * owner.distinct


def _role_words(name: str) -> frozenset[str]:
    """Words of a name that say who it is about."""
    return (
        frozenset(re.findall(r"[^\W\d_]+", without_accents(re.sub("(?<=[a-z])(?=[A-Z])", " ", name))))
        & (words_by_concept()["CUSTOMER"])
    )
