"""Events on the wire: signatures, retries, give-up, and deliveries that are held, doubled, forged or late."""

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import standardwebhooks
from standardwebhooks.webhooks import WebhookVerificationError

from pipeline.sandbox.serve import SandboxApi
from pipeline.sandbox.webhooks import RetrySchedule, Webhook
from tests.sandbox.caller import Caller, bill
from tests.sandbox.receiver import Delivered, Receiver, receiving

SECRET = "the signing secret"
SOON = RetrySchedule(first_s=0.01, factor=1.0, unreachable_s=0.01)
WAIT_S = 20.0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def told(api: SandboxApi, caller: Caller, receiver: Receiver) -> SandboxApi:
    """An API with a bill, whose payments are told to the receiver."""
    caller.made("bills", bill(amount_due=1000))
    api.send_webhooks(Webhook(receiver.url, (SECRET,), schedule=SOON))
    return api


def verified(delivered: Delivered, secret: str | bytes = SECRET.encode()) -> object:
    """What the oracle makes of a delivery. Raises what it raises."""
    return standardwebhooks.Webhook(secret).verify(delivered.body, dict(delivered.headers))


def test_without_a_webhook_nothing_is_sent_and_without_telling_neither(
    api: SandboxApi, caller: Caller, receiver: Receiver
) -> None:
    caller.made("bills", bill(amount_due=1000))
    api.pay("b-1", 1)
    api.send_webhooks(Webhook(receiver.url, (SECRET,)))
    api.pay("b-1", 2, told=False)
    third = api.pay("b-1", 3)
    api.wait_for_deliveries(WAIT_S)
    assert [each.body for each in receiver.came] == [third.body]
    assert api.snapshot()["bills"][0]["amount_paid"] == 6


def test_the_oracle_verifies_what_is_sent(told: SandboxApi, receiver: Receiver) -> None:
    payment = told.pay("b-1", 20)
    told.wait_for_deliveries(WAIT_S)
    (delivered,) = receiver.came
    assert verified(delivered) == payment.event
    assert delivered.webhook_id == payment.webhook_id
    assert delivered.headers["content-type"] == "application/json"
    with pytest.raises(WebhookVerificationError):
        verified(replace(delivered, body=delivered.body.replace(b"20", b"21")))
    with pytest.raises(WebhookVerificationError):
        verified(delivered, b"another secret")


@pytest.mark.parametrize(
    ("secret", "encoding", "key"),
    [
        ("plain", None, b"plain"),
        ("whsec_" + base64.b64encode(b"bytes \xff").decode(), None, b"bytes \xff"),
        ("whsec_c2Vj", "text", b"whsec_c2Vj"),
        ("c2Vj", "base64", b"sec"),
    ],
)
def test_a_secret_is_text_or_base64(
    secret: str, encoding: str | None, key: bytes, told: SandboxApi, receiver: Receiver
) -> None:
    told.send_webhooks(Webhook(receiver.url, (secret,), encoding))  # type: ignore[arg-type]
    told.pay("b-1", 1)
    told.wait_for_deliveries(WAIT_S)
    assert verified(receiver.came[0], key)


def test_while_a_secret_is_replaced_both_have_signed(told: SandboxApi, receiver: Receiver) -> None:
    told.send_webhooks(Webhook(receiver.url, ("old", "new")))
    told.pay("b-1", 1)
    told.wait_for_deliveries(WAIT_S)
    (delivered,) = receiver.came
    assert verified(delivered, b"old") == verified(delivered, b"new")


def test_it_is_told_until_it_is_taken_each_time_with_a_new_time_stamp(
    told: SandboxApi, receiver: Receiver
) -> None:
    answers = iter([503, None, 307, 404, 204])
    receiver.answering = lambda _: next(answers)
    seconds = iter(range(int(time.time()), int(time.time()) + 100))
    told.send_webhooks(Webhook(receiver.url, (SECRET,), schedule=SOON, seconds=lambda: next(seconds)))
    payment = told.pay("b-1", 1)
    told.wait_for_deliveries(WAIT_S)
    assert [each.status for each in told.deliveries] == [503, None, 307, 404, 204]
    assert [each.number for each in told.deliveries] == [1, 2, 3, 4, 5]
    assert told.deliveries[1].error
    assert len(receiver.came) == 5  # none of them at the address of the redirect
    stamps = [each.signed_at_s for each in receiver.came]
    assert stamps == list(range(stamps[0], stamps[0] + 5))
    assert len({each.headers["webhook-signature"] for each in receiver.came}) == 5
    assert [verified(each) for each in receiver.came] == [payment.event] * 5


