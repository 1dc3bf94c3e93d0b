"""A stop signal is answered at once, also while polars works, and what was set before is set again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from pipeline.errors import LedgerUnreachable, Stopped
from pipeline.signals import STOP_SIGNALS, answered, held_back, interruptible, stoppable

AT_WORK = """
import sys
import polars as pl
from pipeline.errors import LedgerUnreachable, Stopped
from pipeline.signals import answered, held_back, interruptible, stoppable

def work(checkpoint):
    print("working", flush=True)
    while True:  # one long step, without a checkpoint
        pl.select(pl.int_range(20_000_000).hash().sort().sum())

try:
    with answered(), stoppable():
        interruptible(work)
except Stopped as stopped:
    print(stopped, flush=True)
    sys.exit(stopped.exit_status)
"""


@pytest.fixture
def command_line() -> Iterator[None]:
    """This process answers stop signals, as the command line does."""
    with answered():
        yield


@pytest.mark.parametrize("number", STOP_SIGNALS, ids=lambda number: number.name)
def test_a_signal_ends_the_program_within_a_second_while_polars_works(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", AT_WORK], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "working\n"
        time.sleep(0.1)
        began = time.monotonic()
        program.send_signal(number)
        said = program.stdout.readline()
        told_after_s = time.monotonic() - began
        status = program.wait(10)
    assert said.startswith(f"stopped by {number.name}")
    assert status == 128 + number
    assert told_after_s < 1


def raise_later(number: int) -> None:
    threading.Timer(0.1, os.kill, (os.getpid(), number)).start()


@pytest.mark.usefixtures("command_line")
def test_a_signal_stops_the_wait_and_then_the_work_at_its_next_checkpoint() -> None:
    ended = threading.Event()

    def work(checkpoint: Callable[[], None]) -> None:
        try:
            while True:
                checkpoint()
                time.sleep(0.01)
        finally:
            ended.set()

    raise_later(signal.SIGTERM)
    with pytest.raises(Stopped) as stopped, stoppable():
        interruptible(work)
    assert stopped.value.exit_status == 128 + signal.SIGTERM
    assert ended.wait(1)


@pytest.mark.usefixtures("command_line")
def test_handlers_are_as_before_afterwards() -> None:
    mine = [lambda *_: None for _ in STOP_SIGNALS]
    originals = [signal.signal(number, handler) for number, handler in zip(STOP_SIGNALS, mine, strict=True)]

    def fail() -> None:
        with stoppable():
            assert all(signal.getsignal(number) not in mine for number in STOP_SIGNALS)
            raise ValueError("planted")

    try:
        with stoppable():
            pass
        assert [signal.getsignal(number) for number in STOP_SIGNALS] == mine
        with pytest.raises(ValueError, match="planted"):
            fail()
        assert [signal.getsignal(number) for number in STOP_SIGNALS] == mine
        raise_later(signal.SIGTERM)
        with pytest.raises(Stopped), stoppable():
            time.sleep(5)
        assert [signal.getsignal(number) for number in STOP_SIGNALS] == mine
    finally:
        for number, handler in zip(STOP_SIGNALS, originals, strict=True):
            signal.signal(number, handler)


def test_where_the_command_line_has_not_asked_signals_are_left_alone() -> None:
    before = [signal.getsignal(number) for number in STOP_SIGNALS]
    with stoppable():
        assert [signal.getsignal(number) for number in STOP_SIGNALS] == before


@pytest.mark.usefixtures("command_line")
def test_another_thread_than_the_main_one_works_without_signals() -> None:
    def work() -> None:
        with stoppable() as check:
            check()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result(5)


class Clumsy:
    """What is raised in here is dropped by Python, as in paramiko's channels."""

    def __del__(self) -> None:
        with suppress(BaseException):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.01)


@pytest.mark.usefixtures("command_line")
def test_a_signal_that_a_destructor_swallows_is_heard_at_the_end() -> None:
    clumsy = [Clumsy()]
    with pytest.raises(Stopped), stoppable():
        clumsy.clear()


def test_work_hands_back_its_result_or_its_failure() -> None:
    assert interruptible(lambda _: 42) == 42
    assert interruptible(lambda _: None) is None

    def fail(_: Callable[[], None]) -> None:
        raise KeyError("planted")

    with pytest.raises(KeyError, match="planted"):
        interruptible(fail)


def test_what_work_raises_to_leave_is_raised_here() -> None:
    def leave(_: Callable[[], None]) -> None:
        raise SystemExit(7)

    with pytest.raises(SystemExit) as left:
        interruptible(leave)
    assert left.value.code == 7


def test_a_stop_that_something_else_was_made_of_is_a_stop(command_line: None) -> None:
    """Half done, a step may end with an error of its own, which would be put off until the next time."""

    def half_done() -> None:
        with stoppable():
            try:
                os.kill(os.getpid(), signal.SIGTERM)
            except Stopped:
                raise LedgerUnreachable(where="there", problem="half done") from None

    with pytest.raises(Stopped) as told:
        half_done()
    assert isinstance(told.value.__context__, LedgerUnreachable)


def test_a_step_that_is_held_back_from_is_done_first(command_line: None) -> None:
    done = []

    def steps() -> None:
        with stoppable():
            with held_back():
                with held_back():
                    os.kill(os.getpid(), signal.SIGTERM)
                done.append("the step")
            done.append("something after it")

    with pytest.raises(Stopped):
        steps()
    assert done == ["the step"]
