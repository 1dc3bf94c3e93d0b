"""Requests with patience: how long a request is tried, when the load stops, and what a look-up proves.

The real wire on an event loop whose clock jumps to the next timer, so that minutes pass at once.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from functools import partial
from itertools import pairwise
from typing import Any, TypeVar

import pytest

from pipeline.core.api.rate_limiter import Pace
from pipeline.core.api.responses import Answer, Expected, Failure, Meaning, Reading
from pipeline.errors import ApiUnauthorised, ApiUnavailable
from pipeline.load.retrying_client import Delivery, Halted, RetryingClient, Uncertain
from schemas.settings import Api

T = TypeVar("T")
Reply = Answer | Failure
PROBLEM = {"content-type": "application/problem+json"}
GOOD = Answer(201, {}, b'{"id":"bill_1","external_reference":"B1"}')
FOUND = Answer(200, {}, b'{"id":"bill_1","external_reference":"B1"}')
MISSING = Answer(404, PROBLEM, b"{}")
EXPECTED = Expected({"external_reference": "B1"})


class JumpingSelector(selectors.DefaultSelector):
    """Does not wait: the clock jumps on by what would have been waited."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout:
            self.now += timeout
        return super().select(0)


class JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(work())


class Replies:
    """Answers from a list, the last one again and again; notes when and what it was sent."""

    def __init__(self, *replies: Reply, latency_s: float = 0.05) -> None:
        self.replies = list(replies)
        self.latency_s = latency_s
        self.sent: list[tuple[float, str, str, bytes | None, str | None]] = []

    async def send(self, method: str, path: str, body: bytes | None = None, key: str | None = None) -> Reply:
        self.sent.append((asyncio.get_running_loop().time(), method, path, body, key))
        await asyncio.sleep(self.latency_s)
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    @property
    def times(self) -> list[float]:
        """When creates were sent."""
        return [sent[0] for sent in self.sent if sent[1] == "POST"]


def wire(api: Replies, **changes: Any) -> RetryingClient:
    facts: dict[str, Any] = {"base_url": "https://api.example", "max_attempts": 5, "max_retry_s": 60}
    return RetryingClient(api, Api(**facts | changes), Pace())


def post(one: RetryingClient, delivery: Delivery | None = None) -> Coroutine[Any, Any, Reading]:
    sending = delivery or Delivery(one)
    return one.persist(lambda: sending.ask("POST", "/billing/bills", EXPECTED, body=b"{}", key="k"))


def test_a_good_answer_costs_one_request() -> None:
    async def main() -> None:
        api = Replies(GOOD)
        one = wire(api)
        delivery = Delivery(one)
        reading = await post(one, delivery)
        assert reading.meaning is Meaning.DONE
        assert [sent[1:] for sent in api.sent] == [("POST", "/billing/bills", b"{}", "k")]
        assert (delivery.may_have_worked, delivery.sends) == (False, 1)
        assert one.counts.model_dump() == {"sent": 1, "retried": 0, "rate_limited": 0, "looked_up": 0}

    run(main)


async def after_its_turn(one: RetryingClient, waiting_s: float, *, until: float = 0.0) -> None:
    """A request that is sent so long after its turn came, and not before `until`."""
    delivery = Delivery(one)
    await delivery.wait_for_turn()
    await asyncio.sleep(max(waiting_s, until - one.now))
    await post(one, delivery)


def test_a_turn_is_used_after_a_while_and_not_after_a_stall() -> None:
    async def main(stall_until: float) -> list[float]:
        api = Replies(GOOD)
        one = RetryingClient(api, Api(base_url="https://api.example"), Pace(max_per_second=10))
        await asyncio.gather(*[after_its_turn(one, 0.1, until=stall_until) for _ in range(8)])
        return api.times

    for stall_until in (0.0, 5.0):
        times = run(partial(main, stall_until))
        assert min(later - earlier for earlier, later in pairwise(times)) > 0.04, "a burst"
        assert times[-1] < stall_until + 0.9, "each had a turn, and used it"


def test_who_has_a_turn_keeps_a_pause_that_was_asked_for_since() -> None:
    async def main() -> list[float]:
        api = Replies(Answer(429, {"retry-after": "3"}, b""), GOOD, latency_s=0.01)
        one = wire(api)
        await asyncio.gather(post(one), *[after_its_turn(one, 0.1) for _ in range(3)])
        return api.times

    first, *others = run(main)
    assert min(others) >= first + 3.0


