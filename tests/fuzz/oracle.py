"""How many records a bill file has, and on which lines they start, told by the standard library alone.

A record is judged character by character here, while the product works on patterns over whole lines; nothing is shared.
`None` means that the file cannot be read as what it claims to be, and has to be refused.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import lzma
import re
import xml.etree.ElementTree as ET  # of files that these tests made
import zipfile
import zlib
from collections.abc import Callable, Collection
from typing import Any

from tests.fuzz import old_workbook_oracle
from tests.fuzz.item_oracle import items_of
from tests.zstandard import zstd

MARKS = {
    b"\xef\xbb\xbf": "utf-8",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
    b"\x84\x31\x95\x33": "gb18030",
}

DAMAGED = [-1]
"""In place of lines: an array or an old workbook that is so damaged that it is not clear where records begin."""
UNREADABLE_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    ValueError,
    OSError,
    RuntimeError,  # it says that it is encrypted
    EOFError,
    KeyError,
)


UNREADABLE_STREAM = (OSError, EOFError, zlib.error, lzma.LZMAError, zstd.ZstdError)
_STRING = r'"(?:[^"\\\r\n]|\\[^\r\n])*"'
_STREAMS: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": gzip.decompress,
    b"\xfd7zXZ\0": lzma.decompress,
    b"\x28\xb5\x2f\xfd": zstd.decompress,
}


def lines_of_records(
    raw: bytes, *, encoding: str, delimiter: str, needed: Collection[str], items: str = ""
) -> list[int] | None:
    """The line each record starts on; `needed` are column names of which the file must have every one.

    `delimiter`: "" for fixed width. `items`: the list of whose items each is a record, in objects.
    """
    if raw.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zipped(raw, encoding=encoding, delimiter=delimiter, needed=needed, items=items)
    if raw.startswith(old_workbook_oracle.MAGIC):
        return _old_workbook(raw, needed)
    for magic, unpack in _STREAMS.items():
        if raw.startswith(magic):
            try:
                raw = unpack(raw)
            except UNREADABLE_STREAM:
                return None
            if raw.startswith((*_STREAMS, b"PK\x03\x04")):
                return None
            break
    text = _decoded(raw, encoding)
    return _of_text(text, delimiter, needed, items) if text is not None and text.strip() else None


def _of_text(text: str, delimiter: str, needed: Collection[str], items: str) -> list[int] | None:
    if not delimiter:
        return _fixed(text)
    if text.lstrip().startswith("{"):
        return _json_lines(text, needed, items)
    if re.match(r"\s*\[\s*[\]{]", text):
        return _json_array(text, needed, items)
    return _delimited(text, delimiter, needed)


def _old_workbook(raw: bytes, needed: Collection[str]) -> list[int] | None:
    try:
        return old_workbook_oracle.rows_of_records(raw, needed)
    except old_workbook_oracle.Unclear:
        return DAMAGED


def _decoded(raw: bytes, encoding: str) -> str | None:
    mark = next((mark for mark in MARKS if raw.startswith(mark)), b"")
    if mark and MARKS[mark] != encoding:
        return None
    if encoding == "utf-16":
        if not mark:
            return None
        encoding = "utf-16-le" if mark == b"\xff\xfe" else "utf-16-be"
    return raw[len(mark) :].decode(encoding, "replace")


def _delimited(text: str, delimiter: str, needed: Collection[str]) -> list[int] | None:
    text = text.removesuffix("\x1a")  # where DOS ends a text
    if len(delimiter) > 1:
        text, delimiter = text.replace("\x1f", "\x1e").replace(delimiter, "\x1f"), "\x1f"
    end, size = _header_end(text)
    header = text[:end]
    if set(header) & {"\0", "\ufffd"}:
        return None
    try:
        rows = list(csv.reader(io.StringIO(header, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    names = [name.strip() for name in rows[0]] if len(rows) == 1 else []
    if not names or any(names.count(name) != 1 for name in needed):
        return None
    line_end = "\r" if text[end : end + size] == "\r" else "\n"
    body = text[end + size :].rstrip("\r\n")
    line = 1 + len(re.findall("\r\n|\r|\n", text[: end + size] or "\n")) - (0 if size else 1)
    starts, filled = [], 0
    while body:
        starts.append(line)
        length = _record(body, delimiter, line_end)
        taken = body[:length]
        filled = filled if _is_nothing(taken, delimiter, len(names)) else len(starts)
        line += taken.count(line_end) + 1
        body = body[length + 1 :]
    return starts[:filled]


def _is_nothing(text: str, delimiter: str, width: int) -> bool:
    """Whether a record has nothing but delimiters, spaces and empty quotes; a longer one is taken for a record."""
    text = text.removesuffix("\r")
    rest = re.sub(f'""(?=[{re.escape(delimiter)} ]|\\Z)', "", text)
    return not text.strip(" ") or (not rest.strip(f"{delimiter} ") and len(text) <= 4 * width + 16)


def _header_end(text: str) -> tuple[int, int]:
    """Where the first line break outside quotes is, and how many characters it has."""
    inside = False
    for at, character in enumerate(text):
        if character == '"':
            inside = not inside
        elif character in "\r\n" and not inside:
            return at, 2 if text[at : at + 2] == "\r\n" else 1
    return len(text), 0


def _record(text: str, delimiter: str, line_end: str) -> int:
    """Characters up to the line end that closes the first record. A malformed record is its first line."""
    first_line = text.find(line_end) if line_end in text else len(text)
    state = "start"
    for at, character in enumerate(text):
        is_end = character == line_end
        if line_end == "\n" and text[at : at + 2] == "\r\n" and state != "quoted":
            continue  # part of the line end
        match state:
            case "start" | "plain":
                if is_end:
                    return at
                if character == '"' and state == "plain":
                    return first_line
                state = {delimiter: "start", '"': "quoted"}.get(character, "plain")
            case "quoted":
                if character == '"':
                    state = "closed"
            case "closed":
                if is_end:
                    return at
                if character not in ('"', delimiter):
                    return first_line
                state = "quoted" if character == '"' else "start"
    return first_line if state == "quoted" else len(text)


def _fixed(text: str) -> list[int]:
    line_end = "\r" if "\r" in text and "\n" not in text else "\n"
    lines = text.removesuffix("\x1a").split(line_end)
    while lines and not lines[-1].strip(" \r\n"):
        lines.pop()
    return list(range(1, len(lines) + 1))


def _json_lines(text: str, needed: Collection[str], items: str) -> list[int] | None:
    if "\0" in text[:4]:
        return None
    line_end = "\r" if "\r" in text and "\n" not in text else "\n"
    lines = text.removesuffix("\x1a").rstrip("\r\n").split(line_end)
    while not lines[-1].strip():
        lines.pop()
    keys, numbers = set[str](), list[int]()
    for number, line in enumerate(lines, start=1):
        starts, found = _records_of(line.removesuffix("\r") if line_end == "\n" else line, items)
        numbers += [number] * len(starts)
        keys |= found
    return numbers if set(needed) <= keys else None


def _records_of(text: str, items: str) -> tuple[list[int], set[str]]:
    """Where the records of one value begin, and their columns."""
    return items_of(text, items) if items else ([0], _keys(text))


def _json_array(text: str, needed: Collection[str], items: str) -> list[int] | None:
    """The lines on which elements begin, one value after the other.

    Where the standard library refuses one, it reaches to the next place that looks as elements of this file begin:
    a comma, the space that is between the first two, a brace, and the first key. With another brace before, two
    elements are damaged side by side, and how many there are is not clear.
    """
    body = text.removesuffix("\x1a").rstrip(" \t\r\n")
    line_end = "\r" if "\r" in text and "\n" not in text else "\n"
    at, starts, keys = body.index("[") + 1, list[int](), set[str]()
    beginning = _beginning_of_elements(body)
    commas = 1
    while True:
        while body[at : at + 1] in tuple(" \t\r\n,"):
            commas += body[at] == ","
            at += 1
        if body[at:] == "]":
            return starts if set(needed) <= keys or not starts else None
        if at == len(body):
            return None
        end, line = _end_of_object(body, at), 1 + text.count(line_end, 0, at)
        if end is None:
            starts.append(line)
            if beginning is None:
                return DAMAGED
            found, start = beginning.search(body, at + 1), at
            at = found.start() if found else max(at + 1, len(body.removesuffix("]").rstrip(" \t\r\n")))
            if "{" in body[start + 1 : at].strip():
                return DAMAGED
        else:
            element = body[at:end]
            own, named = _records_of(element, items) if commas == 1 else ([0], set())
            starts += [line + element.count(line_end, 0, start) for start in own]
            keys |= named
            at = end
        commas = 0


def _beginning_of_elements(body: str) -> re.Pattern[str] | None:
    """How an element begins behind another one, by the first two, as far as they can be read.

    None where the second one cannot be, and the space between elements is not the same everywhere.
    """
    space, key = r"\s*", _STRING
    at = re.compile(r"[\s,]*").match(body, body.index("[") + 1)
    end = _end_of_object(body, at.end()) if at else None
    if at and end and "," not in at[0]:
        first = re.compile(r"\{\s*(" + _STRING + r")\s*:").match(body, at.end())
        key = re.escape(first[1]) if first else key
        between = re.compile(r"\s*,(\s*)(?=\{)").match(body, end)
        if between and _end_of_object(body, between.end()):
            space = re.escape(between[1])
        elif between and len(set(re.findall(r",(\s*)\{\s*" + key + r"\s*:", body))) > 1:
            return None
    return re.compile("," + space + r"\{\s*" + key + r"\s*:")


def _end_of_object(body: str, at: int) -> int | None:
    """Where the object ends that begins here; None for what is none, or is followed by what may not follow it."""
    try:
        value, end = json.JSONDecoder().raw_decode(body, at)
    except (ValueError, RecursionError):
        return None
    behind = body[end:].lstrip(" \t\r\n")
    if not isinstance(value, dict) or behind[:1] not in (",", "]", "{"):
        return None
    return None if re.match(rf",\s*{_STRING}\s*:", behind) else end


def _keys(line: str) -> set[str]:
    """Keys of an object that can be read; nothing of any other line."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        return {"": 0} if len({key.strip() for key, _ in pairs}) != len(pairs) else dict(pairs)

    try:
        found = json.loads(line, object_pairs_hook=unique)
        line.encode()
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, UnicodeError):
        return set()
    if not isinstance(found, dict) or set(line) & {"\ufffd"}:
        return set()
    return {key.strip() for key in found}


