"""The one door for what is written below work_dir: for its owner alone, and one clear line where that cannot be.

A full disk or quota, no inodes left, rights, a read-only or failing disk, and a folder that somebody removed are the
operator's matter (DiskFull), wherever they show. A test fails where another file of `pipeline/` writes without it.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, BinaryIO

from pipeline.errors import BillferryError, DiskFull

PRIVATE_FOLDER = 0o700
"""Bills are nobody else's business."""
PRIVATE_FILE = 0o600
_STAGED = ".{}.writing"
"""Name of a file until it is whole; hidden, so that nobody takes it for one."""
_OF_THE_DISK = frozenset(
    {
        *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMLINK),
        *(errno.EACCES, errno.EPERM, errno.EROFS),
        *(errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE, errno.ETIMEDOUT),
        *(errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP),
        *(errno.EMFILE, errno.ENFILE, errno.ENOLCK),
    }
)
"""What may go wrong with a disk, a folder or this machine, and not with the program."""
_AT_FDCWD, _RENAME_NOREPLACE = -100, 1
"""Source: renameat2(2) of Linux."""
NO_SUCH_CALL = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EMLINK}
"""How file systems say that they have no such call, or no links."""


@contextmanager
def writing(where: object) -> Iterator[None]:
    """Report what the disk refuses inside the block as DiskFull; other errors pass.

    polars has errors of its own, known only by the system's words in them.

    Args:
        where: the path that the message names.
    """
    try:
        yield
    except OSError as error:
        if (number := _number(error)) is None:
            raise
        raise DiskFull(where=where, problem=error.strerror or os.strerror(number)) from error
    except BillferryError:
        raise
    except Exception as error:
        if (number := _number(error)) is None:
            raise
        raise DiskFull(where=where, problem=os.strerror(number)) from error


def _number(error: Exception) -> int | None:
    """The system's number of what went wrong, where it is the disk's."""
    if isinstance(error, OSError) and error.errno in _OF_THE_DISK:
        return error.errno
    return next((number for number in _OF_THE_DISK if f"os error {number})" in str(error)), None)


def private_folder(folder: Path, *, close: bool = False) -> None:
    """Make a folder below one that exists.

    A folder that is missing above it was removed, and is not made again.

    Args:
        close: take others' rights away, also where the folder already exists.

    Raises:
        DiskFull: it cannot be made, or is not ours to change.
    """
    with writing(folder):
        if not folder.is_dir():
            with suppress(FileExistsError):
                folder.mkdir(mode=PRIVATE_FOLDER)
            close = True  # a strict umask may have taken our own bits
        if close:
            folder.chmod(PRIVATE_FOLDER)


def private_folders(folder: Path) -> None:
    """Make a folder that a person named, and those above it that are missing. Raises DiskFull."""
    with writing(folder):
        parent_is_missing = not folder.parent.is_dir()
    if parent_is_missing:
        private_folders(folder.parent)
    private_folder(folder)


@contextmanager
def new_file(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """A new private file, open for writing while the block lasts.

    Args:
        durable: its content is on the disk when the block ends; its name only after `sync_folder`.

    Raises:
        FileExistsError: there is one of that name. DiskFull: it cannot be made.
    """
    with writing(path.parent):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, PRIVATE_FILE)
            yield file
            file.flush()
            if durable:
                os.fsync(descriptor)


@contextmanager
def replaced_file(path: Path, *, mode: int = PRIVATE_FILE, durable: bool = True) -> Iterator[BinaryIO]:
    """A file that takes the place of the one at `path` when the block ends well; nothing is left of it otherwise.

    Its name until then is fixed, so that a killed run leaves at most one behind, which the next one replaces.
    Not for two runs at once.

    Args:
        mode: permissions of the file once it is in place.
        durable: content and name are on the disk when the block ends.

    Raises:
        DiskFull: it cannot be written.
    """
    staged = path.with_name(_STAGED.format(path.name))
    remove(staged)
    try:
        with new_file(staged, durable=durable) as file:
            yield file
        with writing(path.parent):
            if mode != PRIVATE_FILE:
                staged.chmod(mode)
            staged.replace(path)
        if durable:
            sync_folder(path.parent)
    except BaseException:
        with suppress(OSError):
            staged.unlink()
        raise


def staged_name(name: str) -> str:
    """What `replaced_file` calls a file until it is whole."""
    return _STAGED.format(name)


@contextmanager
def scratch_folder(prefix: str, within: Path | None = None) -> Iterator[Path]:
    """A private folder that is removed when the block ends, below `within` or where the system keeps such.

    Raises:
        DiskFull: it cannot be made.
    """
    with writing(within or tempfile.gettempdir()):
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=within))
    try:
        with writing(folder):
            folder.chmod(PRIVATE_FOLDER)
        yield folder
    finally:
        remove_tree(folder)


@contextmanager
def nameless_file(within: Path) -> Iterator[IO[bytes]]:
    """A file without a name, to write and read again; gone when the block ends, also after a kill. Raises DiskFull."""
    with writing(within), tempfile.TemporaryFile(dir=within) as file:
        yield file


def linked_copy(source: Path, target: Path) -> None:
    """The same file under a second name, in a new private folder, on one file system. Raises DiskFull."""
    private_folder(target.parent)
    with writing(target.parent):
        target.hardlink_to(source)


def put_in_place(source: Path, target: Path) -> None:
    """Rename, on one file system, over what is there. Raises DiskFull."""
    with writing(target.parent):
        source.replace(target)


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
            if error.errno not in NO_SUCH_CALL:
                raise
            continue
        return True
    # Neither call: FAT, some network drives. A file that comes between these two steps would be lost.
    if os.path.lexists(target):
        return False
    source.rename(target)
    return True


def _rename_in_one(source: Path, target: Path) -> None:
    """By renameat2(2) with RENAME_NOREPLACE, which Python does not offer. Raises FileExistsError, OSError."""
    import ctypes  # noqa: PLC0415 (hardly a command moves files)

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


def remove(path: Path) -> None:
    """Remove a file that need not be there. Raises DiskFull when it may not be removed."""
    with writing(path.parent), suppress(FileNotFoundError):
        path.unlink()


def remove_tree(folder: Path) -> bool:
    """Remove a folder and all in it, as far as that goes; whether it is gone. Raises nothing."""
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


def sync_file(path: Path) -> None:
    """A file that something else wrote, and its name, are on the disk when this returns. Raises DiskFull."""
    with writing(path):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Names in a folder are on the disk when this returns. Raises DiskFull. Source: fsync(2)."""
    with writing(folder):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
