"""The drop folder, and files named on the command line: bill files that are already on this machine."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from pipeline.core.files import Listed, Listing, RemoteFile, SourceName
from pipeline.core.names import free_names, name_problem, shown, shown_name
from pipeline.errors import ConfigError, SourceError, SourceFileGone, SourceFileUnsettled
from schemas.settings import Drop

BLOCK_BYTES = 1 << 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class DropFolder:
    """Where people and programs put bill files. Links are never followed, nothing is ever overwritten."""

    name: SourceName = "drop"

    def __init__(self, settings: Drop, *, done_marker: str | None = None) -> None:
        self.settle_s: float = settings.settle_s
        self.done_marker = done_marker
        self.where = f"drop folder {settings.folder}"
        self._folder = settings.folder
        self._places = {"archive": settings.archive, "quarantine": settings.quarantine}

    def list(self) -> Listing:
        """Its regular files. Folders in it are left alone; anything else is an oddity. Raises SourceError."""
        _make_folder(self._folder, "drop.folder")
        files, oddities = [], []
        with self._reported("it"), os.scandir(os.fsencode(self._folder)) as entries:
            for entry in entries:
                try:
                    facts = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # taken away while we looked
                problem = name_problem(entry.name) or _kind_problem(facts.st_mode)
                if stat.S_ISDIR(facts.st_mode):
                    continue
                if problem:
                    oddities.append(f"{shown(entry.name)}: {problem}; left in the {self.where}")
                else:
                    files.append(Listed(entry.name.decode(), facts.st_size, modified_at(facts)))
        return Listing(tuple(files), tuple(oddities))

    def read_head(self, remote: RemoteFile, size_bytes: int) -> bytes:
        """The first bytes of a file, to tell what it is."""
        with _opened(self._folder / remote.name, self.where, remote.name) as handle:
            return os.read(handle.number, size_bytes)

    def blocks(self, remote: RemoteFile) -> Iterator[bytes]:
        """The whole file as it was when it was listed.

        Raises:
            SourceFileUnsettled: it changed since, or while it was read.
        """
        path = self._folder / remote.name
        with self._reported(shown_name(remote.name)):
            yield from _whole(path, self.where, remote.name, expected=(remote.size_bytes, remote.modified_at))

    def move(self, remote: RemoteFile, place: Literal["archive", "quarantine"], as_name: str) -> str | None:
        """Move the file as it was listed; the name it has there, or None when no such folder is configured.

        Raises:
            SourceFileUnsettled: another file has that name by now; it stays.
        """
        folder = self._places[place]
        if folder is None:
            return None
        _make_folder(folder, f"drop.{place}")
        source = self._folder / remote.name
        with self._reported(shown_name(remote.name)):
            here = _facts(source)
            if here is None:
                return self._moved_before(remote, folder, as_name)
            if (here.st_size, modified_at(here)) != (remote.size_bytes, remote.modified_at):
                raise SourceFileUnsettled(source=self.where, name=shown_name(remote.name))
            for name in free_names(as_name):
                if _move_exclusively(source, folder / name):
                    return name
        raise SourceError(
            source=self.where, problem=f"no free name in {folder}", remedy="clear out that folder"
        )

    def _moved_before(self, remote: RemoteFile, folder: Path, as_name: str) -> str:
        there = _facts(folder / as_name)
        if there is not None and there.st_size == remote.size_bytes:
            return as_name
        raise SourceFileGone(source=self.where, name=shown_name(remote.name), folder=folder)

    def upload(self, local: Path, folder: str, name: str) -> None:
        """Reports of the drop folder stay in work_dir: nothing to do."""

    def close(self) -> None:
        """Nothing is held open."""

    @contextmanager
    def _reported(self, what: str) -> Iterator[None]:
        """The system's refusals as a trouble of this source, which is tried again by the next run."""
        try:
            yield
        except OSError as error:
            raise SourceError(
                source=self.where,
                problem=f"{what} cannot be read or moved ({os.strerror(error.errno or 0)})",
                remedy="check the rights of the folders, and the room on their disk",
            ) from error


