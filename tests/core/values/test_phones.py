"""What the fast path says of a phone number is what the phonenumbers library says."""

from __future__ import annotations

import phonenumbers
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.values.phones import by_library, fast_path, to_e164

REGIONS = [
    "ZA",
    "KE",
    "NG",
    "DE",
    "GB",
    "FR",
    "NL",
    "US",
    "IT",
    "BW",
    "NA",
    "ZM",
    "AU",
    "JP",
    "AR",
    "BR",
    "GH",
    "TZ",
]


def e164(texts: list[str | None], region: str | None) -> list[str | None]:
    return to_e164(pl.Series(texts, dtype=pl.String), region).to_list()


@pytest.mark.parametrize("region", REGIONS)
def test_the_regions_own_example_numbers_are_read(region: str) -> None:
    for kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE):
        number = phonenumbers.example_number_for_type(region, kind)
        if number is None:
            continue
        national = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
        expected = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        digits = "".join(character for character in national if character.isdigit())
        assert e164([national, expected], region) == [expected, expected]
        assert e164([digits], region) == [by_library(digits, region)]


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(REGIONS),
    st.lists(st.text(alphabet="0123456789", min_size=1, max_size=13), min_size=1, max_size=20),
    st.sampled_from(["", "0", "00", "0153", "0027", "27", "08", "07", "1", "06"]),
)
def test_every_national_number_reads_as_the_library_reads_it(
    region: str, numbers: list[str], start: str
) -> None:
    texts: list[str | None] = [start + number for number in numbers]
    assert e164(texts, region) == [by_library(text, region) for text in texts if text]


def test_a_hundred_thousand_south_african_numbers_read_as_the_library_reads_them() -> None:
    texts: list[str | None] = [f"0{number:09d}" for number in range(100_000_000, 999_999_999, 449_999)]
    assert e164(texts, "ZA") == [by_library(text, "ZA") for text in texts if text]


def test_common_regions_have_a_fast_path_and_those_with_special_cases_have_none() -> None:
    assert all(fast_path(region) for region in ("ZA", "KE", "NG", "NA"))
    assert not any(fast_path(region) for region in ("US", "GB", "IT", "AR", "BR", "XX"))


def test_a_number_that_is_e164_passes_as_it_is_and_absent_stays_absent() -> None:
    assert e164(["+27821234567", None, "+1", "+12345678901234567", "+27 82 123 4567"], None) == [
        "+27821234567",
        None,
        None,
        None,
        "+27821234567",
    ]
    assert e164([None, None], "ZA") == [None, None]


@pytest.mark.parametrize(
    "text", ["0821234567 ext 5", "082123456", "abc", "0821234567\n", "０821234567x", "082,1234567"]
)
def test_what_the_library_does_not_take_is_no_number(text: str) -> None:
    assert e164([text], "ZA") == [by_library(text, "ZA")]
