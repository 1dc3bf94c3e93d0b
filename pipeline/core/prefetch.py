"""Work done ahead, on several cores, in the order it was asked for.

polars leaves much of a core idle where a step is small or serial; the next piece of work fills it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

WORKERS = 2
"""More of them would hold more in memory; what they call is parallel in itself."""


def prefetched(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """The results of `work`, in the order of the items.

    Items are taken in the caller's thread, and never more than `WORKERS` of them beyond the result that is waited for.
    The first exception ends it, of the work or of the items; what was begun is finished before that.
    """
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="ahead") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > WORKERS:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for each in waiting:
                each.result()
