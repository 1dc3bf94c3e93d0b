"""Files that cost their sender nothing and would cost the reader everything: each a name, and how to make it.

Made cheaply, too: holes in sparse files, and one packed stretch repeated, so that no gigabyte is ever written.
"""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from tests.check.landing import BILLS
from tests.check.workbooks import MAIN, RELATIONS, row, sheet, workbook, zipped

MIB = 1 << 20
TWO_GB = 2_000_000_000
HEADER = f"{BILLS}\n".encode()
GOOD = b"C-1,A-1,B-1,ZAR,10.00\n"
MILLION = 1_000_000

Make = Callable[[Path], None]


def content(*parts: bytes) -> Make:
    """A file of these bytes."""
    return lambda path: bytes_written(path, parts)


def bytes_written(path: Path, parts: Iterable[bytes]) -> None:
    with path.open("wb") as file:
        file.writelines(parts)


def lines(line: bytes, count: int = MILLION) -> Make:
    """The usual header, and one line again and again."""
    return content(HEADER, line * count)


def sparse(start: bytes, size_bytes: int = TWO_GB) -> Make:
    """A file that begins so and goes on with zeros that take no room on the disk."""

    def make(path: Path) -> None:
        path.write_bytes(start)
        os.truncate(path, size_bytes)

    return make


def written_out(stretch: bytes, count: int) -> Make:
    """All of it on the disk."""
    return lambda path: bytes_written(path, (stretch for _ in range(count)))


# -- gzip and zip --


def gzipped(head: bytes, stretch: bytes, count: int) -> Make:
    """A gzip of the head and then the stretch as often as that, packed once."""

    def make(path: Path) -> None:
        size_bytes = (len(head) + len(stretch) * count) & 0xFFFFFFFF
        checksum = zlib.crc32(head)
        for _ in range(count):
            checksum = zlib.crc32(stretch, checksum)
        trailer = struct.pack("<LL", checksum, size_bytes)
        start = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
        bytes_written(path, [start, *deflated(head, stretch, count), trailer])

    return make


def deflated(head: bytes, stretch: bytes, count: int) -> Iterator[bytes]:
    packer = zlib.compressobj(9, wbits=-15)
    yield packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    yield (packer.compress(stretch) + packer.flush(zlib.Z_FULL_FLUSH)) * count
    yield packer.flush()


def in_a_zip(start: bytes, size_bytes: int) -> bytes:
    return zipped({"bills.csv": start.ljust(size_bytes, b"\0")})


def lying_zip() -> bytes:
    """Says in both its directories that it unpacks to 1000 bytes."""
    raw = bytearray(in_a_zip(HEADER, 64 * MIB))
    central = raw.rindex(b"PK\x01\x02")
    raw[22:26] = raw[central + 24 : central + 28] = struct.pack("<L", 1000)
    return bytes(raw)


def crowded_zip() -> bytes:
    """More names than anybody has files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(30_000):
            archive.writestr(zipfile.ZipInfo(f"bills-{number:020}.csv"), b"")
    return packed.getvalue()


def overlapping_zip() -> bytes:
    """Its directory names the same packed megabytes a thousand times, each under a name of its own."""
    raw = zipped({"0000.csv": HEADER.ljust(4 * MIB, b"\0")})
    central, end = raw.rindex(b"PK\x01\x02"), raw.rindex(b"PK\x05\x06")
    entry = raw[central:end]
    entries = b"".join(entry.replace(b"0000.csv", b"%04d.csv" % number) for number in range(1000))
    closing = raw[end : end + 8] + struct.pack("<HHLL", 1000, 1000, len(entries), central) + b"\0\0"
    return raw[:central] + entries + closing


# -- workbooks --

ROWS = sheet(row(*BILLS.split(",")), row("C-1", "A-1", "B-1", "ZAR", "10.00"))
NOISE = bytes(range(256))
DEEP = f'<worksheet xmlns="{MAIN}">' + "<a>" * MILLION
ENTITIES = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
LAUGHS = f'<!DOCTYPE worksheet [<!ENTITY l0 "ha">{ENTITIES}]><worksheet xmlns="{MAIN}">&l9;</worksheet>'
OUTSIDE = f'<!DOCTYPE a SYSTEM "file:///etc/passwd"><worksheet xmlns="{MAIN}"/>'


def book(parts: dict[str, str], *, ballast_bytes: int = 0) -> Make:
    """A workbook with these parts; ballast that does not pack lets it pass as no bomb by its ratio."""

    def make(path: Path) -> None:
        ballast = {"ballast": os.urandom(ballast_bytes)} if ballast_bytes else {}
        path.write_bytes(workbook(ROWS, parts=parts | ballast))

    return make


SHEET, TEXTS, STYLES = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/styles.xml"
RELS = "xl/_rels/workbook.xml.rels"


def shared_texts(text: str, count: int) -> str:
    return f'<sst xmlns="{MAIN}">' + f"<si><t>{text}</t></si>" * count + "</sst>"


def many(element: str, count: int) -> str:
    return f'<worksheet xmlns="{MAIN}"><sheetData/><mergeCells>' + element * count + "</mergeCells></worksheet>"
