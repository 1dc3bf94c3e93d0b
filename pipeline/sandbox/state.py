"""What the sandbox API knows: customers, accounts and bills. Pure bookkeeping; who may do what is decided in `work`.

Source: the objects of the Billing API's public documentation. Money is an integer in minor units of `currency`; dates
are text, YYYY-MM-DD; ids begin with `bcus_`, `bacc_` and `bill_`.
"""

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from threading import RLock
from typing import Generic, Protocol, TypeVar

from pipeline.sandbox.replies import Json
from pipeline.sandbox.rules import MAX_AMOUNT


@dataclass
class Customer:
    """`balance` is in minor units: positive is owed by the customer, negative a credit, None not tracked."""

    id: str
    external_reference: str
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    currency: str | None = None
    balance: int | None = None
    metadata: dict[str, str] = field(default_factory=dict)

    def document(self) -> Json:
        """As the API shows it: fields that were never set are absent."""
        return _present(vars(self))


@dataclass
class Account:
    """Belongs to one customer for good. `balance` as a customer's."""

    id: str
    external_reference: str
    customer_id: str
    name: str | None = None
    currency: str | None = None
    balance: int | None = None
    metadata: dict[str, str] = field(default_factory=dict)

    def document(self) -> Json:
        """As the API shows it: fields that were never set are absent."""
        return _present(vars(self))


@dataclass
class Bill:
    """Amounts are minor units. Nothing is remaining below zero, also where more than `amount_due` was paid.

    `account_id` is None for a bill that hangs on its customer directly; a bill is voided for good and keeps its
    reference.
    """

    id: str
    external_reference: str
    customer_id: str
    account_id: str | None
    currency: str
    amount_due: int
    bill_date: str
    due_date: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    amount_paid: int = 0
    voided: bool = False

    @property
    def amount_remaining(self) -> int:
        return max(0, self.amount_due - self.amount_paid)

    @property
    def status(self) -> str:
        """`voided`, `unpaid` (in part, too) or `paid`."""
        if self.voided:
            return "voided"
        return "unpaid" if self.amount_remaining else "paid"

    def document(self, *, overpayment: bool = False) -> Json:
        """As the API shows it: fields that were never set are absent. `overpayment`: more than is due is taken."""
        document = _present(vars(self))
        del document["voided"]
        document["status"] = self.status
        document["amount_remaining"] = self.amount_remaining
        most = MAX_AMOUNT - self.amount_paid if overpayment else self.amount_remaining
        document["payment_rules"] = {
            "min_amount": min(1, most),
            "max_amount": most,
            "underpayment_allowed": True,
            "overpayment_allowed": overpayment,
        }
        return document


def _present(fields: Json) -> Json:
    shown = {name: value for name, value in fields.items() if value is not None}
    return {**shown, "metadata": dict(fields["metadata"])}


class Entity(Protocol):
    id: str
    external_reference: str


E = TypeVar("E", bound=Entity)


class Ids:
    """Ids of one kind: they look random and are not. Under one salt the n-th is always the same."""

    def __init__(self, prefix: str, salt: str = "") -> None:
        self._prefix = prefix
        self._salt = salt
        self._numbers = itertools.count(1)

    def new(self) -> str:
        seed = f"{self._prefix}{next(self._numbers)}{self._salt}".encode()
        return f"{self._prefix}_{hashlib.blake2b(seed, digest_size=12).hexdigest()}"


class Shelf(Generic[E]):
    """All entities of one kind, in order of creation."""

    def __init__(self, id_prefix: str, lock: RLock, salt: str = "") -> None:
        self._lock = lock
        self._ids = Ids(id_prefix, salt)
        self._by_id: dict[str, E] = {}
        self._by_reference: dict[str, E] = {}
        self._added_at: dict[str, datetime] = {}

    def __iter__(self) -> Iterator[E]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def new_id(self) -> str:
        """The id of the next entity of this kind."""
        return self._ids.new()

    def add(self, entity: E, at: datetime) -> E:
        """Take a new entity. `at` is the sandbox's time of its creation, by which `get_lag_s` hides it from GET for a
        while."""
        with self._lock:
            self._by_id[entity.id] = entity
            self._added_at[entity.id] = at
            # Where duplicates are allowed, a reference goes on meaning the first that bore it.
            self._by_reference.setdefault(entity.external_reference, entity)
        return entity

    def added_at(self, entity: E) -> datetime:
        return self._added_at[entity.id]

    def by_id(self, entity_id: str) -> E | None:
        return self._by_id.get(entity_id)

    def by_reference(self, reference: str) -> E | None:
        """The entity that first bore this external reference; with `allow_duplicate_references` there may be others."""
        return self._by_reference.get(reference)

    def find(self, id_or_reference: str) -> E | None:
        """Ids come first, so a reference that looks like another entity's id does not hide that one."""
        return self.by_id(id_or_reference) or self.by_reference(id_or_reference)


class Store:
    """The three shelves.

    Whoever looks at or changes more than one field takes `lock`; nobody waits for anything else while holding it.
    Two stores with the same `salt` give the same ids.
    """

    def __init__(self, salt: str = "") -> None:
        self.lock = RLock()
        self.customers: Shelf[Customer] = Shelf("bcus", self.lock, salt)
        self.accounts: Shelf[Account] = Shelf("bacc", self.lock, salt)
        self.bills: Shelf[Bill] = Shelf("bill", self.lock, salt)

    def snapshot(self, *, overpayment: bool = False) -> Json:
        """Copies of everything, in order of creation; accounts and bills also name their owners by reference."""
        customers = {customer.id: customer.external_reference for customer in self.customers}
        accounts = {account.id: account.external_reference for account in self.accounts}
        bills = []
        for bill in self.bills:
            document = {
                **bill.document(overpayment=overpayment),
                "customer_reference": customers[bill.customer_id],
            }
            if bill.account_id is not None:
                document["account_reference"] = accounts[bill.account_id]
            bills.append(document)
        return {
            "customers": [customer.document() for customer in self.customers],
            "accounts": [
                {**account.document(), "customer_reference": customers[account.customer_id]}
                for account in self.accounts
            ],
            "bills": bills,
        }
