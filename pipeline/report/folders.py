"""Where a report is, and how it gets there whole: written beside, made durable, then renamed.

Everything is 0700 (folders) or 0600 (files) under any umask, because a report names a merchant's customers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from urllib.parse import quote

from pipeline.core.days import month_named
from pipeline.core.file_stages import LandedFile
from pipeline.core.names import SHORT_DIGITS
from pipeline.edge.disk import private_folder, remove_tree, scratch_folder, staged_name, sync_folder, writing

NAME_BYTES = 200
"""Room for suffixes is left below the 255 bytes that file systems take."""
DRY_RUNS = "dry-run"
"""Below the folder of all reports: those of dry runs, which are never uploaded."""
OVERVIEW = "index.html"
_MONTHS = "month-{}.html"
REPORT_NAMES = {
    "summary": ("summary.json",),
    "results": ("results.csv",),
    "rejects": ("rejects.csv", "rejects.ndjson", "rejects.txt"),
    "page": ("report.html",),
}
"""What each part of a report may be called; rejects are written as the bill file was."""
_STAGED = ".writing-"
"""How the names of staging folders begin: hidden, so that neither people nor `report_folders` take one for a report."""


def month_page_name(day: date) -> str:
    """`month-2026-11.html`, the page of the month that a day is in."""
    return _MONTHS.format(f"{day:%Y-%m}")


def month_pages(reports: Path) -> list[tuple[date, str]]:
    """First day and name of the month pages that are there, newest first."""
    found = (
        (month_named(path.stem.removeprefix("month-")), path.name)
        for path in reports.glob(_MONTHS.format("*"))
    )
    return sorted(((days.first, name) for days, name in found if days and days.first), reverse=True)


def report_folder(folder: Path, landed: LandedFile) -> Path:
    """The folder of one file's report below `folder`, that of a run's reports. It need not exist."""
    return folder / folder_name(landed.name, landed.sha256, landed.digits)


def folder_name(name: str, sha256: str, digits: int = SHORT_DIGITS) -> str:
    """`<file name>.<first digits of sha256>`, odd characters percent-encoded (RFC 3986), at most 200 bytes.

    Of a longer name whole characters are kept, then 8 digits of its own SHA-256: names that begin alike stay apart.

    Args:
        name: a bill file's name, with surrogate escapes for bytes that are not UTF-8.
        sha256: of the file's content, in hexadecimal.
        digits: how many of them; more than the usual ones where two files would else have the same folder.
    """
    suffix = f".{sha256[:digits]}"
    encoded = [quote(char, safe="", errors="surrogateescape") for char in name]
    if encoded[:1] == ["."]:
        encoded[0] = "%2E"  # a report is not a hidden folder
    whole = "".join(encoded) + suffix
    if len(whole) <= NAME_BYTES:
        return whole
    digest = hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()
    suffix = f"~{digest[:8]}{suffix}"
    kept = ""
    for char in encoded:
        if len(kept) + len(char) + len(suffix) > NAME_BYTES:
            break
        kept += char
    return kept + suffix


def belongs_to_another_file(folder: Path, sha256: str) -> bool:
    """Whether the report in `folder` is one of another file, by the hash in its summary.json.

    Asked of the disk because a ledger that was lost and made anew does not know that other file. False where the
    summary is missing or cannot be read.
    """
    try:
        summary = json.loads((folder / "summary.json").read_bytes())
        return bool(summary["file"]["sha256"] != sha256)
    except (OSError, ValueError, KeyError, TypeError):
        return False


@contextmanager
def written_whole(final: Path) -> Iterator[Path]:
    """A private folder to write into, which takes the name `final` when the block ends well.

    A reader sees the earlier report or this one, never a mixture; after an error nothing new is there.

    Raises:
        DiskFull: there is no room for the report.
    """
    private_folder(final.parent)
    with scratch_folder(_STAGED, final.parent) as staged:
        yield staged
        sync_folder(staged)
        with writing(final.parent):
            put_whole(staged, final)
        sync_folder(final.parent)


def report_folders(folder: Path) -> list[Path]:
    """Every report below the folder of all reports, those of dry runs too; not what a killed run left half-written."""
    found = [*folder.glob("*"), *folder.glob(f"{DRY_RUNS}/*")]
    return [
        each for each in found if each.is_dir() and each.name != DRY_RUNS and not each.name.startswith(".")
    ]


def half_written(folder: Path) -> list[Path]:
    """What killed runs left beside reports, to be removed: staging folders, and half-written pages."""
    left = (f"{_STAGED}*", f"{DRY_RUNS}/{_STAGED}*", staged_name(OVERVIEW), staged_name(_MONTHS.format("*")))
    return [found for pattern in left for found in folder.glob(pattern)]


def put_whole(staged: Path, final: Path) -> None:
    """Rename `staged` to `final`. A folder cannot be renamed over a full one: the earlier one steps aside first."""
    if not final.exists():
        staged.rename(final)
        return
    aside = staged.with_name(f"{staged.name}.earlier")
    final.rename(aside)
    try:
        staged.rename(final)
    except OSError:
        # An old report is worth more than none: the new one can be written again.
        aside.rename(final)
        raise
    remove_tree(aside)
