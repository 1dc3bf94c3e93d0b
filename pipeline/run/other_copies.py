"""Where a bill file is besides our landed copy: archives below work_dir, and places that are not ours to change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pipeline.core.names import SHORT_DIGITS, moved_name, raw_name
from pipeline.edge.config import is_within
from pipeline.edge.disk import remove_tree
from pipeline.edge.ledger.audit import AuditTrail
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.ledger.files import Files
from pipeline.report.folders import folder_name
from pipeline.run.stored_documents import StoredDocuments
from schemas.settings import Settings


def copies_below(settings: Settings, hashes: set[str]) -> list[Path]:
    """Files with these SHA-256s in archive and quarantine, where those are below work_dir."""
    found = []
    for folder in _folders(settings):
        if not is_within(folder, settings.work_dir) or not folder.is_dir():
            continue
        for path in sorted(folder.iterdir()):
            digits = {sha256[:SHORT_DIGITS] for sha256 in hashes if f".{sha256[:SHORT_DIGITS]}" in path.name}
            if digits and path.is_file() and _sha256(path) in hashes:
                found.append(path)
    return found


def remove_unclaimed(settings: Settings, files: Files, may_go: Callable[[str], bool]) -> None:
    """Remove landed copies that nobody took up and that may go, by their SHA-256. A file of the page may be entered
    beside us, so each is looked up and removed in one step of the ledger.
    """
    for folder in (settings.work_dir / "landing").glob("*"):
        with files.together():
            if files.by_sha256(folder.name) is None and may_go(folder.name):
                remove_tree(folder)


def places_elsewhere(settings: Settings, rows: Sequence[FileRow], ledger: Ledger) -> Iterator[str]:
    """Where data of these files may still be, and was not touched: sources, uploaded reports, backups."""
    sftp, drop = settings.sftp, settings.drop
    for name, host in StoredDocuments(settings, ledger).on_other_hosts():
        yield f"{name}, on {host}: not in the store yet (billferry run there, then billferry forget again)"
    for row in rows:
        moved = moved_name(row.name, row.sha256)
        if row.source == "sftp" and sftp is not None:
            yield f"{sftp.host}: {sftp.archive or sftp.incoming}/{moved if sftp.archive else row.name}"
            if sftp.reports is not None:
                yield f"{sftp.host}: {sftp.reports}/{folder_name(row.name, row.sha256, row.digits)}"
        elif row.source == "drop" and drop is not None:
            for folder in _folders(settings):
                path = folder / Path(raw_name(moved).decode(errors="surrogateescape"))
                if path.exists():
                    yield str(path)
        elif row.source == "named":
            yield f"{row.name}, wherever it was when it was named on the command line"
        elif row.source == "page":
            yield f"{row.name}, wherever it was before it was dropped on the page"
    for entry in AuditTrail(ledger).entries():
        said = json.loads(entry.text)
        if said["command"] == "backup":
            names = ", ".join(file["name"] for file in said["files"])
            yield f"{names}, a backup made on {said['at'][:10]}"
    if sftp is not None and sftp.payments is not None:
        yield f"{sftp.host}: {sftp.payments}/payments_*.csv, with references"


def _folders(settings: Settings) -> list[Path]:
    drop = settings.drop
    return [folder for folder in (drop.archive, drop.quarantine) if folder] if drop else []


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
