"""Objects with a list of items: each item is a record with its object's fields; none is lost, or sent short."""

from __future__ import annotations

import codecs
import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.check.check import check
from pipeline.core.file_stages import CheckedFile
from pipeline.core.mapping.feed_validation import feed_problems
from pipeline.core.mapping.file_names import peek_rejects
from pipeline.report.rejects import rejects_of_check
from pipeline.run.record_view import side_by_side
from schemas.settings import Limits
from tests.check.landing import checked, codes, feed, land, records, verdicts
from tests.check.short_bills import ANY, amounts, refused, sent_bodies, sound
from tests.seeds import cases, drawn

ITEMS: dict[str, Any] = {
    "items": "lines",
    "columns": {"customer_reference": "c", "bill_reference": "b", "amount_due": "lines.a"},
    "currency": "ZAR",
}
SUMMED = ITEMS | {"line_items": "sum"}
BILLS: list[dict[str, Any]] = [
    {"c": "C-1", "b": "B-1", "lines": [{"a": 10.10, "sku": "Anél"}, {"a": "0.40", "sku": 'x, } ] "'}]},
    {"lines": [{"a": 3, "tax": {"rate": [15]}}], "c": "C-2", "b": "B-2"},
]


def items(folder: Path, *objects: Any, **facts: Any) -> CheckedFile:
    """NDJSON of objects, or of texts as they are."""
    lines = [each if isinstance(each, str) else json.dumps(each, ensure_ascii=False) for each in objects]
    return checked(folder, "".join(f"{line}\n" for line in lines), **(ITEMS | facts))


def bill(*lines: Any, number: int = 1, **fields: Any) -> dict[str, Any]:
    return {"c": f"C-{number}", "b": f"B-{number}", **fields, "lines": list(lines)}


def rejects_of(folder: Path, file: CheckedFile) -> list[str]:
    path = folder / "rejects.ndjson"
    path.unlink(missing_ok=True)
    assert rejects_of_check(file, path)
    return path.read_bytes().decode(file.codec).removeprefix("\ufeff").splitlines()


def dropped(folder: Path, file: CheckedFile, text: str, **facts: Any) -> CheckedFile:
    """A rejects file of a file, corrected and dropped back."""
    raw = text.encode(file.codec)
    landed = land(folder, raw, name="back", rejects_of=file.landed.short_name, **(ITEMS | facts))
    return check(landed, folder / "again", limits=ANY)


LAYOUTS: dict[str, Callable[[Any], str]] = {
    "a line each": lambda each: "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in each),
    "an array on one line": lambda each: json.dumps(each, ensure_ascii=False),
    "an array on many lines": lambda each: json.dumps(each, indent=1),
    "an array with CRLF": lambda each: json.dumps(each, indent=1).replace("\n", "\r\n"),
    "an array with CR": lambda each: json.dumps(each, indent=1).replace("\n", "\r"),
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1", "shift_jis", "cp500"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_item_is_a_record_with_the_fields_of_its_object(
    tmp_path: Path, layout: str, encoding: str
) -> None:
    text = LAYOUTS[layout](BILLS)
    content = text.replace("é", "e").encode(encoding) if encoding == "shift_jis" else text.encode(encoding)
    file = checked(tmp_path, content, encoding=encoding.removesuffix("-sig"), **SUMMED)
    assert file.refusal is None
    assert amounts(file) == [1010, 40, 300]
    assert verdicts(file) == ["accepted", "line", "accepted"]
    assert {body["external_reference"]: body["amount_due"] for body in sent_bodies(file)} == {
        "B-1": 1050,
        "B-2": 300,
    }
    many = [6, 10, 18] if "many" in layout or "with" in layout else [1, 1, 1]
    assert [record["line"] for record in records(file)] == ([1, 1, 2] if "line each" in layout else many)


def test_the_copy_has_every_field_of_object_and_item_as_it_was_written(tmp_path: Path) -> None:
    text = '{"b": "B-1", "total": 1e1, "lines" : [ {"a": 5.00, " sku": "\\u00e9"},{"a":1}], "c": "C-1"}'
    file = items(tmp_path, text, line_items="sum")
    raw = file.text_path.read_bytes()
    assert [raw[row["byte_start"] : row["byte_end"]].decode() for row in records(file)] == [
        '{"b": "B-1", "total": 1e1, "lines.a": 5.00, "lines.sku": "\\u00e9", "c": "C-1"}',
        '{"b": "B-1", "total": 1e1, "lines.a":1, "c": "C-1"}',
    ]
    assert file.text_path != file.landed.path
    assert file.landed.path.read_text() == text + "\n"


