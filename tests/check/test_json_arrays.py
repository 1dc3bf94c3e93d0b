"""A JSON array of objects is read like NDJSON, however it is broken into lines; its rejects come back as NDJSON."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.check.check import check
from pipeline.core.mapping.feed_validation import feed_problems
from pipeline.core.mapping.file_names import peek_rejects
from pipeline.errors import FileRefused
from pipeline.report.rejects import rejects_of_check
from tests.check.landing import codes, feed, land, records
from tests.check.short_bills import ANY, SHORT, amounts, fetched, refused, short, sound

BILLS: list[dict[str, Any]] = [
    {"c": "C-1", "b": "B-1", "a": 10.10, "name": "Anél"},
    {"c": "C-2", "b": "B-2", "a": "x", "name": 'A, } " {'},
    {"c": "C-3", "b": "B-3", "a": "12.00", "lines": [{"sku": 1}, {"sku": [2]}]},
]
LAYOUTS: dict[str, Callable[[Any], str]] = {
    "one line": lambda each: json.dumps(each, ensure_ascii=False),
    "one object a line": lambda each: "[\n" + ",\n".join(map(json.dumps, each)) + "\n]\n",
    "many lines": lambda each: json.dumps(each, indent=2, ensure_ascii=False),
    "many lines, CRLF": lambda each: json.dumps(each, indent=2, ensure_ascii=False).replace("\n", "\r\n"),
    "many lines, CR": lambda each: json.dumps(each, indent=2, ensure_ascii=False).replace("\n", "\r"),
}
LINES = {"one line": [1, 1, 1], "one object a line": [2, 3, 4]}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_array_is_read_to_the_byte_and_its_rejects_come_back(
    tmp_path: Path, layout: str, encoding: str
) -> None:
    declared = encoding.removesuffix("-sig")
    content = LAYOUTS[layout](BILLS).encode(encoding)
    file = short(tmp_path, content, encoding=declared)
    assert codes(file) == [[], ["amount_due.format"], []]
    assert amounts(file) == [1010, None, 1200]
    assert [record["line"] for record in records(file)] == LINES.get(layout, [2, 8, 14])
    spans = [content[row["byte_start"] : row["byte_end"]] for row in records(file)]
    assert [json.loads(span.decode(file.codec)) for span in spans] == BILLS

    path = tmp_path / "rejects.ndjson"
    assert rejects_of_check(file, path)
    rejects = path.read_bytes().decode(file.codec)
    (line,) = rejects.removeprefix("\ufeff").splitlines()
    assert json.loads(line) | BILLS[1] == json.loads(line)
    assert peek_rejects(path.read_bytes(), feed(encoding=declared).encoding) == file.landed.short_name
    mended = rejects.replace('"x"', "11.00").encode(file.codec)
    back = check(
        land(tmp_path, mended, name="back", rejects_of=file.landed.short_name, encoding=declared, **SHORT),
        tmp_path / "again",
        limits=ANY,
    )
    assert sound(back)
    assert amounts(back) == [1100]


def test_rejects_of_a_feed_that_declares_arrays_are_ndjson(tmp_path: Path) -> None:
    file = short(tmp_path, json.dumps(BILLS), format="json")
    path = tmp_path / "rejects.ndjson"
    assert rejects_of_check(file, path)
    mended = path.read_text().replace('"x"', "11.00")
    landed = land(tmp_path, mended, name="b", rejects_of=file.landed.short_name, format="json", **SHORT)
    assert amounts(check(landed, tmp_path / "again", limits=ANY)) == [1100]


def test_a_damaged_element_stays_damaged_in_its_rejects_until_somebody_has_mended_it(tmp_path: Path) -> None:
    text = LAYOUTS["many lines"](BILLS).replace('"B-1"', '"B-1').replace('"Anél"', '"An\nél"')
    file = short(tmp_path, text)
    assert codes(file) == [["record.json"], ["amount_due.format"], []]
    path = tmp_path / "rejects.ndjson"
    assert rejects_of_check(file, path)
    source = file.landed.short_name
    again = check(land(tmp_path, path.read_bytes(), rejects_of=source, **SHORT), tmp_path / "2", limits=ANY)
    assert codes(again) == [["record.json"], ["amount_due.format"]]


@pytest.mark.parametrize(
    ("content", "facts", "code"),
    [
        (json.dumps(BILLS)[:-1], {}, "file.json_array"),
        (json.dumps(BILLS)[:-40], {}, "file.json_array"),
        (json.dumps(BILLS) * 2, {}, "file.json_array"),
        (json.dumps(BILLS) + "\nTotal", {}, "file.json_array"),
        ("[]", {}, "file.no_records"),
        ("[{}, {}]", {}, "file.header"),
        ("c,b,a\n", {"format": "json"}, "file.format"),
        ('{"c": 1}\n', {"format": "json"}, "file.format"),
        (json.dumps(BILLS), {"format": "ndjson"}, "file.format"),
        (json.dumps(BILLS), {"format": "xlsx"}, "file.format"),
        (
            json.dumps(BILLS),
            {"control": {"kind": "trailer", "marker": "T", "sums": [{"field": 2, "currency": "ZAR"}]}},
            "file.format",
        ),
    ],
)
def test_what_is_not_one_whole_array_is_refused(
    tmp_path: Path, content: str, facts: dict[str, Any], code: str
) -> None:
    assert refused(short(tmp_path, content, **facts))[0] == code


def test_an_empty_array_is_an_empty_file(tmp_path: Path) -> None:
    file = short(tmp_path, " [ ]\n", may_be_empty=True)
    assert (file.refusal, records(file)) == (None, [])


def test_the_end_of_file_of_dos_and_packed_arrays_are_read(tmp_path: Path) -> None:
    assert amounts(short(tmp_path, json.dumps(BILLS[::2]) + "\r\n\x1a")) == [1010, 1200]
    assert amounts(short(tmp_path, gzip.compress(json.dumps(BILLS[::2]).encode()))) == [1010, 1200]


def test_more_elements_or_longer_ones_than_allowed_refuse_the_file(tmp_path: Path) -> None:
    for limits, code in (
        ({"max_records": 2}, "file.too_many_records"),
        ({"max_record_bytes": 60}, "file.record_too_long"),
        ({"max_columns": 3}, "file.too_many_columns"),
    ):
        landed = land(tmp_path, LAYOUTS["many lines"](BILLS), **SHORT)
        assert refused(check(landed, tmp_path / "w", limits=ANY.model_copy(update=limits)))[0] == code


def test_an_array_on_one_long_line_is_fetched_and_one_without_an_end_is_not(tmp_path: Path) -> None:
    def landed(content: str) -> None:
        path = tmp_path / "bills.json"
        path.write_text(content)
        fetched(path, tmp_path / "landing")

    landed(json.dumps(BILLS * 5_000))
    with pytest.raises(FileRefused, match="more than 1000 bytes"):
        landed(json.dumps(BILLS)[:-3] + "x" * 5_000_000)


def test_keys_of_headers_say_nothing_of_arrays() -> None:
    for facts in ({"header": {"row": 2}}, {"footer": {"starts_with": "T"}}):
        assert any(
            "a JSON array has no header" in each for each in feed_problems(feed(format="json", **facts))
        )
