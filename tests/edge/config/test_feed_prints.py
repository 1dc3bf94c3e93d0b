"""A feed that nobody touched stays the same feed when the program is updated, and any other change is told."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.edge.config import feed_print, same_feed
from schemas.feed import Feed

BILLS: dict[str, Any] = {
    "name": "bills",
    "match": "*_bills_{date:%Y-%m-%d}.csv",
    "model": "bill",
    "amount": {"unit": "major"},
    "currency": "ZAR",
    "phone_region": "ZA",
}
PREMIUMS: dict[str, Any] = {
    "name": "premiums",
    "match": "*_premiums_{date:%Y%m%d}.csv",
    "model": "bill",
    "delimiter": ";",
    "encoding": "cp1252",
    "amount": {"unit": "major", "decimal": ",", "thousands": " "},
    "date_formats": ["%d/%m/%Y"],
    "phone_region": "ZA",
    "columns": {
        "customer_reference": "Member",
        "customer_phone": ["Cell", "Home phone"],
        "bill_reference": "{Policy}-{file.date}",
        "currency": {"const": "ZAR"},
        "amount_due": "Premium",
        "due_date": "Collection date",
    },
}
STATEMENTS: dict[str, Any] = {
    "name": "statements",
    "match": "*_statements_{date:%Y-%m-%d}.csv",
    "model": "bill",
    "max_reject_ratio": 1.0,
    "delimiter": "|",
    "amount": {"unit": "major", "decimal": ".", "thousands": ",", "currency_sign": "R"},
    "currency": "ZAR",
    "reference_replace": {"/": "-", " ": "_"},
    "control": {
        "kind": "trailer",
        "marker": "T",
        "records": 2,
        "sums": [{"field": 3, "currency": "ZAR"}],
        "hash_total": {"column": "account_reference", "digits": 10, "field": 4},
    },
}
ARREARS: dict[str, Any] = {
    "name": "arrears",
    "match": "*_arrears.csv",
    "model": "account_balance",
    "amount": {"unit": "major", "decimal": ",", "thousands": ".", "negative": "parentheses"},
    "control": {"kind": "sidecar"},
    "expect": {"records": [1, 200000], "amount_median": ["-500.00", "5000.00"]},
}
OFFICES: dict[str, Any] = {
    "name": "offices",
    "match": "*_offices.xlsx",
    "model": "customer_balance",
    "amount": {
        "unit": "major",
        "thousands": ",",
        "grouping": "lakh",
        "negative": "cr",
        "currency_sign": "{currency}",
    },
    "due_before_bill_date": "note",
    "checks": {"identity": ["sa_id"]},
    "format": "xlsx",
    "sheet": "Bills",
    "encoding": "utf-16",
    "unmapped": "metadata",
    "expect_by": "09:00",
    "expect_on": ["mon"],
    "expected_codes": ["amount.format"],
    "max_rejects": 5,
    "on_reject": "refuse_file",
}
EARLIER = [
    (BILLS, "834c0145d55c287cb08adefe2e186e0790898cc1770b81cce45cac526768b4b3"),
    (PREMIUMS, "69549276dd317147ca227130d250de44d46c1ae197c928a857f031221083d04b"),
    (STATEMENTS, "e45f56ceca92d47e11e9f28f439bc02795be9f9e5ede0cf334584a86dc358a23"),
    (ARREARS, "beb34422ca3986deb209c54e451839d6f3fcc4a790409d12d6c4277e10afc8d2"),
    (OFFICES, "cb3e84e2ea986aad53a379a6290434c0f63af57717b47af5f88528e8b7587d60"),
]
"""Feeds, and the prints of them that the version before keys at their defaults were left out has written."""


@pytest.mark.parametrize(("said", "stored"), EARLIER, ids=[str(said["name"]) for said, _ in EARLIER])
def test_a_print_of_an_earlier_version_is_of_the_same_feed(said: dict[str, Any], stored: str) -> None:
    feed = Feed.model_validate(said)
    assert same_feed(stored, feed)
    assert same_feed(feed_print(feed), feed)
    assert same_feed(stored, feed.model_copy(update={"expect_by": "23:59"})), "this changes no reading"


@pytest.mark.parametrize(
    "change",
    [
        {"currency": "KES"},
        {"amount": {"unit": "minor"}},
        {"amount": {"unit": "major", "negative": "unicode_minus"}},
        {"amount": {"unit": "major", "extra_zeros": True}},
        {"amount": {"unit": "major", "float_noise": True}},
        {"date_language": "de"},
        {"line_items": "sum"},
        {"release": "always"},
        {"unusual": "load"},
        {"may_be_empty": True},
        {"header": {"row": 2}},
        {"header": "none", "names": ["customer_reference"]},
        {"header_record": {"starts_with": "H"}},
        {"footer": {"starts_with": "Total"}},
        {"blank_records": "skip"},
        {"where": {"state": "open"}},
        {"where_not": {"state": "paid"}},
        {"nothing_due": "skip"},
        {"bad_details": "leave_out"},
        {"header_match": "loose"},
        {"currency_map": {"R": "ZAR"}},
        {"fixed": {"customer_reference": [1, 10]}},
        {"short_lines": "pad"},
        {"items": "lines"},
        {"amount": {"unit": "major", "implied_decimals": 2}},
    ],
    ids=str,
)
def test_a_changed_feed_is_another_one_than_an_earlier_version_or_this_one_has_seen(
    change: dict[str, Any],
) -> None:
    changed = Feed.model_validate(BILLS | change)
    assert not same_feed(EARLIER[0][1], changed)
    assert not same_feed(feed_print(Feed.model_validate(BILLS)), changed)


def test_keys_written_out_at_their_defaults_change_no_feed() -> None:
    later: dict[str, Any] = {"date_language": "en", "release": None, "unusual": "hold", "may_be_empty": False}
    later |= {"header": None, "names": None, "header_record": None, "footer": None, "blank_records": "reject"}
    later |= {"where": {}, "where_not": {}, "nothing_due": "reject", "bad_details": "reject"}
    later |= {"header_match": "exact", "currency_map": {}}
    later |= {"fixed": None, "short_lines": "reject", "items": None}
    amount = {"unit": "major", "extra_zeros": False, "float_noise": False, "implied_decimals": None}
    assert same_feed(EARLIER[0][1], Feed.model_validate(BILLS | later | {"amount": amount}))