@pytest.mark.parametrize(
    ("lines", "many"),
    [
        ('"lines": []', 1),
        ('"lines": null', 1),
        ('"lines": {"a": 1}', 1),
        ('"lines": "none"', 1),
        ('"other": [{"a": 1}]', 1),
        ('"lines": [{}]', 1),
        ('"lines": [{}, null, 3]', 1),
        ('"lines": [{"a": 1}, null]', 2),
        ('"lines": [{"a": 1}, 2, [{"a": 3}]]', 3),
        ('"lines": [{"a": 1, "a": 2}, {"a": 1, "k": 2}]', 2),
        ('"lines": [{"a": 1, "k": "\\ud800"}, {"a": 1, "k": 2}]', 2),
        ('"lines": [{"a": {"v": 1}}, {"a": 1, "k": 2}]', 2),
        ('"lines": [{"a": "1\\u0000"}, {"a": 1, "k": 2}]', 2),
        ('"lines.a": 1, "lines": [{"k": 1}, {"k": 2}]', 1),
    ],
)
def test_an_item_that_cannot_be_read_rejects_its_record_and_the_whole_bill(
    tmp_path: Path, lines: str, many: int
) -> None:
    file = items(tmp_path, f'{{"c": "C-1", "b": "B-1", {lines}}}', bill({"a": 7}, number=2), line_items="sum")
    found = codes(file)
    assert len(found) == many + 1
    assert any("record.items" in each for each in found[:-1])
    assert all(each for each in found[:-1])
    assert [row["bill_reference"] for row in records(file)] == ["B-1"] * many + ["B-2"]
    assert [body["external_reference"] for body in sent_bodies(file)] == ["B-2"]
    assert file.totals.total_records == many + 1


def test_without_line_items_each_item_is_a_bill_of_its_own(tmp_path: Path) -> None:
    columns = {"customer_reference": "c", "bill_reference": "bills.ref", "amount_due": "bills.due"}
    row = {"c": "C-1", "bills": [{"ref": "B-1", "due": 1}, "?", {"ref": "B-2", "due": 2}]}
    file = items(tmp_path, row, items="bills", columns=columns)
    assert codes(file) == [[], ["record.items"], []]
    assert [body["external_reference"] for body in sent_bodies(file)] == ["B-1", "B-2"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"c": "C-1", "b": "B-1", "lines": [{"a": 1}', "record.json"),
        ('{"c": "C-1", "b": "B-1", "lines": [{"a": NaN}]}', "record.json"),
        ('["lines"]', "record.json"),
        ('{"c": "C-1", "lines": [{"a": 1}], "lines": []}', "record.duplicate_key"),
        ('{"c": "C-1", "c": "C-2", "lines": [{"a": 1}]}', "record.duplicate_key"),
        ('{"c": ["C-1"], "b": "B-1", "lines": [{"a": 1}]}', "record.value_type"),
        ('{"c": "C-1\\u0001", "b": "B-1", "lines": [{"a": 1}]}', "record.control_characters"),
        ('{"c": "\\ud800", "b": "B-1", "lines": [{"a": 1}]}', "record.undecodable"),
        ("", "record.blank"),
        ('{"k": ' + "[" * 5_000 + "]" * 5_000 + ', "lines": [{"a": 1}]}', "record.json"),
    ],
)
def test_a_damaged_object_is_one_rejected_record(tmp_path: Path, text: str, code: str) -> None:
    sound = [bill({"a": 7}, {"a": 8, "k": 1}, number=2), bill({"a": 9}, number=3)]
    file = items(tmp_path, sound[0], text, sound[1], line_items="sum")
    assert codes(file) == [[], [], [code], []]
    assert [row["line"] for row in records(file)] == [1, 1, 2, 3]


