"""What the body of a delivery says: a payment, an event of another kind, or nothing that can be read.

Source: `obligation.amount_applied` in the vendor's documentation. Fields that are not documented are kept in the inbox
with the body and mean nothing here.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

import orjson

from pipeline.core.values.amount_text import exponents

APPLIED = "obligation.amount_applied"
MAX_AMOUNT_MINOR = 10**12
"""Far above any payment (a bill ends at 99 999 999), so that sums of millions of them stay within 64 bits."""
MAX_TEXT = 255


class EventKind(StrEnum):
    """What a delivery is, before anything is known of bills."""

    PAYMENT = "payment"
    OTHER = "other"
    """An event of a type that is not a payment."""
    UNREADABLE = "unreadable"


class Event(NamedTuple):
    """A delivery as it was read. Amounts are minor units; ids are the API's."""

    kind: EventKind
    event_id: str | None = None
    event_type: str | None = None
    payment_id: str | None = None
    obligation_id: str | None = None
    currency: str | None = None
    amount_minor: int | None = None
    customer_id: str | None = None
    account_id: str | None = None
    bill_id: str | None = None
    paid_at: str | None = None
    """RFC 3339, UTC; None where the event does not say it readably."""
    problem: str = ""
    """What cannot be read; empty where everything can."""


class _Unreadable(Exception):
    """The body is not what the documentation describes."""


def read_event(body: bytes) -> Event:
    """What a body says. Nothing in it raises: what cannot be read is an event of that kind, with the reason."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Event(EventKind.UNREADABLE, problem="the body is not JSON")
    if not isinstance(document, dict):
        return Event(EventKind.UNREADABLE, problem="the body is not a JSON object")
    event_type = document.get("type")
    if not isinstance(event_type, str) or not _is_id(event_type):
        return Event(EventKind.UNREADABLE, problem="the event has no type")
    event_id = document.get("id")
    event_id = event_id if isinstance(event_id, str) and _is_id(event_id) else None
    if event_type != APPLIED:
        return Event(EventKind.OTHER, event_id=event_id, event_type=event_type)
    try:
        return _payment(event_id, document.get("data"))
    except _Unreadable as error:
        return Event(EventKind.UNREADABLE, event_id=event_id, event_type=event_type, problem=str(error))


def _payment(event_id: str | None, data: Any) -> Event:
    """Raises _Unreadable."""
    if not isinstance(data, dict):
        raise _Unreadable("data is not a JSON object")
    amount = data.get("amount")
    if type(amount) is not int or not 0 < amount <= MAX_AMOUNT_MINOR:
        raise _Unreadable("data.amount is not a positive whole number of minor units")
    currency = data.get("currency")
    if not isinstance(currency, str) or currency not in exponents():
        raise _Unreadable("data.currency is not a recognised currency code")
    owners = {name: _optional_id(data, name) for name in ("customer_id", "account_id", "bill_id")}
    if not any(owners.values()):
        raise _Unreadable("data names no bill, account or customer")
    return Event(
        EventKind.PAYMENT,
        event_id=event_id,
        event_type=APPLIED,
        payment_id=_id(data, "payment_id"),
        obligation_id=_id(data, "id"),
        currency=currency,
        amount_minor=amount,
        customer_id=owners["customer_id"],
        account_id=owners["account_id"],
        bill_id=owners["bill_id"],
        paid_at=_utc(data.get("created_at")),
    )


def _id(data: dict[str, Any], name: str) -> str:
    if (value := _optional_id(data, name)) is None:
        raise _Unreadable(f"data.{name} is missing")
    return value


def _optional_id(data: dict[str, Any], name: str) -> str | None:
    value = data.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not _is_id(value):
        raise _Unreadable(f"data.{name} is not an id")
    return value


def _is_id(text: str) -> bool:
    """Printable ASCII without spaces, so that nothing that is shown or written can be more than an id."""
    return 0 < len(text) <= MAX_TEXT and all("!" <= character <= "~" for character in text)


def _utc(time: Any) -> str | None:
    """A time with its zone, as RFC 3339 in UTC; None for anything else."""
    if not isinstance(time, str) or len(time) > MAX_TEXT:
        return None
    try:
        read = datetime.fromisoformat(time)
        return None if read.tzinfo is None else read.astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        return None
