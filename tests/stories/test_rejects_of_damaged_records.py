"""Records that no parser would take come back byte for byte too, in every format and encoding, and load once mended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.check.check import check
from pipeline.core.file_stages import CheckedFile, LandedFile
from pipeline.report.results import nothing_sent
from pipeline.report.write import write_report
from schemas.settings import Limits
from tests.check.landing import land, records
from tests.report.example import DRY_RUN
from tests.stories.test_rejects_of_every_format import WAYS, Way, shown

NO_CHARACTER = {
    "utf-8": b"\xff",
    "utf-16-le": b"\x00\xd8",
    "utf-16-be": b"\xd8\x00",
    "cp1252": b"\x81",
    "latin-1": b"\x01",
}
"""Bytes that are none in an encoding. In latin-1 all are; there it is a control character."""


def good(number: int) -> list[str]:
    return [f"C-{number}", "Zoë", "", f"A-{number}", f"B-{number}", "10.00", "2030-01-31"]


def damaged(way: Way) -> list[tuple[str, bytes]]:
    """Codes and the bytes of their records; what could run into the next record comes last."""
    lines = [way.line(good(number)) for number in range(1, 7)]
    mark, quote, cut = (way.encoded(text) for text in ("Zoë", 'Zo"ë', "2030-01-31"))
    control = "record.control_characters"
    bad = NO_CHARACTER[way.encoding]
    unfit = "record.undecodable" if way.encoding != "latin-1" else "record.json" if way.is_json else control
    found = [
        ("record.blank", b""),
        (unfit, lines[0].replace(mark, mark + bad)),
    ]
    if way.is_json:
        twice = way.encoded('"amount_due" : "10.00" , "amount_due"')
        found += [
            ("record.json", lines[1][: len(lines[1]) // 4 * 2]),
            ("record.duplicate_key", lines[2].replace(way.encoded('"amount_due"'), twice)),
            ("record.value_type", lines[3].replace(way.encoded('"10.00"'), way.encoded("[10.00]"))),
        ]
        return found
    return [
        *found,
        (control, lines[1].replace(mark, mark + way.encoded("\x00"))),
        ("record.too_few_fields", lines[2][: -len(way.encoded(way.delimiter + "2030-01-31"))]),
        ("record.too_many_fields", lines[3].replace(mark, mark + way.encoded(way.delimiter))),
        ("record.stray_quote", lines[4].replace(mark, quote)),
        ("record.open_quote", lines[5].replace(cut, way.encoded('"') + cut)),
    ]


def checked(landed: LandedFile, folder: Path) -> CheckedFile:
    return check(landed, folder / "work", limits=Limits(max_decompression_ratio=100_000))


def mend(way: Way, number: int, original: bytes, line: bytes) -> bytes:
    """A good record in the place of a damaged one, which must stand in its line as it was; what is ours stays."""
    whole = way.line(good(number))
    if not way.is_json:
        assert line.startswith(original)
        return whole + line.removeprefix(original)
    end, behind = way.encoded("}"), way.encoded(" {")
    if line.startswith(original + behind):  # it is no object, so ours stand in one of their own
        return whole.removesuffix(end) + way.encoded(",") + line.removeprefix(original + behind)
    assert line.startswith(original.removesuffix(end))
    return whole.removesuffix(end) + line.removeprefix(original.removesuffix(end))


@pytest.mark.parametrize("way", [way for way in WAYS if not way.is_workbook], ids=shown)
def test_damaged_records_come_back_as_they_were_and_load_once_mended(tmp_path: Path, way: Way) -> None:
    bad = damaged(way)
    end = way.encoded(way.line_end)
    lines = [way.line(good(99)), *(line for _, line in bad)]
    text = end.join([*([] if way.is_json else [way.header()]), *lines]) + end
    facts: dict[str, Any] = {**way.feed, "currency": "ZAR"}
    file = checked(land(tmp_path, way.pack(way.mark + text), name=way.file_name, **facts), tmp_path)
    found = records(file)
    assert [each["codes"] for each in found] == [[], *([code] for code, _ in bad)]

    report = write_report(file, nothing_sent, folder=tmp_path / "reports", run=DRY_RUN)
    rejects = report.paths["rejects"].read_bytes()
    assert rejects.startswith(way.mark)
    lines = rejects.removeprefix(way.mark).removesuffix(end).split(end)
    header = [] if way.is_json else [lines.pop(0)]
    mended = [
        mend(way, number, original, line)
        for number, ((_, original), line) in enumerate(zip(bad, lines, strict=True), 1)
    ]
    content = way.mark + b"".join(line + end for line in [*header, *mended])

    source = f"{way.file_name}.{file.landed.sha256[:8]}"
    again = checked(land(tmp_path, content, name="mended", rejects_of=source, **facts), tmp_path)
    assert [each["codes"] for each in records(again)] == [[]] * len(bad)
    assert [each["bill_reference"] for each in records(again)] == [
        f"B-{number}" for number in range(1, len(bad) + 1)
    ]
