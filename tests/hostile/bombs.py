"""Files that cost their sender nothing and would cost the reader everything: each a name, and how to make it.

Made cheaply, too: holes in sparse files, and one packed stretch repeated, so that no gigabyte is ever written.
"""

from __future__ import annotations

import io
import lzma
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tests.check import opendocuments
from tests.check.landing import BILLS
from tests.check.old_workbooks import number as old_number
from tests.check.old_workbooks import old_workbook, record
from tests.check.workbooks import MAIN, number, row, sheet, workbook, zipped
from tests.keyring import Keyring
from tests.zstandard import zstd

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


def built(build: Callable[[], bytes]) -> Make:
    """Bytes that are made when they are needed."""
    return lambda path: bytes_written(path, [build()])


def json_of(keys: Iterable[int]) -> bytes:
    return b"{" + b",".join(b'"%d":1' % key for key in keys) + b"}\n"


def json_bill(amount: bytes) -> bytes:
    start = b'{"customer_reference":"C-1","account_reference":"A-1","bill_reference":"B-2","currency":"ZAR"'
    return start + b',"amount_due":' + amount + b"}"


def lines(line: bytes, count: int = MILLION) -> Make:
    """The usual header, and one line again and again."""
    return built(lambda: HEADER + line * count)


def sparse(start: bytes, size_bytes: int = TWO_GB) -> Make:
    """A file that begins so and goes on with zeros that take no room on the disk."""

    def make(path: Path) -> None:
        path.write_bytes(start)
        os.truncate(path, size_bytes)

    return make


# -- gzip and zip --


def gzipped(head: bytes, stretch: bytes, count: int) -> Make:
    """A gzip of the head and then the stretch as often as that, packed once."""

    return lambda path: bytes_written(path, gzip_parts(head, stretch, count))


def gzip_parts(head: bytes, stretch: bytes, count: int) -> list[bytes]:
    """The bytes of `gzipped`."""
    size_bytes = (len(head) + len(stretch) * count) & 0xFFFFFFFF
    checksum = zlib.crc32(head)
    for _ in range(count):
        checksum = zlib.crc32(stretch, checksum)
    trailer = struct.pack("<LL", checksum, size_bytes)
    return [b"\x1f\x8b\x08\0\0\0\0\0\0\xff", *deflated(head, stretch, count), trailer]


def many_streams(count: int) -> bytes:
    """Gzips of nothing, one behind the other."""
    return zlib.compress(b"", wbits=31) * count


def squeezed(pack: Callable[[bytes], bytes], count: int) -> bytes:
    """Streams of a million good records each, one behind the other, packed once."""
    return pack(HEADER) + pack(GOOD * MILLION) * count


def deflated(head: bytes, stretch: bytes, count: int) -> Iterator[bytes]:
    packer = zlib.compressobj(9, wbits=-15)
    yield packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    yield (packer.compress(stretch) + packer.flush(zlib.Z_FULL_FLUSH)) * count
    yield packer.flush()


def packets(keyring: Keyring, stretch: bytes, count: int) -> bytes:
    """An encrypted message whose compressed packet unfolds to the header and the stretch as often as that.

    The packet is made here, packed once: gpg itself would pack gigabytes. Source: RFC 9580, 5.6 and 5.9.
    """
    about = b"b\0" + bytes(4)
    size_bytes = len(about) + len(HEADER) + len(stretch) * count
    literal = b"\xcb\xff" + struct.pack(">L", size_bytes) + about + HEADER
    compressed = b"\xa3\x01" + b"".join(deflated(literal, stretch, count))
    return keyring.encrypted(compressed, "--no-literal", "--compress-algo", "none")


def several_in_a_zip(count: int) -> bytes:
    """So many files of a header and 64 MiB of zeros."""
    return zipped({f"{number}.csv": HEADER.ljust(64 * MIB, b"\0") for number in range(count)})


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
DEEP = f'<worksheet xmlns="{MAIN}">' + "<a>" * MILLION
ENTITIES = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
LAUGHS = f'<!DOCTYPE worksheet [<!ENTITY l0 "ha">{ENTITIES}]><worksheet xmlns="{MAIN}">&l9;</worksheet>'
OUTSIDE = f'<!DOCTYPE a SYSTEM "file:///etc/passwd"><worksheet xmlns="{MAIN}"/>'


