"""A feed maps a file's own columns onto canonical ones: first filled, templates, constants, parts of the name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.mapping.feed_validation import feed_problems
from tests.check.landing import BILLS, checked, codes, feed, records

VENDOR = """\
first_name,last_name,passport_number,sa_identification_number,mobile_phone_number,email,due_date,amount_due,ward
John,Doe,P12345678,,0821234567,john.doe@example.com,2026-02-20,240.00,12
Thandi,,,8501015800085,,,,-1.50,
,,,,,,,,7
"""
VENDOR_FEED: dict[str, Any] = {
    "model": "customer_balance",
    "columns": {
        "customer_reference": ["sa_identification_number", "passport_number"],
        "customer_name": "{first_name} {last_name}",
        "customer_email": "email",
        "customer_phone": "mobile_phone_number",
        "currency": {"const": "ZAR"},
        "balance": "amount_due",
        "metadata.due_date": "due_date",
    },
    "phone_region": "ZA",
    "unmapped": "metadata",
}


def test_the_vendors_daily_file_maps_to_customer_balances(tmp_path: Path) -> None:
    file = checked(tmp_path, VENDOR, **VENDOR_FEED)
    john, thandi, empty = records(file)
    assert (john["customer_reference"], john["customer_name"]) == ("P12345678", "John Doe")
    assert (john["customer_phone"], john["amount_minor"], john["currency"]) == ("+27821234567", 24000, "ZAR")
    assert json.loads(john["metadata"]) == {"due_date": "2026-02-20", "ward": "12"}
    assert (thandi["customer_reference"], thandi["customer_name"]) == ("8501015800085", "Thandi")
    assert (thandi["amount_minor"], thandi["metadata"]) == (-150, None)
    assert empty["codes"] == ["customer_reference.missing", "balance.missing"]
    assert file.notes == ()


def test_templates_take_parts_of_the_file_name_and_of_mapped_columns(tmp_path: Path) -> None:
    facts: dict[str, Any] = {
        "match": "bills_{date:%Y%m%d}.csv",
        "columns": {
            "customer_reference": "Customer",
            "bill_reference": "{customer_reference}-{file.date}",
            "bill_date": "{file.date}",
            "amount_due": "Amount",
            "due_date": "Due",
        },
        "currency": "ZAR",
        "date_formats": ["%d.%m.%Y"],
    }
    assert feed_problems(feed(**facts)) == []
    text = "Customer,Amount,Due\nC-1,1.00,31.01.2026\n,2.00,\n"
    first, second = records(checked(tmp_path, text, name_parts={"date": "2026-01-02"}, **facts))
    assert first["bill_reference"] == "C-1-2026-01-02"
    assert (first["bill_date"], first["due_date"]) == ("2026-01-02", "2026-01-31")
    assert second["codes"] == ["customer_reference.missing", "bill_reference.missing"]


def test_a_name_leaves_missing_parts_out_and_folds_spaces(tmp_path: Path) -> None:
    text = "c,b,a,title,first,last\nC-1,B-1,1.00,, Ann  Mary ,Doe\nC-2,B-2,1.00,,,\n"
    columns = {
        "customer_reference": "c",
        "bill_reference": "b",
        "amount_due": "a",
        "customer_name": "{title} {first} {last}",
    }
    rows = records(checked(tmp_path, text, columns=columns, currency="ZAR"))
    assert [row["customer_name"] for row in rows] == ["Ann Mary Doe", None]


def test_the_feeds_currency_fills_only_what_is_absent(tmp_path: Path) -> None:
    text = f"{BILLS}\nC-1,A-1,B-1,,10.00\nC-1,A-1,B-2,JPY,10\n"
    assert [row["currency"] for row in records(checked(tmp_path, text, currency="ZAR"))] == ["ZAR", "JPY"]


def test_a_damaged_record_states_nothing_not_even_constants(tmp_path: Path) -> None:
    file = checked(tmp_path, f"{BILLS}\nC-1,A-1,B-1\n", currency="ZAR")
    [record] = records(file)
    assert record["currency"] is None
    assert file.totals.records.keys() == {"?"}


def test_columns_that_nothing_maps_are_named_in_a_note(tmp_path: Path) -> None:
    file = checked(tmp_path, f"{BILLS},ward,route\nC-1,A-1,B-1,ZAR,1.00,1,2\n")
    assert file.notes == ("columns ignored: ward, route",)


def test_a_key_that_the_feed_maps_is_not_taken_over_by_a_column_of_that_name(tmp_path: Path) -> None:
    columns = {
        "customer_reference": "c",
        "bill_reference": "b",
        "amount_due": "a",
        "metadata.ward": "district",
    }
    text = "c,b,a,district,ward,route\nC-1,B-1,1.00,North,7,9\n"
    file = checked(tmp_path, text, columns=columns, currency="ZAR", unmapped="metadata")
    assert json.loads(records(file)[0]["metadata"]) == {"route": "9", "ward": "North"}
    assert file.notes == ("columns ignored: ward",)


def test_a_column_that_is_checked_or_summed_up_is_not_said_to_be_ignored(tmp_path: Path) -> None:
    text = "customer_reference,bill_reference,currency,amount_due,id,policy,ward\nC-1,B-1,ZAR,1.00,8501015800088,7,9\n"
    control = {"kind": "sidecar", "required": False, "hash_total": {"column": "policy"}}
    file = checked(tmp_path, text, checks={"id": ["sa_id"]}, control=control)
    assert file.refusal is None
    assert "columns ignored: ward" in file.notes


def test_a_file_without_header_shows_no_value_of_its_first_record(tmp_path: Path) -> None:
    file = checked(tmp_path, "C-1,0821234567,0821234567,ZAR,1.00\n")
    assert file.refusal is not None
    assert file.refusal.code == "file.missing_column"
    assert "0821234567" not in file.refusal.message


def test_an_optional_column_that_is_not_in_the_file_is_named_in_a_note(tmp_path: Path) -> None:
    text = VENDOR.replace("email", "mail")
    assert checked(tmp_path, text, **(VENDOR_FEED | {"unmapped": "ignore"})).notes == (
        "columns not in the file: email",
        "columns ignored: mail, ward",
    )


def test_a_source_column_called_like_one_of_ours_collides_with_nothing(tmp_path: Path) -> None:
    text = "record,line,codes,damage,field_0,verdict\nC-1,B-1,1.00,x,y,z\n"
    columns = {
        "customer_reference": "record",
        "bill_reference": "line",
        "amount_due": "codes",
        "metadata.d": "damage",
    }
    [record] = records(checked(tmp_path, text, columns=columns, currency="ZAR"))
    assert (record["record"], record["line"], record["customer_reference"]) == (1, 2, "C-1")
    assert json.loads(record["metadata"]) == {"d": "x"}


def test_leading_zeros_and_surrounding_spaces(tmp_path: Path) -> None:
    [record] = records(checked(tmp_path, f"{BILLS}\n 007 ,\u00a00A,B-1, ZAR,  10.00 \n"))
    assert (record["customer_reference"], record["account_reference"]) == ("007", "0A")
    assert (record["currency"], record["amount_minor"], record["codes"]) == ("ZAR", 1000, [])


@pytest.mark.parametrize(
    ("facts", "part"),
    [
        ({"columns": {"customer_referense": "a"}}, "nearest is customer_reference"),
        (
            {"columns": {"customer_reference": "a", "bill_reference": "b", "amount_due": "c"}},
            "currency is required",
        ),
        ({"columns": {"balance": "a"}}, "balance is not a column of model bill"),
        ({"columns": {"account_metadata.x": "a"}, "model": "customer_balance"}, "is not a column of model"),
        ({"columns": {f"metadata.{'k' * 41}": "a"}}, "at most 40 characters"),
        ({"columns": {"bill_reference": "{file.day}"}, "match": "a_{date:%Y-%m-%d}"}, "no part named day"),
        ({"columns": {"customer_name": "{account_name}", "account_name": "{customer_name}"}}, "in a circle"),
        ({"columns": {"customer_name": []}}, "empty list"),
        ({"match": "a_{date:%q}.csv"}, "%q is not supported"),
        ({"match": "a_{date:%Y-%m}.csv"}, "does not give a whole date"),
        ({"match": "a_{Date}.csv"}, "brace"),
        ({"date_formats": ["%Y-%m-%e"]}, "%e is not supported"),
        ({"date_formats": ["%Y"]}, "does not give a whole date"),
        ({"currency": "ZAX"}, "ZAX is not a recognised currency code"),
        ({"currency": "XAU"}, "XAU is not a recognised currency code"),
        ({"columns": {"currency": {"const": "RND"}}}, "RND is not a recognised currency code"),
        ({"phone_region": "ZZ"}, "ZZ is not an ISO 3166 region"),
        ({"expected_codes": ["customer_name.to_long"]}, "nearest is customer_name.too_long"),
    ],
)
def test_a_wrong_mapping_is_told_before_any_file_is_seen(facts: dict[str, Any], part: str) -> None:
    assert any(part in problem for problem in feed_problems(feed(**facts)))


def test_a_feed_without_columns_has_no_problems() -> None:
    assert feed_problems(feed()) == []


def test_a_corrected_rejects_file_keeps_its_last_three_columns_to_itself(tmp_path: Path) -> None:
    header = f"{BILLS},reject_codes,reject_messages,reject_source"
    lines = [
        "C-1,A-1,B-1,ZAR,1.00,x,y,bills.csv.0123abcd",
        "C-1,A-1,B-2,ZAR,1.00,x,y,bills.csv.99999999",
        "C-1,A-1,B-3,ZAR,1.00,x,y,",
    ]
    text = "\n".join([header, *lines])
    file = checked(tmp_path, text, rejects_of="bills.csv.0123abcd", unmapped="metadata")
    assert codes(file) == [[], ["record.reject_source"], ["record.reject_source"]]
    assert records(file)[0]["metadata"] is None
    assert file.notes == ()
    refused = checked(tmp_path, text)
    assert refused.refusal is not None
    assert refused.refusal.code == "file.rejects_unknown"
