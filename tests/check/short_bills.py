"""Small files of customer, bill and amount (`c`, `b`, `a`), for tests of headers and rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.check.check import check
from pipeline.collect.feed_of_file import Matching
from pipeline.collect.named_files import land_named
from pipeline.core.file_stages import CheckedFile
from pipeline.report.rejects import rejects_of_check
from pipeline.run.validate import first_requests
from schemas.settings import Limits
from tests.check.landing import checked, codes, feed, land, records

ANY = Limits(max_reject_ratio=1.0)
SHORT: dict[str, Any] = {
    "columns": {"customer_reference": "c", "bill_reference": "b", "amount_due": "a"},
    "currency": "ZAR",
}
ROWS = ("C-1,B-1,10.00", "C-2,B-2,11.00")


def short(folder: Path, content: str | bytes, **facts: Any) -> CheckedFile:
    """A file of customer, bill and amount."""
    return checked(folder, content, **(SHORT | facts))


def fetched(path: Path, landing: Path) -> None:
    """Land a file as a run does, where no record may have more than 1 000 bytes."""
    land_named(
        path,
        Matching([feed(**SHORT)]),
        landing,
        max_file_bytes=1 << 30,
        max_record_bytes=1_000,
        feed=None,
        durable=False,
    )


def text_of(*lines: str, header: str = "c,b,a", end: str = "\n") -> str:
    return end.join([header, *lines]) + end


def amounts(file: CheckedFile) -> list[int | None]:
    return [record["amount_minor"] for record in records(file)]


def sound(file: CheckedFile) -> bool:
    return file.refusal is None and not any(codes(file))


def refused(file: CheckedFile) -> tuple[str, str]:
    assert file.refusal is not None
    return file.refusal.code, file.refusal.message


def sent_back(folder: Path, file: CheckedFile, mend: tuple[str, str], **facts: Any) -> CheckedFile:
    """The rejects of a file, corrected and dropped back."""
    path = folder / "rejects.csv"
    assert rejects_of_check(file, path)
    codec = file.codec
    corrected = path.read_bytes().decode(codec).replace(*mend).encode(codec)
    landed = land(folder, corrected, name="back.csv", rejects_of=file.landed.short_name, **(SHORT | facts))
    return check(landed, folder / "again", limits=ANY)


def sent_bodies(file: CheckedFile) -> list[dict[str, Any]]:
    """What would be sent for a file."""
    return [request["body"] for request in first_requests(file, 1_000)]
