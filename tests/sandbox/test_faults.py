"""The seam where things are broken on purpose."""

import http.client
import time

import pytest

from pipeline.sandbox import faults
from pipeline.sandbox.faults import Fault, Received, Scripted, Window
from pipeline.sandbox.replies import Reply
from pipeline.sandbox.serve import SandboxApi
from tests.sandbox.caller import Caller, Json, bill, customer

KINDS = ("customers", "accounts", "bills")


def sizes(state: Json) -> tuple[int, ...]:
    return tuple(len(state[kind]) for kind in KINDS)


@pytest.mark.parametrize(
    ("window", "left", "key_spent"),
    [
        (Window.BEFORE_RECEIPT, (0, 0, 0), False),
        (Window.AFTER_RECEIPT, (0, 0, 0), False),
        (Window.AFTER_CUSTOMER, (1, 0, 0), False),
        (Window.AFTER_ACCOUNT, (1, 1, 0), False),
        (Window.AFTER_BILL, (1, 1, 1), False),
        (Window.AFTER_WORK, (1, 1, 1), False),
        (Window.BEFORE_REPLY, (1, 1, 1), True),
    ],
)
def test_a_connection_dropped_in_a_window_leaves_exactly_the_work_before_it(
    api: SandboxApi, caller: Caller, window: Window, left: tuple[int, ...], key_spent: bool
) -> None:
    api.faults = Scripted({1: faults.drop(window)})
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        caller.post("/billing/bills", bill(), key="k")
    assert sizes(api.snapshot()) == left
    assert api.snapshot()["requests"][0]["status"] is None
    again = caller.post("/billing/bills", bill(), key="k")
    assert again.replayed is key_spent
    assert again.status == (201 if key_spent or left == (0, 0, 0) else 409)


def test_a_connection_dropped_after_the_reply_does_the_client_no_harm(
    api: SandboxApi, caller: Caller
) -> None:
    api.faults = Scripted({1: faults.drop(Window.AFTER_REPLY)})
    assert caller.post("/billing/bills", bill()).status == 201


@pytest.mark.parametrize("after_work", [False, True])
@pytest.mark.parametrize("stored", [False, True])
def test_a_status_comes_before_or_after_the_work_and_is_stored_or_not(
    api: SandboxApi, caller: Caller, after_work: bool, stored: bool
) -> None:
    api.faults = Scripted({1: faults.status(500, stored=stored, after_work=after_work)})
    first = caller.post("/billing/bills", bill(), key="k")
    assert (first.status, first.kind, first.replayed) == (500, "injected", False)
    assert sizes(api.snapshot()) == ((1, 1, 1) if after_work else (0, 0, 0))
    again = caller.post("/billing/bills", bill(), key="k")
    fresh = 409 if after_work else 201
    assert (again.status, again.replayed) == ((500, True) if stored else (fresh, False))


def test_an_answer_after_the_customer_leaves_a_nested_create_half_done(
    api: SandboxApi, caller: Caller
) -> None:
    half = Reply(500, b"oops", "text/plain")
    api.faults = Scripted({1: faults.answer(half, Window.AFTER_ACCOUNT, stored=True)})
    caller.post("/billing/bills", bill(), key="k")
    assert sizes(api.snapshot()) == (1, 1, 0)
    assert caller.post("/billing/bills", bill(), key="k").replayed


def test_any_bytes_can_stand_in_for_the_reply_while_the_true_one_is_stored(
    api: SandboxApi, caller: Caller
) -> None:
    html = Reply(502, b"<html>", "text/html", {"Retry-After": "7"})
    api.faults = Scripted({1: faults.answer(html, Window.BEFORE_REPLY)})
    answer = caller.post("/billing/bills", bill(), key="k")
    assert (answer.status, answer.raw, answer.headers["Retry-After"]) == (502, b"<html>", "7")
    assert answer.headers["Content-Type"] == "text/html"
    again = caller.post("/billing/bills", bill(), key="k")
    assert (again.status, again.replayed) == (201, True)


def test_an_answer_before_receipt_comes_even_to_strangers(api: SandboxApi) -> None:
    api.faults = Scripted({1: faults.answer(Reply(503, b""), Window.BEFORE_RECEIPT)})
    stranger = Caller(api, bearer=None)
    assert [stranger.get("/billing/bills/b").status for _ in range(2)] == [503, 401]
    stranger.close()


