"""Whatever happened to a file: no crash, no hang, and every record that the oracle finds has one outcome."""

from __future__ import annotations

import re
import time
from functools import partialmethod
from pathlib import Path

import pytest

from pipeline.check.check import check
from pipeline.core.file_stages import CheckedFile
from pipeline.core.json_structure import is_array as begins_as_array
from pipeline.core.outcomes import Outcome
from pipeline.edge.reader.delimited import DelimitedFile
from pipeline.edge.reader.fixed_width import FixedFile
from pipeline.edge.reader.json_array import JsonArray
from pipeline.edge.reader.json_lines import JsonFile
from pipeline.edge.reader.record_batches import RecordBatches
from schemas.settings import Limits
from tests.check.landing import land, records
from tests.fuzz.mutations import BILLS, Case, case
from tests.fuzz.oracle import DAMAGED, lines_of_records
from tests.seeds import cases

FILES = cases(120, soak=10_000)
SHARES = 8
SMALL_BLOCKS = {4: 129, 5: 300, 6: 501, 7: 700}
"""Shares whose files are read in blocks of so many bytes."""
MOST_S = 5.0
"""Processor time for one of these small files."""
LIMITS = Limits(max_reject_ratio=1.0)
STRICTER = (
    "file.archive_",
    "file.workbook",
    "file.format",
    "file.encoding",
    "file.header",
    "file.record_too_long",
)
"""What may be refused although the oracle, which is content with anything it can read, finds records."""
PACKED = (b"PK", b"\x1f\x8b", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"\xd0\xcf\x11\xe0")
_JSON_GAP = re.compile(r"[ \t\r\n]*,[, \t\r\n]*|[ \t\r\n]*")
"""Between two elements of an array."""
FOUND = Path(__file__).parent / "found"


def assert_every_record_is_accounted_for(folder: Path, made: Case) -> None:
    expected = lines_of_records(
        made.raw,
        encoding=made.facts.get("encoding", "utf-8"),
        delimiter="" if "fixed" in made.facts else made.facts.get("delimiter", ","),
        needed=made.needed,
        items=made.facts.get("items", ""),
    )
    started = time.process_time()
    file = check(land(folder, made.raw, **made.facts), folder / "work", limits=LIMITS)
    assert time.process_time() - started < MOST_S
    if file.refusal is not None:
        assert file.refusal.message
        packed = made.raw.startswith(PACKED)
        empty = expected == [] and file.refusal.code == "file.no_records"
        stricter = (
            (*STRICTER, "file.duplicate_column", "file.merged_cells") if packed else "file.duplicate_column"
        )
        assert expected in (None, DAMAGED) or empty or file.refusal.code.startswith(stricter), file.refusal
        return
    assert expected is not None, "accepted, where the oracle can read nothing"
    rows = records(file)
    if expected != DAMAGED:
        assert [row["line"] for row in rows] == expected
    assert file.totals.total_records == len(rows)
    assert file.totals.count(Outcome.SKIPPED) == sum(row["verdict"] == "skipped" for row in rows)
    assert_no_byte_is_lost(file)


def assert_no_byte_is_lost(file: CheckedFile) -> None:
    """Records stand one behind the other, with nothing but line ends between them, and lines of nothing at the end."""
    text = file.text_path.read_bytes()
    codec, before = file.codec, None
    is_array = begins_as_array(text[len(file.byte_order_mark) :].decode(codec, "replace"))
    for row in records(file):
        start, end = row["byte_start"], row["byte_end"]
        assert 0 <= start <= end <= len(text)
        between = text[len(file.byte_order_mark) if before is None else before : start].decode(
            codec, "replace"
        )
        assert (
            before is None or between in ("\n", "\r\n", "\r") or (is_array and _JSON_GAP.fullmatch(between))
        )
        before = end
    if before is not None:
        rest = text[before:].decode(codec, "replace")
        rest = rest.strip(" \t\r\n,\x1a").removesuffix("]") if is_array else rest
        assert rest.removesuffix("\x1a").strip('\r\n "' + file.delimiter) == "", "but lines of nothing"


def read_in_blocks(monkeypatch: pytest.MonkeyPatch, block_bytes: int) -> None:
    """As a file is read that is larger than one block: records and characters straddle the next one."""
    for format_ in (DelimitedFile, JsonFile, FixedFile, JsonArray, RecordBatches):
        monkeypatch.setattr(format_, "batches", partialmethod(format_.batches, block_bytes=block_bytes))


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("share", range(SHARES))
def test_mutated_files_lose_no_record(share: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if share in SMALL_BLOCKS:
        read_in_blocks(monkeypatch, SMALL_BLOCKS[share])
    for seed in range(share, FILES, SHARES):
        made = case(seed)
        try:
            assert_every_record_is_accounted_for(tmp_path, made)
        except BaseException as trouble:
            trouble.add_note(f"seed {seed}: tests.fuzz.mutations.case({seed})")
            raise


@pytest.mark.parametrize("path", sorted(FOUND.iterdir()), ids=lambda path: path.name)
def test_what_once_broke_is_accounted_for(path: Path, tmp_path: Path) -> None:
    assert_every_record_is_accounted_for(tmp_path, Case(path.read_bytes(), {"currency": "ZAR"}, BILLS))


def test_the_mutations_are_neither_all_harmless_nor_all_deadly() -> None:
    made = [case(seed) for seed in range(200)]
    counts = [
        lines_of_records(
            each.raw,
            encoding=each.facts.get("encoding", "utf-8"),
            delimiter="" if "fixed" in each.facts else each.facts.get("delimiter", ","),
            needed=each.needed,
            items=each.facts.get("items", ""),
        )
        for each in made
    ]
    refused = sum(count is None for count in counts)
    assert 40 < refused < 140


def test_the_mutations_draw_lists_of_items() -> None:
    made = [each for each in map(case, range(1_000)) if "items" in each.facts]
    counts = [
        lines_of_records(
            each.raw, encoding=each.facts["encoding"], delimiter=",", needed=each.needed, items="lines"
        )
        for each in made
    ]
    read = [count for count in counts if count and count != DAMAGED]
    assert len(read) > 20
    assert sum(len(set(lines)) < len(lines) for lines in read) > 10  # several items on one line
