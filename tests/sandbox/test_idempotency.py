"""Idempotency keys: one request's work, however often it is asked for."""

import http.client
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from pipeline.sandbox import faults
from pipeline.sandbox.serve import SandboxApi
from pipeline.sandbox.switches import Switches
from tests.sandbox.caller import Answer, Caller, bill, customer

DAY_S = 24 * 3600


def customers(api: SandboxApi) -> int:
    return len(api.snapshot()["customers"])


@pytest.mark.parametrize("key", [None, "", "a_b", "a b", "a.b", "ä", "x" * 256])
@pytest.mark.parametrize("path", ["customers", "accounts", "bills", "bills/b-1/void"])
def test_a_post_without_a_proper_key_is_refused(caller: Caller, path: str, key: str | None) -> None:
    answer = caller.post(f"/billing/{path}", customer(), key=key)
    assert (answer.status, answer.kind) == (400, "idempotency_key")


@pytest.mark.parametrize("key", ["a", "-", "x" * 255, "0f8fad5b-d9cb-469f-a165-70867728950e"])
def test_a_proper_key_is_taken(caller: Caller, key: str) -> None:
    assert caller.post("/billing/customers", customer(), key=key).status == 201


def test_get_and_patch_need_no_key(caller: Caller) -> None:
    caller.made("customers", customer())
    assert caller.get("/billing/customers/c-1").status == 200
    assert caller.patch("/billing/customers/c-1", {"name": "Bo"}).status == 200


def test_the_same_key_is_answered_with_the_stored_reply(api: SandboxApi, caller: Caller) -> None:
    first = caller.post("/billing/customers", customer(), key="k")
    again = [caller.post("/billing/customers", customer(), key="k") for _ in range(3)]
    assert not first.replayed
    assert all(answer.replayed for answer in again)
    assert {(answer.status, answer.raw) for answer in again} == {(201, first.raw)}
    assert customers(api) == 1
    assert [logged["replayed"] for logged in api.snapshot()["requests"]] == [False, True, True, True]


def test_the_stored_reply_shows_the_past_not_the_present(caller: Caller) -> None:
    caller.post("/billing/customers", customer(name="Ann"), key="k")
    caller.patch("/billing/customers/c-1", {"name": "Bo"})
    assert caller.post("/billing/customers", customer(name="Ann"), key="k").json["name"] == "Ann"


def test_a_void_is_stored_too(caller: Caller) -> None:
    caller.made("bills", bill())
    first = caller.post("/billing/bills/b-1/void", key="k")
    again = caller.post("/billing/bills/b-1/void", key="k")
    assert (again.status, again.raw, again.replayed) == (200, first.raw, True)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/billing/customers", {}, 400),
        ("/billing/customers", customer("taken"), 409),
        ("/billing/bills", bill(account="nobody"), 404),
        ("/billing/bills/nobody/void", {}, 404),
    ],
)
def test_a_refusal_is_stored_like_a_success(
    caller: Caller, path: str, body: dict[str, object], status: int
) -> None:
    caller.made("customers", customer("taken"))
    first = caller.post(path, body, key="k")
    again = caller.post(path, body, key="k")
    assert (first.status, first.replayed) == (status, False)
    assert (again.status, again.raw, again.replayed) == (status, first.raw, True)


def test_a_stored_refusal_is_replayed_even_when_its_cause_is_gone(api: SandboxApi, caller: Caller) -> None:
    on_reference = bill(account="a-1")
    caller.made("bills", bill("b-0"))
    assert caller.post("/billing/bills", on_reference, key="k").status == 404
    api.switches = Switches(owners_by_reference=True)
    assert caller.post("/billing/bills", on_reference, key="k").status == 404
    assert caller.post("/billing/bills", on_reference, key="next-generation").status == 201


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/billing/customers", customer(name="other")),
        ("/billing/accounts", customer()),
        ("/billing/customers", {}),
    ],
)
def test_a_key_that_comes_with_another_request_is_refused_and_keeps_its_reply(
    caller: Caller, path: str, body: dict[str, object]
) -> None:
    first = caller.post("/billing/customers", customer(), key="k")
    for _ in range(2):
        answer = caller.post(path, body, key="k")
        assert (answer.status, answer.kind, answer.replayed) == (422, "idempotency_key_reuse", False)
    assert caller.post("/billing/customers", customer(), key="k").raw == first.raw


def test_of_many_at_once_with_one_key_one_is_worked_on_and_the_others_hear_in_flight(api: SandboxApi) -> None:
    api.switches = Switches(latency_s=0.3)

    def send(_: int) -> Answer:
        caller = Caller(api)
        try:
            return caller.post("/billing/customers", customer(), key="k")
        finally:
            caller.close()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(8)))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 7
    assert {answer.kind for answer in answers if answer.status == 409} == {"idempotency_in_flight"}
    assert not any(answer.replayed for answer in answers)
    assert customers(api) == 1
    later = send(0)
    assert (later.status, later.replayed) == (201, True)