def test_an_injected_429_says_when_to_come_back(api: SandboxApi, caller: Caller) -> None:
    api.faults = Scripted({1: faults.status(429, retry_after="99999999")})
    assert caller.get("/billing/bills/b").headers["Retry-After"] == "99999999"


def test_a_slow_request_is_slow_and_holds_up_no_other(api: SandboxApi, caller: Caller) -> None:
    api.faults = Scripted({1: faults.slow(30)})
    slow = Caller(api, timeout_s=0.1)
    with pytest.raises(TimeoutError):
        slow.get("/billing/bills/b")
    started_s = time.monotonic()
    assert caller.get("/billing/bills/b").status == 404
    assert time.monotonic() - started_s < 10


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_requests_without_idempotency_key_are_struck_too(
    api: SandboxApi, caller: Caller, method: str
) -> None:
    caller.made("customers", customer())
    api.faults = Scripted({2: faults.status(500, after_work=True), 3: faults.drop_after()})
    body = {"name": "Bo"} if method == "PATCH" else None
    assert caller.call(method, "/billing/customers/c-1", body).status == 500
    with pytest.raises(http.client.RemoteDisconnected):
        caller.call(method, "/billing/customers/c-1", body)
    shown = caller.get("/billing/customers/c-1").json
    assert shown.get("name") == ("Bo" if method == "PATCH" else None)


def test_a_callback_runs_in_its_window_and_may_use_the_api_meanwhile(api: SandboxApi, caller: Caller) -> None:
    seen: list[tuple[int, int]] = []

    def look_and_pay(request: Received) -> None:
        other = Caller(api, timeout_s=2)
        seen.append((request.number, other.get("/billing/bills/b-1").status))
        other.close()
        api.pay("b-1", 40)

    api.faults = Scripted({1: faults.callback(look_and_pay, Window.AFTER_BILL)})
    assert caller.post("/billing/bills", bill()).json["amount_paid"] == 40
    assert seen == [(1, 200)]


def test_a_key_can_expire_between_two_requests(api: SandboxApi, caller: Caller) -> None:
    def expire(_: Received) -> None:
        api.expire_key("sk_test_sandbox")

    api.faults = Scripted({2: faults.callback(expire, Window.BEFORE_RECEIPT)})
    assert [caller.get("/billing/bills/b").status for _ in range(2)] == [404, 403]


def test_a_script_strikes_by_number_and_by_predicate(api: SandboxApi, caller: Caller) -> None:
    def of_bill_seven(request: Received) -> bool:
        return request.method == "POST" and b'"b-7"' in request.body

    api.faults = Scripted({2: faults.status(502), of_bill_seven: faults.status(402)})
    statuses = [
        caller.post("/billing/bills", bill(f"b-{n}", customer=customer(f"c-{n}"))) for n in (5, 6, 7, 8)
    ]
    assert [answer.status for answer in statuses] == [201, 502, 402, 201]


def test_several_faults_strike_one_request_in_order_of_their_windows(api: SandboxApi, caller: Caller) -> None:
    order: list[str] = []

    def note(window: Window) -> Fault:
        return faults.callback(lambda _: order.append(window.value), window)

    api.faults = Scripted({1: tuple(note(window) for window in reversed(Window))})
    caller.post("/billing/bills", bill())
    caller.get("/billing/bills/b-1")  # by now the first request is through its last window
    assert order == [window.value for window in Window]


def test_faults_are_chosen_once_per_request_in_order_of_numbers(api: SandboxApi, caller: Caller) -> None:
    class Asked:
        def __init__(self) -> None:
            self.requests: list[Received] = []

        def chosen_for(self, request: Received) -> tuple[Fault, ...]:
            self.requests.append(request)
            return ()

    api.faults = asked = Asked()
    caller.post("/billing/customers", customer(), key="k")
    caller.get("/sandbox/state")
    caller.get("/billing/customers/c-1")
    assert [(one.number, one.method, one.path, one.idempotency_key) for one in asked.requests] == [
        (1, "POST", "/billing/customers", "k"),
        (2, "GET", "/billing/customers/c-1", None),
    ]
