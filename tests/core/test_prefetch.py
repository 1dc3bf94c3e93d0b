"""Work that is done ahead comes back in order, and nothing that was begun is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from pipeline.core.prefetch import WORKERS, prefetched


def test_results_come_in_the_order_of_the_items_whichever_is_ready_first() -> None:
    def slow_when_even(number: int) -> int:
        time.sleep(0.02 * (number % 2 == 0))
        return number

    assert list(prefetched(slow_when_even, range(20))) == list(range(20))


def test_few_items_are_taken_beyond_the_result_that_is_waited_for() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(50):
            taken += 1
            yield number

    for done, _ in enumerate(prefetched(abs, items()), start=1):
        assert taken <= done + WORKERS


def test_work_is_done_in_other_threads_and_items_are_taken_in_the_callers() -> None:
    here, seen = threading.get_ident(), set[int]()

    def items() -> Iterator[int]:
        for _ in range(4):
            seen.add(threading.get_ident())
            yield 0

    workers = set(prefetched(lambda _: threading.get_ident(), items()))
    assert seen == {here}
    assert here not in workers


def test_what_was_begun_is_finished_when_the_items_end_with_an_error() -> None:
    done: list[int] = []

    def work(number: int) -> None:
        time.sleep(0.05)
        done.append(number)

    def items() -> Iterator[int]:
        yield from range(4)
        raise LookupError

    with pytest.raises(LookupError):
        list(prefetched(work, items()))
    assert sorted(done) == [0, 1, 2, 3]


def test_an_error_of_the_work_is_raised_where_its_result_is_waited_for() -> None:
    def work(number: int) -> int:
        if number == 3:
            raise LookupError
        return number

    results = prefetched(work, range(10))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(LookupError):
        next(results)


def test_an_error_of_the_work_is_not_lost_behind_one_of_the_items() -> None:
    def work(number: int) -> int:
        time.sleep(0.02)
        raise OSError(number)

    def items() -> Iterator[int]:
        yield 0
        raise LookupError

    with pytest.raises(OSError, match="0"):
        list(prefetched(work, items()))
