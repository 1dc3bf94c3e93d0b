"""One run at a time per work_dir: a lock that the kernel gives back when its holder dies.

What is locked is the folder itself, so that nothing can be deleted to make room for a second run, and a file in it,
which names the holder, keeps out earlier versions, and is what counts on a network drive that locks no folders.
"""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.edge.disk import PRIVATE_FILE, put_in_place, remove_tree, scratch_folder, writing
from pipeline.errors import AnotherRun

POLL_S = 0.1
"""Between two tries while waiting: flock(2) has no time-out."""
ABANDONED_S = 86_400
"""A scratch folder of that age is abandoned where nothing else tells."""
_NOT_HELD_YET = ".new-"
_HELD_BY_ANOTHER = frozenset({errno.EWOULDBLOCK, errno.EACCES})


@contextmanager
def only_run(path: Path, *, wait_s: float = 0.0) -> Iterator[Callable[[], bool]]:
    """Hold the lock at `path` and its folder while the block lasts.

    What the block gets tells, whenever it is called, whether the locked folder still has its name: one that was moved
    away is no longer the work_dir.

    Args:
        path: of the lock file, which is made; its folder must be there.
        wait_s: how long to wait for another run.

    Raises:
        AnotherRun: one of them is still taken after `wait_s` seconds; with the pid of the holder, as far as it is
            known.
        DiskFull: no room for the file, or no right to it.
    """
    deadline = time.monotonic() + wait_s
    with writing(path):
        while (held := _try_to_lock(path)) is None:
            if time.monotonic() >= deadline:
                raise AnotherRun(where=path.parent, pid=_holder(path))
            time.sleep(POLL_S)
    folder, file = held
    try:
        with writing(path):
            os.fchmod(file, PRIVATE_FILE)
            os.ftruncate(file, 0)
            os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        yield lambda: _is_at(folder, path.parent)
    finally:
        os.close(file)  # also gives the lock back
        os.close(folder)


@contextmanager
def held_folder(folder: Path) -> Iterator[None]:
    """Keep a folder from being taken for an abandoned one while the block lasts. Raises DiskFull."""
    with writing(folder):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # Waits: whoever asks `is_abandoned` has the lock for that moment. Folders on NFS cannot be locked.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def held_scratch_folder(prefix: str, within: Path | None = None) -> Iterator[Path]:
    """A private scratch folder that is held while the block lasts; `remove_abandoned` finds it when we are killed.

    It has its name from the moment on when it is held, so that nobody ever takes it for an abandoned one.

    Args:
        within: None: where the system keeps such.

    Raises:
        DiskFull: it cannot be made.
    """
    with scratch_folder(f"{_NOT_HELD_YET}{prefix}", within) as made, held_folder(made):
        folder = made.with_name(made.name.removeprefix(_NOT_HELD_YET))
        put_in_place(made, folder)
        try:
            yield folder
        finally:
            remove_tree(folder)


def remove_abandoned(prefix: str, within: Path | None = None) -> None:
    """Remove the scratch folders of that prefix whose holders were killed."""
    within = within or Path(tempfile.gettempdir())
    for pattern in (f"{prefix}*", f"{_NOT_HELD_YET}{prefix}*"):
        for left in within.glob(pattern):
            if is_abandoned(left, ABANDONED_S):
                remove_tree(left)


def is_abandoned(folder: Path, after_s: float) -> bool:
    """Whether nobody holds a folder of ours.

    Args:
        after_s: so old it must be where folders cannot be locked, and so that whoever has just made it can lock it.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        found = os.fstat(descriptor)
        if found.st_uid != os.geteuid() or (locked := _lock(descriptor)) is False:
            return False
        is_old = time.time() - found.st_mtime > after_s
        return is_old or (locked is True and not folder.name.startswith(_NOT_HELD_YET))
    finally:
        os.close(descriptor)


def _try_to_lock(path: Path) -> tuple[int, int] | None:
    """Both descriptors, locked; None when another has one of them, or somebody put another in its place meanwhile."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    file = None
    try:
        if _lock(folder) is not False and _is_at(folder, path.parent):
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
            if _lock(file, or_raise=True) is not False and _is_at(file, path):
                return folder, file
    except BaseException:
        os.close(folder)
        if file is not None:
            os.close(file)
        raise
    os.close(folder)
    if file is not None:
        os.close(file)
    return None


def _lock(descriptor: int, *, or_raise: bool = False) -> bool | None:
    """Whether it is ours now; None where such a thing cannot be locked, as folders on NFS."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD_BY_ANOTHER:
            return False
        if or_raise:
            raise
        return None
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether an open file or folder is still the one of that name."""
    try:
        there = path.stat()
    except OSError:
        return False
    ours = os.fstat(descriptor)
    return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)


def _holder(path: Path) -> str:
    """The pid that the lock file names, for the message."""
    try:
        return path.read_text(errors="replace")[:32].strip() or "unknown"
    except OSError:
        return "unknown"