def book(part: str, xml: Callable[[], str], *, ballast_bytes: int = 0) -> Make:
    """A workbook with this part; ballast that does not pack lets it pass as no bomb by its ratio."""
    return lambda path: bytes_written(
        path, [workbook(ROWS, parts={part: xml(), "ballast": os.urandom(ballast_bytes)})]
    )


def ods(*rows: str | Callable[[], str]) -> Make:
    """An ODS of these rows; ballast that does not pack lets large ones pass as no bombs by their ratio."""

    def build() -> bytes:
        xml = "".join(each if isinstance(each, str) else each() for each in rows)
        ballast = os.urandom(MIB if any(not isinstance(each, str) for each in rows) else 0)
        return opendocuments.opendocument(opendocuments.sheet(xml), parts={"ballast": ballast})

    return built(build)


SHEET, TEXTS = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"
RELS = "xl/_rels/workbook.xml.rels"


def shared_texts(text: str, count: int) -> str:
    return f'<sst xmlns="{MAIN}">' + f"<si><t>{text}</t></si>" * count + "</sst>"


def merged(count: int) -> str:
    cells = '<mergeCell ref="A9:A9"/>' * count
    return f'<worksheet xmlns="{MAIN}"><sheetData/><mergeCells>{cells}</mergeCells></worksheet>'


def relations(count: int) -> str:
    each = (f'<Relationship Id="{number}" Target="{number}"/>' for number in range(count))
    return f"<Relationships>{''.join(each)}</Relationships>"