def _zipped(raw: bytes, **how: Any) -> list[int] | None:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            names = archive.namelist()
            if "xl/workbook.xml" in names:
                return _sheet(archive, how["needed"])
            if "content.xml" in names:
                return _opendocument(archive, how["needed"])
            if len(names) != 1:
                return None
            inner = archive.read(names[0])
    except UNREADABLE_ZIP:
        return None
    if inner.startswith((b"\x1f\x8b", b"PK\x03\x04", b"PK\x05\x06")):
        return None
    return lines_of_records(inner, **how)


def _opendocument(archive: zipfile.ZipFile, needed: Collection[str]) -> list[int] | None:
    """Rows of the first table below its first filled one; all cells of these tests are texts."""
    try:
        root = ET.fromstring(archive.read("content.xml"))  # noqa: S314 (made by these tests)
    except ET.ParseError:
        return None
    table = root.find(".//{*}spreadsheet/{*}table")
    filled: dict[int, list[str]] = {}
    number = 0
    for row in () if table is None else table.findall(".//{*}table-row"):
        cells = [" ".join("".join(cell.itertext()).split()) for cell in row.findall("{*}table-cell")]
        for _ in range(
            int(row.get("{urn:oasis:names:tc:opendocument:xmlns:table:1.0}number-rows-repeated", 1))
        ):
            number += 1
            if any(cells):
                filled[number] = cells
    if not filled or not set(needed) <= set(filled[min(filled)]):
        return None
    return list(range(min(filled) + 1, max(filled) + 1))


def _sheet(archive: zipfile.ZipFile, needed: Collection[str]) -> list[int] | None:
    """Rows of the first sheet below its first filled one."""
    try:
        root, texts = (
            ET.fromstring(archive.read(f"xl/{part}.xml"))  # noqa: S314 (made by these tests)
            for part in ("worksheets/sheet1", "sharedStrings")
        )
    except ET.ParseError:
        return None
    shared = ["".join(si.itertext()) for si in texts]
    filled: dict[int, list[str]] = {}
    number = 0
    for row in root.findall(".//{*}row"):
        number = int(row.get("r", number + 1))
        cells: list[str] = []
        for cell in row.findall("{*}c"):
            text = "".join("".join(each.itertext()) for each in cell if not each.tag.endswith("}f"))
            if text and cell.get("t") == "s":
                if not (text.isdecimal() and int(text) < len(shared)):
                    return None
                text = shared[int(text)]
            cells.append(text)
        if any(cells):
            filled[number] = cells
    if not filled or not set(needed) <= {name.strip() for name in filled[min(filled)]}:
        return None
    last = max(number for number, cells in filled.items() if any(cell.strip(" ") for cell in cells))
    return list(range(min(filled) + 1, last + 1))
