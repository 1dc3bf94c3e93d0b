"""What the check hands over, reported: rejects come back unaltered, round after round, until they are mended."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pipeline.check.check import check
from pipeline.core.file_stages import CheckedFile, LandedFile
from pipeline.report.results import nothing_sent
from pipeline.report.summary import FileReport
from pipeline.report.write import write_report
from schemas.settings import Limits
from tests.report.example import DRY_RUN, feed

HEADER = "customer_reference,bill_reference,currency,amount_due,customer_name"
GOOD = "c1,b1,ZAR,1.00,Zoë"
BAD = [
    'c2,"b2,ZAR,1.00,x',
    'c3,b3,XXZ,"1.234","é; ""x"""',
    "",
    "c4",
    'c5,"b\r\n5",JPY,5,',
    "c6,b6,ZAR,1,1,Zoë,1",
]


def report_of(
    folder: Path, content: bytes, *, encoding: str, rejects_of: str | None = None
) -> tuple[CheckedFile, FileReport]:
    folder.mkdir()
    path = folder / "landed"
    path.write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    landed = LandedFile(
        sha256, path, f"{folder.name}.csv", {}, len(content), "drop", feed(encoding=encoding), rejects_of
    )
    checked = check(landed, folder, limits=Limits())
    return checked, write_report(checked, nothing_sent, folder=folder / "reports", run=DRY_RUN)


@pytest.mark.parametrize(
    ("encoding", "codec", "mark"),
    [("utf-8", "utf-8", b""), ("cp1252", "cp1252", b""), ("utf-16", "utf-16-be", b"\xfe\xff")],
)
def test_unmended_rejects_keep_their_text_and_mended_ones_are_accepted(
    tmp_path: Path, encoding: str, codec: str, mark: bytes
) -> None:
    content = mark + "\r\n".join([HEADER, GOOD, *BAD, GOOD, ""]).encode(codec)
    checked, report = report_of(tmp_path / "first", content, encoding=encoding)
    counts = report.summary.records
    assert (counts.total, counts.rejected, counts.duplicate, counts.not_attempted) == (8, 6, 1, 1)
    for name in ("second", "third"):
        rejects = report.paths["rejects"].read_bytes()
        source = checked.landed.short_name
        expected = [f"{HEADER},reject_codes,reject_messages,reject_record,reject_source", *BAD]
        assert rejects.startswith(mark)
        at = 0
        for line in expected:  # each original text, in order, at the start of a line
            at = rejects.index(("\r\n" * (at > 0) + line).encode(codec), at) + 1
        assert rejects.count(source.encode(codec)) == len(BAD)
        assert rejects.count("record.".encode(codec)) >= 4
        checked, report = report_of(tmp_path / name, rejects, encoding=encoding, rejects_of=source)
        assert (report.summary.records.total, report.summary.records.rejected) == (6, 6)
    mended = report.paths["rejects"].read_bytes().replace("XXZ".encode(codec), "KWD".encode(codec))
    _, report = report_of(
        tmp_path / "fourth", mended, encoding=encoding, rejects_of=checked.landed.short_name
    )
    assert report.summary.amounts_minor["KWD"].not_attempted == 1234
