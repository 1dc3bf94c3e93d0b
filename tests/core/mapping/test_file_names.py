"""A file name fits one feed or none; a corrected rejects file is known by its header."""

from __future__ import annotations

import codecs
import csv
import io

import pytest

from pipeline.core.mapping.file_names import match_name, peek_rejects
from pipeline.errors import FileRefused
from schemas.feed import AmountFormat, Feed


def feed(match: str, name: str = "bills") -> Feed:
    return Feed(name=name, match=match, model="bill", amount=AmountFormat(unit="major"))


@pytest.mark.parametrize(
    ("match", "name", "parts"),
    [
        ("*_bills_*.csv", "za_bills_1.csv", {}),
        ("*_bills_*.csv", "_bills_.csv", {}),
        ("*_bills_*.csv", "za_bills_1.csv.part", None),
        ("*_bills_*.csv", "za_Bills_1.csv", None),
        ("bills.csv", "billsxcsv", None),
        ("bills.csv", "bills.csv\n", None),
        ("d_{date:%Y-%m-%d}.csv", "d_2026-11-20.csv", {"date": "2026-11-20"}),
        ("d_{date:%d%m%y}.csv", "d_201126.csv", {"date": "2026-11-20"}),
        ("d_{date:%Y-%m-%d}.csv", "d_2026-02-30.csv", None),
        ("d_{date:%Y-%m-%d}.csv", "d_2026-2-3.csv", {"date": "2026-02-03"}),
        ("d_{date:%Y-%m-%d}.csv", "d_２０26-11-20.csv", None),
        (
            "{country}_{merchant}_daily.csv",
            "za_city_power_daily.csv",
            {"country": "za", "merchant": "city_power"},
        ),
        ("{country}_x.csv", "_x.csv", None),
        ("[a].{n}", "[a].1", {"n": "1"}),
    ],
)
def test_a_whole_name_fits_or_not(match: str, name: str, parts: dict[str, str] | None) -> None:
    found = match_name(name, [feed(match)])
    assert (found.name_parts if found else None) == parts


def test_a_name_that_fits_two_feeds_is_refused() -> None:
    with pytest.raises(FileRefused, match="a and b") as refused:
        match_name("x_bills.csv", [feed("*_bills.csv", "a"), feed("x_*", "b"), feed("y", "c")])
    assert refused.value.facts["rule"] == "file.two_feeds"


EXTRA = ["reject_codes", "reject_messages", "reject_source"]
SOURCE = "za_bills, new.csv.0123abcd"


def rejects_file(delimiter: str, end: str, *, quote_all: bool, source: str = SOURCE) -> str:
    text = io.StringIO()
    writer = csv.writer(
        text,
        delimiter=delimiter,
        lineterminator=end,
        quoting=csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL,
    )
    gap = "\n" if quote_all else " "  # the module leaves some line breaks unquoted when it is free to
    writer.writerows(
        [
            ["a", f"b{gap}c", *EXTRA],
            ["1", f"2{gap}3", "x;y", 'm "q"', source],
            ["1", "2", "", "", "other.csv.99999999"],
        ]
    )
    return text.getvalue()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("quote_all", [True, False])
@pytest.mark.parametrize(
    ("mark", "codec"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ],
)
def test_a_rejects_file_in_any_dialect_says_what_it_corrects(
    delimiter: str, end: str, quote_all: bool, mark: bytes, codec: str
) -> None:
    assert peek_rejects(mark + rejects_file(delimiter, end, quote_all=quote_all).encode(codec)) == SOURCE


def test_a_rejects_file_with_bytes_of_an_old_code_page_is_known_too() -> None:
    raw = rejects_file(",", "\n", quote_all=False).encode() + "Zoë,1,,,\n".encode("cp1252")
    assert peek_rejects(raw) == SOURCE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a,b\n1,2\n",
        "a,reject_codes,reject_messages\n",
        "a\nx,reject_codes,reject_messages,reject_source\n",
    ],
)
def test_other_files_are_no_rejects_files(text: str) -> None:
    assert peek_rejects(text.encode()) is None


@pytest.mark.parametrize(
    "text",
    [
        "reject_codes,reject_messages,reject_source,a\nx,y,bills.csv.0123abcd,9.csv.99999999\n",
        'reject_source;a;reject_record\n"bills.csv.0123abcd";1;7\n',
        "a\treject_source\treject_codes\t\t\n1\tbills.csv.0123abcd\tx\t\t\n",
        "a,reject_codes,reject_messages,reject_record,reject_source,,\n1,x,y,7,bills.csv.0123abcd,,\n",
    ],
)
def test_a_rejects_file_is_known_wherever_its_columns_are_now(text: str) -> None:
    assert peek_rejects(text.encode()) == "bills.csv.0123abcd"


def test_a_rejects_file_that_names_no_source_is_still_one() -> None:
    assert peek_rejects(f"a,{','.join(EXTRA)}\n1,,,\n".encode()) == ""
    assert peek_rejects(f"a,{','.join(EXTRA)}\n".encode()) == ""


def test_the_first_record_that_still_names_its_source_speaks_for_the_file() -> None:
    unmended = f'a,b,{",".join(EXTRA)}\n"open,1,"codes","messages"\nx,2,"c","m","bills.csv.0123abcd"\n'
    assert peek_rejects(unmended.encode()) == "bills.csv.0123abcd"
    odd = f'a,{",".join(EXTRA)}\n1,"c","m","say ""bills"".csv.0123abcd"\n'
    assert peek_rejects(odd.encode()) == 'say "bills".csv.0123abcd'


OURS = f'"reject_codes":"a.b","reject_messages":"m","reject_source":"{SOURCE}"'


@pytest.mark.parametrize(
    "first",
    [
        f'{{"a":1,{OURS}}}',
        f'{{"a":"x\u2028y\x0bz",{OURS}}}',
        f" {{{OURS}}}",
        f"[1] {{{OURS}}}",
        f'garbage, "and" more {{{OURS}}}',
        f'{{"a": {{"b": 1}} {{{OURS}}}',
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_rejects_of_ndjson_are_known_whatever_their_first_line_is(first: str, end: str) -> None:
    assert peek_rejects(f"{first}{end}{{}}{end}".encode()) == SOURCE


@pytest.mark.parametrize("first", ['{"a":1}', "{}", '{"reject_codes":"","reject_source":""}', "{"])
def test_other_ndjson_is_none_of_ours(first: str) -> None:
    assert peek_rejects(f"{first}\n{{{OURS}}}\n".encode()) is None
