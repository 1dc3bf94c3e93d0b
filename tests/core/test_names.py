"""Names from outside are labels: the unusable ones are told apart, printed safely and never cut in half."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.names import MAX_NAME_BYTES, free_names, is_unfinished, moved_name, name_problem, shown
from tests.servers.hostile_names import HOSTILE_NAMES

SHA256 = "0123456789abcdef" * 4


@pytest.mark.parametrize("raw", HOSTILE_NAMES)
def test_a_hostile_name_cannot_be_used(raw: bytes) -> None:
    assert name_problem(raw)


@pytest.mark.parametrize(
    "name",
    [
        "za_citypower_dailyfile_2026-11-20.csv",
        "Rechnungen März (2).csv",
        "счета.csv",
        "請求書.xlsx",
        "-rf",
        "a" * 255,
        "..a..b",
    ],
)
def test_an_ordinary_name_in_any_script_can_be_used(name: str) -> None:
    assert name_problem(name.encode()) is None


@pytest.mark.parametrize(
    "name",
    [
        "a.part",
        "a.csv.PARTIAL",
        "a.filepart",
        "a.tmp",
        "a.writing",
        "a.csv~",
        ".hidden",
        ".a.swp",
        "~$a.xlsx",
    ],
)
def test_an_upload_that_is_not_finished_is_known_by_its_name(name: str) -> None:
    assert is_unfinished(name)


@pytest.mark.parametrize("name", ["a.csv", "partial.csv", "a.part.csv", "tmp"])
def test_a_finished_name_is_not_taken_for_an_unfinished_one(name: str) -> None:
    assert not is_unfinished(name)


@given(st.binary(max_size=300))
def test_any_name_is_shown_short_and_printable(raw: bytes) -> None:
    text = shown(raw)
    assert len(text) <= 80
    assert text.isprintable()
    assert text.removesuffix("…").isascii()


@given(st.text(min_size=1, max_size=255))
def test_a_moved_name_keeps_its_digits_and_fits(name: str) -> None:
    name = name.encode(errors="ignore").decode()[:255]
    moved = moved_name(name, SHA256)
    assert len(moved.encode()) <= MAX_NAME_BYTES
    assert moved.endswith(".01234567")
    assert name.startswith(moved.removesuffix(".01234567"))


def test_a_short_moved_name_is_the_name_of_its_report() -> None:
    assert moved_name("a.csv", SHA256) == "a.csv.01234567"


def test_free_names_count_up_and_fit() -> None:
    assert list(islice(free_names("a.csv"), 3)) == ["a.csv", "a.csv.2", "a.csv.3"]
    assert all(len(name.encode()) <= MAX_NAME_BYTES for name in free_names("é" * 127))
