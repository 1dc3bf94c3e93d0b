"""Many sentences, told briefly: a thousand odd names in a folder must not bury the one line that counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

MOST_LINES = 20


def truncate_messages(texts: Sequence[str]) -> Iterator[str]:
    """The first of them, and how many more there are."""
    yield from texts[:MOST_LINES]
    if len(texts) > MOST_LINES:
        yield f"and {len(texts) - MOST_LINES} more like these"