def test_the_work_goes_on_when_the_client_has_given_up(api: SandboxApi) -> None:
    api.switches = Switches(latency_s=0.3)
    hasty, patient = Caller(api, timeout_s=0.1), Caller(api)
    with pytest.raises(TimeoutError):
        hasty.post("/billing/customers", customer(), key="k")
    assert patient.post("/billing/customers", customer(), key="k").kind == "idempotency_in_flight"
    api.switches = Switches()
    answer = patient.post("/billing/customers", customer(), key="k")
    while answer.status == 409:
        answer = patient.post("/billing/customers", customer(), key="k")
    assert (answer.status, answer.replayed) == (201, True)
    patient.close()


def test_a_key_is_remembered_for_a_day_and_then_forgotten(api: SandboxApi, caller: Caller) -> None:
    caller.post("/billing/customers", customer(), key="k")
    api.clock.advance(DAY_S - 60)
    assert caller.post("/billing/customers", customer(), key="k").replayed
    api.clock.advance(61)
    answer = caller.post("/billing/customers", customer(), key="k")
    assert (answer.kind, answer.replayed) == ("duplicate_reference", False)


def test_the_life_of_a_key_can_be_set(api: SandboxApi, caller: Caller) -> None:
    api.switches = Switches(key_life_s=10)
    caller.post("/billing/customers", customer(), key="k")
    api.clock.advance(11)
    assert caller.post("/billing/customers", customer("c-2"), key="k").status == 201


def test_all_keys_can_be_forgotten_at_once(api: SandboxApi, caller: Caller) -> None:
    caller.post("/billing/customers", customer(), key="k")
    api.forget_idempotency_keys()
    assert caller.post("/billing/customers", customer(), key="k").kind == "duplicate_reference"


def test_where_keys_are_ignored_each_request_is_new_but_a_key_is_still_asked_for(
    api: SandboxApi, caller: Caller
) -> None:
    api.switches = Switches(ignore_idempotency_keys=True)
    assert caller.post("/billing/customers", customer(), key="k").status == 201
    answer = caller.post("/billing/customers", customer(), key="k")
    assert (answer.kind, answer.replayed) == ("duplicate_reference", False)
    assert caller.post("/billing/customers", customer("c-2"), key=None).kind == "idempotency_key"


@pytest.mark.parametrize(
    ("ignore_keys", "allow_duplicates", "left"),
    [(False, False, 1), (True, False, 1), (False, True, 1), (True, True, 2)],
)
def test_a_bill_is_doubled_only_when_both_defences_are_gone(
    api: SandboxApi, caller: Caller, ignore_keys: bool, allow_duplicates: bool, left: int
) -> None:
    api.switches = Switches(ignore_idempotency_keys=ignore_keys, allow_duplicate_references=allow_duplicates)
    for _ in range(2):
        caller.post("/billing/bills", bill(), key="k")
    assert len(api.snapshot()["bills"]) == left


@pytest.mark.parametrize("stored", [True, False])
def test_a_503_is_stored_or_not_as_switched(api: SandboxApi, caller: Caller, stored: bool) -> None:
    api.switches = Switches(store_unavailable=stored)
    api.faults = faults.Scripted({1: faults.status(503)})
    assert caller.post("/billing/customers", customer(), key="k").status == 503
    again = caller.post("/billing/customers", customer(), key="k")
    assert (again.status, again.replayed) == ((503, True) if stored else (201, False))


@pytest.mark.parametrize("stored", [True, False])
def test_a_429_is_stored_or_not_as_switched(api: SandboxApi, caller: Caller, stored: bool) -> None:
    api.switches = Switches(store_rate_limited=stored, requests_per_second=0.01)
    caller.get("/billing/customers/nobody")
    assert caller.post("/billing/customers", customer(), key="k").status == 429
    api.switches = replace(api.switches, requests_per_second=None)
    again = caller.post("/billing/customers", customer(), key="k")
    assert (again.status, again.replayed) == ((429, True) if stored else (201, False))


def test_a_429_never_takes_the_place_of_a_reply_stored_before(api: SandboxApi, caller: Caller) -> None:
    caller.post("/billing/customers", customer(), key="k")
    api.switches = Switches(store_rate_limited=True, requests_per_second=0.01)
    caller.get("/billing/customers/nobody")
    assert caller.post("/billing/customers", customer(), key="k").status == 429
    api.switches = Switches()
    assert caller.post("/billing/customers", customer(), key="k").status == 201


def test_a_lost_reply_can_be_fetched_with_the_same_key(api: SandboxApi, caller: Caller) -> None:
    api.faults = faults.Scripted({1: faults.drop_after()})
    with pytest.raises(http.client.RemoteDisconnected):
        caller.post("/billing/customers", customer(), key="k")
    answer = caller.post("/billing/customers", customer(), key="k")
    assert (answer.status, answer.replayed) == (201, True)
    assert customers(api) == 1
