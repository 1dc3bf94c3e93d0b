"""Faults by seed: the same for the same request, whatever else goes on."""

import http.client
import time
from collections import Counter
from random import Random

import pytest

from pipeline.sandbox import faults, seeded
from pipeline.sandbox.faults import Received, Scripted, Window
from pipeline.sandbox.replies import Reply
from pipeline.sandbox.seeded import FAULTS, Seeded
from pipeline.sandbox.serve import TEST_KEY, SandboxApi
from pipeline.sandbox.switches import Switches
from tests.sandbox.caller import Caller, bill, customer


def received(key: int, number: int = 1) -> Received:
    return Received(number, "POST", "/billing/bills", f"key-{key}", b"{}")


def windows(chooser: Seeded, order: list[int]) -> dict[int, list[tuple[Window, ...]]]:
    """What strikes each request, which comes as often as it stands in the order."""
    struck: dict[int, list[tuple[Window, ...]]] = {}
    for number, key in enumerate(order, start=1):
        chosen = chooser.chosen_for(received(key, number))
        struck.setdefault(key, []).append(tuple(fault.window for fault in chosen))
    return struck


def test_the_order_of_arrival_changes_nothing() -> None:
    order = [key for key in range(200) for _ in range(3)]
    shuffled = order.copy()
    Random(1).shuffle(shuffled)  # noqa: S311 - nothing secret
    assert windows(Seeded(7, 0.3), order) == windows(Seeded(7, 0.3), shuffled)


def test_another_seed_breaks_other_requests() -> None:
    order = list(range(200))
    assert windows(Seeded(7, 0.3), order) != windows(Seeded(8, 0.3), order)


def test_a_share_of_the_requests_is_struck_by_every_fault_of_the_mix() -> None:
    chooser = Seeded(7, 0.3)
    windows(chooser, list(range(5000)))
    assert 1350 < chooser.struck.total() < 1650
    assert chooser.struck.keys() == set(seeded.PASSING)


def test_no_request_is_struck_for_ever() -> None:
    struck = windows(Seeded(7, 0.3), [key for key in range(100) for _ in range(10)])
    assert all(() in often for often in struck.values())


def test_every_fault_can_strike_a_create(api: SandboxApi) -> None:
    """And after it the API still works."""
    for number, name in enumerate(FAULTS):
        api.faults = Scripted({api.count() + 1: FAULTS[name](0.01)})
        caller = Caller(api, timeout_s=5)
        try:
            caller.post("/billing/customers", customer(f"c-{number}"))
        except (http.client.HTTPException, OSError):
            caller.close()
        assert caller.get("/billing/customers/nobody").status == 404
        caller.close()


def test_a_reply_can_be_altered_while_the_truth_is_stored(api: SandboxApi, caller: Caller) -> None:
    api.faults = Scripted({1: FAULTS["201 with another amount"](0)})
    assert caller.post("/billing/bills", bill(), key="k").json["amount_due"] == 101
    assert caller.post("/billing/bills", bill(), key="k").json["amount_due"] == 100


def test_an_altered_reply_can_be_what_is_stored(api: SandboxApi, caller: Caller) -> None:
    api.faults = Scripted({1: FAULTS["201 with another amount, stored"](0)})
    shown = [caller.post("/billing/bills", bill(), key="k").json["amount_due"] for _ in range(2)]
    assert shown == [101, 101]
    assert api.snapshot()["bills"][0]["amount_due"] == 100


def test_an_alteration_before_there_is_a_reply_does_nothing(api: SandboxApi, caller: Caller) -> None:
    async def strike(_: Received) -> None:
        raise faults.Altered(lambda _: Reply(500, b""))

    api.faults = Scripted({1: faults.Fault(Window.AFTER_ACCOUNT, strike)})
    assert caller.post("/billing/bills", bill()).status == 201


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_reply_is_cut_off_below_its_announced_length(api: SandboxApi, caller: Caller, share: float) -> None:
    api.faults = Scripted({1: faults.cut(share)})
    with pytest.raises(http.client.IncompleteRead) as error:
        caller.post("/billing/bills", bill(), key="k")
    assert error.value.expected
    assert caller.post("/billing/bills", bill(), key="k").replayed


def test_a_nested_create_stops_half_way_and_its_error_is_stored(api: SandboxApi, caller: Caller) -> None:
    api.faults = Scripted({1: FAULTS["500 stored after the account"](0)})
    answers = [caller.post("/billing/bills", bill(), key="k") for _ in range(2)]
    assert [(answer.status, answer.replayed) for answer in answers] == [(500, False), (500, True)]
    state = api.snapshot()
    assert Counter({kind: len(state[kind]) for kind in ("customers", "accounts", "bills")}) == Counter(
        customers=1, accounts=1, bills=0
    )


def test_a_get_lags_behind_a_post_and_nothing_else_does(api: SandboxApi, caller: Caller) -> None:
    api.switches = Switches(get_lag_s=0.3)
    caller.made("customers", customer())
    assert caller.get("/billing/customers/c-1").status == 404
    assert caller.patch("/billing/customers/c-1", {"name": "Bo"}).status == 200
    assert caller.post("/billing/customers", customer()).status == 409
    time.sleep(0.35)
    assert caller.get("/billing/customers/c-1").json["name"] == "Bo"


def test_an_expired_key_can_be_renewed(api: SandboxApi, caller: Caller) -> None:
    api.expire_key(TEST_KEY)
    assert caller.get("/billing/bills/b").status == 403
    api.renew_key(TEST_KEY)
    assert caller.get("/billing/bills/b").status == 404
