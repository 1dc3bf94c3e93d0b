"""Stopping cleanly: signals become `Stopped`, also while polars works in another thread.

A signal handler runs only between two steps of the main thread, and polars may take minutes for one. So long
work runs in a thread of its own while the main thread waits where it can be interrupted.

Handlers are installed for the command line alone, within its `answered()`. In a program that uses this one as a library
signals are that program's, and runs may be at work in any thread.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import ClassVar, TypeVar

from pipeline.errors import BillferryError, Stopped

T = TypeVar("T")

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
ANSWER_S = 0.1


_answered = threading.Event()


class _HeldBack:
    """Stop signals that wait until a step of the main thread is done."""

    depth = 0
    waiting: ClassVar[list[Callable[[], None]]] = []


@contextmanager
def answered() -> Iterator[None]:
    """Within the block stop signals are ours: this process is the command line."""
    _answered.set()
    try:
        yield
    finally:
        _answered.clear()


@contextmanager
def on_stop(told: Callable[[Stopped], None]) -> Iterator[None]:
    """Within the block, a stop signal tells; whatever was to be done about it before is put back at the end.

    Nothing changes where signals are not ours (`answered`), nor outside of the main thread, where Python delivers none.
    """
    if not _answered.is_set() or threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, _: FrameType | None) -> None:
        stopped = Stopped(signal_name=signal.Signals(number).name, signal_number=number)
        if _HeldBack.depth:
            _HeldBack.waiting.append(lambda: told(stopped))
        else:
            told(stopped)

    before = {number: signal.signal(number, handle) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def held_back() -> Iterator[None]:
    """Within the block stop signals wait for its end: a step that must not be left half done, and is short.

    A client of a database whose answer is not waited for has a connection that is of no more use.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _HeldBack.depth += 1
    try:
        yield
    finally:
        _HeldBack.depth -= 1
        while _HeldBack.waiting and not _HeldBack.depth:
            _HeldBack.waiting.pop(0)()


@contextmanager
def stoppable() -> Iterator[Callable[[], None]]:
    """Within the block, a stop signal of the command line raises Stopped in the main thread; at its end at the latest.

    Python drops what is raised in a destructor or in a callback of C, and a library may swallow it. So it is raised
    again at the end, and by the check that is yielded, for blocks that last: catch it outside of the block. An error
    that the block ends with is taken for what came of the stop.
    """
    asked: list[Stopped] = []

    def check() -> None:
        if asked:
            raise asked[0]

    def stop(stopped: Stopped) -> None:
        asked.append(stopped)
        check()

    with on_stop(stop):
        try:
            yield check
        except BillferryError:
            check()
            raise
    check()


def when_parent_ends(then: Callable[[], None]) -> None:
    """Call `then` once standard input ends: the process that started this one has the other end of it, and is gone.

    In a thread of its own. Not through `sys.stdin`, whose lock such a thread would still have at the exit, where
    Python aborts because of it.
    """

    def wait() -> None:
        while os.read(0, 4096):
            pass
        then()

    threading.Thread(target=wait, name="parent", daemon=True).start()


def interruptible(work: Callable[[Callable[[], None]], T]) -> T:
    """Run `work` in a thread; a signal stops the wait at once and the work at its next `checkpoint()`.

    `work` is given that checkpoint. The thread is a daemon, so that one long step cannot hold up the exit.
    """
    abandoned = threading.Event()
    results: list[T] = []
    failures: list[BaseException] = []

    def checkpoint() -> None:
        if abandoned.is_set():
            raise _Abandoned

    def body() -> None:
        try:
            results.append(work(checkpoint))
        except BaseException as failure:  # noqa: BLE001 (raised again by the main thread)
            failures.append(failure)

    thread = threading.Thread(target=body, name="work", daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(ANSWER_S)
    except BaseException:
        abandoned.set()
        raise
    if failures:
        raise failures[0]
    return results[0]


class _Abandoned(Exception):
    """Ends work that nobody waits for any more."""
