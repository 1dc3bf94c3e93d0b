"""An overview of files with names that a link, a page or a spreadsheet could stumble over."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.core.outcomes import REJECTS
from pipeline.report.folders import folder_name
from pipeline.report.html.index_page import OverviewFacts, write_overview

AS_OF = datetime(2026, 11, 20, 6, 2, tzinfo=UTC)
ODD_NAMES = (
    "za_citypower_bills_2026-12-01.csv",
    '"><img src=x onerror="window.ran = 1">.csv',
    "<script>window.ran = 1<script>.csv",
    "javascript:window.ran=1",
    "=cmd|' ' C'!A0.csv",
    "@SUM(1).csv",
    "per cent %2F and %25.csv",
    "what#is?this&that.csv",
    "Zoë’s ✓ bills.csv",
    "line\u2028separator\u202e.csv",
    ".hidden.csv",
    "-flag.csv",
)


@dataclass(frozen=True)
class Known:
    """A file as the ledger knows it."""

    name: str
    state: str = "loaded_with_rejects"
    feed: str = "bills"
    landed_at: str = "2026-11-20T06:00:00Z"
    finished_at: str | None = "2026-11-20T06:01:00Z"
    summary: Mapping[str, Any] | None = None
    digits: int = 8

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.name.encode("utf-8", "surrogateescape")).hexdigest()


def known(name: str, **facts: Any) -> Known:
    """A file with five records, of which two did not load."""
    none = dict.fromkeys(("updated", "unchanged", "duplicate", "conflict", "in_doubt", "not_attempted"), 0)
    summary = {
        "file": {"name": name},
        "records": none | {"total": 5, "created": 3, "rejected": 1, "refused": 1},
        "amounts_minor": {"ZAR": {"total": 123_456}, "?": {"total": 5}},
    }
    return Known(name, **({"summary": summary} | facts))


def rejects_of(file: Known) -> int:
    """Its records that nothing has closed."""
    return sum((file.summary or {}).get("records", {}).get(each, 0) for each in REJECTS)


def overview(
    folder: Path,
    files: list[Known],
    *,
    total: int | None = None,
    late: Sequence[str] = (),
    loaded: Mapping[str, Mapping[str, int]] | None = None,
) -> Path:
    """The overview page, with a small report beside it for each file."""
    for file in files:
        place = folder / folder_name(file.name, file.sha256)
        place.mkdir(parents=True, exist_ok=True)
        (place / "report.html").write_text(f"<!doctype html><title>{file.sha256}</title>")
    to_correct = {
        file.sha256: number for file in files if (number := rejects_of(file)) or file.state == "refused"
    }
    facts = OverviewFacts(
        files,
        len(files) if total is None else total,
        merchant="citypower",
        environment="test",
        timezone="Africa/Johannesburg",
        as_of=AS_OF,
        late=late,
        loaded=loaded or {},
        to_correct=to_correct,
        refused={file.sha256 for file in files if file.state == "refused"},
        states=Counter(file.state for file in files),
    )
    return write_overview(facts, folder)
