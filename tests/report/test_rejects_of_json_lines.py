"""rejects.ndjson: our three keys join an object at its end; what is no object does not become one by our hand."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.mapping.file_names import peek_rejects
from pipeline.report.rejects_json_lines import JsonLinesRejects

SOURCE = "zoë's bills.ndjson.0123abcd"
FIRST = JsonLinesRejects("utf-8", b"\n", SOURCE)
SECOND = JsonLinesRejects("utf-8", b"\n", "mended.ndjson.99999999", is_rejects_file=True)
OURS = {
    "reject_codes": "a.b;c.d",
    "reject_messages": 'said “so”, "twice"',
    "reject_record": "7",
    "reject_source": SOURCE,
}


def joined(original: str, dialect: JsonLinesRejects = FIRST, number: int | None = 7) -> str:
    line = dialect.record_line(original.encode(), OURS["reject_codes"], OURS["reject_messages"], number)
    assert line.endswith(b"\n")
    return line.decode().removesuffix("\n")


@pytest.mark.parametrize(
    "original", ['{"a": 1.10, "b" : {"c": []}}', "{}", "{ }", ' {"a":"}"} ', '{"a":1,"a":2}']
)
def test_an_object_keeps_its_bytes_and_gets_our_keys(original: str) -> None:
    line = joined(original)
    assert list(json.loads(line).items())[-4:] == list(OURS.items())
    end = original.rindex("}")
    assert line.startswith(original[:end])
    assert line.endswith(original[end:])
    assert peek_rejects(line.encode()) == SOURCE


@pytest.mark.parametrize(
    "original",
    ["", '{"amount_due":1', '{"a": {"b": 1}', "[1]", "7", "garbage", '{"a":1}}', '{"a":NaN', '{"a":1} {}'],
)
def test_what_is_no_object_is_kept_whole_and_stays_none(original: str) -> None:
    """A line that was cut off within an amount must not pass when it comes back as it is."""
    line = joined(original)
    assert line.startswith(original + " {")
    assert json.loads(line[len(original) :]) == OURS
    if original:
        with pytest.raises(ValueError, match=r"Extra data|Expecting"):
            json.loads(line)


@pytest.mark.parametrize("original", ['{"a": 1}', "{}", '{"a": {"b": 1}', "", "garbage"])
@pytest.mark.parametrize("edited", [False, True])
def test_rejects_of_a_rejects_file_replace_its_keys(original: str, edited: bool) -> None:
    line = joined(original)
    if edited and original.endswith("}") and original.count("}") == original.count("{"):
        line = json.dumps(json.loads(line))
        original = json.dumps(json.loads(original))
    assert (
        joined(line, SECOND, None)
        == joined(line, SECOND)
        == joined(original, JsonLinesRejects("utf-8", b"\n", SECOND.source))
    )


def test_half_a_character_at_the_end_is_kept() -> None:
    dialect = JsonLinesRejects("utf-16-le", "\n".encode("utf-16-le"), SOURCE)
    original = '{"a":1'.encode("utf-16-le") + b"\x7d"
    assert dialect.record_line(original, "a.b", "m", 7).startswith(original + " {".encode("utf-16-le"))


@pytest.mark.parametrize("codec", ["utf-8", "utf-16-le", "utf-16-be", "cp1252", "latin-1"])
def test_our_keys_fit_every_encoding(codec: str) -> None:
    line = JsonLinesRejects(codec, b"", SOURCE).record_line('{"a":"ë"}'.encode(codec), "a.b", "łódź 😀", 7)
    assert json.loads(line.decode(codec)) == {
        "a": "ë",
        "reject_codes": "a.b",
        "reject_messages": "łódź 😀",
        "reject_record": "7",
        "reject_source": SOURCE,
    }


def test_bytes_of_no_encoding_are_kept() -> None:
    assert FIRST.record_line(b'{"a":"\xff\xc3"}', "a.b", "m", 7).startswith(b'{"a":"\xff\xc3","reject_codes"')


@given(st.dictionaries(st.text(max_size=4), st.text(max_size=6) | st.integers() | st.booleans(), max_size=4))
def test_any_object_comes_through_two_rounds_of_rejects_unaltered(facts: dict[str, object]) -> None:
    original = json.dumps(facts, ensure_ascii=False)
    twice = joined(joined(original), SECOND, None)
    assert json.loads(twice) == facts | OURS | {"reject_source": SECOND.source}
    assert twice.startswith(original[:-1])
