"""How a corrected rejects file is written now: what it was saved with may have its own delimiter and encoding, or be
a spreadsheet.
"""

from __future__ import annotations

import codecs
from dataclasses import replace
from pathlib import Path

from pipeline.core.csv_structure import PACKED
from pipeline.core.file_stages import LandedFile
from pipeline.core.mapping.file_names import REJECT_COLUMNS, are_json_rejects, rejects_header
from pipeline.edge.disk import new_file
from pipeline.edge.reader.sample import sample_of
from pipeline.errors import ExtraMissing, FileRefused
from schemas.settings import Limits
from schemas.text_encoding import DOUBLE_BYTE, UNICODE, Encoding, has_ascii

HEAD_BYTES = 65_536
"""Holds the header with our own three columns, by which rejects are recognised."""
_BLOCK_BYTES = 1 << 20
"""Read at once while the encoding is looked for."""
_DAMAGE = b"record.undecodable"
"""Code that a rejects file itself has on records whose bytes are of no encoding."""
_HEADER_IS_OURS = {"header": None, "names": None, "header_record": None, "footer": None}
"""Keys of a feed that do not describe the rejects file of its files."""
_LOOKED_INTO = Limits(max_decompressed_bytes=16 << 20)
"""Any stranger's workbook is looked into, so that must take seconds at most."""


def sheet_as_text(content: bytes, folder: Path) -> bytes | None:
    """How the sheet of a workbook begins, as our CSV of it; None where `content` is no workbook that is read here.

    Args:
        content: all bytes of the file.
        folder: for scratch files, which the caller removes.

    Raises:
        DiskFull: no room for them.
    """
    workbook = folder / "workbook"
    with new_file(workbook, durable=False) as file:
        file.write(content)
    try:
        beginning = sample_of(workbook, workbook.name, _LOOKED_INTO, folder)
    except (FileRefused, ExtraMissing):
        return None
    return beginning.head[:HEAD_BYTES] if beginning.workbook else None


def with_detected_dialect(landed: LandedFile) -> LandedFile:
    """A corrected rejects file with a feed whose delimiter and encoding are those that its own bytes show; it has our
    header in its first line, and no footer.

    A file that corrects none is returned as it is. Raises OSError when it cannot be read.
    """
    if landed.rejects_of is None:
        return landed
    landed = replace(landed, feed=landed.feed.model_copy(update=dict(_HEADER_IS_OURS)))
    with landed.path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if head.startswith(PACKED):
        return replace(landed, feed=landed.feed.model_copy(update={"format": None, "sheet": None}))
    encoding = _encoding(landed, head)
    text = head.decode(encoding, errors="replace").removeprefix("\ufeff")
    changes: dict[str, object] = {"encoding": encoding}
    header = None if are_json_rejects(text) else rejects_header(text)
    if header is not None:
        changes |= {"delimiter": header.delimiter}
    return replace(landed, feed=landed.feed.model_copy(update=changes))


def _encoding(landed: LandedFile, head: bytes) -> Encoding:
    """By its byte order mark, or UTF-8 where it is that, else the code page that spreadsheets save in.

    A single-byte encoding fits any bytes, so UTF-8 is tried first, line by line, over all of the file.
    """
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8"
    declared = landed.feed.encoding
    if not has_ascii(declared) and REJECT_COLUMNS[-1].encode(declared) in head:
        return declared
    whole, wrong, marked = 0, 0, 0
    with landed.path.open("rb") as file:
        while lines := file.readlines(_BLOCK_BYTES):
            for line in lines:
                if line.isascii():
                    marked += _DAMAGE in line
                    continue
                try:
                    # Two bytes of UTF-8 may as well be a character of an encoding of two bytes each.
                    sure = max(line.decode()) >= "\u0800" or declared not in DOUBLE_BYTE
                    whole, wrong = whole + sure, wrong + (not sure)
                except UnicodeDecodeError:
                    wrong += 1
                marked += _DAMAGE in line
    if not whole and not wrong:
        return declared if has_ascii(declared) else "utf-8"
    if declared not in UNICODE and has_ascii(declared):
        return declared if wrong else "utf-8"
    # A rejects file says itself which of its records hold bytes of no encoding.
    return "utf-8" if whole or wrong <= marked else "cp1252"
