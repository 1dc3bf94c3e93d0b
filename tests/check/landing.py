"""Bill files put on disk and checked, for tests."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from pipeline.check.check import check
from pipeline.core.file_stages import CheckedFile, LandedFile
from pipeline.edge.reader.checked_parts import parts_of, with_verdicts
from schemas.feed import Feed
from schemas.settings import Limits

BILLS = "customer_reference,account_reference,bill_reference,currency,amount_due"


def feed(**facts: Any) -> Feed:
    return Feed.model_validate(
        {"name": "bills", "match": "*", "model": "bill", "amount": {"unit": "major"}, **facts}
    )


def land(
    folder: Path,
    content: str | bytes,
    *,
    name: str = "bills.csv",
    name_parts: dict[str, str] | None = None,
    rejects_of: str | None = None,
    sidecar: bytes | None = None,
    **facts: Any,
) -> LandedFile:
    """Put content on disk as a landed file of a feed with these facts."""
    raw = content.encode() if isinstance(content, str) else content
    path = folder / name
    path.write_bytes(raw)
    return LandedFile(
        sha256=hashlib.sha256(raw).hexdigest(),
        path=path,
        name=name,
        name_parts=name_parts or {},
        size_bytes=len(raw),
        origin="named",
        feed=feed(**facts),
        rejects_of=rejects_of,
        control=sidecar,
    )


def checked(folder: Path, content: str | bytes, *, limits: Limits | None = None, **facts: Any) -> CheckedFile:
    """With whatever share of rejects, unless the limits say otherwise."""
    limits = limits or Limits(max_reject_ratio=1.0)
    return check(land(folder, content, **facts), folder / "work", limits=limits)


def records(file: CheckedFile) -> list[dict[str, Any]]:
    """All records of a checked file in order."""
    parts = parts_of(file.records)
    return with_verdicts(*parts).collect().rows(named=True) if parts else []


def codes(file: CheckedFile) -> list[list[str]]:
    return [record["codes"] for record in records(file)]


def verdicts(file: CheckedFile) -> list[str]:
    return [record["verdict"] for record in records(file)]


def texts(file: CheckedFile) -> list[bytes]:
    """The original bytes of each record."""
    raw = file.landed.path.read_bytes()
    return [raw[record["byte_start"] : record["byte_end"]] for record in records(file)]
