"""Storms: what a careful receiver counts is what the API holds."""

import json
import time
from collections import Counter

import pytest
import standardwebhooks
from standardwebhooks.webhooks import WebhookVerificationError

from pipeline.sandbox.serve import SandboxApi
from pipeline.sandbox.storm import Storm
from pipeline.sandbox.webhooks import RetrySchedule, Webhook
from tests.sandbox.caller import Caller, account, bill, customer
from tests.sandbox.receiver import Delivered, Receiver, receiving

SECRET = "the signing secret"
SOON = RetrySchedule(first_s=0.01, factor=1.5, unreachable_s=0.05)


def filled(api: SandboxApi, caller: Caller, receiver: Receiver) -> list[str]:
    """Three bills, an account and a customer that can be paid, and the receiver set as the webhook."""
    for number in range(3):
        caller.made("bills", bill(f"b-{number}", amount_due=1_000_000, customer=customer(f"c-{number}")))
    owner = customer("c-9", currency="ZAR", balance=0)
    caller.made("accounts", account("a-9", customer=owner, currency="ZAR", balance=0))
    api.send_webhooks(Webhook(receiver.url, (SECRET,), schedule=SOON))
    return ["b-0", "b-1", "b-2", "a-9", "c-9"]


class Careful:
    """A receiver that counts what it verified once for each payment and obligation, and loses answers now and then."""

    def __init__(self) -> None:
        self.sums: Counter[str] = Counter()
        self.seen: set[tuple[str, str]] = set()
        self.refused = self.known = self.calls = 0

    def __call__(self, delivered: Delivered) -> int | None:
        self.calls += 1
        try:
            event = standardwebhooks.Webhook(SECRET.encode()).verify(delivered.body, dict(delivered.headers))
        except WebhookVerificationError:
            self.refused += 1
            return 401
        if self.calls % 11 == 0:
            return 503
        data = event["data"]
        key = data["payment_id"], data["id"]
        if key in self.seen:
            self.known += 1
        else:
            self.seen.add(key)
            (name,) = data.keys() & {"bill_id", "account_id", "customer_id"}
            self.sums[data[name]] += data["amount"]
        return None if self.calls % 13 == 0 else 200


def test_after_a_storm_the_sums_of_distinct_events_are_what_the_api_holds(
    api: SandboxApi, caller: Caller
) -> None:
    careful = Careful()
    with receiving(careful) as receiver:
        references = filled(api, caller, receiver)
        paid = Storm(7, payments=200, spread_s=0.3, forged=0.1).rise(api, references)
        api.wait_for_deliveries(60)
    assert len(paid) == len(api.payments) == 200
    state = api.snapshot()
    assert {each["id"]: each["amount_paid"] for each in state["bills"]} | {
        each["id"]: -each["balance"]
        for kind in ("accounts", "customers")
        for each in state[kind]
        if each.get("balance")
    } == careful.sums
    assert careful.refused > 5
    assert careful.known > 20
    assert len({payment.id for payment in paid}) < 200
    paid_in_order = [payment.obligation_id for payment in paid]
    came = [json.loads(each.body)["data"]["id"] for each in receiver.came]
    forged = set(came) - set(paid_in_order)
    assert forged == {
        json.loads(each.body)["data"]["id"]
        for each in receiver.came
        if each.webhook_id in {attempt.webhook_id for attempt in api.deliveries if attempt.forged}
    }
    assert forged
    first_came = list(dict.fromkeys(each for each in came if each not in forged))
    moved = max(abs(first_came.index(each) - place) for place, each in enumerate(paid_in_order))
    assert moved > 30  # ten senders alone would not do that
    taken = Counter(attempt.webhook_id for attempt in api.deliveries if attempt.taken)
    assert sum(times == 2 for times in taken.values()) > 5
    under = {(json.loads(each.body)["data"]["id"], each.webhook_id) for each in receiver.came}
    assert len(under) > len(set(came)) + 5


def test_a_storm_outlives_its_receiver(api: SandboxApi, caller: Caller) -> None:
    first = Receiver()
    references = filled(api, caller, first)
    storm = Storm(8, payments=150, spread_s=0.4, late=0.0, forged=0.0, duplicates=0.0, second_events=0.0)
    storm.rise(api, references)
    until = time.monotonic() + 30
    while not first.came and time.monotonic() < until:
        time.sleep(0.01)
    first.stop()
    time.sleep(0.15)
    second = Receiver(port=first.port)
    api.wait_for_deliveries(60)
    second.stop()
    assert first.came
    assert second.came
    came = {each.webhook_id for each in first.came + second.came}
    assert came == {payment.webhook_id for payment in api.payments}


def test_one_seed_makes_one_storm(caller: Caller, api: SandboxApi) -> None:
    def storm(seed: int) -> list[tuple[str, int]]:
        with SandboxApi() as other, receiving() as receiver:
            calling = Caller(other)
            paid = Storm(seed, payments=50, spread_s=0).rise(other, filled(other, calling, receiver))
            calling.close()
        return [(payment.id, payment.amount_minor) for payment in paid]

    assert storm(1) == storm(1) != storm(2)


def test_a_storm_ends_where_nothing_is_left_to_pay(api: SandboxApi, caller: Caller) -> None:
    caller.made("bills", bill(amount_due=3))
    with pytest.raises(ValueError, match="nothing is left to pay"):
        Storm(1, payments=4).rise(api, ["b-1"])
    assert sum(payment.amount_minor for payment in api.payments) == 3


def test_what_is_lost_is_paid_and_not_told(api: SandboxApi, caller: Caller) -> None:
    with receiving() as receiver:
        references = filled(api, caller, receiver)
        paid = Storm(3, payments=40, lost=0.5, spread_s=0.1, forged=0.0).rise(api, references)
        api.wait_for_deliveries(60)
    told = {json.loads(each.body)["data"]["id"] for each in receiver.came}
    assert 5 < len(told) < 35
    assert told < {payment.obligation_id for payment in paid}
