"""Payments arrive whenever they like; a balance is set while it is current, or not at all."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.sandbox import faults, seeded
from pipeline.sandbox.faults import Fault, Received, Window
from pipeline.sandbox.seeded import Seeded
from pipeline.sandbox.switches import Switches
from tests.faults.conftest import Open
from tests.faults.rig import Rig
from tests.seeds import cases, each_once

pytestmark = pytest.mark.usefixtures("impatient")

DAYS = [(datetime.now(UTC).date() + timedelta(days=n)).isoformat() for n in range(3)]
PAID = 7
TODAYS = tuple(name for name in seeded.PASSING if not name.startswith("slow before"))
"""A PATCH that is worked on after its client gave up and looked cannot be told from one that was lost."""


class Paying(Seeded):
    """Every third customer pays as soon as a balance is set, before the reply of that is on its way."""

    def __init__(self, seed: int, rig: Rig) -> None:
        super().__init__(seed, 0.25, TODAYS, slow_s=0.5)
        self._rig = rig
        self.paid: Counter[str] = Counter()

    def chosen_for(self, request: Received) -> tuple[Fault, ...]:
        chosen = super().chosen_for(request)
        if request.method == "GET" or (len(request.body) + self.seed) % 3:
            return chosen
        return (faults.callback(self._pay, Window.AFTER_WORK), *chosen)

    def _pay(self, request: Received) -> None:
        for customer in self._rig.api.snapshot()["customers"]:
            reference = customer["external_reference"]
            whose = request.path.endswith(customer["id"]) or f'"{reference}"'.encode() in request.body
            if whose and reference not in self.paid:
                self.paid[reference] = PAID
                self._rig.api.pay(reference, PAID)


BOTH, REFERENCES = Switches(), Switches(ignore_idempotency_keys=True)


@pytest.mark.parametrize(("seed", "defences"), each_once(range(0, cases(8, soak=200), 2), [BOTH, REFERENCES]))
def test_no_payment_is_undone_by_the_file_it_follows(open_rig: Open, seed: int, defences: Switches) -> None:
    rig = open_rig(defences)
    for number, day in enumerate(DAYS):
        # Each day's balances replace what was paid before; what is paid after them must stay.
        rig.given.clear()
        paying = Paying(seed + number, rig)
        rig.api.faults = paying
        rig.drop_rows("customer_balance", [f"C{n},Name,ZAR,{100 * number + n}.00" for n in range(30)], day)
        rig.run_until_done()
        rig.calm()
        assert rig.audit(may_end_in={"conflict"}, paid=paying.paid) == [], paying
