"""Files that something happened to on the way: each seed gives the same ones, for ever."""

from __future__ import annotations

import csv
import gzip
import json
import lzma
import random
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from tests.check import old_workbooks, opendocuments, workbooks
from tests.zstandard import zstd

SAMPLES = Path(__file__).resolve().parents[2] / "sample_files"
BILLS = ("customer_reference", "bill_reference", "amount_due")
KEPT_LINES = 14


@dataclass(frozen=True, slots=True)
class Case:
    """One bill file, the feed that is to read it, and what the oracle has to know of that feed."""

    raw: bytes
    facts: dict[str, Any]
    needed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Kind:
    sample: str
    needed: tuple[str, ...]
    facts: dict[str, Any]


_KINDS = (
    _Kind("za_citypower_bills_2026-11-20.csv", BILLS, {"currency": "ZAR"}),
    _Kind("za_citypower_mistakes_bills_2026-11-20.csv", BILLS, {"currency": "ZAR"}),
    _Kind(
        "za_citypower_mistakes_bills_2026-11-20.csv",
        (*BILLS, "currency"),
        {
            "currency": "ZAR",
            "where_not": {"currency": ["USD", "ZAR"]},
            "nothing_due": "skip",
            "bad_details": "leave_out",
            "may_be_empty": True,
        },
    ),
    _Kind("za_citypower_branches_2026-11-20.csv", BILLS, {"currency": "ZAR", "delimiter": "|"}),
    _Kind(
        "za_citypower_balances_2026-11-20.csv",
        ("customer_reference", "currency", "balance"),
        {"model": "customer_balance"},
    ),
    _Kind(
        "za_ubuntulife_premiums_20261120.csv",
        ("Member", "Policy", "Premium"),
        {
            "delimiter": ";",
            "amount": {"unit": "major", "decimal": ",", "thousands": " "},
            "columns": {
                "customer_reference": "Member",
                "bill_reference": "Policy",
                "currency": {"const": "ZAR"},
                "amount_due": "Premium",
            },
        },
    ),
)
_ENCODINGS = {
    "utf-8": (("utf-8", b""), ("utf-8", b"\xef\xbb\xbf")),
    "utf-16": (("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff")),
    "cp1252": (("cp1252", b""),),
    "latin-1": (("latin-1", b""),),
    "cp1250": (("cp1250", b""),),
    "shift_jis": (("shift_jis", b""),),
    "gb18030": (("gb18030", b""), ("gb18030", b"\x84\x31\x95\x33")),
}


def case(seed: int) -> Case:
    """The file of a seed: a sample, written anew in some dialect, packed or not, and then damaged."""
    chance = random.Random(seed)  # noqa: S311
    kind = chance.choice(_KINDS)
    own = "cp1252" if "premiums" in kind.sample else "utf-8"
    text = (SAMPLES / kind.sample).read_bytes().decode(own, "replace")
    lines = text.splitlines()
    text = "\n".join([lines[0], *chance.sample(lines[1:], min(len(lines) - 1, KEPT_LINES))]) + "\n"
    shape = chance.random()
    if shape < 0.1:
        return Case(_damaged_workbook(text, kind, chance), kind.facts, kind.needed)
    encoding = chance.choice(list(_ENCODINGS))
    codec, mark = chance.choice(_ENCODINGS[encoding])
    facts, needed = kind.facts | {"encoding": encoding}, kind.needed
    if shape < 0.25:
        objects = _objects(text, kind)
        if chance.random() < 0.5:
            objects, facts, needed = _with_items(objects, kind, facts, chance)
        text = _as_lines(objects) if shape < 0.18 else _as_array(objects, chance)
    if 0.25 <= shape < 0.35:
        text, facts = _as_fixed(text, kind, facts, chance)
    elif 0.35 <= shape < 0.42:
        mark_between = chance.choice(["||", "~|~"])
        written = StringIO(newline="")
        csv.writer(written, delimiter="\x1f", lineterminator="\n").writerows(_rows(text, kind))
        text, facts = written.getvalue().replace("\x1f", mark_between), facts | {"delimiter": mark_between}
    text = text.replace("\n", chance.choice(["\n", "\n", "\r\n", "\r"]))
    for _ in range(chance.choice([0, 1, 1, 2, 5])):
        text = chance.choice(_TEXT_DAMAGE)(text, chance)
    raw = mark + text.encode(codec, "replace")
    for _ in range(chance.choice([0, 0, 1, 3])):
        raw = chance.choice(_BYTE_DAMAGE)(raw, chance)
    return Case(_packed(raw, chance), facts, needed)


