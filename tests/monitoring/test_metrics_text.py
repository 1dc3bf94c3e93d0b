"""The metrics file says what was meant, whatever a label holds; the parser is Prometheus' own."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from pipeline.monitoring.metrics import exposition

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters='\n"\\{},= '))


def read(text: str) -> dict[str, tuple[str, list[tuple[dict[str, str], float]]]]:
    """Name → its help and samples."""
    return {
        family.name: (family.documentation, [(each.labels, each.value) for each in family.samples])
        for family in text_string_to_metric_families(text)
    }


@settings(deadline=None)
@given(TEXT, TEXT, st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False))
def test_any_label_and_any_figure_come_back(label: str, merchant: str, value: float) -> None:
    text = exposition([("m", {"a": label}, value)], {"m": "Meaning."}, {"merchant": merchant})
    assert read(text) == {"m": ("Meaning.", [({"merchant": merchant, "a": label}, float(value))])}


def test_a_meaning_may_quote_and_break_its_line() -> None:
    meaning = 'Says "late",\nor a \\ path.'
    assert read(exposition([("m", {}, 1)], {"m": meaning}, {}))["m"][0] == meaning


def test_a_metric_without_samples_is_left_out_and_each_is_described_once() -> None:
    samples = [("two", {"a": "1"}, 1), ("two", {"a": "2"}, 2)]
    text = exposition(samples, {"none": "Nothing.", "two": "Two."}, {"merchant": "c"})
    assert text.count("# HELP") == text.count("# TYPE") == 1
    assert [labels["a"] for labels, _ in read(text)["two"][1]] == ["1", "2"]
    assert exposition([], {"none": "Nothing."}, {}) == ""


def test_its_own_label_wins_over_that_of_all() -> None:
    text = exposition([("m", {"feed": "own"}, 1)], {"m": "M."}, {"feed": "all"})
    assert read(text)["m"][1] == [({"feed": "own"}, 1.0)]
