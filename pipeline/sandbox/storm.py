"""Storms of payments: by one seed, many at once, with all that deliveries may go through."""

from dataclasses import dataclass
from random import Random

from pipeline.sandbox.payments import Payment
from pipeline.sandbox.serve import SandboxApi


@dataclass(frozen=True)
class Storm:
    """What `rise` does. Shares are of the payments, 0 to 1.

    `duplicates` are delivered again under their webhook id, `second_events` under another; of `late` ones the first
    delivery carries a time stamp of `late_s` ago, and a receiver refuses it; `lost` ones are never told; `split` ones
    are a further part of an earlier payment; beside them come `forged` ones, of which nothing is paid. Each delivery
    waits up to `spread_s`, so they come in another order than they were paid in.
    """

    seed: int
    payments: int = 100
    duplicates: float = 0.1
    second_events: float = 0.1
    late: float = 0.05
    lost: float = 0.0
    split: float = 0.05
    forged: float = 0.02
    late_s: float = 600.0
    spread_s: float = 1.0
    most_minor: int = 10_000

    def rise(self, api: SandboxApi, references: list[str]) -> list[Payment]:
        """Pay bills, accounts and customers of these ids or references in part, and have it told; does not wait.

        The state of `api` afterwards is what every receiver has to come to. Raises ValueError when nothing is left
        that can be paid before all is paid.
        """
        dice = Random(self.seed)  # noqa: S311 - not for secrets
        bills = api.snapshot()["bills"]
        left = {
            bill[name]: bill["amount_remaining"] for bill in bills for name in ("id", "external_reference")
        }
        payable = list(references)
        made: list[Payment] = []
        while len(made) < self.payments:
            if not payable:
                raise ValueError(f"after {len(made)} payments nothing is left to pay")
            place = dice.randrange(len(payable))
            name = payable[place]
            open_minor = left.get(name)
            if open_minor == 0:
                payable[place] = payable[-1]
                payable.pop()
                continue
            most = self.most_minor if open_minor is None else min(open_minor, self.most_minor)
            payment = self._paid(api, dice, name, dice.randint(1, most), made)
            if open_minor is not None:
                left[name] = open_minor - payment.amount_minor
            made.append(payment)
        return made

    def _paid(
        self, api: SandboxApi, dice: Random, name: str, amount_minor: int, made: list[Payment]
    ) -> Payment:
        """One payment with all that becomes of its event."""
        told = dice.random() >= self.lost
        payment = api.pay(
            name,
            amount_minor,
            told=told,
            payment_id=dice.choice(made).id if made and dice.random() < self.split else None,
            late_s=self.late_s if dice.random() < self.late else 0.0,
            delay_s=dice.uniform(0, self.spread_s),
        )
        if told and dice.random() < self.duplicates:
            api.tell_again(payment, delay_s=dice.uniform(0, self.spread_s))
        if told and dice.random() < self.second_events:
            api.tell_again(payment, as_another=True, delay_s=dice.uniform(0, self.spread_s))
        if dice.random() < self.forged:
            api.forge(name, amount_minor, delay_s=dice.uniform(0, self.spread_s))
        return payment
