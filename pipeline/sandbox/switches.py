"""What can be set on the sandbox API: mostly the answers to questions its contract leaves open."""

from dataclasses import dataclass
from typing import Literal

PaymentNames = Literal["bill", "owner", "both"]


@dataclass(frozen=True)
class Switches:
    """Replace the whole object while the server runs; each request reads the newest one.

    `duplicate_status`: what an `external_reference` already in use is answered with.
    `nested_existing`: a nested object with such a reference is `refused` likewise, or the existing one is silently
        `attached`, its other fields ignored.
    `owners_by_reference`: a bill's `account` or `customer` may be a reference too, not only an id. (For an account's
        `customer` the contract promises both.)
    `metadata_patch`: whether PATCH adds to metadata or puts its own in the place of all.
    `store_rate_limited`, `store_unavailable`: whether a 429, a 503 is stored under its idempotency key.
    `ignore_idempotency_keys`, `allow_duplicate_references`: take one defence against doubled bills away.
    `requests_per_second`: per API key; a full second's worth may come at once. None: no limit.
    `retry_after`: how a 429 says when to come back.
    `latency_s`: passes between the receipt of a request and the work.
    `balance_falls`: a payment on an account or customer lowers its `balance` by itself; else it stays as it was.
    `payment_names`: what the event of a bill's payment carries: `bill_id`; its owner's id alone (`account_id`, or
        `customer_id` of a bill directly on a customer); or both.
    `overpayment`: more than a bill's `amount_due` can be paid; it is `paid` then, and nothing remains.
    `reconciliation_ids`: whether `reconciliation_id` in reports is an id of its own or the payment's.
    `refunds_undo`: a refund lowers `amount_paid` of a bill, and raises a balance that fell; else both stay as they are.
    `refunds_shown`: whether a refund's amounts in reports are above or below zero.
    `get_lag_s`: so long after its creation a GET does not see an entity; everything else does.
    """

    duplicate_status: Literal[409, 422] = 409
    nested_existing: Literal["refused", "attached"] = "refused"
    owners_by_reference: bool = False
    metadata_patch: Literal["merge", "replace"] = "merge"
    store_rate_limited: bool = False
    store_unavailable: bool = False
    ignore_idempotency_keys: bool = False
    allow_duplicate_references: bool = False
    key_life_s: float = 24 * 3600.0
    requests_per_second: float | None = None
    retry_after: Literal["none", "seconds", "date"] = "seconds"
    balance_falls: bool = True
    payment_names: PaymentNames = "bill"
    overpayment: Literal["refused", "allowed"] = "refused"
    reconciliation_ids: Literal["own", "payment"] = "own"
    refunds_undo: bool = True
    refunds_shown: Literal["positive", "negative"] = "positive"
    latency_s: float = 0.0
    get_lag_s: float = 0.0

    @property
    def overpays(self) -> bool:
        return self.overpayment == "allowed"

    def stores(self, status: int) -> bool:
        """Whether an answer with this status is kept under its idempotency key."""
        return {429: self.store_rate_limited, 503: self.store_unavailable}.get(status, True)