def test_a_receiver_that_is_slow_has_not_answered(told: SandboxApi, receiver: Receiver) -> None:
    pauses = iter([0.5, 0.0])

    def slowly(_: Delivered) -> int:
        time.sleep(next(pauses))
        return 200

    receiver.answering = slowly
    told.send_webhooks(Webhook(receiver.url, (SECRET,), schedule=SOON, timeout_s=0.2))
    told.pay("b-1", 1)
    told.wait_for_deliveries(WAIT_S)
    assert [each.error for each in told.deliveries] == ["no answer within 0.2 s", ""]


def test_pauses_grow_and_after_three_days_it_is_given_up(told: SandboxApi, receiver: Receiver) -> None:
    receiver.answering = lambda _: 500
    schedule = RetrySchedule()
    told.send_webhooks(Webhook(receiver.url, (SECRET,), schedule=schedule))
    told.pay("b-1", 1)
    passed_s = 0.0
    for number in range(1, 100):
        until = time.monotonic() + WAIT_S
        while len(told.deliveries) < number and time.monotonic() < until:
            time.sleep(0.002)
        assert len(told.deliveries) == number
        pause_s = schedule.pause_s(number, reached=True)
        if passed_s + pause_s > 3 * 86_400:
            break
        told.clock.advance(pause_s - 2)
        assert len(told.deliveries) == number
        told.clock.advance(2)
        passed_s += pause_s
    told.wait_for_deliveries(WAIT_S)
    assert number == 18  # after 5 s … 5.7 h, each four times the one before: 7.6 h; then every 6 h
    assert len(told.deliveries) == number
    assert told.snapshot()["bills"][0]["amount_paid"] == 1


def test_pauses_are_longer_and_longer_up_to_a_limit_and_short_while_nobody_listens() -> None:
    schedule = RetrySchedule(first_s=1, factor=10, most_s=500, unreachable_s=20)
    assert [schedule.pause_s(n, reached=True) for n in range(1, 6)] == [1, 10, 100, 500, 500]
    assert [schedule.pause_s(n, reached=False) for n in range(1, 6)] == [1, 10, 20, 20, 20]


def test_after_a_jump_of_the_clock_what_waits_is_due(told: SandboxApi, receiver: Receiver) -> None:
    receiver.answering = lambda _: 503
    told.send_webhooks(Webhook(receiver.url, (SECRET,), schedule=RetrySchedule(first_s=3600)))
    told.pay("b-1", 1)
    with pytest.raises(TimeoutError, match="1 deliveries are still open"):
        told.wait_for_deliveries(0.2)
    receiver.answering = lambda _: 200
    told.clock.advance(3600)
    told.wait_for_deliveries(WAIT_S)
    assert [each.status for each in told.deliveries] == [503, 200]
    assert abs(receiver.came[1].signed_at_s - time.time()) < 60  # a receiver's clock did not jump


def test_a_receiver_that_comes_back_on_its_port_gets_what_it_missed(told: SandboxApi) -> None:
    gone = Receiver()
    gone.stop()
    told.send_webhooks(Webhook(gone.url, (SECRET,), schedule=SOON))
    paid = [told.pay("b-1", 1) for _ in range(20)]
    with pytest.raises(TimeoutError):
        told.wait_for_deliveries(0.2)
    back = Receiver(port=gone.port)
    told.wait_for_deliveries(WAIT_S)
    back.stop()
    assert sorted(each.webhook_id for each in back.came) == sorted(each.webhook_id for each in paid)


