"""What a file is, its bytes say: packed files are unpacked within bounds, or refused for a reason."""

from __future__ import annotations

import gzip
import io
import lzma
import struct
import zipfile
from pathlib import Path

import polars as pl
import pytest

from schemas.settings import Limits
from tests.check.landing import BILLS, checked, records, texts
from tests.check.test_structure_of_files import good, refusal, rows
from tests.check.workbooks import row, sheet, workbook, zipped
from tests.zstandard import zstd

TEXT = rows(*good(3)).encode()
GZIP = gzip.compress(TEXT, mtime=0)
XZ = lzma.compress(TEXT)
ZSTD = zstd.compress(TEXT, options={zstd.CompressionParameter.checksum_flag: 1})
SKIPPED = b"\x53\x2a\x4d\x18" + struct.pack("<L", 3) + b"abc"
"""A frame of Zstandard that holds no content."""
ZIP = zipped({"bills.csv": TEXT})


@pytest.mark.parametrize("name", ["bills.csv", "bills.csv.gz", "bills.zip", "bills.xlsx", "bills"])
@pytest.mark.parametrize(
    "raw",
    [TEXT, GZIP, XZ, ZSTD, ZIP, workbook(sheet(*(row(*line.split(",")) for line in [BILLS, *good(3)])))],
)
def test_the_content_decides_and_never_the_name(tmp_path: Path, raw: bytes, name: str) -> None:
    file = checked(tmp_path, raw, name=name)
    assert [record["bill_reference"] for record in records(file)] == ["B-1", "B-2", "B-3"]


def test_polars_alone_unpacks_whatever_looks_packed(tmp_path: Path) -> None:
    """Behind a `.csv`, without a bound and without a word; and a plain text that only begins so is lost."""
    assert pl.read_csv(io.BytesIO(GZIP)).height == 3
    text = rows("xڀ,A-1,B-1,ZAR,10.00").encode()
    first_record = io.BytesIO(text.partition(b"\n")[2])
    with pytest.raises(OSError, match="deflate"):
        pl.read_csv(first_record, has_header=False, infer_schema=False)
    assert [record["account_reference"] for record in records(checked(tmp_path, text))] == ["A-1"]


def test_a_first_field_that_looks_packed_is_text(tmp_path: Path) -> None:
    for start, delimiter in (("xڀ", ","), ("x", "\x01"), ("x", "^"), ("x", "\t")):
        line = delimiter.join([start, "A-1", "B-1", "ZAR", "10.00"])
        file = checked(tmp_path, rows(line, header=BILLS.replace(",", delimiter)), delimiter=delimiter)
        assert [record["bill_reference"] for record in records(file)] == ["B-1"]


def test_records_of_a_packed_file_are_found_in_our_private_copy(tmp_path: Path) -> None:
    file = checked(tmp_path, GZIP)
    assert file.text_path != file.landed.path
    assert file.text_path.read_bytes() == TEXT
    assert file.text_path.stat().st_mode & 0o777 == 0o600
    assert [TEXT[each["byte_start"] : each["byte_end"]].decode() for each in records(file)] == good(3)
    assert file.landed.path.read_bytes() == GZIP


def test_a_plain_file_is_not_copied(tmp_path: Path) -> None:
    file = checked(tmp_path, TEXT)
    assert file.text_path == file.landed.path
    assert texts(file) == [line.encode() for line in good(3)]


def test_progress_ends_at_the_size_of_the_packed_file(tmp_path: Path) -> None:
    from pipeline.check.check import check
    from tests.check.landing import land

    told: list[int] = []
    landed = land(tmp_path, GZIP)
    check(landed, tmp_path / "work", limits=Limits(), progress=told.append)
    assert told[-1] == landed.size_bytes


def patched(raw: bytes, at: int, *new: int) -> bytes:
    return raw[:at] + bytes(new) + raw[at + len(new) :]


def encrypted() -> bytes:
    """The archive says that its file is encrypted; nothing more is needed to say no."""
    raw = bytearray(ZIP)
    raw[6] |= 1
    raw[raw.rindex(b"PK\x01\x02") + 8] |= 1
    return bytes(raw)


def with_a_method(number: int) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", number) as archive:
        archive.writestr("bills.csv", TEXT)
    return packed.getvalue()


def named_twice() -> bytes:
    packed = zipped({"a.csv": TEXT, "b.csv": TEXT})
    return packed.replace(b"b.csv", b"a.csv")


