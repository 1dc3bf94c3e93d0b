"""Texts that are plainly of a format which is not read here, by how they begin: named, so that nobody looks for a
wrong delimiter. Sources: XML 1.0, 2.8; HTML Living Standard, 13.1; ISO 9735 (EDIFACT, `UNA` and `UNB`); ASC X12.5
(`ISA`); RTF 1.9.1; SWIFT MT (basic header block, `:20:`); RFC 9580, 6.2 (OpenPGP); RFC 2045 (MIME).
"""

from __future__ import annotations

import re

from pipeline.core.openpgp import begins_encrypted

TELLING_BYTES = 4096
"""Of a file, that are looked at."""

_AS_TEXT = "export it as CSV, XLSX or NDJSON"
_ENCRYPTED = "an OpenPGP message, which is encrypted"
_DECRYPT = (
    "set pgp in its feed (docs/how-to/encrypted-files.md), or decrypt it with gpg --decrypt to propose a feed"
)
_PATTERNS = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), kind, remedy)
    for pattern, kind, remedy in (
        (
            rb"(?:<\?xml[^>]{0,200}>\s*)?<\?mso-application|<\?xml.{0,2000}schemas-microsoft-com:office:spreadsheet",
            "an XML spreadsheet of Excel 2003",
            "save it in Excel as XLSX or CSV",
        ),
        (
            rb"<!doctype\s+html|<html[\s>]|<head[\s>]|<body[\s>]|<table[\s>]",
            "an HTML page, perhaps the error page of a web server, or a table that only looks like a workbook",
            f"open it: if it holds the bills, {_AS_TEXT}; if it holds an error, download it again",
        ),
        (rb"<\?xml\b|<!--|<!doctype|<[a-z_][\w.:-]*(?:\s[^<>]*)?>\s*<", "XML", _AS_TEXT),
        (rb"UNA.{6}\s*UNB|UNB\+UNO", "EDIFACT", f"have it converted: {_AS_TEXT}"),
        (rb"ISA([^\w\s])\d\d\1", "an X12 interchange", f"have it converted: {_AS_TEXT}"),
        (rb"\{\\rtf", "RTF", _AS_TEXT),
        (
            rb"\{1:F01|:20:[^\r\n]*\r?\n:2[158]",
            "a SWIFT message such as MT940",
            f"have it converted: {_AS_TEXT}",
        ),
        (rb"-----BEGIN PGP ", "an OpenPGP key or signature", "send the bill file itself"),
        (
            rb"(?:MIME-Version|Received|Return-Path|Message-ID|Delivered-To): [^\r\n]*\r?\n[\w-]+:",
            "an e-mail message or web archive",
            "send the bill file that is in it by itself",
        ),
    )
)
_BINARY = (
    (b"%PDF-", "PDF"),
    (b"%!PS", "PostScript"),
    (b"PAR1\x15", "Parquet"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"\x00\x01\x00\x00Standard ", "an Access database"),
    (b"\x09\x00\x04\x00", "an old Excel file (version 2)"),
    (b"\x09\x02\x06\x00", "an old Excel file (version 3)"),
    (b"\x09\x04\x06\x00", "an old Excel file (version 4)"),
    (b"\xdb\xa5-\x00", "an old Word file"),
    (b"\x89PNG\r\n", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"GIF89a", "a picture (GIF)"),
    (b"II*\x00", "a picture (TIFF)"),
    (b"MM\x00*", "a picture (TIFF)"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90\x00", "a program"),
)
"""Old Excel: [MS-XLS] 2.4.21 (BOF) and the formats of Excel 2 to 4 before it, which have no container."""
_MARKS = re.compile(rb"\A(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?\s*")


def foreign_format(head: bytes) -> tuple[str, str] | None:
    """What a file is, and what to do with it, where its first bytes are plainly neither delimited text nor JSON.

    Letters of UTF-16 count as those of ASCII.
    """
    if begins_encrypted(head):
        return _ENCRYPTED, _DECRYPT
    for beginning, kind in _BINARY:
        if head.startswith(beginning):
            return kind, _AS_TEXT
    text = _MARKS.sub(b"", head[:TELLING_BYTES].replace(b"\x00", b""), count=1)
    return next(((kind, remedy) for pattern, kind, remedy in _PATTERNS if pattern.match(text)), None)
