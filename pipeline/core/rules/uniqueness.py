"""What the records of a file must agree on, or be unique in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.feed import Model


@dataclass(frozen=True, slots=True)
class Uniqueness:
    """Records with the same `key` must agree on every column of `content`, or all of them get `code`."""

    key: str
    content: tuple[str, ...]
    code: str
    repeats: bool = False
    """Whether agreeing records are the same record again, so that the later ones are duplicates. What they agree on is
    then all that they state, mapped or not."""
    includes_unreadable: bool = False
    """Whether records whose amount cannot be read count as well."""


PRINT = "print"
"""A hash of all that a record states, in every column of its file."""


def _unique_record(key: str) -> Uniqueness:
    """The reference of what a record is about. Other records with it differ in something that may matter (the lines of
    one bill do), also where nothing maps it or an amount cannot be read; only the very same record is sent once."""
    return Uniqueness(key, (PRINT,), f"{key}.contradiction", repeats=True, includes_unreadable=True)


UNIQUENESS: dict[Model, tuple[Uniqueness, ...]] = {
    "bill": (
        Uniqueness("account_reference", ("customer_reference",), "account_reference.two_customers"),
        _unique_record("bill_reference"),
    ),
    "account_balance": (
        Uniqueness("account_reference", ("customer_reference",), "account_reference.two_customers"),
        Uniqueness("customer_reference", ("currency",), "customer_reference.contradiction"),
        _unique_record("account_reference"),
    ),
    "customer_balance": (_unique_record("customer_reference"),),
}
"""Model → what its records must agree on. Rules that `repeats` come last: the others decide first."""


def collisions(references: Iterable[str]) -> tuple[Uniqueness, ...]:
    """Two references of the file that become one would join two customers, accounts or bills into one."""
    return tuple(
        Uniqueness(name, (f"stated_{name}",), f"{name}.collision", includes_unreadable=True)
        for name in references
    )
