"""What a host tells of the part that it has."""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import Any, cast

from pipeline.core.api.requests import BillRequest
from pipeline.edge.ledger.postgres.parts import Lease, PartDone
from pipeline.workers.lease_keeper import LeaseKeeper


class Settled:
    """As much of a request as is counted."""

    currency, amount_minor = "ZAR", 5


def test_what_earlier_leases_have_settled_is_told_and_is_not_this_hosts_work() -> None:
    keeper = LeaseKeeper(
        Lease(1, 2, 3, {}, b""),
        leased_at=time.monotonic(),
        timeout_s=1.0,
        connect=lambda: cast(Any, nullcontext()),
        renewed=lambda _, __: None,
        exchange=lambda _: 1.0,
    )
    keeper.settled_before([("ZAR", 100), ("USD", 7)])
    keeper.settled(cast(BillRequest, Settled()))
    assert keeper.done == PartDone(3, {"ZAR": 105, "USD": 7}, 0)
    assert keeper.settled_here == 1
