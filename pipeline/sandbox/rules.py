"""Which request bodies are acceptable. Pure; every refusal is a `Problem` with status 400.

Types are strict: `true` is no integer, `"12"` is none either, and `null` is no value at all.

Source: the field tables of the Billing API's public documentation; RFC 8259 for JSON, E.164 for phone numbers. Each
kind of body is a `Shape`; a `Check` looks at one field.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from pipeline.sandbox.currencies import CURRENCIES
from pipeline.sandbox.replies import Json, Problem

Check = Callable[[object, str], None]
"""Takes a value and the dotted name of its field; raises `Problem` when the value will not do."""

MAX_AMOUNT = 99_999_999

REFERENCE = re.compile(r"\A[a-zA-Z0-9_-]{1,255}\Z")
IDEMPOTENCY_KEY = re.compile(r"\A[a-zA-Z0-9-]{1,255}\Z")
PHONE = re.compile(r"\A\+[1-9][0-9]{1,14}\Z")
DATE = re.compile(r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
# Source: the WHATWG HTML standard's "valid e-mail address".
EMAIL = re.compile(
    r"\A[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+"
    r"@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*\Z"
)


def invalid(name: str, rule: str) -> Problem:
    """The refusal of one field; `rule` continues the sentence that its dotted name begins."""
    return Problem(400, "invalid_field", f"{name} {rule}")


def text(max_length: int, pattern: re.Pattern[str] | None = None) -> Check:
    """A string of at most `max_length` characters (code points) that fits the pattern; it may be empty where there is
    none."""

    def check(value: object, name: str) -> None:
        if not isinstance(value, str):
            raise invalid(name, "must be a string")
        if len(value) > max_length:
            raise invalid(name, f"must have at most {max_length} characters")
        if pattern and not pattern.match(value):
            raise invalid(name, f"must match {pattern.pattern}")

    return check


def whole_number(low: int | None = None, high: int | None = None) -> Check:
    """An integer between the bounds, inclusive; None leaves that side open."""

    def check(value: object, name: str) -> None:
        if type(value) is not int:  # bool is an int to isinstance
            raise invalid(name, "must be an integer, in minor units")
        if (low is not None and value < low) or (high is not None and value > high):
            raise invalid(name, f"must be between {low} and {high}")

    return check


def currency(value: object, name: str) -> None:
    if not isinstance(value, str) or value not in CURRENCIES:
        raise invalid(name, "must be an ISO 4217 alphabetic code")


def calendar_date(value: object, name: str) -> None:
    """`YYYY-MM-DD`, and a day that exists."""
    text(10, DATE)(value, name)
    try:
        date.fromisoformat(str(value))
    except ValueError:
        raise invalid(name, "must be a date of the calendar") from None


def metadata(value: object, name: str) -> None:
    """At most 10 keys of at most 40 characters, with strings of at most 500."""
    if not isinstance(value, dict):
        raise invalid(name, "must be an object")
    if len(value) > 10:
        raise invalid(name, "must have at most 10 keys")
    for key, entry in value.items():
        if len(key) > 40:
            raise invalid(name, "keys must have at most 40 characters")
        text(500)(entry, f"{name} values")


@dataclass(frozen=True)
class Shape:
    """One kind of body. Fields that are not in `fields` are refused: a misspelt optional field would else be lost
    silently.

    `money` is the field that must not come without `currency`; of `owners`, exactly one must be there.
    """

    fields: Mapping[str, Check]
    required: tuple[str, ...] = ()
    money: str = "balance"
    owners: tuple[str, ...] = ()

    def check(self, body: object, name: str = "") -> None:
        """Check a whole body, nested ones included, before anything is done with it.

        Args:
            name: where the body is nested, such as `account.customer`; "" for the request's own.

        Raises:
            Problem: 400, for the first fault found.
        """
        if not isinstance(body, dict):
            raise invalid(name or "the body", "must be an object")
        prefix = f"{name}." if name else ""
        for field in body:
            if field not in self.fields:
                raise Problem(400, "unknown_field", f"{prefix}{field[:40]} is not known here")
        for field in self.required:
            if field not in body:
                raise Problem(400, "missing_field", f"{prefix}{field} is required")
        for field, value in body.items():
            self.fields[field](value, prefix + field)
        if self.money in body and "currency" not in body:
            raise Problem(400, "missing_field", f"{prefix}currency is required with {self.money}")
        if self.owners and sum(owner in body for owner in self.owners) != 1:
            raise Problem(400, "one_owner", f"exactly one of {' and '.join(self.owners)} is required")


def owner(shape: Shape) -> Check:
    """An id or reference of what exists, or a whole new object."""

    def check(value: object, name: str) -> None:
        if isinstance(value, str):
            text(255, REFERENCE)(value, name)
        else:
            shape.check(value, name)

    return check


_NAMED: dict[str, Check] = {
    "name": text(255),
    "currency": currency,
    "balance": whole_number(),
    "metadata": metadata,
}
_REFERENCED: dict[str, Check] = {"external_reference": text(255, REFERENCE)}

CUSTOMER_PATCH = Shape({**_NAMED, "email": text(255, EMAIL), "phone": text(255, PHONE)})
CUSTOMER = Shape({**CUSTOMER_PATCH.fields, **_REFERENCED}, required=("external_reference",))
ACCOUNT_PATCH = Shape(_NAMED)
ACCOUNT = Shape(
    {**_NAMED, **_REFERENCED, "customer": owner(CUSTOMER)},
    required=("external_reference", "customer"),
)
BILL_PATCH = Shape(
    {"amount_paid": whole_number(0, MAX_AMOUNT), "currency": currency, "metadata": metadata},
    money="amount_paid",
)
BILL = Shape(
    {
        **_REFERENCED,
        "currency": currency,
        "amount_due": whole_number(1, MAX_AMOUNT),
        "account": owner(ACCOUNT),
        "customer": owner(CUSTOMER),
        "bill_date": calendar_date,
        "due_date": calendar_date,
        "metadata": metadata,
    },
    required=("external_reference", "currency", "amount_due"),
    owners=("account", "customer"),
)
VOID = Shape({})


def parsed(body: bytes) -> Json:
    """The body as a JSON object; none at all counts as an empty one. Raises `Problem`."""
    try:
        document = json.loads(body or b"{}", parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Problem(400, "invalid_json", "the body is not JSON") from None
    if not isinstance(document, dict):
        raise Problem(400, "invalid_json", "the body is not a JSON object")
    return document


def _no_constant(_: str) -> None:
    """Python's parser takes NaN and Infinity, which RFC 8259 does not have."""
    raise ValueError("NaN and Infinity are not JSON")
