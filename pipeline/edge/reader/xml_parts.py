"""The XML inside workbooks, parsed as a stream by expat, without building trees.

Libraries for spreadsheets hold all of a sheet's texts, or a cell for each place of its stated extent, so that a file of
5 KB can take all memory. Entities, document types and absurd nesting are refused.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from math import inf
from typing import NoReturn
from xml.parsers import expat  # bounded below: no document type, no depth, no endless token

from pipeline.edge.reader.compressed import STEP_BYTES, refuse_archive
from pipeline.edge.reader.zip_archives import open_member

MAX_TOKEN_BYTES = 4 << 20
"""Of one tag or text that expat must hold before it can report it."""
MAX_DEPTH = 64
"""Of elements in one another."""
MAX_NAMES = 1000
"""Element names that are remembered."""
MAX_REMEMBERED_BYTES = 32 << 20
"""Of a part that is remembered whole."""
MAX_ELEMENTS = 250_000
"""Of a part that is remembered whole: relations, sheets, styles (of which Excel allows some 64 000)."""

Attributes = dict[str, str]
"""Name → value, as expat gives them: names with a namespace have it in front, and a space."""


class _LocalNames(dict[str, str]):
    """Element → its name without the namespace. Remembered, since a workbook has a few dozen; bounded, since a hostile
    one may invent millions.
    """

    def __missing__(self, element: str) -> str:
        name = element.rpartition(" ")[2]
        if len(self) < MAX_NAMES:
            self[element] = name
        return name


def parse_part(
    archive: zipfile.ZipFile,
    part: str,
    name: str,
    *,
    start: Callable[[str, Attributes], None],
    end: Callable[[str], None] = lambda _: None,
    text: Callable[[str], None] = lambda _: None,
    max_elements: float = inf,
) -> None:
    """Parse one part of the workbook as a stream.

    Args:
        part: its name in the archive.
        name: of the bill file, for messages.
        start, end, text: expat's callbacks; elements come by their local names.
        max_elements: refuse a part that has more; for parts that are remembered whole.

    Raises:
        FileRefused: it is missing, no well-formed XML, has a document type, or passes a bound above.
    """
    parser, local = expat.ParserCreate(namespace_separator=" "), _LocalNames()
    parser.buffer_text = True
    depth = elements = 0

    def on_start(element: str, attributes: Attributes) -> None:
        nonlocal depth, elements
        depth += 1
        elements += 1
        if depth > MAX_DEPTH:
            refuse_workbook(name, f"{part} is nested too deeply")
        if elements > max_elements:
            refuse_workbook(name, f"{part} has more than {max_elements} elements")
        start(local[element], attributes)

    def on_end(element: str) -> None:
        nonlocal depth
        depth -= 1
        end(local[element])

    def on_doctype(*_: object) -> NoReturn:
        refuse_workbook(name, f"{part} declares a document type")

    parser.StartElementHandler = on_start
    parser.EndElementHandler = on_end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = on_doctype
    try:
        with open_member(archive, part) as content:
            fed = 0
            while block := content.read(STEP_BYTES):
                fed += len(block)
                if max_elements < inf and fed > MAX_REMEMBERED_BYTES:
                    refuse_workbook(name, f"{part} has more than {MAX_REMEMBERED_BYTES >> 20} MiB")
                parser.Parse(block, False)
                if fed - parser.CurrentByteIndex > MAX_TOKEN_BYTES:
                    refuse_workbook(name, f"{part} has an endless tag")
            parser.Parse(b"", True)
    except (expat.ExpatError, KeyError):
        refuse_workbook(name, f"{part} is missing, or is not well-formed XML")


def refuse_workbook(name: str, problem: str) -> NoReturn:
    """Raise FileRefused: the workbook is damaged or contradicts itself."""
    refuse_archive(name, "file.workbook", problem, "save it again, or as CSV")
