"""Elements of a JSON array are found wherever its text is cut, and damage to one leaves the others as they are."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.core.json_structure import ArrayScan, Element, is_array
from tests.seeds import some

OBJECTS: list[dict[str, Any]] = [
    {
        "id": f"C-{n}",
        "bill": f"B-{n}",
        "name": 'A "quoted", {braced} \\ name',
        "amount": 10 + n,
        "lines": [{"id": 1}],
    }
    for n in range(6)
]
LAYOUTS: dict[str, Callable[[Any], str]] = {
    "one line": json.dumps,
    "no space": lambda each: json.dumps(each, separators=(",", ":")),
    "one object a line": lambda each: "[\n" + ",\n".join(map(json.dumps, each)) + "\n]\n",
    "many lines": lambda each: json.dumps(each, indent=2),
    "tabs": lambda each: json.dumps(each, indent="\t").replace("\n", "\r\n"),
}


def scanned(
    text: bytes, cut: int = 1 << 20, most: int = 1 << 20
) -> tuple[list[tuple[bytes, bool]], ArrayScan]:
    """What is found of each element: its text, and whether it is damaged."""
    scan, rest, found = ArrayScan(most), b"", []
    for start in range(0, len(text), cut):
        piece = rest + text[start : start + cut]
        elements: list[Element] = list(scan.elements(piece, final=start + cut >= len(text)))
        found += [(piece[each.start : each.end], each.damaged) for each in elements]
        rest = piece[scan.rest :]
    return found, scan


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("cut", [1, 2, 7, 64, 1 << 20])
def test_elements_are_found_in_every_layout_and_wherever_the_text_is_cut(layout: str, cut: int) -> None:
    found, scan = scanned(LAYOUTS[layout](OBJECTS).encode(), cut)
    assert scan.closed
    assert [json.loads(text) for text, _ in found] == OBJECTS
    assert not any(damaged for _, damaged in found)


DAMAGE = ('"', "{", "}", "[", "]", ",", ":", "\\", "x", "{}", '"x":', "]}", '","')


@pytest.mark.parametrize("layout", LAYOUTS)
def test_damage_to_one_element_leaves_all_others_as_they_are_however_the_text_is_cut(layout: str) -> None:
    """Each mark of structure put in or taken out at each place of the third element; its own end may be uncertain."""
    text = LAYOUTS[layout](OBJECTS)
    elements = [element.decode() for element, _ in scanned(text.encode())[0]]
    start = text.index(elements[2])
    others = [each for number, each in enumerate(elements) if number != 2]
    for at in range(1, len(elements[2])):
        for mark in (*DAMAGE, ""):
            place = start + at
            damaged = text[:place] + mark + text[place + (not mark) :]
            found, scan = scanned(damaged.encode())
            sound = [each.decode() for each, is_damaged in found if not is_damaged]
            assert [each for each in sound if each in others] == others, (at, mark, damaged)
            assert scan.closed
            if at % 17 == 0:
                assert found == scanned(damaged.encode(), 5)[0]


@pytest.mark.parametrize("behind", ["", "x"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_lists_in_elements_behind_a_damaged_one_stay_whole_however_the_text_is_cut(
    layout: str, behind: str
) -> None:
    """An item begins as an element may, and the element's own end may not have come yet."""
    objects = [{"b": at, "lines": [{"a": 1, "k": "},{"}, {"a": 2}, [[]], {"a": 3}]} for at in range(6)]
    text = LAYOUTS[layout](objects).replace("{", '{"' + behind, 1).encode()
    found, scan = scanned(text)
    assert scan.closed
    assert [json.loads(each) for each, damaged in found if not damaged][-4:] == objects[2:]
    for cut in (1, 5, 64):
        assert scanned(text, cut)[0] == found


@pytest.mark.parametrize("layout", LAYOUTS)
def test_bytes_taken_out_anywhere_cost_only_the_elements_they_were_of(layout: str) -> None:
    text, chance = LAYOUTS[layout](OBJECTS), random.Random(layout)  # noqa: S311
    elements = [element.decode() for element, _ in scanned(text.encode())[0]]
    spans = [(at := text.index(each), at + len(each)) for each in elements]
    for _ in range(300):
        start = chance.randrange(spans[0][0] + 1, spans[-1][1] - 1)
        end = min(start + chance.randrange(1, 90), spans[-1][1] - 1)
        whole = [
            each for each, (first, last) in zip(elements, spans, strict=True) if last < start or first > end
        ]
        found, scan = scanned((text[:start] + text[end:]).encode())
        sound = [each.decode() for each, damaged in found if not damaged]
        # What is beside the gap may have lost its comma.
        assert len([each for each in whole if each in sound]) >= len(whole) - 1, (start, end)
        assert scan.closed


@pytest.mark.parametrize("ending", ["", ",", ',{"id": "C-9', " ", ',{"id": "C-9"}'])
def test_an_array_that_is_cut_off_is_not_closed(ending: str) -> None:
    text = json.dumps(OBJECTS).removesuffix("]") + ending
    assert not scanned(text.encode())[1].closed
    assert not scanned(text.encode(), 3)[1].closed


@pytest.mark.parametrize("behind", ["[]", "[{}]", "x", ",{}", '{"id": 1}'])
def test_what_follows_the_array_is_noticed(behind: str) -> None:
    for cut in (1, 1 << 20):
        _, scan = scanned(f"{json.dumps(OBJECTS)}  \n{behind}".encode(), cut)
        assert not scan.closed or behind == "[{}]"
        assert scan.followed == behind.startswith("[")


def test_commas_too_many_or_too_few_are_told_at_the_element_behind_them() -> None:
    found, _ = scanned(b'[,{"a":1},,{"a":2} {"a":3},{"a":4},]')
    assert [(json.loads(text)["a"], damaged) for text, damaged in found] == [
        (1, True),
        (2, True),
        (3, True),
        (4, False),
    ]


MIB = 1 << 20
HOSTILE = {
    "objects that never close": b'[{"a":1,' * MIB,
    "brackets alone": b"[" * MIB,
    "levels": b"[" + b'{"a":' * MIB,
    "strings that never close": b'[{"a":"' * MIB,
    "closing brackets": b"[" + b"}," * MIB,
    "many levels after damage": b"[}," + b"[[[[[[1]]]]]]," * (MIB // 8),
    "numbers after damage": b"[}" + b",1" * MIB,
    "every second one open": b"[" + b'{"a":1,{"a":1},' * (MIB // 16),
    "space": b"[{}" + b" " * MIB,
    "commas": b"[{}" + b"," * MIB,
    "one long text": b'[{"a":"' + b"x" * MIB,
    "backslashes": b'[{"a":"' + b"\\" * MIB,
}


@pytest.mark.parametrize("kind", some(HOSTILE, 4))
def test_whatever_an_array_is_made_of_its_time_grows_with_its_length_alone(kind: str) -> None:
    started = time.process_time()
    scanned(HOSTILE[kind][:MIB], 64_000, 64_000)
    # Half a million elements: 2 to 5 s by the machine, minutes where each one looks at all behind it.
    assert time.process_time() - started < 15


@pytest.mark.parametrize(
    ("text", "is_one"), [("[{", True), (" \n[ {", True), ("[]", True), ("[name],[a]", False)]
)
def test_an_array_of_objects_is_told_from_a_header_in_brackets(text: str, is_one: bool) -> None:
    assert is_array(text) == is_one
