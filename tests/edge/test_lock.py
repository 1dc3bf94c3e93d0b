"""One run at a time per work_dir; a holder that dies blocks nobody."""

from __future__ import annotations

import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.edge.lock import only_run
from pipeline.errors import AnotherRun

HOLD = """
import sys, time
from pathlib import Path
from pipeline.edge.lock import only_run
with only_run(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def held_elsewhere(lock: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock."""
    with subprocess.Popen([sys.executable, "-c", HOLD, lock], stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            yield holder
        finally:
            holder.kill()


def test_a_second_run_is_told_at_once_who_holds_the_lock(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path / "lock") as holder:
        began = time.monotonic()
        with pytest.raises(AnotherRun) as caught, only_run(tmp_path / "lock"):
            pytest.fail("two runs at once")
        assert time.monotonic() - began < 1
    assert caught.value.exit_status == 4
    assert f"process {holder.pid}" in str(caught.value)


def test_a_run_that_waits_gets_the_lock_when_the_other_one_ends(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path / "lock") as holder:
        threading.Timer(0.3, holder.terminate).start()
        began = time.monotonic()
        with only_run(tmp_path / "lock", wait_s=20):
            assert 0.2 < time.monotonic() - began < 10


def test_a_wait_ends_when_its_time_is_over(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path / "lock"):
        began = time.monotonic()
        with pytest.raises(AnotherRun), only_run(tmp_path / "lock", wait_s=0.4):
            pytest.fail("two runs at once")
        assert 0.4 <= time.monotonic() - began < 2


def test_a_killed_run_blocks_nobody(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path / "lock") as holder:
        holder.kill()
        holder.wait()
        with only_run(tmp_path / "lock"):
            pass


def test_a_run_that_ended_leaves_the_lock_free_and_private(tmp_path: Path) -> None:
    for _ in range(2):
        with only_run(tmp_path / "lock"):
            pass
    assert stat.S_IMODE((tmp_path / "lock").stat().st_mode) == 0o600


def test_the_lock_is_given_back_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="trouble"), only_run(tmp_path / "lock"):
        raise ValueError("trouble")
    with only_run(tmp_path / "lock"):
        pass
