"""One run at a time per work_dir; a holder that dies blocks nobody."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.edge.local.lock import (
    held_folder,
    held_scratch_folder,
    is_abandoned,
    only_run,
    remove_abandoned,
)
from pipeline.errors import AnotherRun

HOLD = """
import sys, time
from pathlib import Path
from pipeline.edge.local.lock import only_run
with only_run(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def held_by_file(lock: Path) -> Iterator[bool]:
    """The file alone, as somebody without knowledge of the folder locks it; whether it was free."""
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


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
        assert time.monotonic() - began < 20
    assert caught.value.exit_status == 4
    assert f"process {holder.pid}" in str(caught.value)


def test_a_lock_whose_file_was_deleted_still_holds(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path / "lock"):
        (tmp_path / "lock").unlink()
        for _ in range(2):  # the second time a new file may be there
            with pytest.raises(AnotherRun) as caught, only_run(tmp_path / "lock"):
                pytest.fail("two runs at once")
            assert caught.value.exit_status == 4


def test_a_lock_whose_file_was_replaced_meanwhile_is_not_taken_for_the_old_one(tmp_path: Path) -> None:
    """Where folders cannot be locked the file counts: one that was deleted while we waited is nobody's lock."""
    with held_elsewhere(tmp_path / "lock") as holder:

        def replace() -> None:
            (tmp_path / "lock").unlink()
            holder.terminate()

        threading.Timer(0.3, replace).start()
        with only_run(tmp_path / "lock", wait_s=20), held_by_file(tmp_path / "lock") as free:
            assert not free, "what is locked is what others will find"


def test_a_run_of_an_earlier_version_which_locks_the_file_alone_is_another_run(tmp_path: Path) -> None:
    with held_by_file(tmp_path / "lock") as free:
        assert free
        with pytest.raises(AnotherRun), only_run(tmp_path / "lock"):
            pytest.fail("two runs at once")
    with only_run(tmp_path / "lock"):
        pass


def test_the_holder_learns_that_its_folder_is_not_there_any_more(tmp_path: Path) -> None:
    work_dir = tmp_path / "var"
    work_dir.mkdir()
    with only_run(work_dir / "lock") as in_place:
        assert in_place()
        work_dir.rename(tmp_path / "elsewhere")
        assert not in_place()
        work_dir.mkdir()
        assert not in_place(), "another folder of that name is another folder"


def test_a_folder_is_abandoned_when_nobody_holds_it_whatever_the_clock_says(tmp_path: Path) -> None:
    os.utime(tmp_path, (0, 0))
    with held_folder(tmp_path):
        assert not is_abandoned(tmp_path, 60)
    assert is_abandoned(tmp_path, 60)
    os.utime(tmp_path)
    assert is_abandoned(tmp_path, 60), "nobody holds it, so whoever made it was killed"
    (not_yet := tmp_path / ".new-dry-run-1").mkdir()
    assert not is_abandoned(not_yet, 60), "whoever made it may be about to take hold of it"


def test_a_scratch_folder_has_its_name_only_while_it_is_held(tmp_path: Path) -> None:
    with held_scratch_folder("dry-run-", tmp_path) as folder:
        assert [each.name for each in tmp_path.iterdir()] == [folder.name]
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        remove_abandoned("dry-run-", tmp_path)
        assert folder.is_dir()
    assert not list(tmp_path.iterdir())
    (tmp_path / "dry-run-killed").mkdir()
    remove_abandoned("dry-run-", tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_is_held_even_when_somebody_is_just_asking_whether_it_is(tmp_path: Path) -> None:
    # As `is_abandoned` of another process does, between its two system calls.
    asking = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(asking, fcntl.LOCK_EX)
    (answered := threading.Timer(0.2, os.close, [asking])).start()
    with held_folder(tmp_path):
        answered.join()
        assert not is_abandoned(tmp_path, 60)


def test_a_run_that_waits_gets_the_lock_when_the_other_one_ends(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path / "lock") as holder:
        threading.Timer(0.3, holder.terminate).start()
        began = time.monotonic()
        with only_run(tmp_path / "lock", wait_s=100):
            assert 0.2 < time.monotonic() - began < 50


def test_a_wait_ends_when_its_time_is_over(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path / "lock"):
        began = time.monotonic()
        with pytest.raises(AnotherRun), only_run(tmp_path / "lock", wait_s=0.4):
            pytest.fail("two runs at once")
        assert 0.4 <= time.monotonic() - began < 20


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
