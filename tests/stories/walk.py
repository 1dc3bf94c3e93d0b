"""The walk of control through a run: which files of the house are visited, in order.

A visit begins when a file is entered of which nothing is at work yet, so that a callback is none. Seen are the files of
`run/`, and those of a stage that `run/` itself calls: what a stage does inside, and what `core` and `edge` answer, is
their own matter. So is what is fetched ahead meanwhile: control comes to it when the file is waited for.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = f"{Path(__file__).resolve().parents[2] / 'pipeline'}/"
STAGES = ("collect/", "check/", "load/", "report/")


class Walk:
    """`visits` in order; it ends when `last` returns, a function by name."""

    def __init__(self, last: str) -> None:
        self.visits: list[str] = []
        self._last = last
        self._main = threading.get_ident()
        self.ended = False

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        if event == "return" and frame.f_code.co_name == self._last:
            self.ended = True
        here = _file(frame)
        if event != "call" or self.ended or here is None or frame.f_code.co_name == "<module>":
            return
        if threading.current_thread().name == "fetch":
            return
        below = _below(frame.f_back)
        if threading.get_ident() != self._main:
            below += _below(sys._current_frames().get(self._main))
        if here in below or not _is_seen(here, below[0] if below else "run/"):
            return
        if self.visits[-1:] != [here]:
            self.visits.append(here)


@contextmanager
def walk(last: str) -> Iterator[Walk]:
    """The walk of what the block does, in this thread and those that it starts."""
    seen = Walk(last)
    gc.disable()  # collecting within sys._current_frames() waits for a lock that this holds (CPython 3.11)
    threading.setprofile(seen)
    sys.setprofile(seen)
    try:
        yield seen
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
        gc.enable()


def _is_seen(here: str, caller: str) -> bool:
    return here.startswith("run/") or (here.startswith(STAGES) and caller.startswith("run/"))


def _file(frame: FrameType) -> str | None:
    name = frame.f_code.co_filename
    return name.removeprefix(ROOT) if name.startswith(ROOT) else None


def _below(frame: FrameType | None) -> list[str]:
    """Files at work below a frame, the nearest first."""
    found = []
    while frame is not None:
        if (name := _file(frame)) is not None:
            found.append(name)
        frame = frame.f_back
    return found
