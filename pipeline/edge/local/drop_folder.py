"""The drop folder: where people and programs put bill files. One of the sources that a run collects from.

Its methods are those of `collect.Source`; names of files in arguments and results are labels (see `core.names`).
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from pipeline.core.file_stages import (
    ASIDE,
    LINK,
    NOT_REGULAR,
    Listed,
    Listing,
    Oddity,
    RemoteFile,
    SourceName,
)
from pipeline.core.names import free_names, label, name_problem, name_set_aside, raw_name, shown_name
from pipeline.edge.disk import rename_exclusively
from pipeline.edge.local.atomic_move import (
    ChangedMeanwhile,
    move_exclusively,
    remove_half_copied,
    set_aside,
)
from pipeline.edge.local.file_facts import modified_at, open_regular_file, read_whole, stat_of
from pipeline.errors import ConfigError, SourceError, SourceFileGone, SourceFileUnsettled
from schemas.settings import Drop

MAX_PUT_BACK = 1_000
"""Far more than killed runs can leave; but somebody may have given files such names."""
TAG_DIGITS = 12
"""Of a hash of the folder; enough to tell the folders of one machine apart."""
_UNSUPPORTED_NAME = {errno.EINVAL, errno.EILSEQ}
"""What drives of other systems answer to names that they cannot keep: then the file goes by its label there."""


class DropFolder:
    """Where people and programs put bill files. Links are never followed, nothing is ever overwritten."""

    name: SourceName = "drop"

    def __init__(self, settings: Drop, *, done_marker: str | None = None) -> None:
        """Args:
        done_marker: ending of the file that marks another one as complete; None where size and time must
            settle.
        """
        self.settle_s: float = settings.settle_s
        self.done_marker = done_marker
        self.where = f"drop folder {settings.folder}"
        self._folder = settings.folder
        self._folders = {"archive": settings.archive, "quarantine": settings.quarantine}
        self._facts: dict[str, os.stat_result] = {}
        """Of each file when it was read, or else listed: a name may pass to another file of that size and time."""
        self._cleaned: set[Path] = set()

    def list(self) -> Listing:
        """Its regular files. Folders in it are left alone; anything else is an oddity.

        The folder is made if it is missing.

        Raises:
            ConfigError: it cannot be made. SourceError: it cannot be read.
        """
        _make_folder(self._folder, "drop.folder")
        files, oddities, aside = [], [], []
        with self._translated_errors("it"), os.scandir(os.fsencode(self._folder)) as entries:
            for entry in entries:
                try:
                    facts = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # taken away while we looked
                if stat.S_ISDIR(facts.st_mode):
                    continue
                name, kept_name = label(entry.name), name_set_aside(entry.name)
                if kept_name is not None:
                    aside.append(entry.name)
                    oddities.append(Oddity(label(kept_name), ASIDE))
                elif problem := name_problem(entry.name) or _kind_problem(facts.st_mode):
                    oddities.append(Oddity(name, f"{problem}; it is left in the {self.where}"))
                else:
                    self._facts[name] = facts
                    files.append(Listed(name, facts.st_size, modified_at(facts)))
        return Listing(tuple(files), tuple(oddities), tuple(aside))

    def put_back(self, aside: Sequence[bytes]) -> None:
        """Give files that an interrupted move left aside their names back, as far as those are free.

        Only while the run's lock is held: a move may be under way. What cannot be renamed stays aside.
        """
        for raw in aside[:MAX_PUT_BACK]:
            kept_name = name_set_aside(raw)
            if kept_name is not None:
                with suppress(OSError):
                    rename_exclusively(self._folder / os.fsdecode(raw), self._folder / os.fsdecode(kept_name))

    def read_head(self, remote: RemoteFile, size_bytes: int) -> bytes:
        """The first bytes of a file, at most `size_bytes`. Raises SourceError."""
        with open_regular_file(self._path(remote.name), self.where, remote.name) as handle:
            return os.read(handle.number, size_bytes)

    def blocks(self, remote: RemoteFile) -> Iterator[bytes]:
        """The whole file as it was when it was listed, in order.

        Raises:
            SourceFileUnsettled: it changed since, or while it was read.
            SourceError: it cannot be read.
        """
        path = self._path(remote.name)
        with (
            self._translated_errors(shown_name(remote.name)),
            open_regular_file(path, self.where, remote.name) as handle,
        ):
            facts = handle.facts()
            if not _is_as_listed(remote, facts):
                raise self._unsettled(remote)
            yield from read_whole(handle, path, self.where, remote.name)
            self._facts[remote.name] = facts

    def move(self, remote: RemoteFile, place: Literal["archive", "quarantine"], as_name: str) -> str | None:
        """Move the file as it was listed, without overwriting anything.

        Args:
            as_name: label that it gets there, with a number where that is taken.

        Returns:
            The label it got, or None when no such folder is configured.

        Raises:
            SourceFileUnsettled: another file has that name by now; it stays.
            SourceFileGone: it is neither here nor there. SourceError: it cannot be moved. ConfigError: no folder to
                move it to.
        """
        folder = self._folders[place]
        if folder is None:
            return None
        _make_folder(folder, f"drop.{place}")
        source = self._path(remote.name)
        with self._translated_errors(shown_name(remote.name)):
            self._clean_once(folder)
            here = stat_of(source)
            if here is None:
                return self._moved_earlier(remote, folder, as_name)
            self._require_unchanged(remote, here)
            aside = set_aside(source)
            if aside is None:
                raise self._unsettled(remote)
            try:
                self._require_unchanged(remote, stat_of(aside))
                return self._into(folder, aside, as_name)
            except BaseException as error:
                with suppress(OSError):
                    rename_exclusively(aside, source)
                if isinstance(error, ChangedMeanwhile):
                    raise self._unsettled(remote) from error
                raise

    def _into(self, folder: Path, aside: Path, as_name: str) -> str:
        """Give the file its new name, the first that is free."""
        for name in free_names(as_name):
            try:
                moved = move_exclusively(aside, folder / os.fsdecode(raw_name(name)), self._tag)
            except OSError as error:
                if error.errno not in _UNSUPPORTED_NAME:
                    raise
                moved = move_exclusively(aside, folder / name, self._tag)
            if moved:
                return name
        raise SourceError(
            source=self.where,
            problem=f"all names are taken in {folder}",
            remedy="remove files from that folder",
        )

    def _moved_earlier(self, remote: RemoteFile, folder: Path, as_name: str) -> str:
        """The name of a file that a run moved before it was killed; a file of the same size counts as that one."""
        there = stat_of(folder / os.fsdecode(raw_name(as_name)))
        if there is not None and there.st_size == remote.size_bytes:
            return as_name
        raise SourceFileGone(source=self.where, name=shown_name(remote.name), folder=folder)

    def _require_unchanged(self, remote: RemoteFile, here: os.stat_result | None) -> None:
        """Raise SourceFileUnsettled unless this is the file that was read, or else listed."""
        known = self._facts.get(remote.name)
        if here is None or not _is_as_listed(remote, here):
            raise self._unsettled(remote)
        if known is not None and _is_as_listed(remote, known) and not os.path.samestat(known, here):
            raise self._unsettled(remote)

    def _unsettled(self, remote: RemoteFile) -> SourceFileUnsettled:
        return SourceFileUnsettled(source=self.where, name=shown_name(remote.name))

    def _path(self, name: str) -> Path:
        return self._folder / os.fsdecode(raw_name(name))

    @property
    def _tag(self) -> str:
        """Marks copies that are made for this folder, since another one may share its archive."""
        return hashlib.sha256(os.fsencode(self._folder.resolve())).hexdigest()[:TAG_DIGITS]

    def _clean_once(self, folder: Path) -> None:
        """Once for each folder: a run that was killed while it moved a file still owes that move."""
        if folder not in self._cleaned:
            self._cleaned.add(folder)
            remove_half_copied(folder, self._tag)

    def upload_payments(self, local: Path, name: str) -> None:
        """Payments files stay in `work_dir/payments`: a drop folder is for what comes in."""

    def upload(self, local: Path, folder: str, name: str) -> None:
        """Reports of the drop folder stay in work_dir: nothing to do."""

    def close(self) -> None:
        """Nothing is held open."""

    @contextmanager
    def _translated_errors(self, what: str) -> Iterator[None]:
        """The system's refusals as a trouble of this source, which will be tried again by the next run."""
        try:
            yield
        except OSError as error:
            raise SourceError(
                source=self.where,
                problem=f"{what} cannot be read or moved ({os.strerror(error.errno or 0)})",
                remedy="check the rights of the folders, and the room on their disk",
            ) from error


def _is_as_listed(remote: RemoteFile, facts: os.stat_result) -> bool:
    """Whether this is a regular file of the size and time that the listing had."""
    same = (facts.st_size, modified_at(facts)) == (remote.size_bytes, remote.modified_at)
    return same and stat.S_ISREG(facts.st_mode)


def _kind_problem(mode: int) -> str | None:
    """Why an entry is never taken; None for a regular file."""
    if stat.S_ISLNK(mode):
        return LINK
    return None if stat.S_ISREG(mode) else NOT_REGULAR


def _make_folder(folder: Path, key: str) -> None:
    """Make a folder that config key `key` names. Raises ConfigError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            where=key,
            problem=f"{folder} cannot be created ({os.strerror(error.errno or 0)})",
            remedy="create it or name another",
        ) from error