def _rows(text: str, kind: _Kind) -> list[list[str]]:
    return list(csv.reader(StringIO(text), delimiter=kind.facts.get("delimiter", ",")))


def _objects(text: str, kind: _Kind) -> list[dict[str, Any]]:
    header, *rows = _rows(text, kind)
    return [dict(zip(header, row, strict=False)) for row in rows if row]


def _as_lines(objects: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(each, ensure_ascii=len(each) % 2 == 0) + "\n" for each in objects)


def _with_items(
    objects: list[dict[str, Any]], kind: _Kind, facts: dict[str, Any], chance: random.Random
) -> tuple[list[dict[str, Any]], dict[str, Any], tuple[str, ...]]:
    """Objects with lists of up to three items, in which the amount is, and the feed that reads them."""
    amount = next(name for name in kind.needed if name in ("amount_due", "balance", "Premium"))
    made = []
    while objects:
        count = chance.choice([1, 1, 2, 3])
        taken, objects = objects[:count], objects[count:]
        items: list[Any] = [{amount: each.get(amount), "k": chance.choice(["", 1, "},{"])} for each in taken]
        if chance.random() < 0.2:
            items.insert(chance.randrange(len(items) + 1), chance.choice([None, {}, 7, [], [{}], "x"]))
        own = {key: value for key, value in taken[0].items() if key != amount}
        fields = [*own.items(), ("lines", chance.choice([*[items] * 9, [], None, {}]))]
        made.append(dict(chance.sample(fields, len(fields)) if chance.random() < 0.5 else fields))
    columns = kind.facts.get("columns") or {name: name for name in kind.needed}
    mapped = {ours: f"lines.{amount}" if theirs == amount else theirs for ours, theirs in columns.items()}
    facts = facts | {"items": "lines", "columns": mapped}
    if kind.facts.get("model") != "customer_balance" and chance.random() < 0.5:
        facts |= {"line_items": "sum"}
    return made, facts, tuple(f"lines.{name}" if name == amount else name for name in kind.needed)