def test_several_deliveries_are_under_way_at_once_and_no_more_than_are_allowed(
    told: SandboxApi, receiver: Receiver
) -> None:
    under_way, most = set(), 0

    def slowly(delivered: Delivered) -> int:
        nonlocal most
        under_way.add(delivered.webhook_id)
        most = max(most, len(under_way))
        time.sleep(0.05)
        under_way.discard(delivered.webhook_id)
        return 200

    receiver.answering = slowly
    told.send_webhooks(Webhook(receiver.url, (SECRET,), senders=3))
    for _ in range(9):
        told.pay("b-1", 1)
    told.wait_for_deliveries(WAIT_S)
    assert most == 3


def test_held_deliveries_come_in_the_order_that_is_wanted(told: SandboxApi, receiver: Receiver) -> None:
    told.hold_deliveries()
    paid = [told.pay("b-1", amount) for amount in (1, 2, 3)]
    told.wait_for_deliveries(0)
    assert receiver.came == []
    told.release_deliveries(lambda held: [held[2], held[0]])
    told.wait_for_deliveries(WAIT_S)
    assert [each.webhook_id for each in receiver.came] == [paid[2].webhook_id, paid[0].webhook_id]
    told.pay("b-1", 4)
    told.wait_for_deliveries(WAIT_S)
    assert len(receiver.came) == 3


def test_an_event_comes_again_under_its_id_and_under_another(told: SandboxApi, receiver: Receiver) -> None:
    payment = told.pay("b-1", 1)
    told.wait_for_deliveries(WAIT_S)
    told.tell_again(payment)
    told.wait_for_deliveries(WAIT_S)
    other = told.tell_again(payment, as_another=True)
    told.wait_for_deliveries(WAIT_S)
    first, again, another = receiver.came
    assert (first.webhook_id, first.body) == (again.webhook_id, again.body)
    assert another.webhook_id == other.webhook_id != first.webhook_id
    assert verified(another) == {**payment.event, "id": other.event["id"]}
    assert other.event["id"] != payment.event["id"]
    assert told.snapshot()["bills"][0]["amount_paid"] == 1
    assert told.payments == [payment]


def test_what_is_forged_pays_nothing_and_is_tried_once(told: SandboxApi, receiver: Receiver) -> None:
    receiver.answering = lambda _: 401
    told.forge("b-1", 1)
    told.wait_for_deliveries(WAIT_S)
    (delivered,) = receiver.came
    with pytest.raises(WebhookVerificationError):
        verified(delivered)
    assert json.loads(delivered.body)["data"]["amount"] == 1
    assert told.payments == []
    assert told.snapshot()["bills"][0]["amount_paid"] == 0
    assert [(each.status, each.forged) for each in told.deliveries] == [(401, True)]


def test_a_late_delivery_is_signed_long_ago_and_then_anew(told: SandboxApi, receiver: Receiver) -> None:
    receiver.answering = lambda each: 401 if time.time() - each.signed_at_s > 180 else 200
    payment = told.pay("b-1", 1, late_s=600)
    told.wait_for_deliveries(WAIT_S)
    assert [each.status for each in told.deliveries] == [401, 200]
    first, again = receiver.came
    assert again.signed_at_s - first.signed_at_s >= 600
    with pytest.raises(WebhookVerificationError, match="old"):
        verified(first)
    assert verified(again) == payment.event


def test_a_delivery_waits_on_the_sandboxs_clock(told: SandboxApi, receiver: Receiver) -> None:
    told.pay("b-1", 1, delay_s=1000)
    quick = told.pay("b-1", 2)
    with pytest.raises(TimeoutError):
        told.wait_for_deliveries(0.1)
    assert [each.webhook_id for each in receiver.came] == [quick.webhook_id]
    told.clock.advance(1000)
    told.wait_for_deliveries(WAIT_S)
    assert len(receiver.came) == 2


def test_a_sandbox_that_is_stopped_tells_nothing_and_says_so(told: SandboxApi, receiver: Receiver) -> None:
    told.pay("b-1", 1, delay_s=1000)
    told.stop()
    with pytest.raises(RuntimeError, match="not running"):
        told.pay("b-1", 1)
    assert receiver.came == []
    assert told.snapshot()["bills"][0]["amount_paid"] == 1


def test_the_time_of_payment_is_the_sandboxs(told: SandboxApi) -> None:
    told.clock.advance(86_400)
    ahead = told.pay("b-1", 1).at - datetime.now(UTC)
    assert 86_390 < ahead.total_seconds() < 86_410
