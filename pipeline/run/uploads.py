"""Files dropped on the page: taken in whole, told apart by their bytes, and left to the usual pass.

A file is streamed into a folder of its own, then moved beside the other landed copies, then entered into the ledger as
landed, in one step with who dropped it. No run is waited for. A kill leaves nothing that a run would take, or the
whole file. Blocking calls; each is safe beside the others and beside a run.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pipeline.collect.archives import bill_files_of
from pipeline.collect.named_files import of_its_feed, within_limits
from pipeline.core.file_stages import LandedFile
from pipeline.core.foreign_formats import TELLING_BYTES, foreign_format
from pipeline.core.names import SIDECAR_ENDING, label_of_path, shown_name
from pipeline.core.openpgp import begins_encrypted
from pipeline.core.outcomes import FileState
from pipeline.core.release_decisions import Person
from pipeline.core.rules.control_totals import MAX_SIDECAR_BYTES
from pipeline.core.values.timestamps import rfc3339
from pipeline.edge.clock import utc_now
from pipeline.edge.config import Config
from pipeline.edge.disk import new_file, private_folder, put_in_place, remove_tree, sync_folder
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.runs import Runs
from pipeline.edge.ledger.uploads import DroppedFile, Uploads
from pipeline.edge.local.bell import ring
from pipeline.edge.local.landing import LandedCopy, land_blocks, land_control
from pipeline.edge.local.lock import held_scratch_folder, remove_abandoned
from pipeline.edge.log import get_logger
from pipeline.errors import BillferryError, DiskFull, FileRefused, UsageError
from pipeline.monitoring.audit_log import AuditLog
from pipeline.run.balance_files import balance_files
from pipeline.run.feed_matching import matching_of_run
from pipeline.run.file_repository import KnownFiles
from pipeline.run.stored_documents import StoredDocuments
from pipeline.run.work_dir import ledger_to_write
from schemas.feed import Feed
from schemas.settings import Settings

log = get_logger()

STREAMED = "dropped-"
"""How folders begin for what is not whole, or not entered, yet."""
WAITING = "asking-"
"""How folders begin of files about which the person has to be asked something."""
WAITING_S = 86_400.0
"""So long such a file is kept for an answer."""
_TOKEN = re.compile(r"[0-9a-f]{32}", re.ASCII)
_SOURCE = "page"


@dataclass(frozen=True, slots=True)
class Taken:
    """It landed: the next pass checks it, and holds it for a person. Of an archive, each bill file in it."""

    files: tuple[FileRow, ...]
    """As the ledger knows them now."""
    known: tuple[FileRow, ...] = ()
    """Files of the archive whose bytes were here already; nothing was done about these."""


@dataclass(frozen=True, slots=True)
class AlreadyKnown:
    """All of its bytes were here before; nothing was kept."""

    files: tuple[FileRow, ...]


@dataclass(frozen=True, slots=True)
class Asking:
    """It is here, whole, and something is missing before it can be taken: `answer_upload` goes on with it."""

    token: str
    """32 hexadecimal digits; for the person alone who dropped it."""
    name: str
    sha256: str
    size_bytes: int
    missing: Literal["feed", "control"]
    """Which feed it is of; or the control file that its feed requires."""
    reason: str
    """A sentence fit to print."""
    feeds: tuple[str, ...]
    """Names of the feeds that can be chosen."""


UploadResult = Taken | AlreadyKnown | Asking


def accept_upload(
    config: Config,
    name: str,
    blocks: Iterable[bytes],
    *,
    by: Person,
    feed: str | None = None,
    control: bytes | None = None,
) -> UploadResult:
    """Take in a file that somebody dropped. Nothing of it stays where this raises, whatever raised.

    Args:
        name: as the browser says it; never part of a path.
        blocks: its content; what iterating raises is passed on.
        feed: name of its feed; None: as its own name says.
        control: content of its control file.

    Raises:
        FileTooLarge: more than `limits.max_file_bytes`. FileRefused: an endless line; or two feeds fit its name; or no
            feed does, and it is plainly no file of bills; or it is a rejects file of no file that is known here.
        ConfigError: there is no such feed.
        DiskFull: no room. LedgerBusy, LedgerDamaged, LedgerOfAnother, AnotherRun: as `ledger_to_write`.
    """
    settings, label = config.settings, label_of_path(name)
    chosen = config.feed(feed) if feed is not None else None
    with held_scratch_folder(STREAMED, _folder(settings)) as scratch:
        limited = within_limits(
            iter(blocks),
            label,
            _SOURCE,
            max_file_bytes=settings.limits.max_file_bytes,
            max_record_bytes=settings.limits.max_record_bytes,
            feeds=[chosen] if chosen else settings.feeds,
        )
        copy = land_blocks(limited, scratch)
        return _TakeIn(config, by, scratch).file(copy, label, chosen, control)


def answer_upload(
    config: Config, token: str, *, by: Person, feed: str | None = None, control: bytes | None = None
) -> UploadResult:
    """Go on with a file that `accept_upload` asked about. Raises as that does, and UsageError: it is not there any
    more, or another person dropped it; then it has to be dropped again.
    """
    waiting, facts = _asked(config.settings, token, by)
    chosen = config.feed(feed) if feed is not None else None
    with held_scratch_folder(STREAMED, _folder(config.settings)) as scratch:
        folder = scratch / facts["sha256"]
        try:
            put_in_place(waiting / facts["sha256"], folder)
        except DiskFull as error:
            if waiting.exists():
                raise
            raise UsageError(
                problem="this file was just taken in", remedy="look for it in the list"
            ) from error
        remove_tree(waiting)
        copy = LandedCopy(facts["sha256"], folder / "content", facts["size_bytes"])
        return _TakeIn(config, by, scratch).file(copy, facts["name"], chosen, control)


def withdraw_upload(config: Config, token: str) -> None:
    """Remove a file that was asked about and will get no answer. One that is not there is no error."""
    remove_tree(_waiting(config.settings, token))


def asked_uploads(config: Config, by: Person) -> list[tuple[str, str]]:
    """Token and name of the files that wait for an answer of that person, the oldest first."""
    found = []
    for folder in _folder(config.settings).glob(f"{WAITING}*"):
        facts = _facts(folder)
        if facts is not None and _is_of(facts, by):
            found.append((facts["at"], folder.name.removeprefix(WAITING), facts["name"]))
    return [(token, name) for _, token, name in sorted(found)]


def asked_content(config: Config, token: str, by: Person) -> tuple[Path, str]:
    """Our copy of a file that was asked about, and its name (a label). Raises UsageError: it is not there any more, or
    another person dropped it.
    """
    waiting, facts = _asked(config.settings, token, by)
    return waiting / facts["sha256"] / "content", facts["name"]


def control_waiting(config: Config, by: Person, name: str) -> bytes | None:
    """The control file that this person dropped before the file it belongs to, which it then waits for no more.

    `name`: of that file, as the browser says it.
    """
    wanted = label_of_path(name) + SIDECAR_ENDING
    for token, other in asked_uploads(config, by):
        if other == wanted:
            with suppress(FileNotFoundError, UsageError):  # somebody answered at the same moment
                with asked_content(config, token, by)[0].open("rb") as content:
                    control = content.read(MAX_SIDECAR_BYTES + 1)
                withdraw_upload(config, token)
                return control
    return None


def sweep_uploads(settings: Settings) -> None:
    """Remove what killed servers left half taken in, and files whose question nobody answered for a day."""
    folder = _folder(settings)
    remove_abandoned(STREAMED, folder)
    for waiting in folder.glob(f"{WAITING}*"):
        if time.time() - waiting.stat().st_mtime > WAITING_S:
            remove_tree(waiting)


def remove_shown_uploads(settings: Settings) -> None:
    """Remove files that wait for an answer, and previews: nobody knows whose data is in them."""
    folder = settings.work_dir / "uploads"
    for left in (*folder.glob(f"{WAITING}*"), folder / "previews"):
        remove_tree(left)


@dataclass(frozen=True, slots=True)
class _TakeIn:
    """What somebody dropped, from its whole copy in a scratch folder on."""

    config: Config
    by: Person
    scratch: Path

    @property
    def _settings(self) -> Settings:
        return self.config.settings

    def file(self, copy: LandedCopy, name: str, feed: Feed | None, control: bytes | None) -> UploadResult:
        """Take it in, ask about it, or say that it is known."""
        with ledger_to_write(self._settings) as ledger:
            if known := _known_files(ledger, copy.sha256):
                return AlreadyKnown(tuple(known))
            files = KnownFiles(
                ledger,
                self._settings,
                self._settings.work_dir / "reports",
                balance_files(ledger, self._settings, utc_now, forced=False),
            )
            matching = matching_of_run(self._settings, files, self.scratch)
            try:
                landed = of_its_feed(copy, name, "page", matching, feed=feed, control=control)
                members = bill_files_of(landed, matching, self._settings.limits, feed=feed)
            except FileRefused as refused:
                if refused.rule != "file.unmatched":
                    raise
                _refuse_foreign(copy, name)
                return self._ask(copy, name, "feed", refused.reason)
            if any(map(_lacks_control, members)):
                return self._ask(copy, name, "control", "its feed requires a control file with its totals")
            return self._enter(files, landed, members)

    def _ask(self, copy: LandedCopy, name: str, missing: Literal["feed", "control"], reason: str) -> Asking:
        """Keep the file for an answer."""
        token = secrets.token_hex(16)
        if name.endswith(SIDECAR_ENDING):
            reason = "a control file is dropped together with the file that it belongs to"
        facts = {
            "sha256": copy.sha256,
            "name": name,
            "size_bytes": copy.size_bytes,
            "user_name": self.by.user_name,
            "host": self.by.host,
            "at": rfc3339(utc_now()),
        }
        made = self.scratch / "asking"
        private_folder(made)
        with new_file(made / "facts.json", durable=False) as file:
            file.write(json.dumps(facts).encode())
        put_in_place(copy.path.parent, made / copy.sha256)
        put_in_place(made, _waiting(self._settings, token))
        feeds = tuple(feed.name for feed in self._settings.feeds)
        return Asking(token, shown_name(name), copy.sha256, copy.size_bytes, missing, reason, feeds)

    def _enter(self, files: KnownFiles, landed: LandedFile, members: Sequence[LandedFile]) -> UploadResult:
        """Move the copies to their place, then enter them; what is known meanwhile is left as it is."""
        new = [each for each in members if _may_come_again(files.row(each.sha256))]
        placed = [_placed(each, self._settings.work_dir / "landing") for each in new]
        now, documents = utc_now(), StoredDocuments(self._settings, files.ledger, tell=_log)
        with Files(files.ledger).together():
            taken = [each for each in placed if _may_come_again(files.row(each.sha256))]
            rows = [self._entered(files, each, landed, now) for each in taken]
            for each in rows:
                documents.note_original(each.id, each.sha256)
            if rows:
                audit = AuditLog(files.ledger, self._settings, self.by, "upload", utc_now)
                audit.done([(row.name, row.sha256) for row in rows], options={"feed": rows[0].feed})
        names = {row.sha256 for row in rows}
        known = [row for each in members if each.sha256 not in names and (row := files.row(each.sha256))]
        for row in rows:
            log.info("uploaded", file=row.name, sha256=row.sha256, size_bytes=row.size_bytes)
        if not rows:
            return AlreadyKnown(tuple(known))
        documents.put_owed()
        ring(self._settings.work_dir)
        return Taken(tuple(rows), tuple(known))

    def _entered(self, files: KnownFiles, file: LandedFile, dropped: LandedFile, now: datetime) -> FileRow:
        """As a run enters a file that it takes up, and who dropped it. Raises DiskFull: its copy was removed."""
        if not file.path.exists():
            raise DiskFull(where=file.path, problem="removed meanwhile; drop the file again")
        at, before = rfc3339(now), files.row(file.sha256)
        row = files.remember_landed(file, at, as_of=files.balances.day_of(file, before))
        if file.rejects_of is None:
            Runs(files.ledger).arrived(file.feed.name, at=at)
        upload = DroppedFile(file.sha256, dropped.sha256, file.name, file.size_bytes, at, self.by)
        Uploads(files.ledger).add([upload])
        return row


def _known_files(ledger: Ledger, sha256: str) -> list[FileRow]:
    """The files with these bytes, or inside the archive with them, if none of them may be taken again."""
    files = Files(ledger)
    inside = [each.sha256 for each in Uploads(ledger).of_drop(sha256)]
    inside = inside or [member for member, _ in files.archive_members(sha256)] or [sha256]
    rows = [row for each in dict.fromkeys(inside) if (row := files.by_sha256(each)) is not None]
    return [] if len(rows) < len(set(inside)) or any(map(_may_come_again, rows)) else rows


def _may_come_again(row: FileRow | None) -> bool:
    """Whether bytes are new, or were refused by a rule alone: the config may have been corrected since."""
    return row is None or (row.state == FileState.REFUSED and not row.was_refused_by_person)


def _lacks_control(file: LandedFile) -> bool:
    control = file.feed.control
    is_asked_for = control is not None and control.kind == "sidecar" and control.required
    return is_asked_for and file.control is None and file.rejects_of is None


def _refuse_foreign(copy: LandedCopy, name: str) -> None:
    """Raises FileRefused: whatever its feed, it is plainly no file of bills, such as a picture."""
    with copy.path.open("rb") as content:
        head = content.read(TELLING_BYTES)
    found = None if begins_encrypted(head) else foreign_format(head)
    if found is not None:
        kind, remedy = found
        raise FileRefused(
            name=shown_name(name),
            rule="file.format",
            problem=f"it is {kind}, and not a file of bills",
            remedy=f"nothing was taken in; {remedy}",
        )


def _placed(file: LandedFile, landing: Path) -> LandedFile:
    """The copy beside the others, durable. Until it is entered, it is one that nobody took up."""
    private_folder(landing)
    folder = landing / file.sha256
    private_folder(folder)
    put_in_place(file.path, folder / "content")
    land_control(folder / "content", file.control)
    sync_folder(folder)
    sync_folder(landing)
    return replace(file, path=folder / "content")


def _log(error: BillferryError) -> None:
    log.error("document.owed", code=error.code)


def _folder(settings: Settings) -> Path:
    folder = settings.work_dir / "uploads"
    private_folder(settings.work_dir)
    private_folder(folder)
    return folder


def _waiting(settings: Settings, token: str) -> Path:
    """Raises UsageError: that is not a token."""
    if not _TOKEN.fullmatch(token):
        raise UsageError(problem="this file is not here any more", remedy="drop it again")
    return _folder(settings) / f"{WAITING}{token}"


def _asked(settings: Settings, token: str, by: Person) -> tuple[Path, dict[str, Any]]:
    """The folder of a file that was asked about, and what is known of it. Raises UsageError: it is gone, or of another
    person.
    """
    waiting = _waiting(settings, token)
    facts = _facts(waiting)
    if facts is None or not _is_of(facts, by):
        raise UsageError(problem="this file is not here any more", remedy="drop it again")
    return waiting, facts


def _is_of(facts: dict[str, Any], by: Person) -> bool:
    return by.is_same_as(Person(facts["user_name"], facts["host"]))


def _facts(waiting: Path) -> dict[str, Any] | None:
    """What is known of a file that waits for an answer; None: it is gone."""
    try:
        found: dict[str, Any] = json.loads((waiting / "facts.json").read_bytes())
    except FileNotFoundError:
        return None
    return found
