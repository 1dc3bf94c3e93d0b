"""The first look at a line calls it a whole record only where the closer look would say the same."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st

from pipeline.core import csv_structure
from pipeline.core.csv_structure import DAMAGE, CsvDialect
from tests.seeds import cases

ODD = [*'",;\t ab', "\r", "\n", "\x00", "\x1a", "\x7f", "\x85", "é", "\ufeff", "\U0001f600", "\u2028"]
DELIMITERS = (",", ";", "\t", " ", "|")


def lines_of(text: bytes, end: str = "\n") -> pl.DataFrame:
    return csv_structure.lines_of(text, end, pl.col("raw").str.len_bytes().cast(pl.Int64))


def damage(text: str, width: int, delimiter: str = ",") -> str | None:
    dialect = CsvDialect(delimiter, "\n", width, 10**6)
    whole = (text + "\n").encode()
    [found] = csv_structure.scan_lines(lines_of(whole), whole, dialect, final=True).records["damage"]
    return None if found is None else DAMAGE[found]


@bounded(deadline=None, max_examples=cases(150, soak=3_000))
@given(
    st.lists(st.text(st.sampled_from(ODD), max_size=8), min_size=1, max_size=12),
    st.integers(1, 4),
    st.sampled_from(DELIMITERS),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
)
def test_both_looks_agree_on_every_line(
    texts: list[str], width: int, delimiter: str, end: str, ended: bool
) -> None:
    dialect = CsvDialect(delimiter, "\r" if end == "\r" else "\n", width, 10**6)
    text = (end.join(texts) + (end if ended or not texts[-1] else "")).encode()
    lines = lines_of(text, dialect.line_end)
    plain = csv_structure.plain_lines(lines, text, dialect)
    closer = csv_structure._with_damage(lines, {}, dialect)["damage"]
    unquoted = ~lines["text"].str.contains('"', literal=True)
    assert not (plain & ~unquoted).any()
    assert plain.filter(unquoted).to_list() == closer.is_null().filter(unquoted).to_list()


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_a_line_of_spaces_is_blank_also_where_records_have_one_field(delimiter: str) -> None:
    assert damage("   ", 1, delimiter) == "record.blank"
    assert damage(" a ", 1, delimiter) is None


@pytest.mark.parametrize("width", [1, 2, 1000, 1001, 20_000])
def test_the_fields_of_a_record_are_counted_however_many_there_are(width: int) -> None:
    assert damage(",".join("a" * width), width) is None
    assert damage(",".join("a" * (width + 1)), width) == "record.too_many_fields"
    if width > 1:
        assert damage(",".join("a" * (width - 1)), width) == "record.too_few_fields"
