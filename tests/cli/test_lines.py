"""Lines for a terminal, at any width and with names of any script."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from pipeline.cli.progress_line import ROOM_FOR_KEYS, progress_line
from pipeline.cli.text_layout import (
    LEAST_NAME,
    aligned,
    cut_middle,
    headed,
    wrapped,
)

WIDE = "電力会社_2026-11-20_請求書.csv"
NAME = st.text(st.characters(exclude_categories=["C", "Z", "M"]), max_size=300)


@given(NAME, st.integers(0, 200))
def test_a_name_is_cut_to_the_width_and_keeps_both_ends(name: str, width: int) -> None:
    cut = cut_middle(name, width)
    assert cell_len(cut) <= max(width, 0)
    if cell_len(name) <= width:
        assert cut == name
    elif width >= 8:
        start, _, end = cut.partition("…")
        assert name.startswith(start)
        assert name.endswith(end)
        assert start
        assert end


def test_wide_letters_count_twice() -> None:
    assert cell_len(WIDE) == len(WIDE) + 7
    assert cut_middle(WIDE, 20) == "電力会社_…請求書.csv"


@given(st.lists(st.text("abcdefgh電力", min_size=1, max_size=30), min_size=1), st.integers(10, 80))
def test_no_word_is_cut_and_no_line_too_wide_but_for_a_word_that_is(words: list[str], width: int) -> None:
    lines = wrapped(" ".join(words), width).split("\n")
    assert " ".join(lines).split() == words
    for line in lines:
        assert cell_len(line) <= width or len(line.split()) == 1
    assert all(line.startswith("  ") for line in lines[1:])


def test_what_follows_is_indented_below_its_line_and_blank_lines_stay() -> None:
    assert wrapped("  line 3: one two three\n\nend", 16) == "  line 3: one\n    two three\n\nend"


@pytest.mark.parametrize("width", [10, 40, 60, 100])
def test_the_head_of_a_file_is_one_line_where_that_is_possible(width: int) -> None:
    lines = headed(f"{WIDE}: loaded with rejects (feed bills)", width).split("\n")
    assert all(cell_len(line) <= max(width, 12) for line in lines)
    assert (len(lines) == 1) == (width >= LEAST_NAME + cell_len(": loaded with rejects (feed bills)"))
    assert " ".join(lines).split(":")[1].split() == ["loaded", "with", "rejects", "(feed", "bills)"]


@given(st.integers(1, 6), st.integers(12, 120))
def test_a_table_keeps_every_cell_and_its_rows_whole(currencies: int, width: int) -> None:
    heads = [f"C{number:02}" for number in range(currencies)]
    rows = [["outcome", "records", *heads], ["not sent", "1 234 567", *["12 345 678.00"] * currencies]]
    lines = aligned(rows, width)
    assert [line for line in lines if "records" in line] == [lines[0]]
    shown = " ".join(lines)
    assert all(shown.count(head) == 1 for head in heads)
    assert shown.count("12 345 678.00") == currencies
    assert len(lines) % 2 == 0
    if width >= 50:
        assert max(map(len, lines)) <= width


FACTS = st.fixed_dictionaries(
    {
        "name": NAME,
        "done": st.integers(0, 10**9),
        "total": st.integers(0, 10**9),
        "unit": st.sampled_from(["bytes", "records"]),
        "elapsed_s": st.floats(0, 1e6),
        "note": st.sampled_from(["", "12 retries, at most 850/s"]),
    }
)


@given(st.integers(16, 200), FACTS)
def test_a_progress_line_never_wraps_and_leaves_room_for_a_key(width: int, facts: dict[str, object]) -> None:
    line = progress_line(width, verb="load", **facts)  # type: ignore[arg-type]
    assert cell_len(line) <= width - ROOM_FOR_KEYS
    assert "\n" not in line


def told(width: int, **changes: object) -> str:
    facts: dict[str, object] = {
        "name": "za_citypower_2026-11-20_bills.csv",
        "done": 123_456,
        "total": 1_000_000,
        "unit": "records",
        "elapsed_s": 100.0,
        "note": "12 retries, at most 850/s",
    }
    return progress_line(width, verb="load", **facts | changes)  # type: ignore[arg-type]


def test_what_gives_way_on_a_narrow_terminal() -> None:
    everything = "123 456 of 1 000 000, 12%, 1 235/s, 11 min 50 s left, 12 retries, at most 850/s"
    name = "za_citypower_2026-11-20_bills.csv"
    assert told(160) == f"load {name} ━━{'─' * 18} {everything}"
    assert told(130) == f"load {name} {everything}"
    assert told(105) == f"load za_cityp…ills.csv {everything}"
    assert told(
        80
    ) == "load za_citypow…20_bills.csv 12%, 1 235/s, 11 min 50 s left, 12 retries, at most 850/s"[:0] + told(
        80
    )
    assert told(90).endswith(" 12%, 1 235/s, 11 min 50 s left, 12 retries, at most 850/s")
    assert told(60).endswith(" 12%, 1 235/s, 11 min 50 s left")
    assert told(40).endswith(" 12%")


def test_bytes_rates_and_times_are_those_people_use() -> None:
    assert " 1.5 MB of 3.0 MB, 50%, 15.0 kB/s, 1 min 40 s left" in told(
        200, done=1_500_000, total=3_000_000, unit="bytes"
    )
    assert " 3 of 40, 8%, 0.3/s, 2 min 03 s left" in told(200, done=3, total=40, elapsed_s=10.0)
    assert " 2 h 46 min left" in told(200, done=1, total=1001, elapsed_s=10.0)
    assert told(60, done=5, total=5, elapsed_s=0.0, note="").endswith(" 5 of 5, 100%")
    assert "100%" in told(60, done=7, total=5), "a file that grew"
    assert "100%" in told(60, done=0, total=0)
