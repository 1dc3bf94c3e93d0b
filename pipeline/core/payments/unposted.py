"""Which payments of a balance its file does not include yet, so that setting it would make a customer owe them again.

A file includes what the merchant had posted when it was exported: payments files up to a number, or those handed over
before an hour. When a customer paid says nothing: a payment of last night may be handed over this evening.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import NamedTuple

INCLUDED_PATTERN = (
    r"^(?:[0-9]{1,12}|[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])[T ](?:[01][0-9]|2[0-3]):[0-5][0-9]"
    r"(?::[0-5][0-9])?(?:Z|[+-][0-9]{2}:[0-9]{2})?)$"
)
"""How a file may say what is included: a number, or a time with or without a zone."""
_NUMBER = re.compile(r"[0-9]{1,12}", re.ASCII)


class KnownPayment(NamedTuple):
    """A payment that is applied to an account or a customer, or a refund of one. Times are RFC 3339 in UTC."""

    currency: str
    amount_minor: int
    """Below zero: a refund."""
    paid_at: str | None
    """None where its event did not say."""
    told_in: int | None
    """Number of the payments file that it is in; None: in none yet."""
    told_at: str | None
    """When that file was handed over; None: not yet."""
    received_at: str
    """When its event came, or the report that has it, by the clock of this machine."""


class Included(NamedTuple):
    """What a balance includes. With neither: nothing is known to be included."""

    up_to_file: int | None = None
    """Payments files until this number."""
    until: datetime | None = None
    """Payments files handed over until then (UTC)."""

    def is_possible(self, newest_file: int, now: datetime) -> bool:
        """Whether a balance can include that: a payments file that was written, a time that has come.

        Args:
            newest_file: number of the last payments file; 0: none was written.
            now: UTC.
        """
        return (self.up_to_file or 0) <= newest_file and (self.until is None or self.until <= now)

    def has(self, payment: KnownPayment) -> bool:
        """Whether a payment was posted by the merchant when the balance was exported."""
        if payment.told_in is None or payment.told_at is None:
            return False
        if self.up_to_file is not None:
            return payment.told_in <= self.up_to_file
        return self.until is not None and datetime.fromisoformat(payment.told_at) <= self.until


NOTHING_INCLUDED = Included()


@lru_cache(maxsize=4096)
def included_until(text: str | None, zone: tzinfo) -> Included:
    """What a file says of itself.

    Args:
        text: as INCLUDED_PATTERN has it; anything else says nothing.
        zone: of a time without one.
    """
    if text is None or not re.fullmatch(INCLUDED_PATTERN, text, re.ASCII):
        return NOTHING_INCLUDED
    if _NUMBER.fullmatch(text):
        return Included(up_to_file=int(text))
    try:
        at = datetime.fromisoformat(text)
        return Included(until=(at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC))
    except (ValueError, OverflowError):  # no such day, or before the first year
        return NOTHING_INCLUDED


class Moved(NamedTuple):
    """Money that went either way, in minor units."""

    paid_minor: int
    refunded_minor: int

    @property
    def net_minor(self) -> int:
        """What less is owed by it."""
        return self.paid_minor - self.refunded_minor

    @property
    def falls(self) -> frozenset[int]:
        """By how much the API's balance may have fallen by it: whether it falls by a payment, and whether it rises by
        a refund, is not documented.
        """
        return frozenset({0, self.paid_minor, self.net_minor})


def unposted(payments: Iterable[KnownPayment], included: Included) -> Moved:
    """Sums of the payments and refunds that a balance does not include."""
    return _moved(payment for payment in payments if not included.has(payment))


def moved_since(payments: Iterable[KnownPayment], set_at: str | None) -> Moved:
    """Sums of the payments and refunds made since a balance was set.

    One whose time is not known, and every one where it is not known when the balance was set, is left out: what it
    explains is then left to a person. One that was received before was also made before, whatever the API's clock
    says.

    Args:
        set_at: RFC 3339, UTC.
    """
    if set_at is None:
        return Moved(0, 0)
    since = datetime.fromisoformat(set_at)
    return _moved(
        payment
        for payment in payments
        if payment.paid_at is not None
        and datetime.fromisoformat(payment.paid_at) >= since
        and datetime.fromisoformat(payment.received_at) >= since
    )


def _moved(payments: Iterable[KnownPayment]) -> Moved:
    amounts = [payment.amount_minor for payment in payments]
    return Moved(
        sum(amount for amount in amounts if amount > 0), -sum(amount for amount in amounts if amount < 0)
    )


def unexplained_fall_minor(
    payments: Iterable[KnownPayment], *, last_set: int | None, set_at: str | None, shown: int | None
) -> int:
    """How far the API's balance has fallen since it was last set, beyond the payments that are known; 0: not at all.

    Whether it falls by itself when a payment is applied is not documented, nor whether it rises by a refund. Where it
    does, this is a payment whose event has not come yet, or something else that this program knows nothing of.
    """
    if last_set is None or shown is None:
        return 0
    fall, known = last_set - shown, moved_since(payments, set_at)
    if fall <= known.net_minor or fall in known.falls:
        return 0
    return fall - max(each for each in known.falls if each < fall)
