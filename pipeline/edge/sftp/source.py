"""The merchant's SFTP server: bill files come from it, reports go to it.

Nothing on it is ever overwritten or deleted but a report's own earlier version. What is moved gets a hidden name that
nobody else has first, since its own may pass to another file at any moment.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pipeline.core.files import (
    ASIDE,
    LINK,
    NOT_REGULAR,
    Listed,
    Listing,
    Oddity,
    RemoteFile,
    SourceName,
)
from pipeline.core.names import (
    ASIDE_DIGITS,
    aside_name,
    free_names,
    label,
    name_problem,
    name_set_aside,
    raw_name,
    shown_name,
)
from pipeline.edge.sftp.client import BROKEN, Facts, HardenedSFTPClient, ListingEndless
from pipeline.edge.sftp.session import Session, address, open_session, said
from pipeline.edge.sftp.transfer import NotWhole, StatusError
from pipeline.errors import (
    SourceError,
    SourceFileGone,
    SourceFileUnsettled,
    SourceInterrupted,
    SourceUnreachable,
)
from schemas.settings import Sftp

IDLE_S = 60
"""A connection unused for longer is opened afresh: firewalls drop idle ones without a word."""
MAX_SIZE_BYTES = 2**63 - 1
MAX_BREAKS = 9
"""In a row, three files three times each: then it is the server or the line, and the others need not be tried."""
MAX_TROUBLE_TIMEOUTS = 10
"""As many time-outs are waited for in all until the source is given up, good files between them or not."""

MAX_PUT_BACK = 1_000
"""Far more than killed runs can leave; but a server may show any number of such names."""

_MISSING = "create it, or set it to null; a run tries to create it"
_KINDS = {"l": LINK, "?": NOT_REGULAR}


class SftpSource:
    """Connects at the first request, and again after a broken one."""

    name: SourceName = "sftp"

    def __init__(self, settings: Sftp) -> None:
        self.where = address(settings)
        self.settle_s: float = settings.settle_s
        self.done_marker = settings.done_marker
        self._settings = settings
        self._places = {"archive": settings.archive, "quarantine": settings.quarantine}
        self._session: Session | None = None
        self._used_s = 0.0
        self._served = False
        """Whether this connection has answered something whole."""
        self._breaks = 0
        self._trouble_s = 0.0

    def connect(self) -> None:
        """Log in now, for those who want to know whether it works."""
        self._wire()

    def list(self) -> Listing:
        """Regular files of the incoming folder. Folders in it are left alone; anything else is an oddity."""
        files: dict[bytes, Listed] = {}
        oddities, aside, twice, cut = [], [], set(), None
        folder = f"the folder {self._settings.incoming}"
        with self._talking(folder) as wire:
            try:
                for raw, facts in wire.names(self._settings.incoming):
                    if facts.kind == "d":
                        continue
                    if raw in files:
                        twice.add(raw)
                    elif (kept_name := name_set_aside(raw)) is not None:
                        aside.append(raw)
                        oddities.append(Oddity(label(kept_name), ASIDE))
                    elif problem := _problem(raw, facts):
                        oddities.append(Oddity(label(raw), f"{problem}; it is left at {self.where}"))
                    else:
                        files[raw] = Listed(label(raw), *_size_and_time(facts))
            except ListingEndless as endless:
                cut = f"{folder}: {endless}"
        notes = tuple(f"{shown_name(label(raw))}: listed twice by {self.where}" for raw in sorted(twice))
        return Listing(tuple(files.values()), tuple(oddities), tuple(aside), notes, cut)

    def put_back(self, aside: Sequence[bytes]) -> None:
        """Give files that a move has left aside their names back, as far as those are free. Not without the lock."""
        for raw in aside[:MAX_PUT_BACK]:
            kept_name = name_set_aside(raw)
            if kept_name is not None:
                with self._talking("a file that was set aside") as wire:
                    _rename_back(
                        wire, _join(self._settings.incoming, raw), _join(self._settings.incoming, kept_name)
                    )

    def read_head(self, remote: RemoteFile, size_bytes: int) -> bytes:
        """The first bytes of a file, to tell what it is."""
        with self._talking(shown_name(remote.name)) as wire:
            return wire.head(self._incoming(remote.name), min(size_bytes, remote.size_bytes))

    def blocks(self, remote: RemoteFile) -> Iterator[bytes]:
        """The whole file as it was when it was listed: size before = size after = bytes read, and the same time.

        Raises:
            SourceFileUnsettled: it changed since, or while it was read.
        """
        path = self._incoming(remote.name)
        with self._talking(shown_name(remote.name)) as wire:
            self._expect(remote, wire.facts(path))
            yield from wire.blocks(path, remote.size_bytes)
            self._expect(remote, wire.facts(path))

    def move(self, remote: RemoteFile, place: Literal["archive", "quarantine"], as_name: str) -> str | None:
        """Move the file as it was listed; the name it has there, or None when no such folder is configured.

        Raises:
            SourceFileUnsettled: another file has that name by now; it stays.
        """
        folder = self._places[place]
        if folder is None:
            return None
        source = self._incoming(remote.name)
        with self._talking(shown_name(remote.name)) as wire:
            here = wire.facts(source)
            if here is None:
                return self._moved_before(wire, remote, folder, as_name)
            self._expect(remote, here)
            digits = secrets.token_hex(ASIDE_DIGITS // 2)
            aside = _join(self._settings.incoming, aside_name(raw_name(remote.name), digits))
            _set_aside(wire, source, aside)
            try:
                self._expect(remote, wire.facts(aside))
                return self._into(wire, folder, aside, as_name)
            except (StatusError, SourceError):
                _rename_back(wire, aside, source)
                raise

    def _into(self, wire: HardenedSFTPClient, folder: str, aside: bytes, as_name: str) -> str:
        for name in free_names(as_name):
            # Asked first, because some servers overwrite on a plain rename.
            if wire.facts(_join(folder, raw_name(name))) is None:
                self._rename(wire, aside, folder, raw_name(name))
                return name
        raise SourceError(
            source=self.where, problem=f"no free name in {folder}", remedy="clear out that folder"
        )

    def upload(self, local: Path, folder: str, name: str) -> None:
        """Put a report below the reports folder: whole under another name first, then renamed over an earlier one."""
        if self._settings.reports is None:
            return
        place = f"{self._settings.reports.rstrip('/')}/{folder}"
        part, final = f"{place}/.{name}.part", f"{place}/{name}"
        with local.open("rb") as report, self._talking(f"the report {shown_name(name)}") as wire:
            self._make_folder(wire, self._settings.reports)
            self._make_folder(wire, place)
            size_bytes = local.stat().st_size
            wire.write(report, part)
            there = wire.facts(part)
            if there is None or there.size_bytes != size_bytes:
                raise EOFError
            try:
                wire.posix_rename(part, final)
            except StatusError:  # the server does not have that extension
                if wire.facts(final) is not None:
                    wire.remove(final)
                wire.rename(part, final)

    def examine(self, folder: str, *, writes: bool) -> None:
        """Raise SourceError where a run would surely fail at this folder. Only looks: not all rights can be seen."""
        with self._talking(f"the folder {folder}") as wire:
            facts = wire.facts(folder)
            if facts is None:
                problem, remedy = "is missing", _MISSING if writes else "create it or name another"
            elif facts.kind == "l":
                return  # where it leads shows when it is used
            elif facts.kind != "d":
                problem, remedy = "is no folder", "name another"
            elif writes and facts.writable is False:
                problem, remedy = "may be written by nobody", "correct its rights, or set it to null"
            else:
                next(wire.names(folder), None)
                return
        raise SourceError(source=self.where, problem=f"the folder {folder} {problem}", remedy=remedy)

    def close(self) -> None:
        """Log out. The next request would connect again, with patience as at first."""
        self._breaks, self._trouble_s = 0, 0.0
        self._hang_up()

    def _hang_up(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()

    @contextmanager
    def _talking(self, about: str) -> Iterator[HardenedSFTPClient]:
        """Requests about one file or folder; a connection that broke is not used again."""
        wire = self._wire()
        start_s, got_bytes = time.monotonic(), wire.got_bytes
        try:
            yield wire
            self._served, self._breaks = True, 0
        except StatusError as error:
            self._served, self._breaks = True, 0
            raise SourceError(
                source=self.where,
                problem=f"{about}: {error}",
                remedy="check the account's folders and rights",
            ) from error
        except NotWhole as error:
            self._served, self._breaks = True, 0
            raise SourceFileUnsettled(source=self.where, name=about) from error
        except BROKEN as error:
            self._hang_up()
            got_somewhere = self._served or wire.got_bytes > got_bytes
            self._give_up_after_too_much(time.monotonic() - start_s, error, about)
            raise SourceInterrupted(
                source=self.where, name=about, problem=said(error), got_somewhere=got_somewhere
            ) from error
        finally:
            self._used_s = time.monotonic()

    def _give_up_after_too_much(self, spent_s: float, error: BaseException, about: str) -> None:
        """One break is a file's trouble, many are the source's."""
        self._breaks += 1
        self._trouble_s += min(spent_s, self._settings.timeout_s)
        too_long = self._trouble_s >= MAX_TROUBLE_TIMEOUTS * self._settings.timeout_s
        if self._breaks >= MAX_BREAKS or too_long:
            raise SourceUnreachable(
                source=self.where, problem=f"it broke again and again, last at {about}: {said(error)}"
            ) from error

    def _wire(self) -> HardenedSFTPClient:
        session = self._session
        if session is None or not session.alive or time.monotonic() - self._used_s > IDLE_S:
            self._hang_up()
            self._session = session = open_session(self._settings)
            self._served = False
        self._used_s = time.monotonic()
        return session.wire

    def _expect(self, remote: RemoteFile, facts: Facts | None) -> None:
        if (
            facts is None
            or facts.kind != "-"
            or _size_and_time(facts) != (remote.size_bytes, remote.modified_at)
        ):
            raise SourceFileUnsettled(source=self.where, name=shown_name(remote.name))

    def _moved_before(self, wire: HardenedSFTPClient, remote: RemoteFile, folder: str, as_name: str) -> str:
        there = wire.facts(_join(folder, raw_name(as_name)))
        if there is not None and there.size_bytes == remote.size_bytes:
            return as_name
        raise SourceFileGone(source=self.where, name=shown_name(remote.name), folder=folder)

    def _rename(self, wire: HardenedSFTPClient, source: bytes, folder: str, name: bytes) -> None:
        try:
            wire.rename(source, _join(folder, name))
        except StatusError:
            if wire.facts(folder) is not None:
                raise
            self._make_folder(wire, folder)
            wire.rename(source, _join(folder, name))

    def _make_folder(self, wire: HardenedSFTPClient, folder: str) -> None:
        if wire.facts(folder) is None:
            try:
                wire.mkdir(folder, 0o750)
            except StatusError as error:
                raise SourceError(
                    source=self.where,
                    problem=f"the folder {folder} is missing and cannot be created ({error})",
                    remedy="create it, or set it to null",
                ) from error

    def _incoming(self, name: str) -> bytes:
        return _join(self._settings.incoming, raw_name(name))


def _problem(raw: bytes, facts: Facts) -> str | None:
    problem = name_problem(raw) or _KINDS.get(facts.kind)
    if problem is None and (facts.size_bytes is None or facts.size_bytes > MAX_SIZE_BYTES):
        return "without a usable size"
    return problem


def _size_and_time(facts: Facts) -> tuple[int, datetime]:
    return facts.size_bytes or 0, datetime.fromtimestamp(facts.modified_s or 0, UTC)


def _set_aside(wire: HardenedSFTPClient, source: bytes, aside: bytes) -> None:
    """In one step of the server where it can: OpenSSH's plain rename makes a link and then removes the old name, which
    may have passed to another file between the two. It overwrites, but nobody has the new name."""
    try:
        wire.posix_rename(source, aside)
    except StatusError:  # not every server has that extension
        wire.rename(source, aside)


def _rename_back(wire: HardenedSFTPClient, aside: bytes, name: bytes) -> None:
    """Unless another file has taken the name meanwhile: then it waits aside until that one is moved."""
    with suppress(StatusError):
        if wire.facts(name) is None:
            wire.rename(aside, name)


def _join(folder: str, name: bytes) -> bytes:
    return folder.rstrip("/").encode() + b"/" + name