CENTRAL = ZIP.rindex(b"PK\x01\x02")


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        pytest.param(GZIP[:-1], "file.archive_damaged", id="gzip cut in its trailer"),
        pytest.param(GZIP[:40], "file.archive_damaged", id="gzip cut in its data"),
        pytest.param(GZIP[:5], "file.archive_damaged", id="gzip cut in its header"),
        pytest.param(
            patched(GZIP, len(GZIP) - 8, 1, 2, 3, 4), "file.archive_damaged", id="gzip with a wrong CRC"
        ),
        pytest.param(patched(GZIP, len(GZIP) - 4, 9), "file.archive_damaged", id="gzip with a wrong length"),
        pytest.param(patched(GZIP, 30, 255, 255, 255), "file.archive_damaged", id="gzip with altered data"),
        pytest.param(GZIP + b"\0", "file.archive_damaged", id="gzip and a byte more"),
        pytest.param(GZIP + b"garbage", "file.archive_damaged", id="gzip and garbage"),
        pytest.param(GZIP + GZIP[:20], "file.archive_damaged", id="a gzip and half of one"),
        pytest.param(GZIP + XZ, "file.archive_damaged", id="an xz behind a gzip"),
        pytest.param(XZ[:-1], "file.archive_damaged", id="xz cut in its trailer"),
        pytest.param(XZ[:60], "file.archive_damaged", id="xz cut in its data"),
        pytest.param(patched(XZ, 60, 1, 2), "file.archive_damaged", id="xz with altered data"),
        pytest.param(XZ + b"\0", "file.archive_damaged", id="xz and a byte more"),
        pytest.param(XZ + bytes(40_002), "file.archive_damaged", id="xz and zeros that are not whole words"),
        pytest.param(XZ + b"garbage", "file.archive_damaged", id="xz and garbage"),
        pytest.param(lzma.compress(XZ), "file.archive_nested", id="xz in xz"),
        pytest.param(zipped({"a.zst": ZSTD}), "file.archive_nested", id="Zstandard in zip"),
        pytest.param(ZSTD[:-1], "file.archive_damaged", id="Zstandard cut at its end"),
        pytest.param(ZSTD[:40], "file.archive_damaged", id="Zstandard cut in its data"),
        pytest.param(
            patched(ZSTD, len(ZSTD) - 4, 1, 2), "file.archive_damaged", id="Zstandard with a wrong checksum"
        ),
        pytest.param(ZSTD + b"garbage", "file.archive_damaged", id="Zstandard and garbage"),
        pytest.param(zstd.compress(GZIP), "file.archive_nested", id="gzip in Zstandard"),
        pytest.param(lzma.compress(b""), "file.empty", id="xz of nothing"),
        pytest.param(gzip.compress(GZIP), "file.archive_nested", id="gzip in gzip"),
        pytest.param(gzip.compress(ZIP), "file.archive_nested", id="zip in gzip"),
        pytest.param(zipped({"a.gz": GZIP}), "file.archive_nested", id="gzip in zip"),
        pytest.param(zipped({"a.zip": ZIP}), "file.archive_nested", id="zip in zip"),
        pytest.param(
            zipped({"a.xlsx": workbook(sheet(row("a")))}), "file.archive_nested", id="workbook in zip"
        ),
        pytest.param(zipped({"a.csv": TEXT, "b.csv": TEXT}), "file.archive_members", id="two files in a zip"),
        pytest.param(ZIP + zipped({"b.csv": TEXT}), "file.archive_damaged", id="two zips in one"),
        pytest.param(b"PK\3\4 first" + ZIP, "file.archive_damaged", id="bytes before a zip"),
        pytest.param(
            zipped({"a.csv": TEXT, "folder/": TEXT}), "file.archive_members", id="a folder that holds bytes"
        ),
        pytest.param(zipped({}), "file.archive_members", id="an empty zip"),
        pytest.param(zipped({"folder/": b""}), "file.archive_members", id="a folder alone in a zip"),
        pytest.param(encrypted(), "file.archive_encrypted", id="an encrypted zip"),
        pytest.param(named_twice(), "file.archive_damaged", id="one name twice in a zip"),
        pytest.param(ZIP[:-1], "file.archive_damaged", id="zip cut at its end"),
        pytest.param(ZIP[:60], "file.archive_damaged", id="zip cut in its data"),
        pytest.param(ZIP + b"\0", "file.archive_damaged", id="zip and a byte more"),
        pytest.param(
            patched(ZIP, CENTRAL + 16, 1, 2, 3, 4), "file.archive_damaged", id="zip with a wrong CRC"
        ),
        pytest.param(
            patched(ZIP, CENTRAL + 24, *struct.pack("<L", 9)),
            "file.archive_damaged",
            id="zip that lies about its size",
        ),
        pytest.param(with_a_method(zipfile.ZIP_BZIP2), "file.archive_damaged", id="bzip2 in zip"),
        pytest.param(with_a_method(zipfile.ZIP_LZMA), "file.archive_damaged", id="LZMA in zip"),
        pytest.param(
            zipped({"[Content_Types].xml": b"", "word/document.xml": b""}),
            "file.format",
            id="a Word document",
        ),
        pytest.param(
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
            "file.workbook",
            id="the beginning of an old Excel file",
        ),
        pytest.param(b"%PDF-1.7\n", "file.format", id="a PDF"),
        pytest.param(b"\xfd7zXZ\x00\x00", "file.archive_damaged", id="the beginning of an xz"),
        pytest.param(b"BZh91AY&SY", "file.format", id="bzip2"),
        pytest.param(gzip.compress(b""), "file.empty", id="gzip of nothing"),
        pytest.param(
            gzip.compress(TEXT.decode().encode("utf-16")), "file.encoding", id="gzip of another encoding"
        ),
    ],
)
def test_what_cannot_be_unpacked_for_certain_is_refused(tmp_path: Path, raw: bytes, code: str) -> None:
    assert refusal(tmp_path, raw) == code
    assert not (tmp_path / "work" / "plain").exists() or code in ("file.empty", "file.encoding")


