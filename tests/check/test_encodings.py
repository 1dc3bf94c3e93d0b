"""Every encoding that a feed may declare: read to the byte, rejects in it, and UTF-8 in it is noticed."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.check.check import check
from pipeline.collect.feed_of_file import Matching
from pipeline.collect.named_files import land_named
from pipeline.core.byte_text import original_bytes, searchable
from pipeline.core.mapping.file_names import peek_rejects
from pipeline.edge.reader.delimited import DelimitedFile
from pipeline.edge.reader.open_records import open_records
from pipeline.report.rejects import rejects_of_check
from schemas.settings import Limits
from schemas.text_encoding import DOUBLE_BYTE, Encoding, has_ascii, known_encoding
from tests.check.landing import codes, feed, land, records
from tests.check.short_bills import ANY, SHORT, refused, short, sound, text_of
from tests.seeds import SOAK, each_once

NAMES = {
    "cp1250": "Žluťoučký",
    "cp437": "Müñoz é",
    "cp850": "São Ñ",
    "mac_roman": "Ménage",
    "koi8_r": "Иванов",
    "cp1251": "Иванов",
    "iso8859_15": "Œuvre €",
    "tis_620": "ไทย",
    "cp037": "Muñoz é",
    "cp500": "Müller",
    "utf-16-le": "Anél 𝄞",
    "utf-16-be": "Anél 𝄞",
    "shift_jis": "表示ソ能",
    "cp932": "髙橋表",
    "euc_jp": "日本語~",
    "gb18030": "测试㐀𠀀é",
    "gbk": "一乗\u4e02表",
    "big5": "功許蓋",
    "cp949": "한글",
    "johab": "한글",
}
"""Encoding → text of it; those of two bytes have bytes of ASCII within characters."""
CORRECTED = [*NAMES] if SOAK else ["cp1250", "cp037", "utf-16-le", "shift_jis", "gb18030", "johab"]
"""Those whose rejects are corrected as well: of one byte, of EBCDIC, of two bytes each, and of one or more."""
FACTS: dict[str, Any] = SHORT | {"columns": SHORT["columns"] | {"customer_name": "n"}, "delimiter": "|"}


def bills(name: str, end: str = "\r\n") -> str:
    rows = ["c|b|a|n", f"C-1|B-1|10.00|{name}", f'C-2|B-2|x|"{name}|{name}"', f"C-3|B-3|12.00|{name}", ""]
    return end.join(rows)


@pytest.mark.parametrize("encoding", NAMES)
def test_records_are_read_to_the_byte_wherever_the_file_is_cut_and_rejects_come_back(
    tmp_path: Path, encoding: str
) -> None:
    name = NAMES[encoding]
    raw = bills(name).encode(encoding)
    facts = FACTS | {"encoding": encoding}
    file = short(tmp_path, raw, **facts)
    assert codes(file) == [[], ["amount_due.format"], []]
    assert [record["customer_name"] for record in records(file)][::2] == [name, name]
    rows = [raw[record["byte_start"] : record["byte_end"]].decode(encoding) for record in records(file)]
    assert rows == bills(name).split("\r\n")[1:4]

    landed = land(tmp_path, raw, **facts)
    opened = open_records(landed, ANY, tmp_path)
    assert isinstance(opened.records, DelimitedFile)
    for block_bytes in (3, 64, 1 << 20):
        spans = [
            span
            for batch in opened.records.batches(block_bytes=block_bytes)
            for span in batch.select("byte_start", "byte_end").rows()
        ]
        assert [raw[start:end].decode(encoding) for start, end in spans] == rows, block_bytes

    if encoding not in CORRECTED:
        return
    path = tmp_path / "rejects.csv"
    assert rejects_of_check(file, path)
    source = file.landed.short_name
    for once_more in ("a", "b"):
        text = path.read_bytes().decode(encoding)
        assert text.splitlines()[1].startswith(f'C-2|B-2|x|"{name}|{name}"|')
        assert peek_rejects(path.read_bytes()) == source
        back = check(
            land(tmp_path, path.read_bytes(), rejects_of=source, **facts), tmp_path / once_more, limits=ANY
        )
        assert codes(back) == [["amount_due.format"]]
        path.unlink()
        assert rejects_of_check(back, path)
        assert path.read_bytes().count("reject_source".encode(encoding)) == 1
        source = back.landed.short_name
    mended = path.read_bytes().decode(encoding).replace("|x|", "|11.00|").encode(encoding)
    back = check(land(tmp_path, mended, rejects_of=source, **facts), tmp_path / "c", limits=ANY)
    assert sound(back)
    assert [record["customer_name"] for record in records(back)] == [f"{name}|{name}"]


@pytest.mark.parametrize(
    ("encoding", "end", "pack"),
    [
        *each_once(["cp037", "cp1250", "utf-8"], ["\n", "\r\n", "\x85"], [bytes]),
        *each_once(["cp500", "cp1250", "utf-8"], ["\x85", "\n", "\r\n"], [gzip.compress]),
    ],
)
def test_a_named_file_longer_than_a_record_may_be_is_read_whatever_its_line_ends_are(
    tmp_path: Path, encoding: str, end: str, pack: Callable[[bytes], bytes]
) -> None:
    if end == "\x85" and has_ascii(encoding):
        end = "\r"
    limits = Limits(max_record_bytes=100, max_reject_ratio=1.0, max_decompression_ratio=1_000)
    lines = [f"C-{number},B-{number},{number}.00" for number in range(1, 1001)]
    path = tmp_path / "bills.csv"
    path.write_bytes(pack(text_of(*lines, end=end).encode(encoding)))
    landed = land_named(
        path,
        Matching([feed(**SHORT, encoding=encoding)]),
        tmp_path / "landing",
        max_file_bytes=1 << 20,
        max_record_bytes=limits.max_record_bytes,
        durable=False,
    )
    file = check(landed, tmp_path / "work", limits=limits)
    assert sound(file)
    assert len(records(file)) == 1000


@pytest.mark.parametrize("encoding", sorted({*DOUBLE_BYTE, "cp037", "cp1250", "utf-8", "utf-16-le"}))
def test_bytes_that_are_searched_are_given_back_as_they_were(encoding: str) -> None:
    every = bytes(
        first for pair in ((a, b) for a in range(256) for b in (a, 0x7C, 0x22, 0x30, 0xA1)) for first in pair
    )
    text = searchable(every, encoding)
    assert original_bytes(text, encoding) == every
    assert (
        original_bytes(text[: len(text) // 2], encoding) + original_bytes(text[len(text) // 2 :], encoding)
        == every
    )


@pytest.mark.parametrize("encoding", ["shift_jis", "gb18030", "euc_jp", "cp1250", "ascii"])
def test_undecodable_bytes_cost_their_own_record_alone(tmp_path: Path, encoding: str) -> None:
    bad = b"\x8f\xa2\xb7" if encoding == "euc_jp" else b"\xff\xff" if encoding == "ascii" else b"\x81"
    raw = b"c,b,a,n\nC-1,B-1,1.00,x\nC-2,B-2,2.00," + bad + b"\nC-3,B-3,3.00,x\n"
    file = short(tmp_path, raw, encoding=encoding)
    assert codes(file) == [[], ["record.undecodable"], []]
    assert [raw[row["byte_start"] : row["byte_end"]][:3] for row in records(file)] == [b"C-1", b"C-2", b"C-3"]


def test_lines_of_ebcdic_end_with_nel(tmp_path: Path) -> None:
    raw = bills("Müller", "\x85").encode("cp500")
    assert codes(short(tmp_path, raw, **(FACTS | {"encoding": "cp500"}))) == [[], ["amount_due.format"], []]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("UTF8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("windows-1250", "cp1250"),
        ("Shift-JIS", "shift_jis"),
        ("GB18030", "gb18030"),
        ("latin1", "latin-1"),
        ("ISO-8859-1", "latin-1"),
        ("UTF_16", "utf-16"),
    ],
)
def test_an_encoding_has_many_names(said: str, meant: str) -> None:
    assert known_encoding(said) == feed(encoding=said).encoding == meant


@pytest.mark.parametrize(
    "name",
    [
        "",
        "nope",
        "iso2022_jp",
        "hz",
        "utf-7",
        "utf-32",
        "idna",
        "punycode",
        "rot13",
        "base64",
        "undefined",
        "unicode_escape",
        "raw_unicode_escape",
        "euc_jis_2004",
        "\x00",
        "zip",
    ],
)
def test_what_is_no_encoding_of_text_by_itself_is_a_config_error(name: str) -> None:
    with pytest.raises(ValidationError, match="encoding"):
        feed(encoding=name)


# -- UTF-8 in a file that is declared to be in another encoding --


@pytest.mark.parametrize(
    "encoding", ["cp1252", "latin-1", "cp1250", "cp437", "cp1251", "gb18030", "shift_jis"]
)
@pytest.mark.parametrize("name", ["Müller", "Žluťoučký", "Иванов", "“Ltd”", "日本語"])
def test_a_file_of_utf_8_is_never_loaded_as_something_else_without_a_word(
    tmp_path: Path, encoding: Encoding, name: str
) -> None:
    text = f"c,b,a,n\nC-1,B-1,1.00,x\nC-2,B-2,2.00,{name}\n"
    file = short(tmp_path, text.encode(), encoding=encoding, columns=FACTS["columns"])
    if encoding in DOUBLE_BYTE and name != "日本語":  # two bytes of UTF-8 may be a character
        return
    code, message = refused(file)
    assert code == "file.encoding"
    assert "its bytes are UTF-8, first on line 3" in message
    assert "feed.encoding to utf-8" in message
    assert name not in message


def test_utf_8_among_bytes_of_the_declared_encoding_is_noted_with_its_line(tmp_path: Path) -> None:
    raw = "c,b,a,n\nC-1,B-1,1.00,Anél\n".encode("cp1252") + "C-2,B-2,2.00,Müller\n".encode()
    file = short(tmp_path, raw, encoding="cp1252")
    assert sound(file)
    assert any("UTF-8 in 1 place of a cp1252 file, first on line 3" in note for note in file.notes)


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("cp1252", "ANDRÉ’S CAFÉ®"),
        ("cp1252", "ÖÖ ß Ærø"),
        ("latin-1", "Ãnél Ä Ö"),
        ("cp1251", "ИВАНОВ"),
        ("gbk", "中"),
        ("cp1252", "plain"),
        ("cp437", "Müñoz"),
        ("cp1250", "ŽLUŤOUČKÝ"),
    ],
)
def test_text_of_the_declared_encoding_is_not_taken_for_utf_8(
    tmp_path: Path, encoding: str, name: str
) -> None:
    file = short(tmp_path, f"c,b,a,n\nC-1,B-1,1.00,{name}\n".encode(encoding), encoding=encoding)
    assert sound(file)
    assert not any("UTF-8" in note for note in file.notes)
