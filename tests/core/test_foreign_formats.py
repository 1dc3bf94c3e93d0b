"""Files of another kind are called by their name; bill files that begin a little like them are read."""

from __future__ import annotations

import pytest

from pipeline.core.foreign_formats import foreign_format

XML = b'<?xml version="1.0"?>\n<invoices><invoice id="1"/></invoices>'
FOREIGN: list[tuple[str, bytes]] = [
    ("XML", XML),
    ("XML", b"\xef\xbb\xbf\r\n" + XML),
    ("XML", XML.decode().encode("utf-16")),
    ("XML", XML.decode().encode("utf-16-le")),
    ("XML", b"<!-- made by X --><a/>"),
    ("XML", b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02">\n <BkToCstmrStmt>'),
    ("XML", b"<invoices><invoice>"),
    ("an XML spreadsheet", b'<?xml version="1.0"?>\n<?mso-application progid="Excel.Sheet"?>' + 9 * b" "),
    (
        "an XML spreadsheet",
        b'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet">',
    ),
    ("an HTML page", b"<!DOCTYPE html>\n<html><body>Not found"),
    ("an HTML page", b'\n<table border="1"><tr><td>c</td>'),
    ("an HTML page", b"<HTML lang=en>"),
    ("EDIFACT", b"UNA:+.? 'UNB+UNOC:3+SENDER+RECEIVER+260131:0600+1'"),
    ("EDIFACT", b"UNB+UNOA:2+5412345000013:14+"),
    ("an X12 interchange", b"ISA*00*          *00*          *ZZ*"),
    ("RTF", rb"{\rtf1\ansi{\fonttbl"),
    ("a SWIFT message", b"{1:F01BANKZAJJAXXX0000000000}{2:O940"),
    ("a SWIFT message", b":20:STARTUMSE\r\n:25:10020030/1234567\r\n"),
    ("an OpenPGP message", b"-----BEGIN PGP MESSAGE-----\n\nhQE"),
    ("an e-mail message", b"Return-Path: <x@example.org>\r\nReceived: from y"),
    ("an e-mail message", b"MIME-Version: 1.0\r\nContent-Type: multipart/related"),
    ("PDF", b"%PDF-1.7\n%\xe2\xe3"),
    ("PostScript", b"%!PS-Adobe-3.0"),
    ("Parquet", b"PAR1\x15\x04"),
    ("an SQLite database", b"SQLite format 3\x00\x10"),
    ("an Access database", b"\x00\x01\x00\x00Standard Jet DB\x00"),
    ("an old Excel file", b"\x09\x04\x06\x00\x00\x00\x10\x00"),
    ("a picture (PNG)", b"\x89PNG\r\n\x1a\n"),
    ("a picture (JPEG)", b"\xff\xd8\xff\xe0\x00\x10JFIF"),
]
READ = (
    b"<customer>,<amount>\nC-1,10.00\n",
    b"< 30 days;> 30 days\n1;2\n",
    b"UNB,UNA\n1,2\n",
    b"ISA,amount\n",
    b"From,To\na,b\n",
    b"From: date,To: date\na,b\n",
    b"From: 2026-01-01\nTo: 2026-01-31\n\nc,b,a\n",
    b'{"a": 1}\n',
    b'[{"a": "<html>"}]',
    b"PAR1,PAR2\n",
    b":20:,:25:\n",
    b"%PD,F\n",
    b"",
)


@pytest.mark.parametrize(
    ("kind", "head"), FOREIGN, ids=[f"{n} {kind}" for n, (kind, _) in enumerate(FOREIGN)]
)
def test_a_file_of_another_kind_is_called_by_its_name(kind: str, head: bytes) -> None:
    found = foreign_format(head)
    assert found is not None
    assert found[0].startswith(kind)


@pytest.mark.parametrize("head", READ)
def test_a_bill_file_that_begins_a_little_like_one_is_read(head: bytes) -> None:
    assert foreign_format(head) is None
