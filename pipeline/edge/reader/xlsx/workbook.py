"""An XLSX workbook: which sheet is read, what its styles and shared texts are. Source: ECMA-376 part 1."""

from __future__ import annotations

import mmap
import posixpath
import re
import zipfile
from array import array
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from xml.parsers import expat  # of the beginning of a part alone

from pipeline.core.csv_structure import SUBSTITUTE
from pipeline.core.values.xlsx_cells import is_date_format
from pipeline.edge.disk import nameless_file
from pipeline.edge.reader.compressed import refuse_archive
from pipeline.edge.reader.sheet_copy import refuse_long_cell
from pipeline.edge.reader.xml_parts import MAX_ELEMENTS, Attributes, parse_part, refuse_workbook
from pipeline.edge.reader.zip_archives import open_member

_USUAL_PART = "xl/workbook.xml"
"""Where all but a few programs put the workbook's own part."""
_ROOT_BYTES = 1 << 16
"""Of a part, enough to have its first element."""
_SHEETS = ("worksheet", "chartsheet", "dialogsheet", "macrosheet")
"""Kinds of relations that are sheets. Only worksheets have rows."""
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
"""`_xHHHH_`, one UTF-16 unit in hexadecimal."""
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet as the workbook lists it."""

    name: str
    part: str
    """Its name in the archive."""
    visible: bool


@dataclass(frozen=True, slots=True)
class Workbook:
    """What has to be known before a sheet is read."""

    sheets: tuple[Sheet, ...]
    """In the order of the tabs."""
    since_1904: bool
    """Whether day numbers count from 1904 (old Macintosh files) and not from 1900."""
    dates: tuple[bool, ...]
    """By style: whether it shows dates."""
    texts_part: str | None
    """Name in the archive of the shared texts; None when there are none."""


def workbook_part(archive: zipfile.ZipFile, name: str) -> str | None:
    """Name in the archive of the workbook's own part; None when it is no XLSX workbook. Source: ECMA-376 part 2, 9.3.

    Raises:
        FileRefused: what the archive says of its parts is no sane XML.
    """
    names = archive.namelist()
    if "_rels/.rels" in names:
        for kind, part in _relations(archive, "", name).values():
            if kind == "officeDocument" and part in names and _root_of(archive, part) == "workbook":
                return part
    return _USUAL_PART if _USUAL_PART in names else None


def _root_of(archive: zipfile.ZipFile, part: str) -> str:
    """Local name of the first element of a part; empty where it is no XML, or declares a document type."""
    elements: list[str] = []
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = lambda element, _: elements.append(element)
    parser.StartDoctypeDeclHandler = lambda *_: elements.append("")
    with open_member(archive, part) as content, suppress(expat.ExpatError):
        parser.Parse(content.read(_ROOT_BYTES), False)
    return elements[0].rpartition(" ")[2] if elements else ""


def _relations(archive: zipfile.ZipFile, part: str, name: str) -> dict[str, tuple[str, str]]:
    """Id → kind and part of what a part is related to; `part` is empty for the whole archive."""
    folder, base = posixpath.split(part)
    found: dict[str, tuple[str, str]] = {}

    def on_relation(element: str, attributes: Attributes) -> None:
        if element == "Relationship":
            target = posixpath.normpath(posixpath.join("/", folder, attributes.get("Target", "")))
            kind = attributes.get("Type", "").rpartition("/")[2]
            found[attributes.get("Id", "")] = (kind, target.lstrip("/"))

    listed = posixpath.join(folder, "_rels", f"{base}.rels")
    parse_part(archive, listed, name, start=on_relation, max_elements=MAX_ELEMENTS)
    return found


def read_workbook(archive: zipfile.ZipFile, name: str) -> Workbook:
    """The workbook's own part, its relations and its styles.

    Raises:
        FileRefused: it holds programs or links to other workbooks, or its parts do not fit together.
    """
    names = [each.lower() for each in archive.namelist()]
    if any(each.endswith("vbaproject.bin") or "externallinks/" in each for each in names):
        problem = "the workbook holds macros, or links to other workbooks"
        refuse_archive(
            name, "file.workbook_active", problem, "save it as a plain workbook of values, or as CSV"
        )
    main = workbook_part(archive, name) or _USUAL_PART
    parts = _relations(archive, main, name)
    sheets: list[Sheet] = []
    since_1904 = False

    def on_workbook(element: str, attributes: Attributes) -> None:
        nonlocal since_1904
        if element == "workbookPr":
            since_1904 = attributes.get("date1904") in ("1", "true")
        elif element == "sheet":
            relation = next((each for key, each in attributes.items() if key.endswith(" id")), "")
            kind, part = parts.get(relation, ("", ""))
            if kind == "worksheet":
                visible = attributes.get("state", "visible") == "visible"
                sheets.append(Sheet(attributes.get("name", ""), part, visible))
            elif kind not in _SHEETS:
                refuse_workbook(name, "a sheet of the workbook is missing")

    parse_part(archive, main, name, start=on_workbook, max_elements=MAX_ELEMENTS)
    by_kind = dict(parts.values())
    dates = _date_styles(archive, by_kind["styles"], name) if "styles" in by_kind else ()
    return Workbook(tuple(sheets), since_1904, dates, by_kind.get("sharedStrings"))


def _date_styles(archive: zipfile.ZipFile, part: str, name: str) -> tuple[bool, ...]:
    """Style number → whether it shows dates. Source: ECMA-376 part 1, 18.8.30 (numFmt) and 18.8.45 (xf)."""
    codes: dict[int, str] = {}
    dates: list[bool] = []
    inside = False

    def on_start(element: str, attributes: Attributes) -> None:
        nonlocal inside
        if element == "numFmt":
            codes[_number(attributes.get("numFmtId"), name)] = attributes.get("formatCode", "")
        elif element == "cellXfs":
            inside = True
        elif element == "xf" and inside:
            number = _number(attributes.get("numFmtId", "0"), name)
            dates.append(is_date_format(number, codes.get(number)))

    def on_end(element: str) -> None:
        nonlocal inside
        if element == "cellXfs":
            inside = False

    parse_part(archive, part, name, start=on_start, end=on_end, max_elements=MAX_ELEMENTS)
    return tuple(dates)


class SharedTexts:
    """The texts that cells refer to by number, kept in a file: there may be millions.

    First `add` all, then `finish`, then read with `[number]`.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._ends = array("Q", [0])
        self._bytes: mmap.mmap | bytes = b""

    def add(self, text: str) -> None:
        """Add the next text; the first has number 0."""
        self._ends.append(self._ends[-1] + self._file.write(text.encode()))

    def finish(self) -> None:
        """No more are added; from now on they can be read."""
        self._file.flush()
        if self._ends[-1]:
            self._bytes = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)

    def close(self) -> None:
        """Give the file and its mapping back."""
        if isinstance(self._bytes, mmap.mmap):
            self._bytes.close()
        self._file.close()

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, number: int) -> str:
        return self._bytes[self._ends[number] : self._ends[number + 1]].decode()


