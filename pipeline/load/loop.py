"""Around the event loop of a load: stop signals are heard, and garbage is looked for seldom."""

from __future__ import annotations

import gc
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from pipeline.errors import Stopped
from pipeline.load.wire import Wire
from pipeline.signals import STOP_SIGNALS

YOUNG_OBJECTS = 50_000
"""New objects before Python looks for garbage in cycles; its default is 700."""


@contextmanager
def seldom_swept() -> Iterator[None]:
    """Look for garbage in cycles seldom: a load makes little of it, and looks took a sixth of its time."""
    before = gc.get_threshold()
    gc.set_threshold(YOUNG_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def stop_on_signals(wire: Wire) -> Iterator[None]:
    """A stop signal halts the load; whatever was to be done about it before is put back at the end.

    By handlers of Python, not of the loop: those lose a signal that comes between its last look and their removal.
    """

    def stop(number: int, _: FrameType | None) -> None:
        wire.halt(Stopped(signal_name=signal.Signals(number).name, signal_number=number))

    before = {number: signal.signal(number, stop) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
