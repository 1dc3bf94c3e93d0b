"""What the ledger knows of a file, and of a hand-over, as values: rows of its tables, read by `files`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipeline.core.release_decisions import REFUSED

OPEN_STATES = ("landed", "unfinished", "held")
"""States of files that a run takes up again."""
FINISHED_STATES = ("loaded", "loaded_with_rejects", "compared", "compared_with_differences")
"""States of files whose records all have a final outcome, and of reports that were compared."""
ENDED_STATES = (*FINISHED_STATES, "refused")
"""States that no run changes by itself."""
ALL_DIGITS = 64
"""Hexadecimal digits of a SHA-256."""


@dataclass(frozen=True, slots=True)
class FileRow:
    """A bill file as the ledger knows it; times are RFC 3339.

    `as_of` is the day its balances are of (YYYY-MM-DD), `landing` its place in the order of landing: the end of it,
    when it came back as news. `came_back`: it did, without a new date.
    """

    id: int
    sha256: str
    name: str
    source: str
    """`sftp`, `drop`, `named` or `page`."""
    feed: str
    feed_print: str
    """Hash of the feed that it was read with, see `config.feed_print`."""
    name_parts: dict[str, str]
    """What the feed's pattern took out of the file name."""
    rejects_of: str | None
    """Of a corrected rejects file: short name of its original, as its `reject_source` column has it."""
    size_bytes: int
    state: str
    """One of OPEN_STATES or ENDED_STATES."""
    landed_at: str
    finished_at: str | None
    summary: dict[str, Any] | None
    """What was reported, as in summary.json; None until the file is finished."""
    digits: int
    """How many digits of its SHA-256 name its reports: 8, or all where an earlier file has the same 8."""
    as_of: str | None
    landing: int
    came_back: int
    copied_print: str | None
    """Its feed as the copy of the ledger has it in which it was not finished, and which was restored since."""

    @property
    def finished(self) -> bool:
        """Whether its bytes need no further sending."""
        return self.state in FINISHED_STATES

    @property
    def is_report(self) -> bool:
        """Whether it is the vendor's report of payments; false until it is finished for the first time."""
        return ((self.summary or {}).get("file") or {}).get("kind") == "reconciliation"

    @property
    def is_open(self) -> bool:
        """Whether it is being loaded, or waits for it."""
        return self.state in OPEN_STATES

    @property
    def was_refused_by_person(self) -> bool:
        """Whether a person ended it. What a rule refused is checked afresh when its bytes come again; this is not."""
        return self.state == "refused" and ((self.summary or {}).get("refusal") or {}).get("code") == REFUSED

    @property
    def held(self) -> bool:
        """Whether it waits for a person."""
        return self.state == "held"


@dataclass(frozen=True, slots=True)
class Handover:
    """A move, and an upload of reports, that is still to be done at a source."""

    id: int
    sha256: str
    source: str
    name: str
    size_bytes: int
    modified_at: str
    place: str
    """`archive` or `quarantine`."""
    report: str | None
    """Name of the report folder to upload; None when there is none."""
