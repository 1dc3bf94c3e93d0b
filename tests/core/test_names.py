"""Names from outside become labels that are safe to show and lead back to them; the unusable ones are told apart."""

from __future__ import annotations

import unicodedata
from itertools import islice

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.core.names import (
    MAX_NAME_BYTES,
    aside_name,
    free_names,
    is_unfinished,
    label,
    moved_name,
    name_problem,
    name_set_aside,
    printable_bytes,
    raw_name,
)
from tests.hostile.names import NAMES
from tests.servers.hostile_names import HOSTILE_NAMES

EVERY_NAME = sorted({*NAMES, *HOSTILE_NAMES})
SHA256 = "0123456789abcdef" * 4


@pytest.mark.parametrize("raw", [name for name in EVERY_NAME if name_problem(name)])
def test_a_name_that_could_lead_out_cannot_be_used_and_is_never_taken_for_a_hidden_one(raw: bytes) -> None:
    assert (
        b"/" in raw
        or b"\0" in raw
        or raw.startswith((b"..\\",))
        or raw in {b"", b".", b".."}
        or len(raw) > 255
    )
    assert not is_unfinished(label(raw))
    assert "/" not in label(raw)


def test_names_that_lead_out_are_among_the_hostile_ones() -> None:
    assert len([name for name in EVERY_NAME if name_problem(name)]) > 20


PIECES = st.sampled_from(
    [
        b"%",
        b"2",
        b"5",
        b"C",
        b"F",
        b"\xc3",
        b"\xa9",
        b"\xfc",
        b"\\",
        b"\n",
        b".",
        "é\u200b\u2028".encode(),
        b"%FC",
        b"%25",
    ]
)


@given(st.binary(min_size=1, max_size=255) | st.lists(PIECES, min_size=1, max_size=40).map(b"".join))
def test_a_label_is_fit_to_print_and_leads_back_to_its_name_alone(raw: bytes) -> None:
    if name_problem(raw) is None:
        assert raw_name(label(raw)) == raw
    assert not any(unicodedata.category(char)[0] == "C" for char in label(raw))
    assert not set(label(raw)) & set("/\\\0\u2028\u2029")


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"M\xfcller.csv", "M%FCller.csv"),
        ("Müller.csv".encode(), "Müller.csv"),
        (b"a\\b\n.csv", "a%5Cb%0A.csv"),
        ("a\u200bb.csv".encode(), "a%E2%80%8Bb.csv"),
        (b"100%.csv", "100%.csv"),
        (b"M%FCller.csv", "M%25FCller.csv"),
        (b"%2e%2e%2fx.csv", "%2e%2e%2fx.csv"),
        (b"../x.csv", "%2E.%2Fx.csv"),
        (b"", "(no name)"),
        (b"a" * 256, "a" * 255 + "…"),
    ],
)
def test_a_label_shows_what_cannot_be_seen(raw: bytes, text: str) -> None:
    assert label(raw) == text


@given(st.binary(min_size=1, max_size=255).filter(lambda raw: name_problem(raw) is None))
def test_a_file_set_aside_is_hidden_and_known_by_its_name_again(raw: bytes) -> None:
    aside = aside_name(raw, "0123456789abcdef")
    assert len(aside) <= MAX_NAME_BYTES
    assert is_unfinished(label(aside))
    kept = name_set_aside(aside)
    assert kept is not None
    assert kept == raw or (len(raw) > 230 and raw.startswith(kept[:150]) and raw.endswith(kept[-30:]))


@pytest.mark.parametrize(
    "raw", [b".move-x.a", b".move-0123456789abcdef.", b".move-0123456789abcdef.../x", b"a.csv"]
)
def test_other_hidden_names_are_not_taken_for_it(raw: bytes) -> None:
    assert name_set_aside(raw) is None


@pytest.mark.parametrize(
    "name",
    [
        "za_citypower_dailyfile_2026-11-20.csv",
        "Rechnungen März (2).csv",
        "%s%n.csv",
        "счета.csv",
        "請求書.xlsx",
        "-rf",
        "a" * 255,
        "..a..b",
    ],
)
def test_an_ordinary_name_in_any_script_can_be_used(name: str) -> None:
    assert name_problem(name.encode()) is None
    assert label(name.encode()) == name


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
    text = printable_bytes(raw)
    assert len(text) <= 80
    assert text.isprintable()
    assert text.removesuffix("…").isascii()


@given(
    st.binary(min_size=1, max_size=255)
    | st.text(min_size=1).map(lambda text: text.encode(errors="ignore")[:255])
)
def test_a_moved_name_keeps_its_digits_and_fits(raw: bytes) -> None:
    assume(name_problem(raw) is None)
    moved = raw_name(moved_name(label(raw), SHA256))
    assert len(moved) <= MAX_NAME_BYTES
    assert moved.endswith(b".01234567")
    assert raw.startswith(moved.removesuffix(b".01234567"))
    assert moved.decode(errors="ignore").startswith(raw[:240].decode(errors="ignore"))


def test_a_short_moved_name_is_the_name_of_its_report() -> None:
    assert moved_name("a.csv", SHA256) == "a.csv.01234567"


def test_free_names_count_up_and_fit() -> None:
    assert list(islice(free_names("a.csv"), 3)) == ["a.csv", "a.csv.2", "a.csv.3"]
    assert all(len(name.encode()) <= MAX_NAME_BYTES for name in free_names("é" * 127))
