"""Moves of files: nothing is overwritten, and nothing is removed but what has reached its new place.

A name may pass to another file at any moment. So a file first gets a name that nobody else has, hidden and in the same
folder, and only by that name is it looked at, moved or given its old name back. Wherever a run is killed, the file
is whole under one of these names, and a later run finds it.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from pipeline.core.names import ASIDE_DIGITS, aside_name
from pipeline.edge.disk import NO_SUCH_CALL, rename_exclusively
from pipeline.edge.local.file_facts import BLOCK_BYTES, same_file

PART = ".part"
"""Ending of a copy that is not whole yet."""


class ChangedMeanwhile(Exception):
    """Somebody wrote into the file while it was copied."""


def set_aside(path: Path) -> Path | None:
    """Give a file a hidden name in the same folder that nobody else has; None when it is gone.

    The name begins with the file's own, so that a later run can give it back. Raises OSError.
    """
    digits = secrets.token_hex(ASIDE_DIGITS // 2)
    aside = path.with_name(os.fsdecode(aside_name(os.fsencode(path.name), digits)))
    try:
        path.rename(aside)
    except FileNotFoundError:
        return None
    return aside


def move_exclusively(aside: Path, target: Path, tag: str) -> bool:
    """Move a file that was set aside, durably; False when the target's name is taken, and nothing is moved then.

    Args:
        tag: marks the copy that is made when the target is on another file system, see `remove_half_copied`.

    Raises:
        ChangedMeanwhile: somebody wrote into the file while it was copied.
        OSError: the system refuses.
    """
    try:
        moved = rename_exclusively(aside, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return _copy_exclusively(aside, target, tag)
    if moved:
        _sync(target.parent)
    return moved


def remove_half_copied(folder: Path, tag: str) -> None:
    """Remove copies with this tag that were not finished.

    Only while the run's lock is held: one may be in the making. What cannot be removed stays.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            is_ours = entry.name.startswith(_part_prefix(tag)) and entry.name.endswith(PART)
            if is_ours and entry.is_file(follow_symlinks=False):
                Path(entry.path).unlink(missing_ok=True)


def _copy_exclusively(aside: Path, target: Path, tag: str) -> bool:
    """For another file system: copied beside its place, synced, put there whole, and only then removed here."""
    if os.path.lexists(target):  # asked before too: a copy may be long
        return False
    descriptor, name = tempfile.mkstemp(prefix=_part_prefix(tag), suffix=PART, dir=target.parent)
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as copy, aside.open("rb") as original:
            before = os.fstat(original.fileno())
            shutil.copyfileobj(original, copy, BLOCK_BYTES)
            copy.flush()
            shutil.copystat(aside, part)
            os.fsync(copy.fileno())
            whole = os.fstat(copy.fileno()).st_size == before.st_size
            if not whole or not same_file(before, os.fstat(original.fileno())):
                raise ChangedMeanwhile
        if not rename_exclusively(part, target):
            return False
    finally:
        part.unlink(missing_ok=True)
    _sync(target.parent)
    aside.unlink()
    return True


def _part_prefix(tag: str) -> str:
    """How the names of unfinished copies with this tag begin."""
    return f".move-{tag}-"


def _sync(folder: Path) -> None:
    """A new name is on the disk when this returns; some file systems cannot sync folders."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno not in NO_SUCH_CALL:
            raise
    finally:
        os.close(number)
