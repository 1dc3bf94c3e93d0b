"""The documents of files that are below work_dir: originals as they were received, and parts of reports."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime
from pathlib import Path

from pipeline.edge.ledger.documents import FoundDocument, StoredDocument
from pipeline.edge.reader.kept_records import kept_folder

LANDING = "landing"
REPORTS = "reports"
"""Below work_dir: the folders of the folders of originals, and of reports."""
ORIGINAL = ("content", "control")
"""The original as it was received, and the control file that came with it (see `edge.local.landing`)."""
MARK = "summary.json"
"""The document of a report that every version of it has with other bytes."""


def documents_in(work_dir: Path, folder: str) -> list[FoundDocument]:
    """The documents in a folder, in the order of their names. Of an original that `forget` has replaced: what it kept.

    Args:
        folder: its path below work_dir.
    """
    here = work_dir / folder
    if folder.startswith(REPORTS):
        paths = [path for path in here.glob("*") if path.is_file() and not path.name.startswith(".")]
    elif (kept := kept_folder(here / ORIGINAL[0])) is not None:
        paths = [path for path in kept.rglob("*") if path.is_file()]
    else:
        paths = [here / name for name in ORIGINAL if (here / name).is_file()]
    return [_found_at(path, here) for path in sorted(paths)]


def _found_at(path: Path, folder: Path) -> FoundDocument:
    name = path.relative_to(folder).as_posix()
    if name == ORIGINAL[0]:  # a landed copy is named by its bytes
        return FoundDocument(name, folder.name, path.stat().st_size)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return FoundDocument(name, digest, os.fstat(file.fileno()).st_size)


def is_as_noted(path: Path, document: StoredDocument) -> bool:
    """Whether a document is at that path with the bytes that were noted."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size != document.size_bytes:
                return False
            return hashlib.file_digest(file, "sha256").hexdigest() == document.sha256
    except (FileNotFoundError, NotADirectoryError):
        return False


def date_as(path: Path, at: str) -> None:
    """Make a file or folder as old as a document that was noted at that time (RFC 3339), for retention."""
    seconds = datetime.fromisoformat(at).timestamp()
    os.utime(path, (seconds, seconds))
