"""What a record asks the Billing API for, and the request bodies that ask it.

Bodies are plain JSON objects as `billing-api.md` describes them. A body says only what the file states: absent
stays absent, so that the same record always gives the same content.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import orjson

from schemas.feed import Model

Kind = Literal["customer", "account", "bill"]
Json = dict[str, Any]
NOTHING: Json = {}
"""Where nothing is stated; nobody changes it."""

LEAF_OF: dict[Model, Kind] = {"bill": "bill", "account_balance": "account", "customer_balance": "customer"}
"""Billing model → the kind of entity that one record is about. Source: billing-api.md."""

PATH_OF: dict[Kind, str] = {
    "customer": "/billing/customers",
    "account": "/billing/accounts",
    "bill": "/billing/bills",
}
"""Kind of entity → where it is created; `/` and its id or reference follow to read or change one."""


class Party(NamedTuple):
    """A customer or an account: its reference and the details the file states of it."""

    reference: str
    details: Json = NOTHING
    """`name`, `email`, `phone` (customers only), `metadata`; only what is filled."""


class BillRequest(NamedTuple):
    """One accepted record, normalised: what the file asks for, whenever and however it is sent."""

    record: int
    """Number in its file, from 1; of a bill in several lines, that of the first."""
    kind: Kind
    customer: Party
    account: Party | None
    reference: str
    """Of the leaf: the bill, account or customer that the record is about."""
    currency: str
    """ISO 4217."""
    amount_minor: int
    """`amount_due` of a bill or `balance`, in minor units."""
    bill_date: str | None = None
    due_date: str | None = None
    metadata: Json = NOTHING
    payments_included_until: str | None = None
    """What a balance includes of payments, as its record says it (see `core.payments.unposted`)."""

    def leaf(self) -> Json:
        """The fields of the leaf object itself: no owner, no ids."""
        body: Json = {"external_reference": self.reference, "currency": self.currency}
        if self.kind == "bill":
            body["amount_due"] = self.amount_minor
            if self.bill_date:
                body["bill_date"] = self.bill_date
            if self.due_date:
                body["due_date"] = self.due_date
            if self.metadata:
                body["metadata"] = self.metadata
            return body
        party = self.customer if self.kind == "customer" else self.account
        details = dict(party.details) if party else {}
        body["balance"] = self.amount_minor
        metadata = {**details.pop("metadata", {}), **self.metadata}
        return body | details | ({"metadata": metadata} if metadata else {})


ROW = (
    *(
        "record",
        "customer_reference",
        "customer_name",
        "customer_email",
        "customer_phone",
        "customer_metadata",
    ),
    *("account_reference", "account_name", "account_metadata", "bill_reference"),
    *("currency", "amount_minor", "bill_date", "due_date", "metadata", "payments_included_until"),
)
"""Columns of the records Parquet that a request is made of."""


def request_from_row(row: Mapping[str, Any], model: Model) -> BillRequest:
    """One row of the records Parquet (columns: `ROW`; see `CheckedFile`) as a request.

    Metadata columns hold JSON objects; entries whose value is null are left out, as are empty details.
    """
    kind = LEAF_OF[model]
    customer = Party(
        row["customer_reference"],
        _filled(
            name=row["customer_name"],
            email=row["customer_email"],
            phone=row["customer_phone"],
            metadata=_metadata(row["customer_metadata"]),
        ),
    )
    account = None
    if kind != "customer" and row["account_reference"]:
        account = Party(
            row["account_reference"],
            _filled(name=row["account_name"], metadata=_metadata(row["account_metadata"])),
        )
    references = {
        "customer": row["customer_reference"],
        "account": row["account_reference"],
        "bill": row["bill_reference"],
    }
    return BillRequest(
        record=row["record"],
        kind=kind,
        customer=customer,
        account=account,
        reference=references[kind],
        currency=row["currency"],
        amount_minor=row["amount_minor"],
        bill_date=row["bill_date"],
        due_date=row["due_date"],
        payments_included_until=row["payments_included_until"],
        metadata=_metadata(row["metadata"]),
    )


def create_body(request: BillRequest, *, customer_id: str | None, account_id: str | None) -> Json:
    """The body of the create: parents by id where an id is known, nested whole where not.

    An account's id is enough: it brings its customer with it.
    """
    body = request.leaf()
    if request.kind == "customer":
        return body
    customer: str | Json = customer_id or _object(request.customer)
    if request.kind == "account" or request.account is None:
        return body | {"customer": customer}
    return body | {"account": account_id or (_object(request.account) | {"customer": customer})}


def nested_parents(body: Json) -> dict[Kind, Json]:
    """The parent objects that a create body carries whole, by kind; those named by id are not among them."""
    parents: dict[Kind, Json] = {}
    account = body.get("account")
    if isinstance(account, dict):
        parents["account"] = account
    customer = account.get("customer") if isinstance(account, dict) else body.get("customer")
    if isinstance(customer, dict):
        parents["customer"] = customer
    return parents


def with_parent_ids(body: Json, *, customer_id: str | None, account_id: str | None) -> Json:
    """The same create with parents named by id where their ids are known by now; the body itself is not changed."""
    if "account" in body and account_id:
        return body | {"account": account_id}
    if isinstance(body.get("account"), dict) and customer_id:
        return body | {"account": body["account"] | {"customer": customer_id}}
    if "customer" in body and customer_id:
        return body | {"customer": customer_id}
    return body


def encode(value: Json | list[str | int]) -> bytes:
    """JSON without spaces, keys sorted: one value, one byte string, as it goes over the wire and into the intent."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _object(party: Party) -> Json:
    return {"external_reference": party.reference, **party.details}


def _filled(**values: Any) -> Json:
    return {name: value for name, value in values.items() if value}


def _metadata(text: str | None) -> Json:
    if not text:
        return {}
    return {key: value for key, value in orjson.loads(text).items() if value is not None}
