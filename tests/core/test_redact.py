"""No key, e-mail, phone or identity number is left in a text; what is plainly none of those is."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.redact import masked_reference, redact, redact_name


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("key sk_test_51HxAbC refused", "key [key] refused"),
        ("sk_live-9_x", "[key]"),
        ("pk_test_abcd", "[key]"),
        ("BILLFERRY_API__KEY=sk_abcdef", "BILLFERRY_API__KEY=[key]"),
        ("Authorization: Bearer abc.def-1", "Authorization: Bearer [key]"),
        ("authorization: bearer   x", "authorization: Bearer [key]"),
        ("to ann.o'neil@example.co.za failed", "to ann.o'[e-mail] failed"),
        ("<ann@example.com>", "<[e-mail]>"),
        ("mail=ann+bills@example.com;", "mail=[e-mail];"),
        ("?email=ann%40example.com", "?email=[e-mail]"),
        ("jörg@exämple.de", "[e-mail]"),
        ("sftp://ann:secret@host/in", "sftp://ann:[e-mail]"),
        ("call 0821234567 now", "call [number] now"),
        ("+27821234567", "[number]"),
        ("+27 82 123 4567", "[number]"),
        ("(082) 123-4567", "([number]"),
        ("082.123.4567", "[number]"),
        ("082/1234567", "[number]"),
        ("0821234567x", "[number]x"),
        ("٠٨٢١٢٣٤٥٦٧", "[number]"),
        ("SA ID 8501015800085", "SA ID [number]"),
        ("ID8501015800085", "ID[number]"),
        ("850101 5800 085", "[number]"),
        ("2001-01-01 580 0085", "[number]"),
        ("4111 1111 1111 1111", "[number]"),
        ("4111-1111-1111-1111", "[number]"),
    ],
)
def test_what_must_not_be_told_is_masked(text: str, masked: str) -> None:
    assert redact(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "",
        "line 1234567, amount_due.too_precise",
        "api.422.duplicate_reference",
        "HTTP 503",
        "task_list and risk_free",
        "the file of 2026-11-20 was late",
        "at 2026-11-20T06:00:00Z",
        "at 2026-11-20T06:00:00.123456+02:00, again",
        "at 2026-11-20 06:00:00.",
        "run 3f2504e0-4f89-41d3-9a0c-030512345678",
        "run 12345678-1234-1234-1234-123456789012",
        "9" * 64,
        "127.0.0.1:8080",
    ],
)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    assert redact(text) == text


@given(st.uuids(), st.datetimes(), st.binary(min_size=32, max_size=32))
def test_our_own_ids_and_times_are_left_alone(uuid: UUID, at: object, digest: bytes) -> None:
    assert redact(f"run {uuid} of {digest.hex()}") == f"run {uuid} of {digest.hex()}"


around = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="@%"), max_size=20)
separators = st.sampled_from(["", " ", "-", ".", ") ", "/"])


@given(
    around, st.lists(st.tuples(st.sampled_from("0123456789"), separators), min_size=8, max_size=16), around
)
def test_eight_digits_never_stay_together(before: str, digits: list[tuple[str, str]], after: str) -> None:
    number = "".join(digit + separator for digit, separator in digits)
    masked = redact(f"{before}x{number}x{after}")
    assert number.strip(" -.)/") not in masked


@given(around, st.from_regex(r"sk_(test_)?[A-Za-z0-9]{8,30}", fullmatch=True), around)
def test_a_secret_key_never_stays(before: str, key: str, after: str) -> None:
    assert key not in redact(f"{before} {key} {after}")


def test_masking_twice_changes_nothing_more() -> None:
    once = redact("sk_test_abcd ann@example.com 0821234567 Bearer xyz")
    assert redact(once) == once
    assert not re.search(r"[0-9]", once)


@pytest.mark.parametrize("text", ["a" * 200_000, "1-" * 100_000, "." * 200_000, "2026-11-" * 20_000])
@pytest.mark.timeout(5)
def test_a_long_text_is_masked_at_once(text: str) -> None:
    assert redact(text) is not None


@pytest.mark.parametrize(
    ("reference", "shown"),
    [
        ("ACC-1001-E", "ACC-1001-E"),
        ("INV-2026-11-20-0007", "INV-2026-11-20-0007"),
        ("P-100201-2026-11-20", "P-100201-2026-11-20"),
        ("INV-20261120-001", "INV-20261120-001"),
        ("20261120", "20261120"),
        ("8501015800085", "…0085"),
        ("850101-5800-085", "…0085"),
        ("CUST8501015800085_7", "CUST…0085_7"),
        ("0821234567", "…4567"),
        ("082-123-4567", "…4567"),
        ("19850101", "…0101"),
        ("sk_test_51HxAbC", "[key]"),
        ("ann@example.com", "[e-mail]"),
        ("+27 82 123 4567", "[number]"),
        ("8501015800085/0821234567", "[number]"),
        ("", ""),
    ],
)
def test_a_reference_stays_whole_unless_it_looks_like_a_number_of_a_person(
    reference: str, shown: str
) -> None:
    assert masked_reference(reference) == shown


@given(st.from_regex(r"[A-Za-z]{0,3}[0-9]{9,20}[A-Za-z]{0,3}", fullmatch=True))
def test_of_a_long_number_four_digits_are_left(reference: str) -> None:
    assert re.search(r"[0-9]{5}", masked_reference(reference)) is None


@pytest.mark.parametrize(
    "name", ["bills_2026-11-20.csv", "20261120.csv", "n_202611200630.csv", "20261120-063000.zip!a.csv"]
)
def test_a_file_name_keeps_its_day_and_time(name: str) -> None:
    assert redact_name(name) == name


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("jane@example.com.csv", "[e-mail]"),
        ("8001015009087_june.csv", "[number]_june.csv"),
        ("call_+27 82 555 0123.csv", "call_[number].csv"),
        ("sk_live_abcdef.csv", "[key].csv"),
        ("2026112006301.csv", "[number].csv"),
    ],
)
def test_a_file_name_loses_what_may_be_a_persons(name: str, masked: str) -> None:
    assert redact_name(name) == masked


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("za_0821234567.csv is held", "za_0821234567.csv is held"),
        ("0821234567 of za_0821234567.csv.ab12cd34", "[number] of za_0821234567.csv.ab12cd34"),
        ("xza_0821234567.csv", "xza_[number].csv"),
        ("za_0821234567.csvx", "za_[number].csvx"),
        ("a 0821234567 b.csv (0821234567)", "a 0821234567 b.csv ([number])"),
    ],
)
def test_names_of_files_stay_where_they_are_whole(text: str, told: str) -> None:
    assert redact(text, ["", "za_0821234567.csv", "a 0821234567 b.csv"]) == told
