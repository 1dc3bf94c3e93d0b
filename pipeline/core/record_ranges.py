"""Numbers of records as people write them: `3,7-9`, or `all`."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Sequence

from pipeline.errors import UsageError

Ranges = Sequence[tuple[int, int]]
"""First and last number of each, in the order in which they were written."""
_ONE = re.compile(r"([0-9]{1,12})(?:-([0-9]{1,12}))?", re.ASCII)
MOST_SHOWN = 5


def record_ranges(text: str) -> Ranges | None:
    """`3,7-9` → (3, 3), (7, 9); None for `all`. Raises UsageError for anything else."""
    if text.strip().lower() == "all":
        return None
    found = []
    for part in text.split(","):
        match = _ONE.fullmatch(part.strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 0 < first <= last:
            raise UsageError(
                problem=f"--records {text} is not a list of record numbers",
                remedy="write numbers and ranges, such as 3,7-9, or all",
            )
        found.append((first, last))
    return found


def numbers_in(ranges: Ranges, known: Container[int]) -> Iterator[int]:
    """Numbers of the ranges, ascending and each once, up to and with the first that is not `known`.

    Nothing is enumerated behind that one: a range may reach far beyond any file.
    """
    last_seen = 0
    for first, last in sorted(ranges):
        for number in range(max(first, last_seen + 1), last + 1):
            last_seen = number
            yield number
            if number not in known:
                return


def shown(numbers: Iterable[int]) -> str:
    """`3, 7 and 12`, `1, 2, 3, 4, 5 and 6 more`."""
    every = [str(number) for number in numbers]
    some, left = every[:MOST_SHOWN], len(every) - MOST_SHOWN
    if left > 0:
        some.append(f"{left} more")
    return some[0] if len(some) == 1 else f"{', '.join(some[:-1])} and {some[-1]}"