# What is made, with how its refusal begins (an expression), or the code of its record.
PACKED: dict[str, tuple[str, Make]] = {
    "gzip of one line": ("file.record_too_long", gzipped(b"", b"a" * MIB, 2000)),
    "gzip of zeros": ("file.record_too_long", gzipped(b"", bytes(MIB), 2000)),
    "gzip of good records": ("file.archive_too_large", gzipped(HEADER, GOOD * 50_000, 2000)),
    "gzip of a million files": ("file.archive_damaged", built(lambda: many_streams(MILLION))),
    "xz of good records": ("file.archive_too_large", built(lambda: squeezed(lzma.compress, 100))),
    "Zstandard of good records": ("file.archive_too_large", built(lambda: squeezed(zstd.compress, 1000))),
    "Zstandard of one line": (
        "file.record_too_long",
        built(lambda: zstd.compress(bytes(200 * MIB), options={zstd.CompressionParameter.window_log: 27})),
    ),
    "zip of zeros behind a header": ("file.archive_too_large", built(lambda: in_a_zip(HEADER, 64 * MIB))),
    "zip that lies about its size": ("file.archive_damaged", built(lying_zip)),
    "zip of 30 000 files": ("file.archive_damaged", built(crowded_zip)),
    "zip whose files overlap": ("file.archive_too_large", built(overlapping_zip)),
    "workbook of shared texts": (
        "file.archive_too_large",
        book(TEXTS, lambda: shared_texts("a" * 1000, 64_000)),
    ),
    "workbook of one shared text": (
        "file.record_too_long",
        book(TEXTS, lambda: shared_texts("a" * 64 * MIB, 1), ballast_bytes=MIB),
    ),
    "workbook of cells": ("file.archive_too_large", book(SHEET, lambda: sheet("<c/>" * 16 * MILLION))),
    "workbook of one number": (
        "file.record_too_long",
        book(SHEET, lambda: sheet(row(number("1" * 64 * MIB))), ballast_bytes=MIB),
    ),
    "workbook of merged cells": (
        "file.merged_cells",
        book(SHEET, lambda: merged(2 * MILLION), ballast_bytes=MIB),
    ),
    "workbook of relations": (
        "file.workbook: .*more than [0-9]+ elements",
        book("xl/_rels/workbook.xml.rels", lambda: relations(MILLION), ballast_bytes=MIB),
    ),
    "workbook of one row far below": (
        "file.archive_too_large",
        book(SHEET, lambda: sheet(row(*BILLS.split(",")), row("x", at=1_048_576))),
    ),
    "workbook of cells far right": (
        "file.archive_too_large",
        book(SHEET, lambda: sheet(*(row(f'<c r="XFD{at}"><v>1</v></c>') for at in range(1, 20_000)))),
    ),
    "workbook of deep XML": (
        "file.workbook: .*nested too deeply",
        book(SHEET, lambda: DEEP, ballast_bytes=MIB),
    ),
    "workbook of entities": ("file.workbook: .*document type", book(SHEET, lambda: LAUGHS)),
    "workbook with a document type": ("file.workbook: .*document type", book(SHEET, lambda: OUTSIDE)),
    "workbook of one tag": (
        "file.workbook: .*endless tag",
        book(SHEET, lambda: f'<worksheet a="{"a" * 64 * MIB}"/>', ballast_bytes=MIB),
    ),
    "ODS of one row repeated": (
        "file.archive_too_large",
        ods(opendocuments.row("x" * 100, number_rows_repeated="1000000")),
    ),
    "ODS of one cell repeated": (
        "file.record_too_long",
        ods(
            opendocuments.row(
                opendocuments.value("string", {"table:number-columns-repeated": "16000"}, "x" * 1000)
            )
        ),
    ),
    "ODS of one cell far below": (
        "file.archive_too_large",
        ods(
            opendocuments.row("x"), opendocuments.row(number_rows_repeated="1000000"), opendocuments.row("x")
        ),
    ),
    "ODS of spaces": (
        "file.record_too_long",
        ods(opendocuments.row(opendocuments.text("<text:p><text:s text:c='999999999'/></text:p>"))),
    ),
    "ODS of paragraphs": (
        "file.record_too_long",
        ods(lambda: opendocuments.row(opendocuments.text("<text:p>aaaaaaaa</text:p>" * MILLION))),
    ),
    "ODS of deep XML": ("file.workbook: .*nested too deeply", ods(lambda: "<a>" * MILLION)),
    "ODS of merged cells": (
        "file.merged_cells",
        ods(lambda: opendocuments.row(opendocuments.value("", {"table:number-rows-spanned": "2"})) * 200_000),
    ),
    "ODS of sheets": (
        "file.workbook: .*more than [0-9]+ sheets",
        ods(lambda: "</table:table>" + opendocuments.sheet() * MILLION + "<table:table>"),
    ),
}
OLD_WORKBOOKS: dict[str, tuple[str, Make]] = {
    "two cells far apart": (
        "file.workbook: .*far more memory or time",
        built(lambda: old_workbook(old_number(0, 0, 1.0) + old_number(65_535, 65_535, 1.0))),
    ),
    "two cells in a full sheet": (
        "file.workbook: .*far more memory or time",
        built(lambda: old_workbook(old_number(0, 0, 1.0) + old_number(65_535, 255, 1.0))),
    ),
    "it says that it has a billion texts": (
        "file.(workbook|no_records|empty)",
        built(lambda: old_workbook(b"", globals_=record(0xFC, struct.pack("<LL", 1 << 30, 1 << 30)))),
    ),
    "sheets": (
        "file.(workbook|empty)",
        built(lambda: old_workbook({f"{number:05}": b"" for number in range(20_000)})),
    ),
    "its chain of sectors is a ring": (
        "file.(workbook|empty)",
        built(lambda: old_workbook(b"").replace(struct.pack("<LL", 3, 4), struct.pack("<LL", 3, 3))),
    ),
}
"""Read by a process of its own."""
FIXED_COLUMNS = dict(zip(BILLS.split(","), ([1, 4], [5, 4], [9, 4], [13, 3], [16, 8]), strict=True))
FIXED_BILL = b"C-1 A-1 B-1 ZAR10.00   \n"
FIXED: dict[str, tuple[str, Make]] = {
    "2 GB in one line": ("file.record_too_long", sparse(FIXED_BILL)),
    "2 GB from the first byte": ("file.record_too_long", sparse(b"")),
    "a million blank lines": (
        "file.too_many_rejects",
        content(FIXED_BILL, (b" " * 23 + b"\n") * MILLION, FIXED_BILL),
    ),
}
ENCRYPTED: dict[str, tuple[str, Callable[[Keyring], bytes]]] = {
    "2 GB of good records": ("file.archive_too_large", lambda keyring: packets(keyring, GOOD * 50_000, 2000)),
    "2 GB in one line": (
        "file.(archive_too_large|record_too_long)",
        lambda keyring: packets(keyring, bytes(MIB), 2000),
    ),
    "a gzip of good records": (
        "file.archive_too_large",
        lambda keyring: keyring.encrypted(b"".join(gzip_parts(HEADER, GOOD * 50_000, 2000))),
    ),
}
"""Each is made of a keyring, whose key of ours it is encrypted to."""
TEXT: dict[str, tuple[str, Make]] = {
    "2 GB of zeros": ("file.record_too_long", sparse(b"")),
    "2 GB that begin with 4 MiB of a": ("file.record_too_long", sparse(b"a" * 4 * MIB)),
    "2 GB in one line behind a good record": (
        "file.record_too_long",
        sparse(HEADER + GOOD + b"a" * 4 * MIB),
    ),
    "a million columns": ("file.too_many_columns", content(b"," * (MILLION - 1), b"\n", GOOD)),
    "a header of a million quotes": ("file.header", content(b'"' * MILLION + b"\n")),
    "a deeply nested line": ("file.header", content(b'{"a":' + b"[" * 500_000 + b"]" * 500_000 + b"}\n")),
    "a million keys": (
        "file.too_many_columns",
        built(lambda: b"".join(b'{"%d":1}\n' % key for key in range(MILLION))),
    ),
    "a million keys in twenty lines": (
        "file.too_many_columns",
        built(lambda: b"".join(json_of(range(first, first + 50_000)) for first in range(0, MILLION, 50_000))),
    ),
}
ARRAY: dict[str, tuple[str, Make]] = {
    "2 GB in one element": ("file.record_too_long", sparse(b'[{"a":"' + b"a" * 4 * MIB)),
    "2 GB behind a good element": (
        "file.record_too_long",
        sparse(b"[" + json_bill(b"10.00") + b',{"a":"' + b"a" * 4 * MIB),
    ),
    "16 MiB of openings": ("file.record_too_long", content(b'[{"a":' + b"[" * 16 * MIB)),
    "16 MiB of objects that never close": ("file.record_too_long", content(b'[{"a":' * (16 * MIB // 6))),
    "a million elements and no end": ("file.json_array", content(b"[", b'{"a":1},' * MILLION)),
    "16 MiB of space and no end": ("file.record_too_long", content(b"[{}", b" " * 16 * MIB)),
    "a million keys": (
        "file.too_many_columns",
        built(lambda: b"[{}" + b"".join(b',{"%d":1}' % key for key in range(MILLION)) + b"]"),
    ),
    "two arrays": (
        "file.json_array",
        content(b"[" + json_bill(b"10.00") + b"]\n[" + json_bill(b"10.00") + b"]"),
    ),
}
"""Arrays that are refused."""
LINE: dict[str, tuple[str, bytes]] = {
    "a million fields": ("record.too_many_fields", b"," * MILLION),
    "a million quotes": ("record.too_few_fields", b'"' * MILLION),
    "a million quotes and one": ("record.open_quote", b'"' * (MILLION + 1)),
    "a quote before each letter": ("record.stray_quote", b'"a' * (MILLION // 2)),
}
OBJECT: dict[str, tuple[str, bytes]] = {
    "deeply nested": ("record.json", b'{"amount_due":' + b"[" * 500_000 + b"]" * 500_000 + b"}"),
    "nothing but openings": ("record.json", b'{"amount_due":' + b"[" * MILLION),
    "a huge number": ("amount_due.out_of_range", json_bill(b"1" * MILLION)),
    "a huge exponent": ("amount_due.spreadsheet", json_bill(b"1e" + b"9" * MILLION)),
    "one key again and again": ("record.duplicate_key", b"{" + b",".join([b'"":1'] * 200_000) + b"}"),
}
LINES: dict[str, Make] = {
    "a million open quotes": lines(b'C-1,"A-1,B-1,ZAR,10.00\n'),
    "a million quotes on lines of their own": lines(b'"\n'),
    "an open quote and a million lines": content(HEADER, b'"x\n', b"x\n" * MILLION),
    "a million blank lines": content(HEADER, b"\n" * MILLION, GOOD),
    "600 000 elements without an end": content(
        b"[" + json_bill(b"10.00"), b',{"customer_reference":[1}' * 600_000, b"]"
    ),
    "600 000 elements of nothing": content(b"[" + json_bill(b"10.00"), b",{}" * 600_000, b"]"),
}
"""Each record is read, counted and reported."""
