"""Moves of files: nothing is overwritten, and nothing is removed but what has reached its new place.

A name may pass to another file at any moment. So a file first gets a name that nobody else has, hidden and in the same
folder, and only by that name is it looked at, moved or given its old name back. Wherever a run is killed, the file
is whole under one of these names, and a later run finds it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from pipeline.core.names import ASIDE_DIGITS, aside_name
from pipeline.edge.local.file_facts import BLOCK_BYTES, same_file

PART = ".part"
"""Ending of a copy that is not whole yet."""
_AT_FDCWD, _RENAME_NOREPLACE = -100, 1
"""Source: renameat2(2) of Linux."""
_NOT_HERE = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EMLINK}
"""How file systems say that they have no such call, or no links."""


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


def rename_exclusively(source: Path, target: Path) -> bool:
    """Rename within one file system without overwriting; False when the name is taken.

    Tried in this order: renameat2 (Linux), a hard link, and looking first where a file system has neither.
    """
    for rename in (_rename_in_one, _rename_by_link):
        try:
            rename(source, target)
        except FileExistsError:
            if not os.path.samestat(source.lstat(), target.lstat()):
                return False
            source.unlink()  # two names of one file: a run was killed between link and unlink
        except OSError as error:
            if error.errno not in _NOT_HERE:
                raise
            continue
        return True
    # Neither call: FAT, some network drives. A file that comes between these two steps would be lost.
    if os.path.lexists(target):
        return False
    source.rename(target)
    return True


def remove_half_copied(folder: Path, tag: str) -> None:
    """Remove copies with this tag that were not finished.

    Only while the run's lock is held: one may be in the making. What cannot be removed stays.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            is_ours = entry.name.startswith(_part_prefix(tag)) and entry.name.endswith(PART)
            if is_ours and entry.is_file(follow_symlinks=False):
                Path(entry.path).unlink(missing_ok=True)


def _rename_in_one(source: Path, target: Path) -> None:
    """By renameat2(2) with RENAME_NOREPLACE, which Python does not offer. Raises FileExistsError, OSError."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from None
    if renameat2(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), _RENAME_NOREPLACE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(source))


def _rename_by_link(source: Path, target: Path) -> None:
    """By link(2), which fails where the name is taken; killed in between, the file has two names. Raises OSError."""
    os.link(source, target, follow_symlinks=False)
    source.unlink()


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
        if error.errno not in _NOT_HERE:
            raise
    finally:
        os.close(number)
