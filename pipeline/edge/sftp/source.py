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
from pipeline.edge.sftp.client import (
    CONNECTION_ERRORS,
    ListingTruncated,
    RemoteAttributes,
    RemoteFolderClient,
)
from pipeline.edge.sftp.hardened import StatusError
from pipeline.edge.sftp.session import Session, address, describe_failure, open_session
from pipeline.edge.sftp.transfer import SizeMismatch
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
"""Of a file; more is no size that a disk holds."""
MAX_BREAKS = 9
"""In a row, three files three times each: then it is the server or the line, and the others need not be tried."""
MAX_TROUBLE_TIMEOUTS = 10
"""As many time-outs are waited for in all until the source is given up, good files between them or not."""

MAX_PUT_BACK = 1_000
"""Far more than killed runs can leave; but a server may show any number of such names."""

_MISSING = "create it, or set it to null; a run tries to create it"
"""Remedy for a folder that is not there."""
_KINDS = {"l": LINK, "?": NOT_REGULAR}
"""Kind of an entry, see RemoteAttributes → why it is not taken."""


class SftpSource:
    """The server as a source of bill files; its methods are those of `collect.Source`.

    Connects at the first request, and again after a broken connection. Names of files in arguments and results are
    labels
    (see `core.names`). Requests raise SourceInterrupted when the connection breaks, SourceUnreachable when that has
    happened too often, and SourceError when the server refuses one.
    """

    name: SourceName = "sftp"

    def __init__(self, settings: Sftp) -> None:
        self.where = address(settings)
        self.settle_s: float = settings.settle_s
        self.done_marker = settings.done_marker
        self._settings = settings
        self._folders = {"archive": settings.archive, "quarantine": settings.quarantine}
        self._session: Session | None = None
        self._used_s = 0.0
        self._answered = False
        """Whether this connection has answered something whole."""
        self._breaks = 0
        self._trouble_s = 0.0

    def connect(self) -> None:
        """Log in now, without a request: for `doctor`. Raises as `session.open_session`."""
        self._client()

    def list(self) -> Listing:
        """Regular files of the incoming folder. Folders in it are left alone; anything else is an oddity.

        A listing that does not end is cut; `Listing.cut` then says why, and what was listed is good.
        """
        files: dict[bytes, Listed] = {}
        oddities, aside, twice, cut = [], [], set(), None
        folder = f"the folder {self._settings.incoming}"
        with self._requests_about(folder) as client:
            try:
                for raw, facts in client.entries(self._settings.incoming):
                    if facts.kind == "d":
                        continue
                    if raw in files:
                        twice.add(raw)
                    elif (kept_name := name_set_aside(raw)) is not None:
                        aside.append(raw)
                        oddities.append(Oddity(label(kept_name), ASIDE))
                    elif problem := _entry_problem(raw, facts):
                        oddities.append(Oddity(label(raw), f"{problem}; it is left at {self.where}"))
                    else:
                        files[raw] = Listed(label(raw), *_size_and_time(facts))
            except ListingTruncated as truncated:
                cut = f"{folder}: {truncated}"
        notes = tuple(f"{shown_name(label(raw))}: listed twice by {self.where}" for raw in sorted(twice))
        return Listing(tuple(files.values()), tuple(oddities), tuple(aside), notes, cut)

    def put_back(self, aside: Sequence[bytes]) -> None:
        """Give files that an interrupted move left aside their names back, as far as those are free.

        Only while the run's lock is held: a move may be under way.
        """
        for raw in aside[:MAX_PUT_BACK]:
            kept_name = name_set_aside(raw)
            if kept_name is not None:
                with self._requests_about("a file that was set aside") as client:
                    _rename_back(
                        client, _join(self._settings.incoming, raw), _join(self._settings.incoming, kept_name)
                    )

    def read_head(self, remote: RemoteFile, size_bytes: int) -> bytes:
        """The first bytes of a file, at most `size_bytes`."""
        with self._requests_about(shown_name(remote.name)) as client:
            return client.head(self._incoming(remote.name), min(size_bytes, remote.size_bytes))

    def blocks(self, remote: RemoteFile) -> Iterator[bytes]:
        """The whole file as it was when it was listed: size before = size after = bytes read, and the same time.

        Raises:
            SourceFileUnsettled: it changed since, or while it was read.
        """
        path = self._incoming(remote.name)
        with self._requests_about(shown_name(remote.name)) as client:
            self._require_unchanged(remote, client.attributes(path))
            yield from client.blocks(path, remote.size_bytes)
            self._require_unchanged(remote, client.attributes(path))

    def move(self, remote: RemoteFile, place: Literal["archive", "quarantine"], as_name: str) -> str | None:
        """Move the file as it was listed.

        Args:
            as_name: label that it gets there, with a number where that is taken.

        Returns:
            The label it got, or None when no such folder is configured.

        Raises:
            SourceFileUnsettled: another file has that name by now; it stays.
            SourceFileGone: it is neither here nor there.
        """
        folder = self._folders[place]
        if folder is None:
            return None
        source = self._incoming(remote.name)
        with self._requests_about(shown_name(remote.name)) as client:
            here = client.attributes(source)
            if here is None:
                return self._moved_earlier(client, remote, folder, as_name)
            self._require_unchanged(remote, here)
            digits = secrets.token_hex(ASIDE_DIGITS // 2)
            aside = _join(self._settings.incoming, aside_name(raw_name(remote.name), digits))
            _set_aside(client, source, aside)
            try:
                self._require_unchanged(remote, client.attributes(aside))
                return self._into(client, folder, aside, as_name)
            except (StatusError, SourceError):
                _rename_back(client, aside, source)
                raise

    def _into(self, client: RemoteFolderClient, folder: str, aside: bytes, as_name: str) -> str:
        """Give a file that was set aside its new name, the first that is free."""
        for name in free_names(as_name):
            # Asked first, because some servers overwrite on a plain rename.
            if client.attributes(_join(folder, raw_name(name))) is None:
                self._rename(client, aside, folder, raw_name(name))
                return name
        raise SourceError(
            source=self.where,
            problem=f"all names are taken in {folder}",
            remedy="remove files from that folder",
        )

    def upload(self, local: Path, folder: str, name: str) -> None:
        """Put a report below the reports folder: whole under another name first, then renamed over an earlier one.

        Args:
            local: the report on our disk.
            folder: its folder below the reports folder, made when it is missing.
            name: its name there.
        """
        if self._settings.reports is not None:
            place = f"{self._settings.reports.rstrip('/')}/{folder}"
            self._put(local, f"the report {shown_name(name)}", name, (self._settings.reports, place))

    def upload_payments(self, local: Path, name: str) -> None:
        """Put a payments file into the folder for them: whole under another name first, then renamed.

        Args:
            local: the file on our disk.
            name: its name there.
        """
        if self._settings.payments is not None:
            self._put(local, f"the payments file {shown_name(name)}", name, (self._settings.payments,))

    def _put(self, local: Path, what: str, name: str, folders: Sequence[str]) -> None:
        """Write a file into the last of these folders, each made where it is missing; `what` is for messages."""
        part, final = f"{folders[-1]}/.{name}.part", f"{folders[-1]}/{name}"
        with local.open("rb") as report, self._requests_about(what) as client:
            for folder in folders:
                self._make_folder(client, folder)
            size_bytes = local.stat().st_size
            client.write(report, part)
            there = client.attributes(part)
            if there is None or there.size_bytes != size_bytes:
                raise EOFError
            try:
                client.posix_rename(part, final)
            except StatusError:  # the server does not have that extension
                if client.attributes(final) is not None:
                    client.remove(final)
                client.rename(part, final)

    def examine(self, folder: str, *, writes: bool) -> None:
        """Raise SourceError where a run would surely fail at this folder. Only looks: not all rights can be seen.

        Args:
            writes: whether a run moves or uploads files there.
        """
        with self._requests_about(f"the folder {folder}") as client:
            facts = client.attributes(folder)
            if facts is None:
                problem, remedy = "is missing", _MISSING if writes else "create it or name another"
            elif facts.kind == "l":
                return  # where it leads shows when it is used
            elif facts.kind != "d":
                problem, remedy = "is not a folder", "name another"
            elif writes and facts.writable is False:
                problem, remedy = "is not writable", "correct its rights, or set it to null"
            else:
                next(client.entries(folder), None)
                return
        raise SourceError(source=self.where, problem=f"the folder {folder} {problem}", remedy=remedy)

    def close(self) -> None:
        """Log out. The next request would connect again, with patience as at first."""
        self._breaks, self._trouble_s = 0, 0.0
        self._disconnect()

    def _disconnect(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()

    @contextmanager
    def _requests_about(self, about: str) -> Iterator[RemoteFolderClient]:
        """Requests about one file or folder; a connection that broke in the block is not used again.

        Args:
            about: the file or folder, as messages name it.
        """
        client = self._client()
        start_s, received_bytes = time.monotonic(), client.received_bytes
        try:
            yield client
            self._answered, self._breaks = True, 0
        except StatusError as error:
            self._answered, self._breaks = True, 0
            raise SourceError(
                source=self.where,
                problem=f"{about}: {error}",
                remedy="check the account's folders and rights",
            ) from error
        except SizeMismatch as error:
            self._answered, self._breaks = True, 0
            raise SourceFileUnsettled(source=self.where, name=about) from error
        except CONNECTION_ERRORS as error:
            self._disconnect()
            progressed = self._answered or client.received_bytes > received_bytes
            self._give_up_after_repeated_breaks(time.monotonic() - start_s, error, about)
            raise SourceInterrupted(
                source=self.where, name=about, problem=describe_failure(error), got_somewhere=progressed
            ) from error
        finally:
            self._used_s = time.monotonic()

    def _give_up_after_repeated_breaks(self, spent_s: float, error: BaseException, about: str) -> None:
        """One break is a file's trouble, many are the source's."""
        self._breaks += 1
        self._trouble_s += min(spent_s, self._settings.timeout_s)
        too_long = self._trouble_s >= MAX_TROUBLE_TIMEOUTS * self._settings.timeout_s
        if self._breaks >= MAX_BREAKS or too_long:
            raise SourceUnreachable(
                source=self.where,
                problem=f"the connection broke again and again, last at {about}: {describe_failure(error)}",
            ) from error

    def _client(self) -> RemoteFolderClient:
        """The open connection, or a new one where there is none, or it has been idle for too long."""
        session = self._session
        if session is None or not session.alive or time.monotonic() - self._used_s > IDLE_S:
            self._disconnect()
            self._session = session = open_session(self._settings)
            self._answered = False
        self._used_s = time.monotonic()
        return session.client

    def _require_unchanged(self, remote: RemoteFile, facts: RemoteAttributes | None) -> None:
        """Raise SourceFileUnsettled unless the server still shows the file that was listed."""
        if (
            facts is None
            or facts.kind != "-"
            or _size_and_time(facts) != (remote.size_bytes, remote.modified_at)
        ):
            raise SourceFileUnsettled(source=self.where, name=shown_name(remote.name))

    def _moved_earlier(
        self, client: RemoteFolderClient, remote: RemoteFile, folder: str, as_name: str
    ) -> str:
        """The name of a file that a run moved before it was killed; a file of the same size counts as that one."""
        there = client.attributes(_join(folder, raw_name(as_name)))
        if there is not None and there.size_bytes == remote.size_bytes:
            return as_name
        raise SourceFileGone(source=self.where, name=shown_name(remote.name), folder=folder)

    def _rename(self, client: RemoteFolderClient, source: bytes, folder: str, name: bytes) -> None:
        try:
            client.rename(source, _join(folder, name))
        except StatusError:
            if client.attributes(folder) is not None:
                raise
            self._make_folder(client, folder)
            client.rename(source, _join(folder, name))

    def _make_folder(self, client: RemoteFolderClient, folder: str) -> None:
        if client.attributes(folder) is None:
            try:
                client.mkdir(folder, 0o750)
            except StatusError as error:
                raise SourceError(
                    source=self.where,
                    problem=f"the folder {folder} is missing and cannot be created ({error})",
                    remedy="create it, or set it to null",
                ) from error

    def _incoming(self, name: str) -> bytes:
        return _join(self._settings.incoming, raw_name(name))


def _entry_problem(raw: bytes, facts: RemoteAttributes) -> str | None:
    """Why an entry is never taken; None for a regular file with a name and a size that can be used."""
    problem = name_problem(raw) or _KINDS.get(facts.kind)
    if problem is None and (facts.size_bytes is None or facts.size_bytes > MAX_SIZE_BYTES):
        return "without a usable size"
    return problem


def _size_and_time(facts: RemoteAttributes) -> tuple[int, datetime]:
    """Size in bytes and modification time in UTC, to the second; what the server does not state is 0."""
    return facts.size_bytes or 0, datetime.fromtimestamp(facts.modified_s or 0, UTC)


def _set_aside(client: RemoteFolderClient, source: bytes, aside: bytes) -> None:
    """In one step of the server where it can: OpenSSH's plain rename makes a link and then removes the old name, which
    may have passed to another file between the two. It overwrites, but nobody has the new name."""
    try:
        client.posix_rename(source, aside)
    except StatusError:  # not every server has that extension
        client.rename(source, aside)


def _rename_back(client: RemoteFolderClient, aside: bytes, name: bytes) -> None:
    """Unless another file has taken the name meanwhile: then it waits aside until that one is moved."""
    with suppress(StatusError):
        if client.attributes(name) is None:
            client.rename(aside, name)


def _join(folder: str, name: bytes) -> bytes:
    """A path as the server has it, in bytes: names need not be UTF-8."""
    return folder.rstrip("/").encode() + b"/" + name