def named_blocks(path: Path) -> Iterator[bytes]:
    """The whole of a file named on the command line; a link to it is followed.

    Raises:
        SourceFileUnsettled: it changed while it was read.
        SourceError: it is not there, not readable, or not a regular file.
    """
    yield from _whole(path, "named file", path.name, expected=None)


def modified_at(facts: os.stat_result) -> datetime:
    """Modification time in UTC, to the microsecond; the epoch when it is beyond what dates can be."""
    try:
        return _EPOCH + timedelta(microseconds=facts.st_mtime_ns // 1000)
    except OverflowError:
        return _EPOCH


class _Handle:
    """An open file that closes itself, and what it was when it was opened."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __enter__(self) -> _Handle:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.number)

    def facts(self) -> tuple[int, datetime]:
        facts = os.fstat(self.number)
        return facts.st_size, modified_at(facts)


def _opened(path: Path, where: str, name: str, *, follow: bool = False) -> _Handle:
    # O_NONBLOCK: a named pipe in place of a file must not hang the run.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    try:
        handle = _Handle(os.open(path, flags))
    except OSError as error:
        raise SourceError(
            source=where,
            problem=f"{shown_name(name)} cannot be read ({os.strerror(error.errno or 0)})",
            remedy="check the file and its rights",
        ) from error
    if not stat.S_ISREG(os.fstat(handle.number).st_mode):
        with handle:
            raise SourceError(
                source=where, problem=f"{shown_name(name)} is no regular file", remedy="name a file"
            )
    return handle


def _whole(path: Path, where: str, name: str, *, expected: tuple[int, datetime] | None) -> Iterator[bytes]:
    unsettled = SourceFileUnsettled(source=where, name=shown_name(name))
    with _opened(path, where, name, follow=expected is None) as handle:
        before, got_bytes = handle.facts(), 0
        if expected is not None and before != expected:
            raise unsettled
        # One byte beyond the stated size is asked for, so that growth shows at once.
        while block := os.read(handle.number, min(BLOCK_BYTES, before[0] - got_bytes + 1)):
            got_bytes += len(block)
            if got_bytes > before[0]:
                raise unsettled
            yield block
        named_now = _facts(path, follow=expected is None)
        if got_bytes != before[0] or handle.facts() != before or named_now is None:
            raise unsettled
        if not os.path.samestat(named_now, os.fstat(handle.number)):
            raise unsettled  # another file has taken the name


def _facts(path: Path, *, follow: bool = False) -> os.stat_result | None:
    try:
        return path.stat(follow_symlinks=follow)
    except FileNotFoundError:
        return None


def _kind_problem(mode: int) -> str | None:
    if stat.S_ISLNK(mode):
        return "a symbolic link"
    return None if stat.S_ISREG(mode) else "not a regular file"


def _make_folder(folder: Path, key: str) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            where=key,
            problem=f"{folder} cannot be created ({os.strerror(error.errno or 0)})",
            remedy="create it or name another",
        ) from error


def _move_exclusively(source: Path, target: Path) -> bool:
    """Rename without overwriting; False when the name is taken. A hard link fails where rename would overwrite."""
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        # A run that was killed between the two steps left both names on one file.
        if not os.path.samestat(source.lstat(), target.lstat()):
            return False
    except OSError as error:
        if error.errno not in {errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS}:
            raise
        return _copy_exclusively(source, target)
    source.unlink()
    return True


def _copy_exclusively(source: Path, target: Path) -> bool:
    """For another file system: copied beside, synced, put in its place whole, then removed here."""
    if os.path.lexists(target):  # asked before too: a copy may be long
        return False
    descriptor, part = tempfile.mkstemp(prefix=".move-", suffix=".part", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as copy, source.open("rb") as original:
            shutil.copyfileobj(original, copy, BLOCK_BYTES)
            copy.flush()
            os.fsync(copy.fileno())
        shutil.copystat(source, part)
        if os.path.lexists(target):  # not every file system has links that would say so themselves
            return False
        Path(part).replace(target)
    finally:
        Path(part).unlink(missing_ok=True)
    source.unlink()
    return True
