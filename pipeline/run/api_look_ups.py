"""Looks bills up at the Billing API, at the pace of the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.core.api.rate_limiter import Pace
from pipeline.load.look_up import LookedUp, look_up_bills
from schemas.settings import Api


@dataclass(frozen=True, slots=True)
class BillLookUps:
    """Asks about bills over one API key and one pace."""

    api: Api
    key: str
    pace: Pace

    def __call__(self, references: Sequence[str]) -> LookedUp:
        """What the API holds under some references of bills."""
        from pipeline.edge.billing.api import BillingApi  # noqa: PLC0415 (an idle run needs no HTTP client)

        return look_up_bills(BillingApi(self.api, self.key), self.api, self.pace, references)