@contextmanager
def read_texts(
    archive: zipfile.ZipFile, part: str | None, name: str, folder: Path, max_text_bytes: int
) -> Iterator[SharedTexts]:
    """All shared texts, for the length of the block, in a nameless file below `folder`.

    Args:
        part: their name in the archive; None gives none.
        max_text_bytes: characters of one text at most.

    Raises:
        FileRefused: a text is too long, or the part is no sane XML. DiskFull: no room for them.
    """
    with nameless_file(folder) as file, closing(SharedTexts(file)) as texts:
        collected = TextCollector(name, max_text_bytes)

        def on_end(element: str) -> None:
            collected.end(element)
            if element == "si":
                texts.add(collected.take())

        if part is not None:
            parse_part(archive, part, name, start=collected.start, end=on_end, text=collected.add)
        texts.finish()
        yield texts


class TextCollector:
    """Joins a text that comes in pieces: `t` elements, without those that only show its pronunciation (`rPh`)."""

    def __init__(self, name: str, max_text_bytes: int) -> None:
        self._name, self._max = name, max_text_bytes
        self._pieces: list[str] = []
        self._length = 0
        self._open = self._is_phonetic = False

    def start(self, element: str, _: Attributes | None = None) -> None:
        """`t` opens a piece of the text; one inside of `rPh` is a pronunciation and left out."""
        if element == "t":
            self._open = not self._is_phonetic
        elif element == "rPh":
            self._is_phonetic = True

    def end(self, element: str) -> None:
        """Close what `start` has opened."""
        if element == "t":
            self._open = False
        elif element == "rPh":
            self._is_phonetic = False

    def add(self, piece: str) -> None:
        """Take a piece of character data. Raises FileRefused when the text gets too long."""
        if self._open:
            self._length += len(piece)
            if self._length > self._max:
                refuse_long_cell(self._name, self._max)
            self._pieces.append(piece)

    def take(self) -> str:
        """The whole text; the next one starts empty."""
        text = "".join(self._pieces)
        self._pieces.clear()
        self._length = 0
        return unescaped(text)


def unescaped(text: str) -> str:
    """`_x000D_` is how XLSX writes characters that XML cannot hold (ECMA-376 part 1, 22.9.2.19)."""
    if "_x" not in text:
        return text
    text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return _SURROGATE.sub(SUBSTITUTE, whole)


def _number(text: str | None, name: str) -> int:
    """The number of a style or format. Raises FileRefused when it is none."""
    if text is None or not re.fullmatch("[0-9]{1,9}", text):
        refuse_workbook(name, "a style has no number format")
    return int(text)
