"""The standard library's csv module, an independent reader, finds the same records and the same fields."""

from __future__ import annotations

import csv
import io
import re
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.core.csv_structure import CONTROL
from pipeline.core.file_stages import LandedFile
from pipeline.edge.reader.delimited import DelimitedFile
from pipeline.edge.reader.open_records import open_records
from schemas.settings import Limits
from tests.check.landing import land
from tests.seeds import cases

WIDTH = 4
FIELDS = st.text(alphabet='ab ,;"\n\ré😀\t0', max_size=6)
ROWS = st.lists(st.lists(FIELDS, min_size=WIDTH, max_size=WIDTH), max_size=12)
HEADER = [f"column_{number}" for number in range(WIDTH)]


def opened(landed: LandedFile) -> DelimitedFile:
    file = open_records(landed, Limits(), landed.path.parent).records
    assert isinstance(file, DelimitedFile)
    return file


def written(rows: list[list[str]], delimiter: str, end: str, *, quote_all: bool) -> str:
    text = io.StringIO()
    # The module leaves a lone line break that is not its own line end unquoted, which is not well-formed.
    breaks = any(character in field for row in rows for field in row for character in "\r\n")
    quote_all = quote_all or breaks
    writer = csv.writer(
        text,
        delimiter=delimiter,
        lineterminator=end,
        quoting=csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL,
    )
    writer.writerows([HEADER, *rows])
    return text.getvalue()


@pytest.mark.slow
@settings(max_examples=cases(25, soak=1_000), deadline=None)
@example(
    rows=[["a"] * WIDTH, ["", " ", "", "  "]],
    dialect=(",", "\n"),
    quote_all=True,
    codec="utf-8",
    block_bytes=64,
)
@example(
    rows=[["", "", "", " "], ["a"] * WIDTH], dialect=(",", "\n"), quote_all=True, codec="utf-8", block_bytes=5
)
@given(
    rows=ROWS,
    dialect=st.tuples(st.sampled_from([",", ";", "\t"]), st.sampled_from(["\n", "\r\n", "\r"])),
    quote_all=st.booleans(),
    codec=st.sampled_from(["utf-8", "utf-16"]),
    block_bytes=st.sampled_from([5, 64, 1 << 20]),
)
def test_well_formed_files_hold_the_records_that_the_csv_module_finds(
    rows: list[list[str]], dialect: tuple[str, str], quote_all: bool, codec: str, block_bytes: int
) -> None:
    delimiter, end = dialect
    text = written(rows, delimiter, end, quote_all=quote_all)
    expected = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))[1:]
    with tempfile.TemporaryDirectory() as folder:
        landed = land(Path(folder), text.encode(codec), encoding=codec, delimiter=delimiter)
        file = opened(landed)
        found = [file.fields(each, range(WIDTH)) for each in file.batches(block_bytes=block_bytes)]
        raw = landed.path.read_bytes()
    frame = pl.concat(found) if found else pl.DataFrame()
    while expected and not any(field.strip(" ") for field in expected[-1]):
        expected.pop()  # a line of nothing at the end is no record
    assert frame.height == len(expected)
    if not expected:
        return
    empty = [not any(field.strip(" ") for field in row) for row in expected]
    assert frame["damage"].is_not_null().to_list() == empty
    fields = frame.select(pl.col(f"field_{n}").fill_null("") for n in range(WIDTH)).rows()
    assert [row for row in map(list, fields) if any(row)] == [
        row for row, nothing in zip(expected, empty, strict=True) if not nothing
    ]
    own_codec = "utf-16-le" if codec == "utf-16" else codec
    for row, start, stop in zip(expected, frame["byte_start"], frame["byte_end"], strict=True):
        record = raw[start:stop].decode(own_codec)
        assert next(csv.reader(io.StringIO(record, newline=""), delimiter=delimiter)) == row


@settings(max_examples=cases(40, soak=1_500), deadline=None)
@given(body=st.text(alphabet='ab,"\n\r\x00', max_size=60), block_bytes=st.sampled_from([3, 1 << 20]))
def test_whatever_the_text_every_physical_line_is_in_exactly_one_record(body: str, block_bytes: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        landed = land(Path(folder), "x,y\n" + body)
        found = list(opened(landed).batches(block_bytes=block_bytes))
    text = ("x,y\n" + body).rstrip("\r\n")
    covered = 4
    for start, stop in (span for frame in found for span in frame.select("byte_start", "byte_end").rows()):
        assert text[covered:start] in ("", "\n", "\r\n")
        covered = stop
    assert re.fullmatch(r'(?:[\r\n, ]|""(?=[\r\n, ]|\Z))*', text[covered:]), "but lines of nothing at the end"


@settings(max_examples=cases(50, soak=150), deadline=None)
@given(
    body=st.text(alphabet='ab,"=\n\r\x07é', max_size=60),
    codec=st.sampled_from(["utf-8", "utf-16", "cp037"]),
    block_bytes=st.sampled_from([3, 1 << 20]),
)
def test_records_are_the_same_when_they_are_read_again_by_their_places(
    body: str, codec: str, block_bytes: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        landed = land(Path(folder), ("x,y\n" + body).encode(codec, "replace"), encoding=codec)
        file = opened(landed)
        for batch in file.batches(block_bytes=block_bytes):
            first = batch.filter(pl.col("damage").is_null() | (pl.col("damage") == CONTROL))
            places = first.select("record", "line", "byte_start", "byte_end")
            if places.is_empty():
                continue
            again = file.records_at(places)
            assert again.drop("text", "carriage").equals(first.select(again.drop("text", "carriage").columns))
            assert again["text"].to_list() == first["text"].str.strip_suffix("\r").to_list()
