"""Around the event loop of a load: the garbage collector runs seldom."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG_OBJECTS = 50_000
"""New objects before Python looks for garbage in cycles; its default is 700."""


@contextmanager
def gc_threshold() -> Iterator[None]:
    """Look for garbage in cycles seldom: a load makes little of it, and looks took a sixth of its time.

    The threshold is of the whole process; the one from before is put back at the end.
    """
    before = gc.get_threshold()
    gc.set_threshold(YOUNG_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
