"""The metrics file says what was meant, whatever stands in a label; the parser is Prometheus' own."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from pipeline.core.exposition import Metric, exposed

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters='\n"\\{},= '))


def read(text: str) -> dict[str, tuple[str, list[tuple[dict[str, str], float]]]]:
    """Name → its help and samples."""
    return {
        family.name: (family.documentation, [(each.labels, each.value) for each in family.samples])
        for family in text_string_to_metric_families(text)
    }


@given(TEXT, TEXT, st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False))
def test_any_label_and_any_figure_come_back(label: str, merchant: str, value: float) -> None:
    (found,) = read(
        exposed([Metric("m", "Meaning.", (({"a": label}, value),))], {"merchant": merchant})
    ).values()
    assert found == ("Meaning.", [({"merchant": merchant, "a": label}, float(value))])


def test_a_meaning_may_quote_and_break_its_line() -> None:
    meaning = 'Says "late",\nor a \\ path.'
    assert read(exposed([Metric("m", meaning, (({}, 1),))], {}))["m"][0] == meaning


def test_a_metric_without_samples_is_left_out_and_each_stands_once() -> None:
    metrics = [Metric("none", "Nothing."), Metric("two", "Two.", (({"a": "1"}, 1), ({"a": "2"}, 2)))]
    text = exposed(metrics, {"merchant": "c"})
    assert text == (
        '# HELP two Two.\n# TYPE two gauge\ntwo{merchant="c",a="1"} 1\ntwo{merchant="c",a="2"} 2\n'
    )
    assert exposed([], {}) == ""


def test_its_own_label_wins_over_that_of_all() -> None:
    assert 'm{feed="own"} 1' in exposed([Metric("m", "M.", (({"feed": "own"}, 1),))], {"feed": "all"})