PARTS = [TEXT[:57], TEXT[57:80], TEXT[80:]]


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"".join(gzip.compress(part) for part in PARTS), id="gzip"),
        pytest.param(GZIP + gzip.compress(b"") * 1000, id="gzip and empty ones"),
        pytest.param(b"".join(map(lzma.compress, PARTS)), id="xz"),
        pytest.param(bytes(40_004).join(map(lzma.compress, PARTS)) + bytes(8), id="xz with padding"),
        pytest.param(b"".join(map(zstd.compress, PARTS)), id="Zstandard"),
        pytest.param(SKIPPED.join(map(zstd.compress, PARTS)) + SKIPPED, id="Zstandard with frames of others"),
    ],
)
def test_several_streams_one_behind_the_other_are_one_file(tmp_path: Path, raw: bytes) -> None:
    file = checked(tmp_path, raw)
    assert file.refusal is None
    assert file.text_path.read_bytes() == TEXT
    assert len(records(file)) == 3


def test_what_a_mac_or_windows_adds_to_a_zip_is_left_alone(tmp_path: Path) -> None:
    around = {
        "bills/": b"",
        "bills/.DS_Store": b"x",
        "bills/Thumbs.db": b"x",
        "desktop.ini": b"x",
        "__MACOSX/bills/._june.csv": b"x",
    }
    file = checked(tmp_path, zipped({**around, "bills/june.csv": TEXT}))
    assert [each["bill_reference"] for each in records(file)] == ["B-1", "B-2", "B-3"]
    assert "files of macOS or Windows in the archive, left alone: 4" in file.notes
    assert refusal(tmp_path, zipped(around)) == "file.archive_members"
    assert refusal(tmp_path, zipped({"a.csv": TEXT, "__MACOSX": TEXT})) == "file.archive_members"


def test_a_window_larger_than_any_level_asks_for_is_refused(tmp_path: Path) -> None:
    """Before the memory is taken: what says that it needs gigabytes may hold a few bytes."""
    frame = b"\x28\xb5\x2f\xfd" + bytes([0x00, 0xA8]) + b"\x01\x00\x00"  # window of 2 GiB, one empty block
    assert refusal(tmp_path, frame) == "file.archive_too_large"


@pytest.mark.parametrize(
    "pack", [gzip.compress, lzma.compress, zstd.compress, lambda text: zipped({"a.csv": text})]
)
def test_limits_hold_while_a_file_is_unpacked(tmp_path: Path, pack: object) -> None:
    assert callable(pack)
    text = rows(*good(2000)).encode()
    raw = pack(text)
    assert checked(tmp_path, raw, limits=Limits(max_decompressed_bytes=len(text))).refusal is None
    assert (
        refusal(tmp_path, raw, limits=Limits(max_decompressed_bytes=len(text) - 1))
        == "file.archive_too_large"
    )
    ratio = len(text) / len(raw)
    assert checked(tmp_path, raw, limits=Limits(max_decompression_ratio=ratio + 1)).refusal is None
    assert (
        refusal(tmp_path, raw, limits=Limits(max_decompression_ratio=ratio - 1)) == "file.archive_too_large"
    )
    assert not (tmp_path / "work" / "plain").exists()


def test_a_zip_that_announces_too_much_is_not_even_unpacked(tmp_path: Path) -> None:
    """What it would unpack to is damaged as well, but nobody looked."""
    announced = patched(ZIP, CENTRAL + 24, *struct.pack("<L", 3_000_000_000))
    assert refusal(tmp_path, announced) == "file.archive_too_large"


def test_a_feed_can_say_what_its_files_must_be(tmp_path: Path) -> None:
    book = workbook(sheet(*(row(*line.split(",")) for line in [BILLS, *good(3)])))
    lines = b'{"customer_reference": "C-1", "bill_reference": "B-1", "currency": "ZAR", "amount_due": "1"}\n'
    assert refusal(tmp_path, book, format="csv") == "file.format"
    assert refusal(tmp_path, book, format="ndjson") == "file.format"
    assert refusal(tmp_path, TEXT, format="xlsx") == "file.format"
    assert refusal(tmp_path, lines, format="csv") == "file.missing_column"
    assert refusal(tmp_path, TEXT, format="ndjson") == "file.header"
    for raw, written in ((book, "xlsx"), (TEXT, "csv"), (GZIP, "csv"), (lines, "ndjson")):
        assert checked(tmp_path, raw, format=written).refusal is None
