"""One example for each code of the catalogue: a file that gets it, or the test that shows it.

Every `Example` is run by a test and yields its code and no other, but for those in `also`. Where only the API or what
was loaded before can bring a code about, a `Story` names the test that does.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.core.mapping.file_names import REJECT_COLUMNS
from pipeline.core.rules.stories import STORIES, Story
from schemas.feed import Model

SHOWN_CHARACTERS = 40


@dataclass(frozen=True, slots=True)
class Example:
    """A file, and what its feed and the limits say beside `{"model": "bill", "amount": {"unit": "major"}}`."""

    shows: str
    """What is wrong in it, as the documentation shows it."""
    content: bytes
    feed: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, Any] = field(default_factory=dict)
    sidecar: bytes | None = None
    also: tuple[str, ...] = ()
    name: str = "bills.csv"
    matches: tuple[str, ...] = ()
    """`match` of feeds of which the name has to choose; else the file is read under its one feed."""

    @property
    def settings(self) -> str:
        """Feed and limits in one line, for the documentation."""
        stated = {**self.feed, **({"limits": dict(self.limits)} if self.limits else {})}
        return json.dumps(stated, ensure_ascii=False) if stated else ""


_BASE: dict[Model, dict[str, str]] = {
    "bill": {
        "customer_reference": "C-1",
        "account_reference": "A-1",
        "bill_reference": "INV-1",
        "currency": "ZAR",
        "amount_due": "10.00",
    },
    "account_balance": {
        "customer_reference": "C-1",
        "account_reference": "A-1",
        "currency": "ZAR",
        "balance": "10.00",
    },
    "customer_balance": {"customer_reference": "C-1", "currency": "ZAR", "balance": "10.00"},
}


def _text(rows: Iterable[Mapping[str, str]]) -> bytes:
    written = io.StringIO(newline="")
    listed = list(rows)
    table = csv.DictWriter(written, listed[0].keys(), lineterminator="\n")
    table.writeheader()
    table.writerows(listed)
    return written.getvalue().encode()


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:3]}… ({len(text)} characters)"


def _one(
    values: Mapping[str, str], *, model: Model = "bill", also: tuple[str, ...] = (), **feed: Any
) -> Example:
    """A file of one record that is good but for these values."""
    shows = ", ".join(f"{_cut(name)}: {_cut(value) or '(empty)'}" for name, value in values.items())
    facts = feed if model == "bill" else {"model": model, **feed}
    return Example(shows, _text([_BASE[model] | dict(values)]), facts, also=also)


def _several(
    *records: Mapping[str, str], model: Model = "bill", also: tuple[str, ...] = (), **feed: Any
) -> Example:
    """A file of records that are good by themselves."""
    shows = " and ".join(", ".join(values.values()) for values in records)
    facts = feed if model == "bill" else {"model": model, **feed}
    return Example(shows, _text(_BASE[model] | dict(values) for values in records), facts, also=also)


def _lines(
    *lines: str | bytes, shows: str = "", header: str = ",".join(_BASE["bill"]), **facts: Any
) -> Example:
    """A file of these lines below a header; the first of them is shown."""
    raw = [line.encode() if isinstance(line, str) else line for line in (header, *lines)]
    return Example(shows or raw[1].decode(), b"\n".join(raw) + b"\n", **facts)


_GOOD = ",".join(_BASE["bill"].values())
_CORRECTED = "tests/stories/test_corrected_rejects.py"
_ORIGINALS = "tests/stories/test_corrections_stand_for_originals.py"
_WRITTEN_OFF = "tests/stories/test_write_offs.py"
_RESTORED = "tests/stories/test_restored_ledger.py"
_RELOADED = "tests/stories/test_reload_under_another_feed.py"
_TRAILER = {
    "control": {"kind": "trailer", "marker": "T", "records": 2, "sums": [{"field": 3, "currency": "ZAR"}]}
}
_SIDECAR = {"control": {"kind": "sidecar"}}
_REPLACE = {"/": "-"}


def _file_examples() -> dict[str, Example | Story]:
    huge = json.dumps({"records": 1, "amounts": {"ZAR": 10.0}})
    return {
        "file.empty": Example("0 bytes", b""),
        "file.too_large": _lines(_GOOD, shows="more bytes than that", limits={"max_file_bytes": 10}),
        "file.too_many_records": _lines(_GOOD, _GOOD, shows="two records", limits={"max_records": 1}),
        "file.record_too_long": _lines(
            "C" * 200, shows="a line of 200 bytes", limits={"max_record_bytes": 100}
        ),
        "file.too_many_columns": _lines(_GOOD, shows="five columns", limits={"max_columns": 4}),
        "file.encoding": Example("UTF-16", "bills".encode("utf-16"), {"encoding": "utf-8"}),
        "file.header": Example('"customer_reference', b'"customer_reference\n'),
        "file.duplicate_column": Example("currency,currency", b"currency,currency\nZAR,ZAR\n"),
        "file.missing_column": Example("currency,amount_due", b"currency,amount_due\nZAR,1.00\n"),
        "file.unmatched": _lines(_GOOD, shows="minutes.docx", name="minutes.docx", matches=("*_bills.csv",)),
        "file.two_feeds": _lines(
            _GOOD, shows="a_bills.csv", name="a_bills.csv", matches=("a_*", "*_bills.csv")
        ),
        "file.no_records": _lines(shows="a header alone"),
        "file.all_skipped": _one({"currency": "ZAR"}, where={"currency": "USD"}),
        "file.too_many_rejects": _lines(
            "C-1,A-1,INV-1,ZAR,ten", limits={"max_reject_ratio": 0.2}, also=("amount_due.format",)
        ),
        "file.rejects_not_allowed": _lines(
            "C-1,A-1,INV-1,ZAR,ten", feed={"on_reject": "refuse_file"}, also=("amount_due.format",)
        ),
        "file.more_than_rejected": Story("a row added to rejects.csv", _CORRECTED),
        "correction.changed": Story("310.00 comes back as 31000.00", _ORIGINALS),
        "correction.perhaps_made": Story("a second reference for a bill, after a restore", _RESTORED),
        "correction.written_off": Story("a record that was written off comes corrected", _WRITTEN_OFF),
        "correction.out_of_proportion": Story(
            "3OO.00 comes back as 30000.00", "tests/check/test_corrections.py"
        ),
        "file.original_not_loaded": Story("rejects of a file that was refused", _ORIGINALS),
        "file.original_forgotten": Story("the landed copy is gone", _ORIGINALS),
        "file.rejects_unnumbered": Story("rejects of version 0.1, with new references", _ORIGINALS),
        "file.rejects_unknown": _lines(
            f"{_GOOD},,,1,bills.csv.0123abcd",
            header=",".join([*_BASE["bill"], *REJECT_COLUMNS]),
            shows="reject_source: bills.csv.0123abcd",
            matches=("*",),
        ),
        "file.control_missing": _lines(_GOOD, shows="no bills.csv.ctl beside bills.csv", feed=_SIDECAR),
        "file.control_unreadable": _lines(_GOOD, shows=huge, feed=_SIDECAR, sidecar=huge.encode()),
        "file.control_mismatch": _lines(_GOOD, "T,1,10.01", shows=f"{_GOOD} and T,1,10.01", feed=_TRAILER),
        "file.control_unconfirmed": _lines(
            "C-1,A-1,INV-1,ZAR,ten",
            "T,1,10.00",
            shows="C-1,A-1,INV-1,ZAR,ten and T,1,10.00",
            feed=_TRAILER,
            also=("amount_due.format",),
        ),
        "file.unexpected_records": _lines(_GOOD, shows="one record", feed={"expect": {"records": [2, 1000]}}),
        "file.unexpected_amounts": _one({"amount_due": "24000"}, expect={"amount_median": ["50", "5000"]}),
        **_held_examples(),
    }


def _held_examples() -> dict[str, Example | Story]:
    held, history = "tests/stories/test_held_files.py", "tests/stories/test_unusual_files.py"
    return {
        "file.first_of_feed": Story("the first file in live", held),
        "file.uploaded": Story("a file dropped on the page", "tests/stories/test_uploads.py"),
        "file.release_always": Story("a feed with release: always", held),
        "file.out_of_proportion": Story("24000 where files of 240.00 were loaded", history),
        "file.unit_suspicious": Story("20 amounts like 24000 where 240.50 was loaded", history),
        "file.limited": Story("load --limit 1 of a file of three", "tests/stories/test_limit.py"),
        "file.stopped": Story("the stop button on the page", "tests/serve/page/test_progress.py"),
        "file.restored": Story("held, refused, and then the ledger is restored", _RESTORED),
        "file.references_changed": Story("loaded as B-2, then reference_replace makes it B_2", _RELOADED),
        "file.refused_by_person": Story("refuse bills.csv --why …", held),
    }


def _zipped(*names: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), _text([_BASE["bill"]]))
    return packed.getvalue()


def _content_examples() -> dict[str, Example | Story]:
    packed = gzip.compress(_text([_BASE["bill"]]), mtime=0)
    sheets, archives = "tests/check/test_spreadsheets.py", "tests/check/test_packed_files.py"
    encrypted, items = "tests/check/test_encrypted_files.py", "tests/check/test_item_lists.py"
    return {
        "file.format": _lines(_GOOD, shows="CSV", feed={"format": "xlsx"}),
        "file.archive_damaged": Example("half of a gzip", packed[:-12], name="bills.csv.gz"),
        "file.archive_members": Example("a.csv and ../b.csv in one zip", _zipped("a.csv", "../b.csv")),
        "file.archive_nested": Example("bills.csv.gz.gz", gzip.compress(packed, mtime=0)),
        "file.archive_encrypted": Story("a zip with a password", archives),
        "file.archive_too_large": Example(
            "more bytes than that", packed, limits={"max_decompressed_bytes": 50}
        ),
        "file.workbook": Story("broken XML in a workbook", sheets),
        "file.workbook_active": Story("bills.xlsm", sheets),
        "file.json_array": Example(
            '[{"customer_reference": "C-1"},', b'[{"customer_reference": "C-1"},', name="bills.json"
        ),
        "file.items_too_large": Story("an object of 20 KB with 2000 items", items),
        "file.sheet": Story("sheet: June of a workbook that has May only", sheets),
        "file.merged_cells": Story("A2:A9 are one cell", sheets),
        "file.not_encrypted": _lines(_GOOD, shows="CSV", feed={"pgp": {"key_file": "our.key"}}),
        "file.pgp_other_key": Story("encrypted to the key of somebody else", encrypted),
        "file.pgp_password": Story("gpg --symmetric", encrypted),
        "file.pgp_cut_off": Story("the first half of an encrypted file", encrypted),
        "file.pgp_modified": Story("one bit of an encrypted file changed", encrypted),
        "file.pgp_unreadable": Story("an encrypted file that begins like one, and is none", encrypted),
        "file.pgp_unsigned": Story("encrypted and not signed, with signers_file set", encrypted),
        "file.pgp_signer": Story("signed by somebody else", encrypted),
        "file.pgp_expired": Story("signed by a key that has expired", encrypted),
    }


def _object_examples() -> dict[str, Example | Story]:
    mapped = {name: name for name in _BASE["bill"]} | {"amount_due": "lines.amount"}
    items = {"items": "lines", "columns": mapped}

    def ndjson(line: str, **feed: Any) -> Example:
        good = json.dumps(_BASE["bill"] | ({"lines": [{"amount": 1}]} if feed else {}))
        return Example(line, f"{good}\n{line}\n".encode(), feed, name="bills.ndjson")

    return {
        "record.json": ndjson('{"customer_reference": "C-1",'),
        "record.duplicate_key": ndjson('{"currency": "ZAR", "currency": "USD"}'),
        "record.value_type": ndjson('{"currency": ["ZAR"]}'),
        "record.items": ndjson('{"lines": [25]}', **items),
    }


def _record_examples() -> dict[str, Example | Story]:
    rejected = ",".join([*_BASE["bill"], *REJECT_COLUMNS])
    return {
        "record.blank": _lines(
            _GOOD, "", _GOOD.replace("INV-1", "INV-2"), shows="(a line with nothing on it)"
        ),
        "record.too_few_fields": _lines("C-1,A-1,INV-1,ZAR"),
        "record.too_many_fields": _lines("C-1,A-1,INV-1,ZAR,1,000.00"),
        "record.open_quote": _lines('C-1,A-1,INV-1,ZAR,"10.00'),
        "record.stray_quote": _lines('C-1,A "1",INV-1,ZAR,10.00'),
        "record.line_length": Example(
            "CINV-2 11.00 in a file of C-1 INV-1 10.00",
            b"C-1 INV-1 10.00\nC-1 INV-3 12.00\nCINV-2 11.00\n",
            {
                "fixed": {"customer_reference": [1, 4], "bill_reference": [5, 6], "amount_due": [11, 5]},
                "currency": "ZAR",
            },
            name="bills.txt",
        ),
        "record.undecodable": _lines(b"C-\xff,A-1,INV-1,ZAR,10.00", shows="C-\\xff,A-1,INV-1,ZAR,10.00"),
        "record.control_characters": _lines(
            "C-\x001,A-1,INV-1,ZAR,10.00", shows="C-\\x001,A-1,INV-1,ZAR,10.00"
        ),
        "record.reject_source": _lines(
            f"{_GOOD},,,1,bills.csv.0123abcd",
            f"{_GOOD.replace('INV-1', 'INV-2')},,,2,bills.csv.4567abcd",
            header=rejected,
            shows="bills.csv.0123abcd, then bills.csv.4567abcd",
        ),
        "record.reject_record": _lines(
            f"{_GOOD},,,three,bills.csv.0123abcd", header=rejected, shows="reject_record: three"
        ),
        "record.not_rejected_there": Story("a record that was loaded", _CORRECTED),
        "correction.spreadsheet": Story("0012 comes back as 12", _ORIGINALS),
        "correction.repeated": Story("rejects.csv is corrected twice", _ORIGINALS),
    }


def _reference_examples() -> dict[str, Example | Story]:
    found: dict[str, Example | Story] = {}
    for name, good in (
        ("customer_reference", "C-1"),
        ("account_reference", "A-1"),
        ("bill_reference", "INV-1"),
    ):
        model: Model = "account_balance" if name == "account_reference" else "bill"
        found[f"{name}.missing"] = _one({name: ""}, model=model)
        found[f"{name}.characters"] = _one({name: f"{good}/7"})
        found[f"{name}.too_long"] = _one({name: good[0] * 256})
        found[f"{name}.spreadsheet"] = _one({name: "8.50102E+12"})
    two = {"bill_reference": "INV-2"}
    found["customer_reference.collision"] = _several(
        {"customer_reference": "C/1", "account_reference": "A-1"},
        {"customer_reference": "C-1", "account_reference": "A-2", **two},
        reference_replace=_REPLACE,
    )
    found["account_reference.collision"] = _several(
        {"account_reference": "A/1"}, {"account_reference": "A-1", **two}, reference_replace=_REPLACE
    )
    found["bill_reference.collision"] = _several(
        {"bill_reference": "INV/1"}, {"bill_reference": "INV-1"}, reference_replace=_REPLACE
    )
    return found


def _amount_examples() -> dict[str, Example | Story]:
    found: dict[str, Example | Story] = {}
    amounts: tuple[tuple[str, Model], ...] = (("amount_due", "bill"), ("balance", "account_balance"))
    for name, model in amounts:
        texts = {"missing": "", "format": "12,5O", "ambiguous": "1,234", "too_precise": "1.235"}
        for problem, text in (texts | {"spreadsheet": "1.2E+09"}).items():
            found[f"{name}.{problem}"] = _one({name: text}, model=model)
        coded = {"unit": "major", "currency_sign": "{currency}"}
        columns = {each: each for each in _BASE[model]}
        signed = {"value": name, "sign": "kind", "negative": ["H"], "positive": ["S"]}
        found[f"{name}.sign"] = _one(
            {name: "10.00", "kind": "X"}, model=model, columns=columns | {name: signed}
        )
        found[f"{name}.other_currency"] = _one({name: "USD 10.00"}, model=model, amount=coded)
    unbilled = {"credit_note": "-5.00", "nothing_due": "0.00"}
    for problem, text in (unbilled | {"out_of_range": "1000000.00"}).items():
        found[f"amount_due.{problem}"] = _one({"amount_due": text})
    found["balance.out_of_range"] = _one({"balance": "10000000000000000.00"}, model="account_balance")
    return found


def _field_examples() -> dict[str, Example | Story]:
    no_account = {"account_reference": ""}
    found: dict[str, Example | Story] = {
        "customer_name.too_long": _one({"customer_name": "N" * 256}),
        "customer_name.spreadsheet": _one({"customer_name": "#REF!"}),
        "customer_email.invalid": _one({"customer_email": "john@"}),
        "customer_email.too_long": _one({"customer_email": "j" * 250 + "@example.com"}),
        "customer_phone.invalid": _one({"customer_phone": "08212"}, phone_region="ZA"),
        "account_name.too_long": _one({"account_name": "N" * 256}),
        "account_name.spreadsheet": _one({"account_name": "#N/A"}),
        "account_name.without_account": _one({**no_account, "account_name": "Electricity"}),
        "account_metadata.without_account": _one({**no_account, "account_metadata.meter": "E-1"}),
        "currency.missing": _one({"currency": ""}),
        "currency.unknown": _one({"currency": "RND"}),
        "column.sa_id": _one({"id_number": "8501015800085"}, checks={"id_number": ["sa_id"]}),
        "due_date.before_bill_date": _one({"bill_date": "2026-01-31", "due_date": "2026-01-01"}),
        "payments_included_until.format": _one({"payments_included_until": "May"}, model="account_balance"),
    }
    for name in ("bill_date", "due_date"):
        both = ["%d/%m/%Y", "%m/%d/%Y"]
        found[f"{name}.format"] = _one({name: "20/1/26"})
        found[f"{name}.impossible"] = _one({name: "2026-02-30"})
        found[f"{name}.ambiguous"] = _one({name: "03/04/2026"}, date_formats=both)
    for family in ("metadata", "customer_metadata", "account_metadata"):
        many = _one({f"{family}.{number}": "x" for number in range(11)})
        found[f"{family}.too_many"] = Example("11 filled columns", many.content)
        found[f"{family}.key"] = _one({f"{family}.{'k' * 41}": "x"})
        found[f"{family}.value_too_long"] = _one({f"{family}.note": "x" * 501})
        found[f"{family}.spreadsheet"] = _one({f"{family}.note": "3.333333333333333E-01"})
    return found


def _cross_record_examples() -> dict[str, Example | Story]:
    return {
        "bill_reference.contradiction": _several({"amount_due": "10.00"}, {"amount_due": "20.00"}),
        "line_items.differ": _several({"customer_name": "Ann"}, {"customer_name": "Bo"}, line_items="sum"),
        "line_items.identical": _several({}, {}, line_items="sum"),
        "line_items.incomplete": Story(
            "one of two lines is dropped back", "tests/stories/test_line_items.py"
        ),
        "line_items.other_line": _several(
            {"amount_due": "ten"}, {"amount_due": "10.00"}, line_items="sum", also=("amount_due.format",)
        ),
        "account_reference.two_customers": _several(
            {"customer_reference": "C-1"}, {"customer_reference": "C-2", "bill_reference": "INV-2"}
        ),
        "account_reference.contradiction": _several(
            {"balance": "10.00"}, {"balance": "20.00"}, model="account_balance"
        ),
        "customer_reference.contradiction": _several(
            {"currency": "ZAR"}, {"currency": "USD"}, model="customer_balance"
        ),
    }


EXAMPLES: dict[str, Example | Story] = {
    **_file_examples(),
    **_content_examples(),
    **_record_examples(),
    **_object_examples(),
    **_reference_examples(),
    **_amount_examples(),
    **_field_examples(),
    **_cross_record_examples(),
    **STORIES,
}
"""Code → its example."""