def test_an_array_whose_comma_is_gone_damages_the_object_behind_it_as_without_items(tmp_path: Path) -> None:
    text = json.dumps([bill({"a": n}, number=n) for n in range(1, 4)]).replace(
        '}, {"c": "C-2"', '} {"c": "C-2"'
    )
    file = items(tmp_path, text)
    assert codes(file) == [[], ["record.json"], []]
    assert [json.loads(line)["reject_record"] for line in rejects_of(tmp_path, file)] == ["2"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp500", "shift_jis", "gb18030"])
def test_bytes_that_are_no_text_come_back_in_the_rejects_as_they_were(tmp_path: Path, encoding: str) -> None:
    bad = {"utf-8": b"\xff", "utf-16": b"\x00\xd8", "cp500": b"", "shift_jis": b"\xff", "gb18030": b"\xff"}
    good, wrong = (json.dumps(bill({"a": n}, number=n)) for n in (1, 2))
    whole, before, behind = (text.encode(encoding) for text in (good + "\n", wrong[:8], wrong[8:] + "\n"))
    mark = codecs.BOM_UTF16_LE if encoding == "utf-16" else b""
    if mark:
        whole, before, behind = (text.removeprefix(mark) for text in (whole, before, behind))
    content = mark + whole + before + bad[encoding] + behind
    file = checked(tmp_path, content, encoding=encoding, **ITEMS)
    assert codes(file) == [[], ["record.undecodable"] if bad[encoding] else []]
    if bad[encoding]:
        path = tmp_path / "rejects.ndjson"
        assert rejects_of_check(file, path)
        end = "}\n".encode(encoding).removeprefix(mark)
        assert before + bad[encoding] + behind.removesuffix(end) in path.read_bytes()


def test_half_a_character_at_the_end_is_in_the_rejects(tmp_path: Path) -> None:
    file = checked(
        tmp_path, (json.dumps(bill({"a": 1})) + '\n{"c').encode("utf-16") + b"x", encoding="utf-16", **ITEMS
    )
    assert [len(each) for each in codes(file)] == [0, 1]
    assert rejects_of_check(file, tmp_path / "rejects.ndjson")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_rejects_are_flat_objects_and_load_once_corrected(tmp_path: Path, layout: str) -> None:
    odd = [bill({"a": "x", "sku": "Anél"}, {"a": 1, "sku": "b"}), bill({"a": 2}, number=2), bill(number=3)]
    file = checked(tmp_path, LAYOUTS[layout](odd), **SUMMED)
    assert codes(file) == [["amount_due.format"], ["line_items.other_line"], [], ["record.items"]]
    rejects = rejects_of(tmp_path, file)
    assert [json.loads(each)["reject_record"] for each in rejects] == ["1", "2", "4"]
    assert json.loads(rejects[0])["lines.sku"] == "Anél"
    text = "\n".join(rejects)
    assert peek_rejects(text.encode(), "utf-8") == file.landed.short_name
    assert codes(dropped(tmp_path, file, text, line_items="sum")) == [
        ["amount_due.format"],
        ["line_items.other_line"],
        ["record.items"],
    ]
    mended = text.replace('"x"', "4.00").replace('"lines": []', '"lines": [{"a": 9}]')
    mended = mended.replace('"lines": [ ]', '"lines": [{"a": 9}]')
    back = dropped(tmp_path, file, mended, line_items="sum")
    assert sound(back)
    assert amounts(back) == [400, 100, 900]
    assert [row["reject_record"] for row in records(back)] == [1, 2, 4]


def test_a_corrected_object_stands_for_one_record_and_has_one_item(tmp_path: Path) -> None:
    file = items(tmp_path, bill(), bill({"a": 1}, number=2))
    (text,) = rejects_of(tmp_path, file)
    back = dropped(tmp_path, file, text.replace('"lines": []', '"lines": [{"a": 1}, {"a": 2}]'))
    assert codes(back) == [["record.items"]]


def test_rejects_of_rejects_keep_their_numbers(tmp_path: Path) -> None:
    file = items(tmp_path, bill({"a": 5}, number=3), bill({"a": "x"}), bill(number=2))
    back = dropped(tmp_path, file, "\n".join(rejects_of(tmp_path, file)))
    again = rejects_of(tmp_path, back)
    assert [json.loads(each)["reject_record"] for each in again] == ["2", "3"]
    assert again[0].count("reject_codes") == 1


def test_packed_files_and_the_end_of_file_of_dos_are_read(tmp_path: Path) -> None:
    text = LAYOUTS["an array on many lines"](BILLS)
    file = checked(tmp_path, gzip.compress(text.encode() + b"\r\n\x1a"), **SUMMED)
    assert amounts(file) == [1010, 40, 300]
    assert any("Ctrl-Z" in note for note in file.notes)
    assert sorted(path.name for path in (tmp_path / "work").iterdir() if path.is_file()) == ["items"]


def test_blank_lines_may_be_skipped_and_are_counted(tmp_path: Path) -> None:
    file = items(tmp_path, bill({"a": 1}), "", bill({"a": 2}, number=2), blank_records="skip")
    assert amounts(file) == [100, 200]
    assert [row["line"] for row in records(file)] == [1, 3]
    assert "blank lines skipped: 1" in file.notes


@pytest.mark.parametrize(
    ("content", "facts", "code"),
    [
        ("c,b,a\nC-1,B-1,1\n", {}, "file.format"),
        ("[]", {}, "file.no_records"),
        (json.dumps(BILLS)[:-1], {}, "file.json_array"),
        ("", {}, "file.empty"),
        (json.dumps({"c": "C-1", "b": "B-1", "lines": []}), {}, "file.missing_column"),
    ],
)
def test_what_has_no_items_at_all_is_refused(
    tmp_path: Path, content: str, facts: dict[str, Any], code: str
) -> None:
    assert refused(checked(tmp_path, content, **(ITEMS | facts)))[0] == code


def test_the_fields_repeated_for_each_item_are_bounded(tmp_path: Path) -> None:
    wide = json.dumps(bill(*({"a": 1} for _ in range(2_000)), note="x" * 20_000)) + "\n"
    file = checked(tmp_path, wide, limits=Limits(max_decompression_ratio=20), **SUMMED)
    code, message = refused(file)
    assert code == "file.items_too_large"
    assert "limits.max_decompression_ratio (20) times its size" in message
    assert not (tmp_path / "work" / "items").exists()
    file = checked(tmp_path, wide, limits=Limits(max_decompressed_bytes=100_000), **SUMMED)
    assert refused(file)[0] == "file.items_too_large"
    file = items(tmp_path, bill({"a": 1}, *range(20)), limits=Limits(max_records=20))
    assert refused(file)[0] == "file.too_many_records"


def test_records_are_shown_beside_what_they_become(tmp_path: Path) -> None:
    file = items(tmp_path, *BILLS, line_items="sum")
    shown = list(side_by_side(file, Limits(), 2))
    assert shown[0] == "record 1, line 1: ready to load"
    assert any(line.split() == ["lines.a:", "10.1", "amount_due:", "ZAR", "10.10"] for line in shown)
    assert "  not read by the feed: lines.sku: Anél" in [line.partition(";")[0] for line in shown]


def test_filters_and_checks_may_name_fields_of_items(tmp_path: Path) -> None:
    file = items(
        tmp_path,
        bill({"a": 1, "kind": "charge"}, {"a": 2, "kind": "info"}, {"a": 3}),
        bill("?", number=2),
        where={"lines.kind": ["charge"]},
    )
    assert verdicts(file) == ["accepted", "skipped", "skipped", "rejected"]


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"format": "csv"}, "items: only records of NDJSON and of a JSON array have lists; format is csv"),
        ({"columns": None}, "items: no field of an item is mapped in columns; it is called lines.<key>"),
        ({"items": " "}, "items: the list has no name"),
        ({"header": {"row": 2}}, "header: JSON has no header and no footer, for every line is an object"),
        ({"fixed": {"c": [1, 3]}}, "items: fixed-width lines have no lists; leave it out"),
        (
            {"control": {"kind": "trailer", "marker": "T", "sums": [{"field": 2, "currency": "ZAR"}]}},
            "control.kind: JSON has no trailer, for every record is an object; use sidecar",
        ),
    ],
)
def test_what_contradicts_items_is_a_mistake_of_the_config(facts: dict[str, Any], said: str) -> None:
    assert feed_problems(feed(**ITEMS)) == []
    assert said in feed_problems(feed(**(ITEMS | facts)))


