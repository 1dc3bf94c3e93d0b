"""Around the event loop of a load: garbage is looked for seldom, and the ledger's thread waits less for its turn."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG_OBJECTS = 50_000
"""New objects before Python looks for garbage in cycles; its default is 700."""
SWITCH_INTERVAL_S = 0.001
"""How long a thread keeps Python's lock while another wants it; the default is five times that. The ledger's thread
wants it for a moment only, between one wait for SQLite or the disk and the next, and the loop soon waits for it."""

_lock = threading.Lock()
_loads = [0]
"""How many loads are under way in this process."""
_before = gc.get_threshold(), sys.getswitchinterval()


@contextmanager
def tuned_interpreter() -> Iterator[None]:
    """Look for garbage in cycles seldom, and switch threads often, while the block lasts.

    A load makes little such garbage, and looks took a sixth of its time. Both settings are of the whole process, in
    which other threads may load too: the first of them sets them, and the last one puts back what was before.
    """
    global _before  # noqa: PLW0603 (there is one interpreter in a process)
    with _lock:
        if not _loads[0]:
            _before = gc.get_threshold(), sys.getswitchinterval()
            gc.set_threshold(YOUNG_OBJECTS, *_before[0][1:])
            sys.setswitchinterval(SWITCH_INTERVAL_S)
        _loads[0] += 1
    try:
        yield
    finally:
        with _lock:
            _loads[0] -= 1
            if not _loads[0]:
                gc.set_threshold(*_before[0])
                sys.setswitchinterval(_before[1])