def _as_fixed(
    text: str, kind: _Kind, facts: dict[str, Any], chance: random.Random
) -> tuple[str, dict[str, Any]]:
    """Lines of equal length without a header, and the feed that says where their columns are."""
    header, *rows = _rows(text, kind)
    rows = [[*row, *header][: len(header)] for row in rows]
    cells = [[re.sub(r"\s", " ", cell) for cell in row] for row in rows]
    widths = [max(len(row[place]) for row in cells) + 1 for place in range(len(header))]
    lines = ["".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
    starts = [1 + sum(widths[:place]) for place in range(len(widths))]
    fixed = {name: [start, width] for name, start, width in zip(header, starts, widths, strict=True)}
    facts = {key: fact for key, fact in facts.items() if key != "delimiter"}
    return "\n".join([*lines, ""]), facts | {"fixed": fixed, "short_lines": chance.choice(["reject", "pad"])}


def _as_array(objects: list[dict[str, Any]], chance: random.Random) -> str:
    """On one line, one object a line, or over many lines."""
    if chance.random() < 0.4:
        return "[\n" + ",\n".join(map(json.dumps, objects)) + "\n]\n"
    return json.dumps(objects, indent=chance.choice([None, 2]), ensure_ascii=chance.random() < 0.5)


def _damaged_workbook(text: str, kind: _Kind, chance: random.Random) -> bytes:
    """A workbook of one of three kinds whose sheet or archive is damaged; its texts stand inline or are shared."""
    clean = re.sub("[\x00-\x08\x0b-\x1f\ufffe\uffff]", "", text.replace("\x1a", ""))
    rows = _rows(clean.replace('"', ""), kind)
    if (which := chance.random()) < 0.3:
        return _damaged_opendocument(rows, chance)
    if which < 0.6:
        return _damaged_old_workbook(rows, chance)
    shared = [cell for row in rows for cell in row]
    number = iter(range(len(shared)))
    if chance.random() < 0.5:
        xml = [workbooks.row(*(f'<c t="s"><v>{next(number)}</v></c>' for _ in row)) for row in rows]
    else:
        xml = [workbooks.row(*row) for row in rows]
    for _ in range(chance.choice([0, 1, 1, 2])):
        at = chance.randrange(1, len(xml))
        xml.insert(at, chance.choice(["<row/>", xml[at], "<row><c/><c/></row>"]))
    sheet = workbooks.sheet(*xml)
    for _ in range(chance.choice([0, 0, 1])):
        sheet = chance.choice((_flip_character, _cut, _double))(sheet, chance)
    raw = workbooks.workbook(sheet, shared=[f"<t>{escape(each)}</t>" for each in shared])
    return chance.choice(_BYTE_DAMAGE)(raw, chance) if chance.random() < 0.2 else raw


def _damaged_opendocument(rows: list[list[str]], chance: random.Random) -> bytes:
    """The same as ODS, where rows may be repeated."""
    cells = [[opendocuments.text(f"<text:p>{escape(cell)}</text:p>") for cell in row] for row in rows]
    xml = [opendocuments.row(*row) for row in cells]
    for _ in range(chance.choice([0, 1, 1, 2])):
        at = chance.randrange(1, len(xml))
        again = opendocuments.row(*cells[min(at, len(cells) - 1)], number_rows_repeated=chance.choice("23"))
        xml.insert(at, chance.choice(["<table:table-row/>", again, opendocuments.row(None, None)]))
    sheet = opendocuments.sheet(*xml)
    for _ in range(chance.choice([0, 0, 1])):
        sheet = chance.choice((_flip_character, _cut, _double))(sheet, chance)
    raw = opendocuments.opendocument(sheet)
    return chance.choice(_BYTE_DAMAGE)(raw, chance) if chance.random() < 0.2 else raw


def _damaged_old_workbook(rows: list[list[str]], chance: random.Random) -> bytes:
    """The same as XLS, where records of cells may be missing, doubled, out of order or of another kind."""
    cells: list[bytes] = []
    at = chance.choice([0, 0, 0, 3])
    for texts in rows:
        cells += [old_workbooks.label(at, column, text) for column, text in enumerate(texts) if text]
        at += chance.choice([1] * 12 + [2])
    for _ in range(chance.choice([0, 1, 1, 2, 5])):
        place, column = chance.randrange(len(cells)), chance.randrange(9)
        row = at + chance.choice([0, 1, -1, 5])
        cells[place : place + chance.choice([0, 0, 1])] = chance.choice(
            [
                [],
                [cells[place]] * 2,
                chance.sample(cells, 3),
                [old_workbooks.number(row, column, chance.choice([10.0, 0.1 + 0.2, 1e300, float("nan")]))],
                [old_workbooks.error(row, column)],
                [old_workbooks.truth(row, column, True)],
                [old_workbooks.formula(row, column, old_workbooks.wrong(0x17))],
                [old_workbooks.label(row, column, chance.choice([" ", "x", "\u2028", "two\nlines"]))],
                [old_workbooks.hidden(row)],
                [old_workbooks.merged(at, at + 1)],
                [
                    old_workbooks.record(
                        chance.choice([0x208, 0x204, 0x203, 0x6]), b"\0" * chance.randrange(9)
                    )
                ],
            ]
        )
    raw = old_workbooks.old_workbook(b"".join(cells))
    for _ in range(chance.choice([0, 0, 0, 1, 3])):
        raw = chance.choice(_BYTE_DAMAGE)(raw, chance)
    return raw


def _packed(raw: bytes, chance: random.Random) -> bytes:
    shape = chance.random()
    if shape > 0.16:
        return raw
    if shape < 0.08:
        pack = chance.choice((lambda text: gzip.compress(text, mtime=0), lzma.compress, zstd.compress))
        cut = chance.choice([len(raw), _at(raw, chance)])
        packed = pack(raw[:cut]) + (pack(raw[cut:]) if raw[cut:] else b"")
    else:
        archive = BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
            for name in ("a.csv", "b.csv")[: chance.choice([1, 1, 1, 2])]:
                file.writestr(name, raw)
        packed = archive.getvalue()
    return chance.choice(
        [packed, packed, _cut_bytes(packed, chance), packed + chance.choice([b"\0", packed])]
    )


# -- what can happen to a text -------------------------------------------------------------------------------


def _at(text: str | bytes, chance: random.Random) -> int:
    return chance.randrange(len(text) + 1)


def _insert(what: list[str]) -> Callable[[str, random.Random], str]:
    def insert(text: str, chance: random.Random) -> str:
        at = _at(text, chance)
        return text[:at] + chance.choice(what) + text[at:]

    return insert


def _flip_character(text: str, chance: random.Random) -> str:
    at = _at(text, chance)
    return text[:at] + chr(chance.randrange(32, 0x180)) + text[at + 1 :]


def _cut(text: str, chance: random.Random) -> str:
    return text[: _at(text, chance)]


def _take_out(text: str, chance: random.Random) -> str:
    start = _at(text, chance)
    return text[:start] + text[start + chance.randrange(40) :]


def _double(text: str, chance: random.Random) -> str:
    start = _at(text, chance)
    return text[:start] + text[start : start + chance.randrange(60)] + text[start:]


def _change_line_ends(text: str, chance: random.Random) -> str:
    return re.sub(
        "\r\n|\r|\n", lambda end: chance.choice([end[0], end[0], "\n", "\r\n", "\r", "\n\n", ""]), text
    )


def _change_delimiters(text: str, chance: random.Random) -> str:
    old, new = chance.choice(",;|"), chance.choice(",;|\t^")
    return text.replace(old, new) if chance.random() < 0.3 else text.replace(old, new, 3)


def _double_column(text: str, chance: random.Random) -> str:
    return chance.choice([text.partition(",")[0] + "," + text, text.replace("currency", "amount_due", 1)])


_TEXT_DAMAGE: tuple[Callable[[str, random.Random], str], ...] = (
    _insert(['"']),
    _insert(['""', '"\n"', ',"', '",', '"\r\n', ' "', '"x']),
    _insert(["\n", "\r\n", "\r", "\n\n", " \n"]),
    _insert(["\x00", "\x1a", "\x0b", "\ufeff", "\u2028", "\x85", "\x1f\x8b", "x\x01", "xڀ"]),
    _insert([",", ";", "|", ",,,,", "{", "}", "\\"]),
    _flip_character,
    _cut,
    _take_out,
    _double,
    _change_line_ends,
    _change_delimiters,
    _double_column,
)


# -- what can happen to bytes --------------------------------------------------------------------------------


def _flip_bit(raw: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(max(1, len(raw)))
    return raw[:at] + bytes(byte ^ 1 << chance.randrange(8) for byte in raw[at : at + 1]) + raw[at + 1 :]


def _cut_bytes(raw: bytes, chance: random.Random) -> bytes:
    return raw[: _at(raw, chance)]


def _insert_bytes(raw: bytes, chance: random.Random) -> bytes:
    at = _at(raw, chance)
    return raw[:at] + chance.choice([b"\0", b"\xff", b"\xe9", b"\xc3", b"\xf0\x9f", b"\n", b'"']) + raw[at:]


_BYTE_DAMAGE = (_flip_bit, _flip_bit, _cut_bytes, _insert_bytes)
