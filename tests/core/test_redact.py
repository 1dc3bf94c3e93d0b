"""What looks like a secret or a person is masked; what a person needs to find the record is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.redact import redact


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("key sk_test_4eC39HqLyjWDarjtT1zdp7dc!", "key [key]!"),
        ("pk_4eC39HqLyjWDarjt and sk_9fLk2m", "[key] and [key]"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer [key]"),
        ("mail to thandi.n+1@mail.example.co.za.", "mail to [e-mail]"),
        ("customer 8501015800085 exists", "customer [number] exists"),
        ("8501015800085: 850101 5800 085", "[number]: [number]"),
        ("+27821234567, 082 123 4567, (082) 123-4567", "[number], [number], ([number]"),
        ("0821234567@sms.example", "[e-mail]"),
        ("lerato@@mail.example, not lerato@", "[e-mail], not lerato@"),
    ],
)
def test_secrets_and_personal_data_are_masked(text: str, masked: str) -> None:
    assert redact(text) == masked


@pytest.mark.parametrize(
    "text",
    ["line 1234567: amount_due.too_precise", "C-1 differs from C-2", "HTTP 422", "sk_", "10.00 is not 20.00"],
)
def test_lines_codes_and_short_references_stay(text: str) -> None:
    assert redact(text) == text


@given(st.text(), st.sampled_from(["a@b.example", "8501015800085", "+27821234567", "sk_test_abcdef"]))
def test_nothing_around_a_value_hides_it(around: str, value: str) -> None:
    assert value not in redact(f"{around} {value} {around}")
    assert redact(redact(around)) == redact(around) or "@" in around