@pytest.mark.parametrize(
    "trouble", [Failure.CUT, Failure.TIMED_OUT, Answer(503, {}, b""), Answer(201, {}, b"{")]
)
def test_doubt_is_tried_again_under_the_same_key_and_remembered(trouble: Reply) -> None:
    async def main() -> None:
        api = Replies(trouble, trouble, GOOD)
        one = wire(api)
        delivery = Delivery(one)
        assert (await post(one, delivery)).meaning is Meaning.DONE
        assert {sent[4] for sent in api.sent} == {"k"}
        assert (delivery.may_have_worked, delivery.sends) == (True, 3)
        assert one.counts.retried == 2
        assert one.halt_reason is None

    run(main)


def test_a_request_that_never_left_leaves_no_doubt() -> None:
    async def main() -> None:
        one = wire(Replies(Failure.NEVER_CONNECTED, GOOD))
        delivery = Delivery(one)
        assert (await post(one, delivery)).meaning is Meaning.DONE
        assert delivery.may_have_worked is False

    run(main)


def test_an_earlier_doubt_is_not_lifted_by_a_later_failure_to_connect() -> None:
    async def main() -> None:
        one = wire(Replies(Failure.CUT, Failure.NEVER_CONNECTED))
        delivery = Delivery(one)
        assert (await post(one, delivery)).meaning is Meaning.NOT_SENT
        assert delivery.may_have_worked is True

    run(main)


def test_patience_is_bounded_in_attempts_and_the_api_taken_to_be_down() -> None:
    async def main() -> None:
        api = Replies(Failure.CUT)
        one = wire(api, max_attempts=5)
        assert (await post(one)).meaning is Meaning.DOUBT
        assert len(api.times) == 5
        assert isinstance(one.halt_reason, ApiUnavailable)
        with pytest.raises(Halted):
            await post(one)
        assert len(api.times) == 5

    run(main)


def test_patience_is_bounded_in_time() -> None:
    async def main() -> None:
        api = Replies(Failure.CUT)
        one = wire(api, max_attempts=100, max_retry_s=60)
        await post(one)
        assert 5 < len(api.times) < 30
        assert api.times[-1] < 60 + 31

    run(main)


def test_the_waits_between_attempts_grow() -> None:
    async def main() -> None:
        api = Replies(Failure.CUT)
        await post(wire(api, max_attempts=8, max_retry_s=600))
        gaps = [later - sooner - api.latency_s for sooner, later in pairwise(api.times)]
        assert all(later > sooner * 1.1 for sooner, later in pairwise(gaps[1:]))
        assert 0.15 < gaps[0] < 0.5

    run(main)


def test_one_record_that_never_works_does_not_stop_a_load_that_does() -> None:
    class Both(Replies):
        async def send(
            self, method: str, path: str, body: bytes | None = None, key: str | None = None
        ) -> Reply:
            await super().send(method, path, body, key)
            return Failure.CUT if key == "bad" else GOOD

    async def main() -> None:
        one = wire(Both(GOOD))

        async def others() -> None:
            for _ in range(200):
                await post(one)
                await asyncio.sleep(0.1)

        delivery = Delivery(one)

        async def bad() -> Reading:
            return await one.persist(lambda: delivery.ask("POST", "/b", EXPECTED, body=b"{}", key="bad"))

        reading, _ = await asyncio.gather(bad(), others())
        assert reading.meaning is Meaning.DOUBT
        assert one.halt_reason is None

    run(main)


# -- too many requests ---------------------------------------------------------------------------------------


def limited(after: str | None = None) -> Answer:
    return Answer(429, PROBLEM | ({"retry-after": after} if after else {}), b"{}")


def test_a_429_uses_no_attempt_and_leaves_no_doubt() -> None:
    async def main() -> None:
        api = Replies(*[limited()] * 5, GOOD)
        one = wire(api, max_attempts=1)
        delivery = Delivery(one)
        assert (await post(one, delivery)).meaning is Meaning.DONE
        assert delivery.may_have_worked is False
        assert one.counts.rate_limited == 5

    run(main)


def test_retry_after_is_obeyed_by_everybody() -> None:
    async def main() -> None:
        api = Replies(limited("20"), GOOD)
        one = wire(api)
        first = asyncio.create_task(post(one))
        await asyncio.sleep(1)
        await asyncio.gather(first, *[post(one) for _ in range(10)])
        assert [at for at in api.times if 0.1 < at < 20] == []
        assert len(api.sent) == 12

    run(main)


