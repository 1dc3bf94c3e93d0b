"""Keeps a balance file from erasing payments (design, law 10): what is known of an entity's payments, and what to send.

Before a balance is replaced, the API shows what it holds now, and the inbox what was paid. Payments and refunds that
the file does not include are a conflict, or are subtracted and added back where the feed says so (`net_payments`). What
the API's balance has fallen by without a payment that is known is always a conflict: its event comes yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Protocol

from pipeline.core.api.intents import Entity, Intent
from pipeline.core.api.requests import Json, encode
from pipeline.core.payments.unposted import (
    NOTHING_INCLUDED,
    KnownPayment,
    Moved,
    included_until,
    moved_since,
    unexplained_fall_minor,
    unposted,
)
from pipeline.core.values.amount_text import format_amount


class KnownPayments(Protocol):
    """Payments that were received, up to this moment."""

    def of(self, kind: str, entity_id: str) -> Sequence[KnownPayment]:
        """Those that are applied to an account or a customer, in the order of the inbox."""
        ...


@dataclass(frozen=True, slots=True)
class PaymentGuard:
    """What one load knows of payments. Only where the config has `payments`."""

    known: KnownPayments
    zone: tzinfo
    """Of times that a file states without one."""
    net: bool
    """Whether payments are subtracted and refunds added back: `feed.net_payments`."""
    newest_file: int
    """Number of the last payments file; 0: none was written. None is written while a file is loaded."""
    opened_at: datetime
    """When the load began (UTC): its file was exported before."""

    def falls_since(self, entity: Entity, set_at: str | None) -> frozenset[int]:
        """By how much an entity's balance at the API may have fallen since then, in minor units: also not at all."""
        return moved_since(self.known.of(entity.kind, entity.id), set_at).falls

    def judge(
        self, *, known: Entity | None, shown: Entity, target_minor: int, said: str | None
    ) -> BalanceVerdict:
        """What may be set.

        Args:
            known: as the ledger has it; its balance is what was last set from a file.
            shown: as the API shows it now.
            target_minor: what the file states.
            said: what the file says of the payments that it includes.
        """
        payments = self.known.of(shown.kind, shown.id)
        included = included_until(said, self.zone)
        is_possible = included.is_possible(self.newest_file, self.opened_at)
        missing = unposted(payments, included if is_possible else NOTHING_INCLUDED)
        last_set = known.balance if known is not None and known.is_trusted else None
        unexplained = unexplained_fall_minor(
            payments, last_set=last_set, set_at=known.set_at if known else None, shown=shown.balance
        )
        return BalanceVerdict(
            target_minor - missing.net_minor if self.net else target_minor,
            unposted=missing,
            unexplained_minor=unexplained,
            is_conflict=bool(unexplained) or bool(missing.net_minor and not (self.net and is_possible)),
            is_possible=is_possible,
        )


@dataclass(frozen=True, slots=True)
class BalanceVerdict:
    """What to set, in minor units, and why it differs from the file or may not be set."""

    balance_minor: int
    unposted: Moved
    """Known payments and refunds that the file does not include."""
    unexplained_minor: int = 0
    """What the API's balance has fallen by without a known payment."""
    is_conflict: bool = False
    is_possible: bool = True
    """Whether a file can include the payments that this one says it does. Where not, it is taken to include none."""

    def netted(self, intent: Intent) -> Intent:
        """The intent with the balance that is to be set."""
        if self.balance_minor == intent.stated["balance"]:
            return intent
        return replace(intent, body=encode({**intent.stated, "balance": self.balance_minor}))

    def as_netted(self, body: Json) -> str | None:
        """The message where payments were subtracted or refunds added back; `body` has what was set. None: neither."""
        currency, parts = body["currency"], list[str]()
        if self.unposted.paid_minor:
            parts.append(f"payments of {format_amount(currency, self.unposted.paid_minor)} are subtracted")
        if self.unposted.refunded_minor:
            parts.append(f"refunds of {format_amount(currency, self.unposted.refunded_minor)} are added back")
        return f"{format_amount(currency, body['balance'])} was set: {', '.join(parts)}" if parts else None

    def as_conflict(self, body: Json, shown: int | None) -> str:
        """The message of the conflict; `body` has what the file says, `shown` is what the API holds."""

        def money(minor: int) -> str:
            return format_amount(body["currency"], minor)

        parts = [f"the file says {money(body['balance'])}"]
        if shown is not None:
            parts.append(f"the API holds {money(shown)}")
        if self.unposted.paid_minor:
            parts.append(f"payments of {money(self.unposted.paid_minor)} are not in the file's balance")
        if self.unposted.refunded_minor:
            parts.append(f"refunds of {money(self.unposted.refunded_minor)} are not in the file's balance")
        if not self.is_possible:
            parts.append("payments_included_until names a payments file or a time that has not come yet")
        if self.unexplained_minor:
            parts.append(
                f"{money(self.unexplained_minor)} less is owed there without a payment that is known"
            )
        return f"{'; '.join(parts)}. The balance stays unchanged"
