"""A file that begins with more blank lines than are looked at: what follows is read, or the refusal is true."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.file_stages import CheckedFile
from schemas.settings import Limits
from tests.check.landing import records
from tests.check.short_bills import ROWS, amounts, refused, short, sound
from tests.check.test_fixed_width import FEED as FIXED
from tests.check.test_fixed_width import line
from tests.seeds import each_once, some

LOOKED_AT = 200
"""Bytes of a file that are looked at first."""
SMALL = Limits(max_reject_ratio=1.0, max_record_bytes=LOOKED_AT)
MANY = LOOKED_AT + 7
NO_HEADER = {"header": "none", "names": ["c", "b", "a"]}
OBJECTS = [{"c": "C-1", "b": "B-1", "a": 10.00}, {"c": "C-2", "b": "B-2", "a": 11.00}]
SHAPES: dict[str, tuple[list[str], dict[str, Any]]] = {
    "fixed width": ([line(1), line(2)], FIXED),
    "fixed width, longer lines": ([f"{line(1)}xyz", f"{line(2)}xyz"], FIXED),
    "no header": ([*ROWS], NO_HEADER),
    "NDJSON": ([json.dumps(each) for each in OBJECTS], {}),
    "NDJSON, declared": ([json.dumps(each) for each in OBJECTS], {"format": "ndjson"}),
    "JSON array": ([json.dumps(OBJECTS)], {}),
}
WITH_SHAPES = pytest.mark.parametrize(("lines", "facts"), SHAPES.values(), ids=SHAPES)


def blank_first(
    folder: Path, lines: list[str], facts: dict[str, Any], *, end: str = "\n", many: int = MANY
) -> CheckedFile:
    content = end * many + end.join(lines) + end
    return short(folder, content.encode(facts.get("encoding", "utf-8")), limits=SMALL, **facts)


@pytest.mark.parametrize(
    ("shape", "end", "encoding"),
    [
        *each_once([*SHAPES], ["\n", "\r\n", "\r"], ["utf-8"]),
        *each_once([*SHAPES], ["\r", "\n", "\r\n"], ["utf-16", "cp1252"]),
    ],
)
def test_records_behind_many_blank_lines_are_read(
    tmp_path: Path, shape: str, end: str, encoding: str
) -> None:
    lines, facts = SHAPES[shape]
    skip = {"blank_records": "skip", "encoding": encoding}
    file = blank_first(tmp_path, lines, facts | skip, end=end)
    assert sound(file)
    assert len(amounts(file)) == 2
    assert records(file)[0]["line"] == MANY + 1
    assert (f"blank lines skipped: {MANY}" in file.notes) is not lines[0].startswith("[")


@WITH_SHAPES
def test_each_of_many_blank_lines_is_rejected_where_none_may_be(
    tmp_path: Path, lines: list[str], facts: dict[str, Any]
) -> None:
    file = blank_first(tmp_path, lines, facts)
    found = [record["codes"] for record in records(file)]
    blank = [] if lines[0].startswith("[") else [["record.blank"]] * MANY
    assert file.refusal is None
    assert found == [*blank, [], []]


@pytest.mark.parametrize("cut", some(range(LOOKED_AT - 6, LOOKED_AT + 6), 5))
def test_it_does_not_matter_where_the_blank_beginning_is_cut(tmp_path: Path, cut: int) -> None:
    for lines, facts in SHAPES.values():
        assert sound(blank_first(tmp_path, lines, facts | {"blank_records": "skip"}, many=cut))
    spaced = [" " * 43 for _ in range(5)]
    lines, facts = SHAPES["fixed width"]
    assert sound(blank_first(tmp_path, [*spaced, *lines], facts | {"blank_records": "skip"}, many=cut))


@WITH_SHAPES
def test_a_file_of_blank_lines_alone_is_empty(
    tmp_path: Path, lines: list[str], facts: dict[str, Any]
) -> None:
    code, message = refused(blank_first(tmp_path, [""], facts))
    assert code == "file.empty"
    assert "header" not in message or facts is not NO_HEADER


@pytest.mark.parametrize(
    ("facts", "code", "said"),
    [
        ({}, "file.header", f"its first {LOOKED_AT} bytes are blank, where its header should be"),
        ({"header": {"row": MANY + 1}}, "file.header", f"its first {LOOKED_AT} bytes are blank"),
    ],
    ids=["first line", "declared"],
)
def test_a_header_behind_many_blank_lines_is_refused_with_the_reason(
    tmp_path: Path, facts: dict[str, Any], code: str, said: str
) -> None:
    found, message = refused(blank_first(tmp_path, ["c,b,a", *ROWS], facts))
    assert found == code
    assert said in message
    assert "only blank" not in message


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"header": {"row": 12}}, f"no line 12 within its first {LOOKED_AT} bytes"),
        ({"header": {"starts_with": ["c"]}}, f"no line within its first {LOOKED_AT} bytes begins with"),
        (FIXED | {"header": {"row": 12}}, "no line 12 within its first"),
    ],
    ids=["row", "names", "fixed width"],
)
def test_a_header_below_many_lines_is_refused_with_how_far_it_was_looked_for(
    tmp_path: Path, facts: dict[str, Any], said: str
) -> None:
    above = ["Invoices of the month, by customer, as exported"] * 11
    assert said in refused(blank_first(tmp_path, [*above, "c,b,a", *ROWS], facts, many=0))[1]


@pytest.mark.parametrize("facts", [{"header": {"row": 2}}, FIXED | {"header": {"row": 2}}])
def test_a_header_that_is_cut_where_the_look_ends_is_not_read_as_a_shorter_one(
    tmp_path: Path, facts: dict[str, Any]
) -> None:
    title = "x" * (LOOKED_AT - 4)
    file = blank_first(tmp_path, [title, f"c,b,a,{'d' * 40}", *ROWS, line(1)], facts, many=0)
    code, message = refused(file)
    assert code == "file.header"
    assert "does not end within its first" in message
