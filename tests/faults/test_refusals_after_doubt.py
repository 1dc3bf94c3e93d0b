"""A refusal that follows a lost reply may be about a bill that is there: it is looked for before it is told refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.sandbox import faults, seeded
from pipeline.sandbox.faults import Fault, Received, Scripted
from pipeline.sandbox.switches import Switches
from tests.faults.conftest import Open

pytestmark = pytest.mark.usefixtures("impatient")


def nth_send(number: int) -> Callable[[Received], bool]:
    """True for the n-th POST of each idempotency key."""
    seen: dict[str | None, int] = {}

    def is_it(received: Received) -> bool:
        if received.method != "POST":
            return False
        seen[received.idempotency_key] = seen.get(received.idempotency_key, 0) + 1
        return seen[received.idempotency_key] == number

    return is_it


@pytest.mark.parametrize("lag_s", [0.0, 0.2])
@pytest.mark.parametrize(
    "second",
    [(), faults.status(400), faults.status(402), faults.status(422)],
    ids=["duplicate", "400", "402", "422"],
)
def test_a_bill_whose_reply_was_lost_is_not_told_refused(
    open_rig: Open, second: tuple[()] | Fault, lag_s: float
) -> None:
    """The API forgets the key, as after a restart of its own; and a GET may see the bill only a little later."""
    switches = Switches(duplicate_status=422, ignore_idempotency_keys=True, get_lag_s=lag_s)
    rig = open_rig(switches, Scripted({nth_send(1): faults.drop_after(), nth_send(2): second}))
    file = rig.drop_rows("bill", ["C1,Ann,A1,B1,ZAR,10.00,2030-01-01,", "C2,Bo,,B2,ZAR,20.00,2030-01-01,"])
    assert rig.run().exit_status == 0
    assert rig.audit() == []
    assert rig.outcomes(file) == ["created", "created"]


def test_a_stored_reply_with_another_amount_does_not_stop_the_file_for_ever(open_rig: Open) -> None:
    """It can only be replayed, and the first record of a run is the one by which the API is judged to be down."""
    liar = seeded.FAULTS["201 with another amount, stored"](0)
    rig = open_rig(faults=Scripted({nth_send(1): liar}), max_in_flight=1)
    file = rig.drop_rows("bill", ["C1,Ann,A1,B1,ZAR,10.00,2030-01-01,", "C2,Bo,,B2,ZAR,20.00,2030-01-01,"])
    rig.run_until_done(rounds=1)
    assert rig.audit() == []
    assert rig.outcomes(file) == ["created", "created"]


def test_a_bill_that_is_not_there_after_a_lost_request_is_told_refused(open_rig: Open) -> None:
    rig = open_rig(faults=Scripted({nth_send(1): faults.drop_before(), nth_send(2): faults.status(402)}))
    file = rig.drop_rows("bill", ["C1,Ann,A1,B1,ZAR,10.00,2030-01-01,"])
    assert rig.run().exit_status == 1
    assert rig.audit(may_end_in={"refused"}) == []
    assert rig.outcomes(file) == ["refused"]
