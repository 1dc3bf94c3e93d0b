"""Around the event loop of a load: garbage is looked for seldom."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG_OBJECTS = 50_000
"""New objects before Python looks for garbage in cycles; its default is 700."""


_lock = threading.Lock()
_loads = [0]
"""How many loads are under way in this process."""
_before = gc.get_threshold()


@contextmanager
def gc_threshold() -> Iterator[None]:
    """Look for garbage in cycles seldom: a load makes little of it, and looks took a sixth of its time.

    The threshold is of the whole process, in which other threads may load too: the first of them sets it, and the last
    one puts back what was before.
    """
    global _before  # noqa: PLW0603 (there is one threshold in a process)
    with _lock:
        if not _loads[0]:
            _before = gc.get_threshold()
            gc.set_threshold(YOUNG_OBJECTS, *_before[1:])
        _loads[0] += 1
    try:
        yield
    finally:
        with _lock:
            _loads[0] -= 1
            if not _loads[0]:
                gc.set_threshold(*_before)
