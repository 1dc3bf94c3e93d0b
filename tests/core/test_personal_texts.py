"""Which texts are somebody's wherever they stand, and that nothing but free text is changed for them."""

from __future__ import annotations

import pytest

from pipeline.core.personal_texts import telling, without_texts


@pytest.mark.parametrize("text", ["jane@example.org", "+27825550123", "082 555 0123", "Thabo Nkosi"])
def test_what_nobody_else_has_by_chance_is_looked_for(text: str) -> None:
    assert telling([text]) == [text]


@pytest.mark.parametrize("text", ["Water", "records", "residential", "created", "ZAR", "A 1", "2026"])
def test_what_is_in_other_words_by_chance_is_not(text: str) -> None:
    assert telling([text]) == []


def test_only_free_texts_of_a_summary_change() -> None:
    before = {
        "state": "held by Jane Doe",
        "notes": ["refused by Jane Doe", "ok"],
        "holds": [{"code": "Jane Doe", "message": "Jane Doe", "changes": ["a Jane Doe b"]}],
        "chain": {"write_offs": [{"by": "Jane Doe", "why": "Jane Doe"}]},
        "records": {"Jane Doe": 3},
    }
    assert without_texts(before, ["Jane Doe"]) == {
        "state": "held by Jane Doe",
        "notes": ["refused by [removed]", "ok"],
        "holds": [{"code": "Jane Doe", "message": "[removed]", "changes": ["a [removed] b"]}],
        "chain": {"write_offs": [{"by": "Jane Doe", "why": "[removed]"}]},
        "records": {"Jane Doe": 3},
    }
