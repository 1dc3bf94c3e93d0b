"""A customer whose data is planted in bill files, and the search for it below work_dir."""

from __future__ import annotations

import gzip
import json
import sqlite3
import zipfile
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from tests.stories.merchant import Json, Merchant

NAME, EMAIL, PHONE, STATED = "Nomvula Dlamini-Q", "nomvula.q@example.org", "+27825550123", "082 555 0123"
NOTE, METER = "lives behind the shop", "meter of Nomvula"
PLANTED = (NAME, EMAIL, PHONE, STATED, "0825550123", "Nomvula", "nomvula.q", NOTE, METER)

HEADER = (
    "customer_reference,customer_name,customer_email,customer_phone,customer_metadata.note,"
    "account_reference,account_name,bill_reference,amount_due,metadata.meter\n"
)


def ours(bill: str, amount: str = "100.00", currency_note: str = "") -> str:
    return f"C-17,{NAME},{EMAIL},{STATED},{NOTE},A-17,{NAME},{bill},{amount},{METER}{currency_note}\n"


def other(number: int, amount: str = "50.00") -> str:
    return f"C-{number},Ben {number},ben{number}@example.net,,,A-{number},,INV-{number},{amount},\n"


JUNE = HEADER + other(1) + ours("INV-17") + other(2, "five") + ours("INV-18", "two") + other(3)


def decoded(path: Path) -> Iterator[bytes]:
    """A file as it is, and what is in it where it is packed, a part of checked records or a ledger."""
    raw = path.read_bytes()
    yield raw
    if path.suffix == ".parquet":
        frame = pl.read_parquet(path)
        yield json.dumps([[str(value) for value in row] for row in frame.iter_rows()]).encode()
    if raw[:2] == b"\x1f\x8b":
        yield gzip.decompress(raw)
    if raw[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(path) as archive:
            yield from (archive.read(name) for name in archive.namelist())
    if raw[:16] == b"SQLite format 3\0":
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as ledger:
            yield "\n".join(ledger.iterdump()).encode()


def found_below(folder: Path) -> list[str]:
    """Files that have any of the planted texts, in any of the forms in which a text may be written."""
    needles = {
        form.encode(codec)
        for text in PLANTED
        for form in (text, json.dumps(text)[1:-1], text.upper(), text.lower())
        for codec in ("utf-8", "utf-16-le", "utf-16-be")
    }
    return [
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and any(needle in content for content in decoded(path) for needle in needles)
    ]


def keeping_archive_below_work_dir(merchant: Merchant) -> Merchant:
    """Archive and quarantine are below work_dir, as in the shipped config."""
    merchant.settings["drop"] |= {"archive": "var/archive", "quarantine": "var/quarantine"}
    merchant.settings["feeds"][0]["release"] = "never"
    return merchant


def dropped(merchant: Merchant, name: str = "june_bills_2026-06-01.csv", content: str | bytes = JUNE) -> Path:
    return merchant.write(name, content, merchant.drop)


def forget(merchant: Merchant, status: int = 0) -> Json:
    said = merchant.json_command("forget", "C-17")
    assert said.exit_status == status, (said.stdout, said.stderr)
    return said.document