def test_a_list_may_be_found_whatever_the_case_of_its_name(tmp_path: Path) -> None:
    text = json.dumps(bill({"A": 5})).replace('"lines"', '"LINES"')
    assert sound(items(tmp_path, text, header_match="loose"))


def test_random_objects_give_what_plain_python_says(tmp_path: Path) -> None:
    chance = drawn()
    for _ in range(cases(16, soak=400)):
        made = [random_object(chance, number) for number in range(1, chance.randrange(2, 9))]
        layout = chance.choice(list(LAYOUTS))
        file = checked(tmp_path, LAYOUTS[layout](made), **SUMMED)
        wanted: list[tuple[str, int | None]] = []
        for each in made:
            found = each.get("lines")
            entries = found if isinstance(found, list) and any(found) else [None]
            wanted += [(each["b"], entry["a"] * 100 if entry else None) for entry in entries]
        if not any(amount for _, amount in wanted):
            continue
        assert [(row["bill_reference"], row["amount_minor"]) for row in records(file)] == wanted
        right = {
            bill: sum(amount or 0 for mine, amount in wanted if mine == bill)
            for bill, _ in wanted
            if all(amount is not None for mine, amount in wanted if mine == bill)
        }
        assert {body["external_reference"]: body["amount_due"] for body in sent_bodies(file)} == right


def random_object(chance: random.Random, number: int) -> dict[str, Any]:
    entries: list[Any] = [{"a": chance.randrange(1, 999), "k": at} for at in range(chance.randrange(1, 5))]
    if chance.random() < 0.2:
        entries.insert(chance.randrange(len(entries) + 1), chance.choice([None, {}]))
    made = bill(*entries, number=number, note=chance.choice(["", 'a, "b" ] }', {"k": [1]}]))
    if chance.random() < 0.2:
        made |= {"lines": chance.choice([[], None, "x"])}
    keys = list(made)
    chance.shuffle(keys)
    return {key: made[key] for key in keys}


def test_a_line_that_is_too_long_is_refused_before_it_is_copied(tmp_path: Path) -> None:
    text = json.dumps(bill(*({"a": 1} for _ in range(500))))
    file = checked(tmp_path, text, limits=Limits(max_record_bytes=1_000), **ITEMS)
    assert refused(file)[0] == "file.record_too_long"
