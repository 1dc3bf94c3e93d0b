"""What files leave behind, in the store that hosts share: put there once it is noted, and brought where it is missing.

A document is a file below work_dir: the original as it was received, or a part of a report. The ledger notes its name
and SHA-256 before it counts, and owes it to the store from then on. Without a store nothing of this happens.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import BinaryIO, Protocol

from pipeline.core.values.timestamps import rfc3339
from pipeline.edge.clock import utc_now
from pipeline.edge.disk import (
    new_file,
    private_folder,
    private_folders,
    put_in_place,
    remove_tree,
    sync_folder,
)
from pipeline.edge.ledger.documents import Documents, StoredDocument
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.ledger.files import Files
from pipeline.edge.local.lock import held_scratch_folder
from pipeline.edge.local.operator import invoking_user
from pipeline.edge.reader.kept_records import is_at_hand, remove_landed_copy
from pipeline.edge.store.place import open_store
from pipeline.errors import BillferryError, ConfigError, ExtraMissing, NotInStoreYet, StoreDamaged, StoreError
from pipeline.report.folders import belongs_to_another_file, folder_name, put_whole
from pipeline.run.documents_here import LANDING, MARK, ORIGINAL, REPORTS, date_as, documents_in, is_as_noted
from pipeline.run.work_dir import BROUGHT
from pipeline.signals import interruptible
from schemas.settings import Settings

STORE_TROUBLES = (StoreError, ConfigError, ExtraMissing)
"""Why a store cannot be used; whoever can do without it goes on."""
SUPERSEDED_KEPT = timedelta(days=1)
"""Another host may be bringing it just now."""
_ONE_AT_A_TIME = threading.Lock()
"""The page brings documents in several threads."""


def _raise(error: BillferryError) -> None:
    raise error


class DocumentStore(Protocol):
    """A store. Every method raises StoreError where it cannot be reached."""

    def put(self, sha256: str, content: BinaryIO) -> bool:
        """Put an object there, durably; False where there is one of that name, which nobody has compared."""

    def blocks(self, sha256: str, size_bytes: int) -> Iterator[bytes]:
        """What is in an object, as far as it is there. `size_bytes`: as it was put."""

    def remove(self, sha256: str, size_bytes: int) -> None:
        """Remove an object, which need not be there."""


@dataclass(slots=True)
class StoredDocuments:
    """Over one ledger. What notes, puts or withdraws is for whoever may write there."""

    settings: Settings
    ledger: Ledger
    clock: Callable[[], datetime] = utc_now
    tell: Callable[[BillferryError], None] = _raise
    """Reports what went wrong when something was put; nobody is kept from working on."""
    _store: DocumentStore | None = None
    """Once it is opened."""
    _is_away: bool = False
    """For the rest of this run nothing is put any more."""
    _damaged: set[int] = field(default_factory=set)
    """Documents whose object was found to be another; told once."""

    @property
    def _is_used(self) -> bool:
        return self.settings.store is not None

    @property
    def _documents(self) -> Documents:
        return Documents(self.ledger)

    # -- what is here, for others --

    def note_original(self, file_id: int, sha256: str) -> None:
        """Owe the store the original of a file, or what `forget` kept of it."""
        if self._is_used:
            self._note(file_id, f"{LANDING}/{sha256}")

    def note_report(self, file_id: int, folder: Path | None) -> None:
        """Owe the store a report that is in its place; None: there is none."""
        if self._is_used and folder is not None:
            self._note(file_id, f"{REPORTS}/{folder.name}")

    def owe_again(self, row: FileRow, report: Path | None) -> None:
        """Owe the store all of a file that is here, also what it has: somebody may have moved a damaged object away."""
        self.note_original(row.id, row.sha256)
        self.note_report(row.id, report)
        for folder in (f"{LANDING}/{row.sha256}", f"{REPORTS}/{report.name if report is not None else ''}"):
            if self._is_used:
                self._documents.owe_again(folder, host=_host())

    def put_owed(self) -> None:
        """Put what is owed and is here, and remove what was withdrawn; what goes wrong is told once, and owed on."""
        if not self._is_used or self._is_away:
            return
        self._is_away = True  # also where somebody stops the wait for it
        try:
            store = self._opened()
            self._remove_withdrawn(store)
            for each in self._documents.owed():
                if each.id not in self._damaged:
                    self._put(store, each)
        except STORE_TROUBLES as error:
            self.tell(error)
        else:
            self._is_away = False

    def note_earlier(self) -> None:
        """Owe the store what is here of files that were reported before there was one."""
        if not self._is_used:
            return
        since = self.clock() - timedelta(days=self.settings.retention.reports_days)
        for row in Files(self.ledger).with_ids(self._documents.files_without(rfc3339(since))):
            self.note_original(row.id, row.sha256)
            for folder in self._reports_of(row):
                if (folder / MARK).exists() and not belongs_to_another_file(folder, row.sha256):
                    self.note_report(row.id, folder)

    def _reports_of(self, row: FileRow) -> list[Path]:
        """Where the report of a file may be: under the name that the file had then."""
        name = (row.summary or {}).get("file", {}).get("name", row.name)
        reports = self.settings.work_dir / REPORTS
        return [reports / folder_name(name, row.sha256, digits) for digits in (len(row.sha256), row.digits)]

    def _opened(self) -> DocumentStore:
        """The store. Raises as `open_store`."""
        if self._store is None:
            self._store = open_store(self.settings)
        if self._store is None:
            raise RuntimeError("there is no store")
        return self._store

    def _note(self, file_id: int, folder: str) -> None:
        if found := documents_in(self.settings.work_dir, folder):
            self._documents.note(file_id, folder, found, at=rfc3339(self.clock()), host=_host())

    def _is_here(self, document: StoredDocument) -> bool:
        return is_as_noted(self._path(document), document)

    def _path(self, document: StoredDocument) -> Path:
        return self.settings.work_dir / document.folder / document.name

    def _put(self, store: DocumentStore, document: StoredDocument) -> None:
        """Put a document, if it is here as it was noted: else another host has it. Raises StoreError."""
        if not self._is_here(document):
            return
        with self._path(document).open("rb") as content:
            is_new = interruptible(lambda _: store.put(document.sha256, content))
        try:
            if not is_new:
                interruptible(lambda _: deque(self._verified(store, document), maxlen=0))
        except StoreDamaged as error:
            self._damaged.add(document.id)
            self.tell(error)
        else:
            self._documents.stored(document)

    # -- what others have, brought here --

    def bring_original(self, row: FileRow) -> None:
        """Have the original of a file here, or what was kept of it, if the store has it.

        Raises:
            StoreError: the store is away. StoreDamaged: an object is not what was put there.
            NotInStoreYet: another host has it, and has not put it there.
        """
        if self._is_used and not is_at_hand(self.settings.work_dir / LANDING / row.sha256 / ORIGINAL[0]):
            self._bring(self._documents.of(f"{LANDING}/{row.sha256}"))

    def bring_report(self, row: FileRow) -> None:
        """Have the newest report of a file here. One that is here and was never noted is newer. Raises as
        `bring_original`.
        """
        for folder in self._reports_of(row) if self._is_used else ():
            live = self._documents.of(f"{REPORTS}/{folder.name}")
            if live and live[0].file_id == row.id and not self._is_newest(live):
                self._bring(live)

    def bring_all(self) -> None:
        """Have everything here that is in the store, and there what is here, for `forget`; what is damaged is told.

        Raises StoreError.
        """
        if not self._is_used:
            return
        self.note_earlier()
        for each in self._documents.owed():
            self._put(self._opened(), each)
        for folder, noted in self._live_folders():
            if folder.startswith(LANDING):
                is_here = is_at_hand(self.settings.work_dir / folder / ORIGINAL[0])
            else:
                is_here = self._is_newest(noted)
            if not is_here and all(each.is_stored for each in noted):
                try:
                    self._bring(noted)
                except StoreDamaged as error:  # nobody can tell whom it is about: it goes from the store, too
                    self.tell(error)

    def _live_folders(self) -> Iterator[tuple[str, list[StoredDocument]]]:
        live = [each for each in self._documents.all() if each.state != "superseded"]
        for folder, noted in groupby(sorted(live, key=lambda each: each.folder), lambda each: each.folder):
            yield folder, [*noted]

    def _is_newest(self, live: Sequence[StoredDocument]) -> bool:
        """Whether the report here is the one noted last, or one that is not noted yet."""
        newest = next((each for each in live if each.name == MARK), None)
        if newest is None:
            return (self.settings.work_dir / live[0].folder).exists()
        try:
            here = hashlib.sha256(self._path(newest).read_bytes()).hexdigest()
        except FileNotFoundError:
            return False
        return here == newest.sha256 or not self._documents.was_noted(newest.folder, MARK, here)

    def _bring(self, live: Sequence[StoredDocument]) -> None:
        """Bring the documents of a folder."""
        if not live:
            return
        target = self.settings.work_dir / live[0].folder
        missing = [each for each in live if not each.is_stored]
        if missing:
            if (target / MARK).exists():
                return  # an earlier report is better than none
            raise NotInStoreYet(name=self._name_of(missing[0]), host=missing[0].host)
        store = self._opened()
        private_folder(target.parent)
        with _ONE_AT_A_TIME, held_scratch_folder(BROUGHT, self.settings.work_dir) as scratch:
            staged = scratch / "whole"
            private_folder(staged)
            for each in live:
                self._fetch(store, each, staged / each.name)
            for folder in (*staged.rglob("*/"), staged):
                date_as(folder, max(each.at for each in live))
            if live[0].folder.startswith(REPORTS):
                put_whole(staged, target)
            else:
                private_folder(target)
                for part in sorted(staged.iterdir(), reverse=True):  # the content last
                    put_in_place(part, target / part.name)
                sync_folder(target)
        sync_folder(target.parent)

    def _fetch(self, store: DocumentStore, document: StoredDocument, path: Path) -> None:
        """Write a document to `path` if it is what was put there. Raises StoreError, StoreDamaged."""
        private_folders(path.parent)
        with new_file(path) as file:
            for block in self._verified(store, document):
                file.write(block)
        date_as(path, document.at)
        sync_folder(path.parent)

    def _verified(self, store: DocumentStore, document: StoredDocument) -> Iterator[bytes]:
        """What is in an object; at its end, or as soon as it has too much, raises StoreDamaged if it is another."""
        digest, size_bytes = hashlib.sha256(), 0
        for block in store.blocks(document.sha256, document.size_bytes):
            size_bytes += len(block)
            if size_bytes > document.size_bytes:
                break
            digest.update(block)
            yield block
        if digest.hexdigest() == document.sha256 and size_bytes == document.size_bytes:
            return
        problem = "its bytes are others"
        if size_bytes != document.size_bytes:
            found = "more" if size_bytes > document.size_bytes else size_bytes
            problem = f"it has {found} of {document.size_bytes} bytes"
        raise StoreDamaged(
            where=store,
            sha256=document.sha256,
            problem=problem,
            document=document.name,
            name=self._name_of(document),
        )

    def _name_of(self, document: StoredDocument) -> str:
        return next((row.name for row in Files(self.ledger).with_ids([document.file_id])), document.folder)

    # -- what nobody may keep --

    def old(self, landed_before: datetime, reported_before: datetime, owed: set[str]) -> list[StoredDocument]:
        """What retention removes from the store. `owed`: names of report folders that a source is still to get."""
        if not self._is_used:
            return []
        found = self._documents.old(LANDING, rfc3339(landed_before))
        found += self._documents.old(REPORTS, rfc3339(reported_before))
        return [each for each in found if each.folder.removeprefix(f"{REPORTS}/") not in owed]

    def expire(self, old: Sequence[StoredDocument]) -> None:
        """Withdraw what is old; `put_owed` removes it."""
        if old:
            self._documents.withdraw([each.id for each in old], "expired")

    def withdraw_superseded(self) -> None:
        """Withdraw earlier versions of reports, and drop the traces that no host needs any more."""
        if self._is_used:
            now, keep = self.clock(), self.settings.retention
            superseded = self._documents.superseded(rfc3339(now - SUPERSEDED_KEPT))
            self._documents.withdraw([each.id for each in superseded], "forgotten")
            days = 2 * max(keep.landing_days, keep.reports_days)
            self._documents.drop_traces(rfc3339(now - timedelta(days=days)))

    def follow_forgetting(self) -> None:
        """Let the store have what is here, and nothing that is here no more; other hosts remove their copies.

        What another host has not put yet stays owed by it. After `bring_all`. Raises StoreError: the rest is still to
        be removed, and the next run does that.
        """
        if not self._is_used:
            return
        noted = sorted(self._documents.all(), key=lambda each: each.folder)
        for folder, rows in groupby(noted, lambda each: each.folder):
            before, now = (
                [*rows],
                {(each.name, each.sha256) for each in documents_in(self.settings.work_dir, folder)},
            )
            if not now and any(each.state == "owed" for each in before):
                continue
            gone = [each.id for each in before if (each.name, each.sha256) not in now]
            if gone:
                with Files(self.ledger).together():
                    self._note(before[0].file_id, folder)
                    self._documents.withdraw(gone, "forgotten")
        self._remove_withdrawn(self._opened())
        for each in self._documents.owed():
            self._put(self._opened(), each)

    def on_other_hosts(self) -> list[tuple[str, str]]:
        """Name and host of each file of which another host has something that is not in the store yet."""
        owed = self._documents.owed() if self._is_used else []
        return sorted({(self._name_of(each), each.host) for each in owed if not self._is_here(each)})

    def remove_forgotten(self, file_id: int | None = None) -> None:
        """Remove from work_dir what was forgotten of a file, None: of any, on another host."""
        for each in self._documents.forgotten() if self._is_used else ():
            if file_id in {None, each.file_id} and self._is_here(each):
                self._remove_here(each)

    def _remove_here(self, document: StoredDocument) -> None:
        folder = self.settings.work_dir / document.folder
        if document.folder.startswith(REPORTS):
            remove_tree(folder)  # the rest comes anew, with what stands in its place
        elif document.name in ORIGINAL:
            remove_landed_copy(folder / ORIGINAL[0])
        else:
            remove_tree(folder / Path(document.name).parts[0])

    def _remove_withdrawn(self, store: DocumentStore) -> None:
        """Raises StoreError."""
        for each in self._documents.withdrawn():
            if not self._documents.is_wanted(each.sha256):
                store.remove(each.sha256, each.size_bytes)
            self._documents.removed(each)


def _host() -> str:
    return invoking_user().host
