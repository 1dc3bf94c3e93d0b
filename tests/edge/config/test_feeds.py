"""Every mistake in a feed is one line that names the feed and says what to change."""
# ruff: noqa: E501 (a mistake and its line read best side by side)

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.edge.config.config_place import Place

TRAILER = {"kind": "trailer", "marker": "T", "records": 2, "sums": [{"field": 3, "currency": "ZAR"}]}

MAPPED = {name: name for name in ("customer_reference", "bill_reference", "currency", "amount_due")}


@pytest.fixture
def place(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.chdir(tmp_path)
    return Place(tmp_path, capsys, monkeypatch)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"amount": {}}, "config.yaml: feeds.bills.amount.unit: is missing; add unit: major or add unit: minor"),
        ({"amount": None}, "config.yaml: feeds.bills.amount: is missing; add it"),
        ({"amount": {"unti": "major"}}, "config.yaml: feeds.bills.amount.unti: unknown key; did you mean unit?"),
        ({"amount": {"unit": "major", "thousands": "."}}, "config.yaml: feeds.bills.amount: thousands and decimal must be different characters; correct it"),
        ({"phone_regoin": "ZA"}, "config.yaml: feeds.bills.phone_regoin: unknown key; did you mean phone_region?"),
        ({"name": None}, "config.yaml: feeds.number 1.name: is missing; add it"),
        ({"match": "in/*.csv"}, "config.yaml: feeds.bills.match: match is a file name, not a path; correct it"),
        ({"match": "a_{date:%Q}.csv"}, "config.yaml: feed bills: match: part date: %Q is not supported; use %Y %y %m %d %j %H %I %M %S %f %b %B %p %z %Z %%; correct the feed"),
        ({"match": "a_{date.csv"}, "config.yaml: feed bills: match: a brace that belongs to no named part such as {date:%Y-%m-%d}; correct the feed"),
        ({"columns": MAPPED | {"custmer_phone": "A"}}, "config.yaml: feed bills: columns: custmer_phone is not a column of model bill; nearest is customer_phone; correct the feed"),
        ({"columns": {k: v for k, v in MAPPED.items() if k != "bill_reference"}}, "config.yaml: feed bills: columns: bill_reference is required for model bill and not mapped; correct the feed"),
        ({"columns": MAPPED | {"currency": {"cnst": "ZAR"}}}, "config.yaml: feeds.bills.columns.currency.cnst: unknown key; did you mean const?"),
        ({"columns": MAPPED | {"currency": {}}}, "config.yaml: feeds.bills.columns.currency.const: is missing; add it"),
        ({"columns": MAPPED | {"currency": ["a", 5]}}, "config.yaml: feeds.bills.columns.currency.1: input should be a valid string; correct it"),
        ({"delimiter": "\n"}, "config.yaml: feeds.bills.delimiter: the delimiter must be ASCII, without quotes and line breaks; correct it"),
        ({"expected_codes": ["amount_due.to_precise"]}, "config.yaml: feed bills: expected_codes: amount_due.to_precise is not a rule code of records; nearest is amount_due.too_precise; correct the feed"),
        ({"amount": {"unit": "?"}}, "config.yaml: feed bills: not set yet: amount.unit; replace each \"?\""),
        ({"amount": {"unit": "major", "grouping": "lakh"}}, "config.yaml: feeds.bills.amount: grouping: lakh needs a thousands separator; correct it"),
        ({"amount": {"unit": "minor", "thousands": " "}}, "config.yaml: feeds.bills.amount: amounts in minor units are digits only; leave thousands out; correct it"),
        ({"amount": {"unit": "major", "currency_sign": "R1"}}, "config.yaml: feeds.bills.amount.currency_sign: currency_sign has no digits, separators, signs or spaces (one space beside it is understood); correct it"),
        ({"amount": {"unit": "major", "currency_sign": "USD"}, "currency": "ZAR"}, "config.yaml: feed bills: amount.currency_sign: USD is not the feed's currency ZAR; correct the feed"),
        ({"amount": {"unit": "major", "currency_sign": "xCR", "negative": "cr"}}, "config.yaml: feed bills: amount.currency_sign: xCR cannot be told from the CR and DR of amount.negative; correct the feed"),
        ({"reference_replace": {"a": "b"}}, "config.yaml: feeds.bills.reference_replace: only single characters other than A-Z, a-z, 0-9, _ and - are replaced; correct it"),
        ({"reference_replace": {"/": "."}}, "config.yaml: feeds.bills.reference_replace: a replacement is made of A-Z, a-z, 0-9, _ and -; correct it"),
        ({"checks": {"id": ["sa-id"]}}, "config.yaml: feeds.bills.checks.id.0: input should be 'sa_id'; correct it"),
        ({"checks": {"id": []}}, "config.yaml: feed bills: checks: id has an empty list of checks; correct the feed"),
        ({"due_before_bill_date": "note", "model": "customer_balance"}, "config.yaml: feed bills: due_before_bill_date: records of model customer_balance have no due date; correct the feed"),
        ({"header": {"rwo": 2}}, "config.yaml: feeds.bills.header.rwo: unknown key; did you mean row?"),
        ({"header": {"row": 0}}, "config.yaml: feeds.bills.header.row.0: input should be greater than or equal to 1; correct it"),
        ({"header": {"row": [2, 4]}}, "config.yaml: feeds.bills.header: several rows of a header follow each other: [2, 3]; correct it"),
        ({"header": {"row": 2, "starts_with": ["a"]}}, "config.yaml: feeds.bills.header: header needs one of row, starts_with and none; correct it"),
        ({"header": {"starts_with": [" "]}}, "config.yaml: feed bills: header.starts_with: all names are empty; correct the feed"),
        ({"header": "none"}, "config.yaml: feed bills: names: header: none needs the names of all columns in names, and names needs header: none; correct the feed"),
        ({"names": ["a"]}, "config.yaml: feed bills: names: header: none needs the names of all columns in names, and names needs header: none; correct the feed"),
        ({"header": "none", "names": ["a", "b", "a "]}, "config.yaml: feed bills: names: a name appears twice; correct the feed"),
        ({"header": "none", "names": ["reject_codes"]}, "config.yaml: feed bills: names: the columns of rejects.csv cannot be columns of a bill file; correct the feed"),
        ({"header": "none", "names": ["Łódź"], "encoding": "cp1252"}, "config.yaml: feed bills: names: a name has characters that encoding cp1252 does not have; correct the feed"),
        ({"header": "none", "names": ["a\nb"]}, "config.yaml: feed bills: names: a name has a line break; correct the feed"),
        ({"header": {"row": 2}, "format": "ndjson"}, "config.yaml: feed bills: header: NDJSON has no header and no footer, for every line is an object; correct the feed"),
        ({"footer": {"starts_with": ""}}, "config.yaml: feeds.bills.footer.starts_with.0: string should have at least 1 character; correct it"),
        ({"blank_records": "drop"}, "config.yaml: feeds.bills.blank_records: input should be 'reject' or 'skip'; correct it"),
        ({"control": {}}, "config.yaml: feeds.bills.control.kind: is missing; add kind: trailer or add kind: sidecar"),
        ({"control": {"kind": "sidecar", "requird": True}}, "config.yaml: feeds.bills.control.requird: unknown key; did you mean required?"),
        ({"control": {"kind": "sidecar", "marker": "T"}}, "config.yaml: feeds.bills.control: marker, records, sums and field are about trailers; a sidecar names its totals; correct it"),
        ({"control": {"kind": "trailer", "marker": "T", "records": 2}}, "config.yaml: feeds.bills.control: a trailer needs marker and sums; correct it"),
        ({"control": TRAILER | {"records": 1}}, "config.yaml: feeds.bills.control.records: input should be greater than or equal to 2; correct it"),
        ({"control": TRAILER | {"records": 3}}, "config.yaml: feeds.bills.control: two totals use the same field of the trailer; correct it"),
        ({"control": TRAILER | {"hash_total": {"column": "a"}}}, "config.yaml: feeds.bills.control: the hash_total of a trailer needs field; correct it"),
        ({"control": TRAILER | {"sums": [{"field": 3}]}}, "config.yaml: feeds.bills.control.sums.0: a sum has either currency or currency_field; correct it"),
        ({"control": TRAILER | {"sums": [{"field": 3, "currency": "RND"}]}}, "config.yaml: feed bills: control.sums: RND is not a recognised currency code; correct the feed"),
        ({"control": TRAILER | {"marker": "T,"}}, "config.yaml: feed bills: control.marker: it holds the delimiter, a quote or a line break; correct the feed"),
        ({"control": TRAILER, "format": "ndjson"}, "config.yaml: feed bills: control.kind: NDJSON has no trailer, for every record is an object; use sidecar; correct the feed"),
        ({"columns": MAPPED | {"amount_due": "{rand}.{cents}"}}, "config.yaml: feed bills: columns: amount_due is one column; amounts cannot be joined, since 10 and 5 may be 10.5 or 10.05; correct the feed"),
        ({"columns": MAPPED | {"amount_due": ["debit", "credit"]}}, "config.yaml: feed bills: columns: amount_due is one column: a list would turn a credit into a debt; write {debit: …, credit: …} or {value: …, sign: …, negative: […], positive: […]}; correct the feed"),
        ({"columns": MAPPED | {"amount_due": {"debit": "d", "credt": "c"}}}, "config.yaml: feeds.bills.columns.amount_due.credt: unknown key; did you mean credit?"),
        ({"columns": MAPPED | {"amount_due": {"value": "v", "sign": "s", "negative": ["H"]}}}, "config.yaml: feeds.bills.columns.amount_due.positive: is missing; add it"),
        ({"columns": MAPPED | {"amount_due": {"value": "v", "sign": "s", "negative": ["H"], "positive": ["S", "H "]}}}, "config.yaml: feeds.bills.columns.amount_due: a value of sign is listed twice; correct it"),
        ({"columns": MAPPED | {"due_date": {"debit": "d", "credit": "c"}}}, "config.yaml: feed bills: columns: due_date is not an amount; only amounts can have two columns; correct the feed"),
        ({"columns": MAPPED | {"amount_due": 5}}, "config.yaml: feeds.bills.columns.amount_due: a source is a column, a list of columns, {const: …}, {days_after: …} or, for an amount, two columns; correct it"),
        ({"date_formats": ["%-m/%d/%Y"]}, "config.yaml: feed bills: date_formats: %- is not supported; a number is read with and without leading zeros; correct the feed"),
        ({"date_formats": ["%d %d %m %Y"]}, "config.yaml: feed bills: date_formats: %d is in it twice; correct the feed"),
        ({"date_formats": ["%m %b %d %Y"]}, "config.yaml: feed bills: date_formats: %m and %b give the same part of a date; correct the feed"),
        ({"date_language": "it"}, "config.yaml: feeds.bills.date_language: input should be 'en', 'de', 'fr', 'es', 'pt', 'af' or 'nl'; correct it"),
        ({"expect": {}}, "config.yaml: feeds.bills.expect: expect needs records or amount_median; correct it"),
        ({"expect": {"records": [5, 1]}}, "config.yaml: feeds.bills.expect: write the lower end of a range first; correct it"),
        ({"expect": {"amount_median": ["50.00", 5000]}}, "config.yaml: feeds.bills.expect.amount_median.1: input should be a valid string; correct it"),
        ({"columns": MAPPED | {"customer_reference": "?"}}, "config.yaml: feed bills: not set yet: columns.customer_reference; replace each \"?\""),
    ],
)  # fmt: skip
def test_a_mistake_in_a_feed_names_the_feed(place: Place, changes: dict[str, Any], line: str) -> None:
    place.feed(**changes)
    assert place.says() == line
