"""What each operation of the API does to the store, one step after the other.

Source: the operations of the Billing API's public documentation. A nested create makes customer, account and bill in
sequence, and what is made stays when a later step fails; `Switches` answers what the documentation leaves open.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

from pipeline.sandbox import rules
from pipeline.sandbox.faults import Window
from pipeline.sandbox.replies import Json, Problem
from pipeline.sandbox.state import Account, Bill, Customer, E, Shelf, Store
from pipeline.sandbox.switches import Switches

At = Callable[[Window], Awaitable[None]]
"""Called when a window is reached; may raise and so stop the work half-way."""

H = TypeVar("H", Customer, Account)


class Work:
    """The work of one request. Every method raises `Problem` for what the API refuses.

    Args:
        now: the sandbox's time, aware, UTC: of creations, for a bill without `bill_date`, and for `get_lag_s`.
        at: called between the steps of a create, where faults strike.
    """

    def __init__(self, store: Store, switches: Switches, now: datetime, at: At) -> None:
        self._store = store
        self._switches = switches
        self._now = now
        self._at = at

    async def create(self, kind: str, body: Json) -> Customer | Account | Bill:
        """Make what the body describes, its nested owners first; `kind` is `customers`, `accounts` or `bills`.

        The whole body is checked before the first step; the steps are not undone when a later one fails. Raises
        `Problem`: 400 for the body, 404 for an owner that does not exist, 409 or 422 (a switch) for a reference in
        use.
        """
        if kind == "customers":
            rules.CUSTOMER.check(body)
            return await self._create_customer(body)
        if kind == "accounts":
            rules.ACCOUNT.check(body)
            return await self._create_account(body)
        rules.BILL.check(body)
        return await self._create_bill(body)

    async def _create_customer(self, body: Json, nested: bool = False) -> Customer:
        customer = self._taken(self._store.customers, body, nested)
        if customer is None:
            customer_id = self._store.customers.new_id()
            customer = self._store.customers.add(Customer(id=customer_id, **body), self._now)
        await self._at(Window.AFTER_CUSTOMER)
        return customer

    async def _create_account(self, body: Json, nested: bool = False) -> Account:
        own = dict(body)
        customer = await self._customer(own.pop("customer"), by_reference=True)
        account = self._taken(self._store.accounts, own, nested)
        if account is None:
            account_id = self._store.accounts.new_id()
            made = Account(id=account_id, customer_id=customer.id, **own)
            account = self._store.accounts.add(made, self._now)
        await self._at(Window.AFTER_ACCOUNT)
        return account

    async def _create_bill(self, body: Json) -> Bill:
        own = {"bill_date": self._now.date().isoformat(), **body}
        if "account" in own:
            account = await self._account(own.pop("account"))
            customer_id, account_id = account.customer_id, account.id
        else:
            customer = await self._customer(own.pop("customer"), self._switches.owners_by_reference)
            customer_id, account_id = customer.id, None
        self._taken(self._store.bills, own, nested=False)
        bill_id = self._store.bills.new_id()
        bill = Bill(id=bill_id, customer_id=customer_id, account_id=account_id, **own)
        self._store.bills.add(bill, self._now)
        await self._at(Window.AFTER_BILL)
        return bill

    async def _customer(self, given: str | Json, by_reference: bool) -> Customer:
        if isinstance(given, dict):
            return await self._create_customer(given, nested=True)
        return _owner(self._store.customers, given, by_reference)

    async def _account(self, given: str | Json) -> Account:
        if isinstance(given, dict):
            return await self._create_account(given, nested=True)
        return _owner(self._store.accounts, given, self._switches.owners_by_reference)

    def _taken(self, shelf: Shelf[E], body: Json, nested: bool) -> E | None:
        """The existing entity to attach to, or None when a new one may be made.

        Raises `Problem` when the reference is in use and that is not allowed; what is nested may attach, by a switch.
        """
        existing = shelf.by_reference(body["external_reference"])
        if existing is None:
            return None
        if nested and self._switches.nested_existing == "attached":
            return existing
        if self._switches.allow_duplicate_references:
            return None
        detail = f"another {type(existing).__name__.lower()} has this external_reference"
        raise Problem(self._switches.duplicate_status, "duplicate_reference", detail)

    def retrieve(self, kind: str, name: str) -> Customer | Account | Bill:
        """The entity by id or external reference. Raises `Problem` 404, also for one so young that `get_lag_s` hides
        it."""
        if kind == "customers":
            return self._visible(self._store.customers, name)
        if kind == "accounts":
            return self._visible(self._store.accounts, name)
        return self._visible(self._store.bills, name)

    def _visible(self, shelf: Shelf[E], name: str) -> E:
        entity = _found(shelf, name)
        if (self._now - shelf.added_at(entity)).total_seconds() < self._switches.get_lag_s:
            raise _unknown()
        return entity

    def patch(self, kind: str, name: str, body: Json) -> Customer | Account | Bill:
        """Change an entity and return it. Of a bill only `amount_paid` and `metadata` can change; `balance` replaces
        the old one.

        Raises `Problem`: 404 unknown, 400 for the body, 422 for a voided bill, another currency or more than is due.
        """
        if kind == "customers":
            customer = _found(self._store.customers, name)
            rules.CUSTOMER_PATCH.check(body)
            return self._patched(customer, body)
        if kind == "accounts":
            account = _found(self._store.accounts, name)
            rules.ACCOUNT_PATCH.check(body)
            return self._patched(account, body)
        bill = _found(self._store.bills, name)
        rules.BILL_PATCH.check(body)
        return self._patched_bill(bill, body)

    def _patched(self, holder: H, body: Json) -> H:
        metadata = self._metadata(holder.metadata, body)
        with self._store.lock:
            for field, value in body.items():
                setattr(holder, field, value)
            holder.metadata = metadata
        return holder

    def _patched_bill(self, bill: Bill, body: Json) -> Bill:
        if bill.voided:
            raise Problem(422, "bill_voided", "a voided bill can be neither paid nor updated")
        if body.get("currency", bill.currency) != bill.currency:
            raise Problem(422, "currency_mismatch", "currency is not the bill's own")
        if body.get("amount_paid", 0) > bill.amount_due and not self._switches.overpays:
            raise Problem(
                422, "overpayment", "amount_paid exceeds amount_due, and overpayment_allowed is false"
            )
        metadata = self._metadata(bill.metadata, body)
        with self._store.lock:
            bill.metadata = metadata
            bill.amount_paid = body.get("amount_paid", bill.amount_paid)
        return bill

    def _metadata(self, old: dict[str, str], body: Json) -> dict[str, str]:
        """Metadata after a PATCH: merged or replaced, by a switch. Raises `Problem` 422 for more than 10 keys."""
        given: dict[str, str] | None = body.get("metadata")
        if given is None:
            return old
        if self._switches.metadata_patch == "replace":
            return given
        merged = old | given
        if len(merged) > 10:
            raise Problem(422, "metadata_full", "metadata would have more than 10 keys")
        return merged

    def void(self, name: str, body: Json) -> Bill:
        """Void a bill, for good: it can then be neither paid nor updated, and keeps its reference. Raises `Problem`
        404, 422."""
        bill = _found(self._store.bills, name)
        rules.VOID.check(body)
        if bill.voided:
            raise Problem(422, "bill_voided", "the bill is voided already")
        bill.voided = True
        return bill


def _found(shelf: Shelf[E], name: str) -> E:
    entity = shelf.find(name)
    if entity is None:
        raise _unknown()
    return entity


def _unknown() -> Problem:
    return Problem(404, "not_found", "nothing here has this id or external reference")


def _owner(shelf: Shelf[E], name: str, by_reference: bool) -> E:
    """The owner of what is made. Ids always count; references only where `by_reference` says so. Raises `Problem`
    404."""
    entity = shelf.find(name) if by_reference else shelf.by_id(name)
    if entity is None:
        raise Problem(404, "owner_not_found", "the owner does not exist")
    return entity
