"""The archive around an OpenDocument file: what kind of document it is, and what makes it unfit to be read.

Source: OASIS OpenDocument 1.3, part 2 (packages).
"""

from __future__ import annotations

import zipfile

from pipeline.edge.reader.compressed import refuse_archive
from pipeline.edge.reader.xml_parts import MAX_ELEMENTS, Attributes, parse_part
from pipeline.edge.reader.zip_archives import open_member

_KINDS = b"application/vnd.oasis.opendocument."
_SPREADSHEET = _KINDS + b"spreadsheet"
_MANIFEST = "META-INF/manifest.xml"
_PROGRAMS = ("basic/", "scripts/")


def is_spreadsheet(archive: zipfile.ZipFile, name: str) -> bool:
    """Whether an archive is a spreadsheet of OpenDocument; false for what is no OpenDocument at all.

    Raises:
        FileRefused: it is another document, such as a text. `name`: of the bill file, for messages.
    """
    names = archive.namelist()
    if "mimetype" not in names:
        return {"content.xml", _MANIFEST} <= set(names)
    with open_member(archive, "mimetype") as content:
        kind = content.read(len(_SPREADSHEET))
    if kind.startswith(_KINDS) and kind != _SPREADSHEET:
        problem = "its content is an OpenDocument file other than a spreadsheet"
        refuse_archive(name, "file.format", problem, "export it as ODS, XLSX or CSV")
    return kind == _SPREADSHEET


def refuse_unfit(archive: zipfile.ZipFile, name: str) -> None:
    """Raises FileRefused: the spreadsheet has a password or holds programs."""
    found: list[str] = []

    def on_start(element: str, _: Attributes) -> None:
        if element in ("encryption-data", "encrypted-key"):
            found.append(element)

    names = archive.namelist()
    if _MANIFEST in names:
        parse_part(archive, _MANIFEST, name, start=on_start, max_elements=MAX_ELEMENTS)
    if found or "encrypted-package" in names:
        refuse_archive(name, "file.archive_encrypted", "it has a password", "save it without a password")
    if any(each.lower().startswith(_PROGRAMS) and not each.endswith("/") for each in names):
        refuse_active(name)


def refuse_active(name: str) -> None:
    """Raise FileRefused: the spreadsheet runs programs or takes values from elsewhere."""
    problem = "the workbook holds macros, or links to other workbooks"
    refuse_archive(name, "file.workbook_active", problem, "save it as a plain workbook of values, or as CSV")