def test_without_retry_after_the_pauses_grow() -> None:
    async def main() -> None:
        api = Replies(*[limited()] * 5, GOOD)
        await post(wire(api))
        gaps = [later - sooner for sooner, later in pairwise(api.times)]
        for gap, pause in zip(gaps, [0.5, 1, 2, 4, 8], strict=True):
            assert pause <= gap < pause + 2

    run(main)


def test_too_many_requests_for_too_long_stop_the_load() -> None:
    async def main() -> None:
        api = Replies(limited())
        one = wire(api, max_retry_s=60)
        with pytest.raises(Halted):
            await post(one)
        assert isinstance(one.halt_reason, ApiUnavailable)
        assert api.times[-1] <= 60

    run(main)


# -- stopping ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_stops_everything_at_once(status: int) -> None:
    async def main() -> None:
        api = Replies(Answer(status, PROBLEM, b"{}"))
        one = wire(api)
        delivery = Delivery(one)
        with pytest.raises(Halted):
            await post(one, delivery)
        assert isinstance(one.halt_reason, ApiUnauthorised)
        assert delivery.may_have_worked is False
        assert len(api.sent) == 1

    run(main)


def test_a_stop_during_the_wait_for_a_second_try_keeps_the_doubt() -> None:
    async def main() -> None:
        api = Replies(Failure.CUT)
        one = wire(api, max_attempts=50)
        delivery = Delivery(one)
        task = asyncio.create_task(post(one, delivery))
        await asyncio.sleep(0.3)
        reason = ApiUnavailable(base_url="x", problem="y")
        one.halt(reason)
        one.halt(ApiUnavailable(base_url="x", problem="later"))
        with pytest.raises(Halted):
            await task
        assert delivery.may_have_worked is True
        assert one.halt_reason is reason

    run(main)


def test_a_request_that_is_cancelled_under_way_is_in_doubt() -> None:
    async def main() -> None:
        one = wire(Replies(GOOD, latency_s=5))
        delivery = Delivery(one)
        task = asyncio.create_task(post(one, delivery))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert delivery.may_have_worked is True

    run(main)


# -- look-ups ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("replies", "found"),
    [
        ([FOUND], True),
        ([MISSING], False),
        ([Failure.CUT, FOUND], True),
        ([Answer(502, {}, b"<html>"), MISSING], False),
        ([Answer(404, {}, b"<html>"), FOUND], True),
        ([limited("1"), FOUND], True),
        ([Answer(200, {}, b'{"id":"B1","external_reference":"another"}')], False),
        ([Answer(200, {}, b'{"id":"bill_1","external'), FOUND], True),
    ],
    ids=[
        "found",
        "missing",
        "cut",
        "bad gateway",
        "a gateway's 404",
        "429",
        "an id like ours",
        "half an answer",
    ],
)
def test_a_look_up_finds_or_proves_absence(replies: list[Reply], found: bool) -> None:
    async def main() -> None:
        api = Replies(*replies)
        one = wire(api)
        assert (await one.look_up("bill", "B1") is not None) is found
        assert {sent[1:3] for sent in api.sent} == {("GET", "/billing/bills/B1")}
        assert one.halt_reason is None

    run(main)


@pytest.mark.parametrize("reply", [Answer(400, PROBLEM, b"{}"), Answer(402, PROBLEM, b"{}")])
def test_a_look_up_that_is_refused_proves_nothing(reply: Answer) -> None:
    async def main() -> None:
        with pytest.raises(Uncertain):
            await wire(Replies(reply)).look_up("bill", "B1")

    run(main)


def test_a_look_up_of_an_api_that_is_down_stops_the_load() -> None:
    async def main() -> None:
        one = wire(Replies(Failure.NEVER_CONNECTED))
        with pytest.raises(Halted):
            await one.look_up("bill", "B1")
        assert isinstance(one.halt_reason, ApiUnavailable)

    run(main)


def test_what_the_api_says_is_masked_before_anybody_keeps_it() -> None:
    async def main() -> None:
        body = b'{"title":"ann@example.com","detail":"8501015800085 sk_test_abcd"}'
        reading = await post(wire(Replies(Answer(400, PROBLEM, body))))
        assert reading.message == "[e-mail]: [number] [key]"

    run(main)
